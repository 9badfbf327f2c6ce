import Foundation
import StageKit
import Stages
import TestKit

/// Runs one kind as a worker does, on files of a scratch folder.
struct AnalysisBench {
  let scratch: Scratch
  var folder: String { scratch.path + "/job" }

  init() throws { scratch = try Scratch() }

  struct Failure: Error, Equatable, CustomStringConvertible {
    var description: String
  }

  /// Runs the kind and returns its events.
  ///
  /// - Parameter checkpoints: a folder that outlives the job
  /// - Throws: `Failure` with the stage's own words
  @discardableResult
  func run(
    _ kind: String, options: [String: Value] = [:], inputs: [String: JobInput],
    sources: String? = nil, cpus: Int = 1, checkpoints: String? = nil
  ) async throws -> [JobEvent] {
    if FileManager.default.fileExists(atPath: folder) {
      try FileManager.default.removeItem(atPath: folder)
    }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let version = allStages.first { $0.kind == kind }?.version ?? 0
    let job = JobDescription(
      kind: kind, version: version, options: options, inputs: inputs, items: nil, sources: sources,
      folder: folder, checkpointFolder: checkpoints ?? folder + "/checkpoint", cpus: cpus)
    let well = try await Worker.run(job, stages: allStages)
    let events = try String(contentsOfFile: JobLayout(folder: folder).events, encoding: .utf8)
      .split(separator: "\n")
      .map { try JSONDecoder().decode(JobEvent.self, from: Data($0.utf8)) }
    guard well else {
      throw Failure(description: events.last { $0.event == .failed }?.message ?? "no reason given")
    }
    return events
  }

  func path(_ port: String) -> String { JobLayout(folder: folder).output(port) }

  func text(_ port: String) throws -> String {
    try String(contentsOfFile: path(port), encoding: .utf8)
  }

  /// The output as an input of the next stage, moved to a name of its own.
  func keep(_ port: String, as name: String) throws -> String {
    let kept = scratch.path + "/" + name
    try FileManager.default.moveItem(atPath: path(port), toPath: kept)
    return kept
  }

  /// A collection with one key column; `paths` by its values.
  func many(_ column: String, _ paths: [(key: String, path: String)]) throws -> JobInput {
    try many([column], paths.map { ([$0.key], $0.path) })
  }

  func many(_ columns: [String], _ paths: [(key: [String], path: String)]) throws -> JobInput {
    let index = IndexFile(columns: columns + ["path"], rows: paths.map { $0.key + [$0.path] })
    return .many(index: try scratch.write(index.text, to: "\(UUID().uuidString).tsv"))
  }

  /// `frames.safetensors` of moving discs on a textured ground.
  func frames(count: Int, height: Int = 56, width: Int = 72, shift: Int = 0) throws -> String {
    var pixels: [UInt8] = []
    for frame in 0..<count {
      for y in 0..<height {
        for x in 0..<width {
          let (dy, dx) = (y - 20 - frame, x - 15 - 2 * frame - shift)
          pixels.append(UInt8(60 + (x * 7 + y * 13) % 23 + (dy * dy + dx * dx < 30 ? 120 : 0)))
        }
      }
    }
    let path = scratch.path + "/frames-\(count)-\(height)-\(width)-\(shift).safetensors"
    try SafetensorsWriter.write(
      [
        .init("times", (0..<count).map { Double($0) / 30 }, shape: [count]),
        .init("frames", pixels, shape: [count, height, width]),
      ], to: path)
    return path
  }

  /// A folder of type `features` with these rows.
  func features(_ rows: [[Float]], name: String, width: Int? = nil) throws -> String {
    let folder = scratch.path + "/" + name
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try SafetensorsWriter.write(
      [
        .init(
          "features", Array(rows.joined()), shape: [rows.count, width ?? rows.first?.count ?? 0])
      ], to: folder + "/features.safetensors")
    return folder
  }
}
