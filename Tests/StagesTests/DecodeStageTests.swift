import Foundation
import StageKit
import Stages
import TestKit
import Testing
import Video

@Suite("decode")
struct DecodeStageTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Decodes files as items of one job; item → frames, times and info, or the failure.
  private func decode(
    _ paths: [String], _ options: [String: Value] = [:], cpus: Int = 1
  ) async throws -> (layout: JobLayout, failures: [String: String]) {
    let folder = scratch.path + "/job-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let items = paths.map {
      JobItem(id: ($0 as NSString).lastPathComponent, inputs: ["video": $0])
    }
    let version = allStages.first { $0.kind == "decode" }?.version ?? 0
    let job = JobDescription(
      kind: "decode", version: version, options: options, inputs: [:], items: items, sources: nil,
      folder: folder, checkpointFolder: folder, cpus: cpus)
    let allWell = try await Worker.run(job, stages: allStages)
    let layout = JobLayout(folder: folder)
    var failures: [String: String] = [:]
    for event in try WholeStageRun.events(layout) where event.event != .log {
      if let message = event.message { failures[event.item ?? "job"] = message }
    }
    #expect(allWell == failures.isEmpty)
    return (layout, failures)
  }

  /// A lossless clip whose frame `t` is all of grey level `10 * t`.
  private func clip(_ name: String, frames: Int) throws -> String {
    let path = scratch.path + "/" + name
    let writer = try VideoWriter(
      path: path, codec: .ffv1, height: 16, width: 32, framesPerSecond: 10)
    for frame in 0..<frames {
      try writer.append([UInt8](repeating: UInt8(10 * frame), count: 16 * 32))
    }
    try writer.finish()
    return path
  }

  /// The grey level of each frame, and its time.
  private func levels(_ layout: JobLayout) throws -> (levels: [Int], times: [Double]) {
    let file = try SafetensorsFile(path: layout.output("frames", item: 0))
    let frames = try file.tensor("frames", of: UInt8.self, rank: 3)
    let levels = (0..<frames.shape[0]).map { frames.withRow($0) { Int($0[0]) } }
    return (levels, try file.tensor("times", of: Double.self, rank: 1).array)
  }

  @Test("frames are u8 [T, H, W] with times in seconds, and info says where they come from")
  func frames() async throws {
    let (layout, failures) = try await decode([try clip("a.mkv", frames: 4)], ["size": [8, 12]])
    #expect(failures == [:])
    let file = try SafetensorsFile(path: layout.output("frames", item: 0))
    #expect(try file.entry("frames").shape == [4, 8, 12])
    let (levels, times) = try levels(layout)
    #expect(levels == [0, 10, 20, 30])
    #expect(times.count == 4 && isClose(times[3], 0.3, absolute: 1e-6))
    let info = try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: URL(fileURLWithPath: layout.output("info", item: 0))))
    #expect(info["codec"] == "ffv1")
    #expect(info["frames"] == 4)
    #expect(info["range"] == "full")
    #expect(info["source_size"] == [16, 32])
    let progress = try WholeStageRun.events(layout).filter { $0.event == .progress }
    #expect(progress.last?.unit == "frames")
  }

  @Test(
    "every n-th frame, a rate and a limit select frames by number and by time",
    arguments: [
      (["every": 3], [0, 30, 60, 90]),
      (["max_frames": 2], [0, 10]),
      (["every": 2, "max_frames": 3], [0, 20, 40]),
      (["rate": 5], [0, 20, 40, 60, 80]),
      (["rate": 4], [0, 30, 50, 80]),
      (["rate": 20, "max_frames": 6], [0, 10, 10, 20, 20, 30]),
    ] as [([String: Value], [Int])])
  func selection(options: [String: Value], expected: [Int]) async throws {
    let (layout, _) = try await decode([try clip("a.mkv", frames: 10)], options)
    let (levels, times) = try levels(layout)
    #expect(levels == expected)
    for (level, time) in zip(levels, times) {
      #expect(isClose(time, Double(level) / 100, absolute: 1e-3))
    }
  }

  @Test("equal inputs give equal bytes for any number of threads")
  func deterministic() async throws {
    let path = try clip("a.mkv", frames: 3)
    let first = try await decode([path]).layout.output("frames", item: 0)
    let second = try await decode([path], cpus: 2).layout.output("frames", item: 0)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: first))
    #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: second))))
  }

  @Test("a bad file fails alone, naming item, file, frame, reason and a way out")
  func badFiles() async throws {
    let good = try clip("good.mkv", frames: 3)
    let whole = try Data(contentsOf: URL(fileURLWithPath: try clip("whole.mkv", frames: 9)))
    let short = scratch.path + "/short.mkv"
    try whole.prefix(whole.count * 2 / 3).write(to: URL(fileURLWithPath: short))
    let text = try scratch.write("no video", to: "text.mp4")
    let empty = try scratch.write("", to: "empty.mp4")
    let missing = scratch.path + "/missing.mp4"
    let (layout, failures) = try await decode([text, empty, short, missing, good])
    #expect(Set(failures.keys) == ["text.mp4", "empty.mp4", "short.mkv", "missing.mp4"])
    #expect(failures["text.mp4"]?.hasPrefix("item 'text.mp4': '\(text)': is no video") == true)
    #expect(failures["empty.mp4"]?.contains("is empty; expected a video; ") == true)
    #expect(failures["missing.mp4"]?.contains("No such file or directory") == true)
    let message = try #require(failures["short.mkv"])
    #expect(message.contains(try Regex("'\(short)': frame [1-8]: ")), "\(message)")
    #expect(message.contains("on_corrupt: stop"))
    #expect(FileManager.default.fileExists(atPath: layout.output("info", item: 4)))
  }

  @Test("on_corrupt: stop keeps the frames before the damage and says so")
  func stop() async throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: try clip("whole.mkv", frames: 9)))
    let short = scratch.path + "/short.mkv"
    try whole.prefix(whole.count * 2 / 3).write(to: URL(fileURLWithPath: short))
    let (layout, failures) = try await decode([short], ["on_corrupt": "stop"])
    #expect(failures == [:])
    let levels = try levels(layout).levels
    #expect(levels == (0..<levels.count).map { 10 * $0 })
    #expect((1..<9).contains(levels.count))
    let info = try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: URL(fileURLWithPath: layout.output("info", item: 0))))
    #expect(info["damaged_frames"] == [.integer(levels.count)])
    let logs = try WholeStageRun.events(layout).filter { $0.event == .log }
    #expect(logs.first?.message?.contains("(on_corrupt: stop)") == true)
  }

  @Test(
    "options that contradict each other or the picture are refused",
    arguments: [
      (["rate": 5, "every": 2], "option 'rate' cannot be given together"),
      (["size": [0, 10]], "option 'size' is 0 pixels"),
      (["size": [100_000, 10]], "option 'size' is [100000, 10]; expected at most 8192"),
      (["crop": [0, 0, 0, 5]], "option 'crop' is [0, 0, 0, 5]; expected a height and width"),
      (["crop": [10, 0, 10, 5]], "leaves the picture, which is 16 high and 32 wide"),
    ] as [([String: Value], String)])
  func badOptions(options: [String: Value], message: String) async throws {
    let (_, failures) = try await decode([try clip("a.mkv", frames: 1)], options)
    #expect(failures.values.first?.contains(message) == true, "\(failures)")
  }
}
