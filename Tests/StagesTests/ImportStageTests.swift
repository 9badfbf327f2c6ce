import Foundation
import StageKit
import Stages
import TestKit
import Testing

/// Runs a stage whole through the worker's own code, over files of a scratch folder.
struct WholeStageRun {
  /// Port → id → path of what was written, or the digest of what was referred to.
  var collections: [String: [String: String]] = [:]
  var order: [String: [String]] = [:]
  var failure: String?
  let layout: JobLayout

  init(
    _ kind: String, options: [String: Value] = [:], sources: [(id: String, path: String)]? = nil,
    scratch: Scratch, collectionPorts: [String], cpus: Int = 1
  ) async throws {
    let folder = scratch.path + "/job-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    layout = JobLayout(folder: folder)
    var index: String?
    if let sources {
      let rows = try sources.sorted { $0.id < $1.id }.map { source in
        let data = try Data(contentsOf: URL(fileURLWithPath: source.path))
        return [source.id, Digest(of: data).hex, String(data.count), source.path]
      }
      index = folder + "/sources.tsv"
      let text = IndexFile(columns: JobLayout.sourceColumns, rows: rows).text
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/sources.tsv"))
    }
    let version = allStages.first { $0.kind == kind }?.version ?? 0
    let job = JobDescription(
      kind: kind, version: version, options: options, inputs: [:], items: nil, sources: index,
      folder: folder, checkpointFolder: folder, cpus: cpus)
    if try await !Worker.run(job, stages: allStages) {
      failure = try WholeStageRun.events(layout).first { $0.event == .failed }?.message
      return
    }
    for port in collectionPorts {
      let text = try String(contentsOfFile: layout.collectionIndex(port), encoding: .utf8)
      let index = try #require(IndexFile(text: text))
      for row in index.rows {
        let place = row[2].isEmpty ? row[1] : "\(layout.output(port))/\(row[2])"
        collections[port, default: [:]][row[0]] = place
        order[port, default: []].append(row[0])
      }
    }
  }

  static func events(_ layout: JobLayout) throws -> [JobEvent] {
    try String(contentsOfFile: layout.events, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(JobEvent.self, from: Data($0.utf8))
    }
  }

  func text(_ port: String, _ id: String) throws -> String {
    try String(contentsOfFile: #require(collections[port]?[id]), encoding: .utf8)
  }
}

@Suite("import")
struct ImportStageTests {
  private let bench: ImportBench

  init() throws { bench = try ImportBench() }

  private func run(
    _ options: [String: Value] = [:], files: [String: String]
  ) async throws -> WholeStageRun { try await bench.run(options, files: files) }

  @Test("videos are taken in by path and digest, in order, whatever their names look like")
  func byReference() async throws {
    let names = [
      "b.MP4", "a/ü 'x' \"y\".mov", "a/line\nbreak.mpeg", "tab\there.avi", "back\\slash.mkv",
    ]
    var files = Dictionary(uniqueKeysWithValues: names.map { ($0, "video \($0)") })
    files["notes.txt"] = "no video"
    let run = try await run(files: files)
    #expect(run.failure == nil)
    #expect(run.order["videos"] == names.sorted())
    for name in names {
      #expect(run.collections["videos"]?[name] == Digest(of: Array("video \(name)".utf8)).hex)
    }
    #expect(run.collections["labels"] == nil)
    let info = try ImportBench.info(run)
    #expect(info["videos"] == 5)
    #expect(info["files"] == 6)
    #expect(info["left_out"] == [])
  }

  @Test("copies are the files' bytes")
  func copies() async throws {
    let run = try await run(["copy": true], files: ["a/b.mp4": "bytes"])
    #expect(try run.text("videos", "a/b.mp4") == "bytes")
  }

  @Test(
    "patterns select: * within a folder, ** across folders",
    arguments: [
      ("*.mp4", ["a.mp4"]), ("**/*.mp4", ["a.mp4", "x/b.mp4", "x/y/c.mp4"]),
      ("x/**", ["x/b.mp4", "x/y/c.mp4", "x/y/d.avi"]), ("**/y/*", ["x/y/c.mp4", "x/y/d.avi"]),
      ("x/?.mp4", ["x/b.mp4"]), ("**/[cd].*", ["x/y/c.mp4", "x/y/d.avi"]),
    ])
  func patterns(pattern: String, expected: [String]) async throws {
    let files = ["a.mp4": "", "x/b.mp4": "", "x/y/c.mp4": "", "x/y/d.avi": ""]
    let run = try await run(["pattern": [.string(pattern)]], files: files)
    #expect(run.order["videos"] == expected)
  }

  @Test("an empty selection says what was looked for")
  func nothing() async throws {
    let none = try await run(["pattern": ["*.mov"]], files: ["a.mp4": ""])
    #expect(
      none.failure == "found no video in 'clips': none of its 1 files matches '*.mov'; "
        + "correct 'path' or 'pattern'")
    let text = try await run(files: ["a.txt": ""])
    #expect(text.failure?.contains("a common video extension (3gp, ") == true)
  }

  @Test("the folder a video lies in can be its label")
  func folderLabels() async throws {
    let files = ["covid/a.mp4": "a", "x/y/b.mp4": "b"]
    let labelled = try await run(["labels": "folder"], files: files)
    #expect(try labelled.text("labels", "covid/a.mp4") == "label\tgroup\ncovid\tcovid/a.mp4\n")
    #expect(try labelled.text("labels", "x/y/b.mp4") == "label\tgroup\ny\tx/y/b.mp4\n")
    let root = try await run(["labels": "folder"], files: ["a.mp4": ""])
    #expect(root.failure?.hasPrefix("'a.mp4' lies in no folder below 'clips'") == true)
    let other = try await run(["labels": "folder", "classes": ["covid", "healthy"]], files: files)
    #expect(
      other.failure?.hasPrefix("'x/y/b.mp4' lies in 'y', which is none of 'classes'") == true)
  }
}
