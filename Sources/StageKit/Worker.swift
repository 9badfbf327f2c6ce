import Foundation

/// Runs one job in this process: the whole of what `fathom-worker run` does.
public enum Worker {
  /// Runs every item, or the stage whole, and writes the events.
  ///
  /// A failing item is reported and the next begins; a failing whole stage ends the job.
  /// - Returns: whether everything went well.
  public static func run(_ job: JobDescription, stages: [any Stage.Type]) async throws -> Bool {
    let layout = JobLayout(folder: job.folder)
    let events = try EventWriter(path: layout.events)
    let beat = Task {
      while !Task.isCancelled {
        events.heartbeat()
        try? await Task.sleep(for: .seconds(5))
      }
    }
    defer { beat.cancel() }
    do {
      guard let type = stages.first(where: { $0.kind == job.kind }) else {
        throw StageFailure("this worker has no kind '\(job.kind)'")
      }
      guard type.version == job.version else {
        throw StageFailure(
          "kind '\(job.kind)' is version \(type.version) here; the job wants version \(job.version)"
        )
      }
      var reader = OptionReader(job.options)
      let stage = try type.init(options: &reader)
      let sources = try sources(of: job)
      guard let items = job.items else {
        let context = StageContext(job: job, item: nil, sources: sources, events: events)
        try await stage.run(in: context)
        try context.finish(outputs: type.outputs)
        return true
      }
      var allWell = true
      for (number, item) in items.enumerated() {
        do {
          let context = StageContext(job: job, item: number, sources: sources, events: events)
          try await stage.run(in: context)
          events.itemEnded(item.id, failure: nil)
        } catch {
          allWell = false
          events.itemEnded(item.id, failure: "\(error)")
        }
      }
      return allWell
    } catch {
      events.failed("\(error)")
      return false
    }
  }

  private static func sources(of job: JobDescription) throws -> [StageContext.Source] {
    guard let path = job.sources else { return [] }
    var sources: [StageContext.Source] = []
    let isIndex = try IndexFile.forEachRow(ofFile: path, columns: JobLayout.sourceColumns) { row in
      guard let digest = Digest(hex: row[1]), let size = Int(row[2]) else {
        throw StageFailure("'\(path)' holds '\(row[1])' and '\(row[2])', no digest and no size")
      }
      sources.append(StageContext.Source(id: row[0], digest: digest, size: size, path: row[3]))
    }
    guard isIndex else { throw StageFailure("'\(path)' is no index of sources") }
    return sources
  }
}
