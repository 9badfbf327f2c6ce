import Engine
import Foundation
import Pipelines
import StageKit
import Storage

/// The lock file beside a pipeline: `explainability.lock` beside `explainability.yaml`.
enum Lock {
  static func path(of pipeline: String) -> String {
    let stem = pipeline.lastIndex(of: ".").map { String(pipeline[..<$0]) } ?? pipeline
    return stem + ".lock"
  }

  /// Writes what a complete run made, where it is other than what the file says.
  ///
  /// The run has succeeded and is recorded; that the file cannot be written is a warning.
  static func write(
    _ outcome: RunOutcome, of plan: Plan, by options: PipelineOptions, in session: Session,
    _ store: ContentStore
  ) {
    let path = Lock.path(of: session.absolute(session.recorded(plan.path)))
    guard path.hasPrefix(session.project.root + "/") else { return }
    var made = LockSection(
      profiles: options.profile, sets: options.sets, tool: Fathom.version, plan: plan,
      records: outcome.records)
    let old = FileManager.default.contents(atPath: path).map { [UInt8]($0) }
    if let old, LockFile.says(old, that: made) { return }
    do {
      var lock = LockFile()
      if let old {
        do {
          lock = try LockFile(
            text: String(decoding: old, as: UTF8.self), path: session.recorded(path))
        } catch {
          Terminal.standardError.write(
            "fathom: \(error); it is written anew, with this run alone\n")
        }
      }
      try made.readCells(plan, outcome.records, in: store)
      lock.put(made)
      try Data(lock.text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      Terminal.standardError.write("fathom: the lock '\(path)' is not written: \(error)\n")
    }
  }
}
