import Foundation
import StageKit
import TestKit

@testable import Stages

/// Small films that get darker from top to bottom under noise, so that which way is up can be learnt;
/// those of class `checks` have squares on it, which a network on labels can learn.
struct PretrainBench {
  let bench: AnalysisBench
  var size = [24, 24]

  init() throws { bench = try AnalysisBench() }

  /// A training that takes a second.
  static let options: [String: Value] = [
    "task": ["pretext": "rotation"], "width": 0.125, "clip": 2, "size": [16, 16], "steps": 4,
    "evaluate_every": 2, "batch": 8, "rate": 0.05, "threads": 1, "precision": "float32",
    "validation_samples": 16, "checkpoint_every": 3,
  ]

  /// `frames` of scans `p0/a`, `p1/a` and so on.
  func films(_ count: Int, frames: Int = 16) throws -> JobInput {
    try bench.many("item", (0..<count).map { ("p\($0)/a", try film("p\($0)/a", frames: frames)) })
  }

  /// - Parameter squares: of which frames have squares on them
  func film(_ id: String, frames count: Int, squares: Range<Int> = 0..<0) throws -> String {
    var random = CounterRandom(seed: 0, kind: "test", item: id, purpose: "film")
    var pixels: [UInt8] = []
    for frame in 0..<count {
      for y in 0..<size[0] {
        for x in 0..<size[1] {
          let level = 170 - 140 * y / size[0]
          let square = squares.contains(frame) && (x / 4 + y / 4) % 2 == 0 ? 50 : 0
          pixels.append(UInt8(level + square + Int(random.next() % 30)))
        }
      }
    }
    let name = id.replacing("/", with: "-")
    let path = bench.scratch.path + "/\(name)-\(count)-\(squares.count).safetensors"
    try SafetensorsWriter.write(
      [
        .init("times", (0..<count).map { Double($0) / 30 }, shape: [count]),
        .init("frames", pixels, shape: [count] + size),
      ], to: path)
    return path
  }

  /// Scans with a plain half and a half with squares, and the labels that say so.
  func labelledFilms(
    _ count: Int, frames: Int = 16
  ) throws -> (frames: JobInput, labels: JobInput) {
    let ids = (0..<count).map { "p\($0)/a" }
    let half = frames / 2
    let labels = (0..<frames).map { $0 < half ? "plain" : "checks" }
    return (
      try bench.many(
        "item", ids.map { ($0, try film($0, frames: frames, squares: half..<frames)) }),
      try self.labels(ids.map { ($0, LabelFile(group: String($0.prefix(2)), labels: labels)) })
    )
  }

  func labels(_ files: [(String, LabelFile)]) throws -> JobInput {
    try bench.many(
      "item",
      files.enumerated().map { index, file in
        let path = bench.scratch.path + "/labels-\(index).tsv"
        try file.1.write(to: path)
        return (file.0, path)
      })
  }

  /// A `roles` file of scans `p0/a` and so on, each a group of its own.
  func roles(_ roles: [RolesFile.Role?]) throws -> JobInput {
    let path = bench.scratch.path + "/roles.tsv"
    try RolesFile(
      roles.enumerated().map {
        .init(item: "p\($0)/a", group: "p\($0)", role: $1, fold: $1 == .downstream ? 0 : nil)
      }
    ).write(to: path)
    return .one(path: path)
  }

  /// The file behind a `files` option of the same name.
  func sources(_ name: String, _ path: String) throws -> String {
    try bench.scratch.write(
      IndexFile(
        columns: JobLayout.sourceColumns, rows: [[name, Digest(of: Data()).hex, "1", path]]
      ).text, to: "sources.tsv")
  }

  @discardableResult
  func train(
    _ inputs: [String: JobInput], _ changes: [String: Value] = [:], checkpoints: String? = nil,
    sources: String? = nil
  ) async throws -> [JobEvent] {
    try await bench.run(
      "pretrain", options: PretrainBench.options.merging(changes) { $1 }, inputs: inputs,
      sources: sources, checkpoints: checkpoints)
  }

  /// What the stage says where it fails.
  func failure(
    _ inputs: [String: JobInput], _ changes: [String: Value] = [:], sources: String? = nil
  ) async -> String {
    do { try await train(inputs, changes, sources: sources) } catch { return "\(error)" }
    return "no error"
  }

  static let ports = ["model", "scores", "curves", "chart"]

  func outputs() throws -> [Data] {
    try PretrainBench.ports.map { try Data(contentsOf: URL(fileURLWithPath: bench.path($0))) }
  }

  /// Values of the scores, by name.
  func scores() throws -> [String: Double] {
    Dictionary(
      uniqueKeysWithValues: try Scores(path: bench.path("scores")).metrics.map {
        ($0.name, $0.value ?? .nan)
      })
  }

  /// A column of the curves.
  func curve(_ column: String) throws -> [Double] {
    let table = try TextTable(path: bench.path("curves"), isCommaSeparated: true)
    let place = try table.column(column)
    return try table.rows.indices.map { try table.number($0, place) }
  }

  /// Weights by name.
  func weights(_ path: String? = nil) throws -> [String: [Float]] {
    let file = try SafetensorsFile(path: path ?? bench.path("model"))
    return Dictionary(
      uniqueKeysWithValues: try file.entries.filter { $0.type == .f32 }.map {
        ($0.name, try file.tensor($0.name, of: Float.self).array)
      })
  }
}
