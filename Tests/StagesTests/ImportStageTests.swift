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
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func run(
    _ options: [String: Value] = [:], files: [String: String]
  ) async throws -> WholeStageRun {
    var sources: [(id: String, path: String)] = []
    for (id, text) in files {
      sources.append((id, try scratch.write(text, to: "clips/\(id)")))
    }
    return try await WholeStageRun(
      "import", options: options.merging(["path": "clips"]) { first, _ in first },
      sources: sources, scratch: scratch, collectionPorts: ["videos", "labels", "gaze"])
  }

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
    let info = try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: URL(fileURLWithPath: run.layout.output("info"))))
    #expect(info["videos"] == 5)
    #expect(info["files"] == 6)
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
    let labelled = try await run(["labels": "folder"], files: ["covid/a.mp4": "", "x/y/b.mp4": ""])
    #expect(try labelled.text("labels", "covid/a.mp4") == "label\tgroup\ncovid\tcovid/a.mp4\n")
    #expect(try labelled.text("labels", "x/y/b.mp4") == "label\tgroup\ny\tx/y/b.mp4\n")
    let root = try await run(["labels": "folder"], files: ["a.mp4": ""])
    #expect(root.failure?.hasPrefix("'a.mp4' lies in no folder below 'clips'") == true)
  }

  @Test("a TSV or a CSV gives labels and groups")
  func tableLabels() async throws {
    let tabs = "path\tlabel\tpatient\na.mp4\tcovid\t7\nb, \"c\".mp4\tregular\t8\nother.mp4\tx\t9\n"
    let files = ["a.mp4": "", "b, \"c\".mp4": ""]
    let run = try await run(
      ["labels": "index.tsv", "group_column": "patient"],
      files: files.merging(["index.tsv": tabs]) { $1 })
    #expect(run.failure == nil)
    #expect(try run.text("labels", "a.mp4") == "label\tgroup\ncovid\t7\n")
    #expect(try run.text("labels", "b, \"c\".mp4") == "label\tgroup\nregular\t8\n")
    let commas = "\u{feff}item,class\r\na.mp4,\"covid, mild\"\r\n\"b, \"\"c\"\".mp4\",regular"
    let csv = try await self.run(
      ["labels": "index.csv", "label_column": "class"],
      files: files.merging(["index.csv": commas]) { $1 })
    #expect(csv.failure == nil)
    #expect(try csv.text("labels", "a.mp4") == "label\tgroup\ncovid, mild\ta.mp4\n")
    #expect(try csv.text("labels", "b, \"c\".mp4").hasPrefix("label\tgroup\nregular\t"))
  }

  @Test(
    "a labels file that does not fit is refused with the reason",
    arguments: [
      ("other.tsv", "path\tlabel\n", "'labels' names 'other.tsv', which is not in 'clips'"),
      ("i.tsv", "path\tlabel\na.mp4\n", "'i.tsv' is no table"),
      ("i.tsv", "name\tlabel\na.mp4\tx\n", "'i.tsv' is no table with a column 'path' or 'item'"),
      ("i.tsv", "path\tlabel\na.mp4\tx\na.mp4\ty\n", "'i.tsv' line 3: 'a.mp4' occurs twice"),
      ("i.tsv", "path\tlabel\nb.mp4\tx\n", "1 of 1 videos have no row in 'i.tsv': 'a.mp4'"),
      ("i.tsv", "", "'i.tsv' is no table"),
    ])
  func badLabels(name: String, text: String, message: String) async throws {
    let run = try await run(["labels": .string(name)], files: ["a.mp4": "", "i.tsv": text])
    #expect(run.failure?.hasPrefix(message) == true, "\(run.failure ?? "no failure")")
  }

  @Test("gaze belongs to the video of the same path")
  func gaze() async throws {
    let files = ["x/a.mp4": "", "x/a.csv": "gaze", "x/b.mp4": "", "y/a.csv": "stray"]
    let run = try await run(["gaze": ["**/*.csv"]], files: files)
    #expect(run.order["gaze"] == ["x/a.mp4"])
    #expect(run.collections["gaze"]?["x/a.mp4"] == Digest(of: Array("gaze".utf8)).hex)
    let none = try await self.run(["gaze": ["*.txt"]], files: ["a.mp4": ""])
    #expect(none.failure?.hasPrefix("found no gaze file") == true)
  }
}
