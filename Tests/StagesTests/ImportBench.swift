import Foundation
import StageKit
import TestKit
import Testing
import Video

/// Imports files of a scratch folder, `clips`, as a worker does.
struct ImportBench {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// - Parameters:
  ///   - files: texts by their paths
  ///   - clips: numbers of frames, by the paths of videos of [16, 32] pixels at 25 frames a second
  func run(
    _ options: [String: Value] = [:], files: [String: String], clips: [String: Int] = [:],
    cpus: Int = 1
  ) async throws -> WholeStageRun {
    var sources: [(id: String, path: String)] = []
    for (id, text) in files {
      sources.append((id, try scratch.write(text, to: "clips/\(id)")))
    }
    for (id, frames) in clips { sources.append((id, try clip(id, frames: frames))) }
    return try await WholeStageRun(
      "import", options: options.merging(["path": "clips"]) { first, _ in first },
      sources: sources, scratch: scratch, collectionPorts: ["videos", "labels", "gaze", "truth"],
      cpus: cpus)
  }

  /// Each path has a content of its own.
  private func clip(_ id: String, frames: Int) throws -> String {
    let path = try scratch.write("", to: "clips/\(id)")
    let writer = try VideoWriter(
      path: path, codec: .ffv1, height: 16, width: 32, framesPerSecond: 25)
    let seed = id.utf8.reduce(0) { ($0 * 31 + Int($1)) % 251 }
    for frame in 0..<frames {
      try writer.append((0..<512).map { UInt8(($0 * (seed + 1) + frame * 7) % 256) })
    }
    try writer.finish()
    return path
  }

  static func info(_ run: WholeStageRun) throws -> Value {
    try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: URL(fileURLWithPath: run.layout.output("info"))))
  }

  /// What was left out, as the info and the log have it.
  static func leftOut(_ run: WholeStageRun) throws -> [String: String] {
    let logs = try WholeStageRun.events(run.layout).filter { $0.event == .log }
      .compactMap(\.message)
    guard case .list(let entries) = try info(run)["left_out"] else { return [:] }
    var reasons: [String: String] = [:]
    for entry in entries {
      let (video, reason) = (entry["video"]?.text ?? "", entry["reason"]?.text ?? "")
      reasons[video] = reason
      #expect(logs.contains("left out '\(video)': \(reason)"))
    }
    return reasons
  }
}
