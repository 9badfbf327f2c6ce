import Foundation
import StageKit
import TestKit
import Testing

@Suite struct SaliencyStageTests {
  @Test("every n-th frame gets a map that sums to 1, and keeps its index and time")
  func maps() async throws {
    let bench = try AnalysisBench()
    let frames = try bench.frames(count: 7)
    let events = try await bench.run(
      "saliency", options: ["every": 3, "grid": [14, 18]], inputs: ["frames": .one(path: frames)])
    let file = try SafetensorsFile(path: bench.path("maps"))
    let maps = try file.tensor("maps", of: Float.self, rank: 3)
    #expect(maps.shape == [3, 14, 18])
    #expect(try file.tensor("frame_index", of: Int64.self).array == [0, 3, 6])
    #expect(try file.tensor("times", of: Double.self).array == [0, 0.1, 0.2])
    for map in 0..<3 {
      let sum = maps.withRow(map) { $0.reduce(0) { $0 + Double($1) } }
      #expect(abs(sum - 1) < 1e-5)
    }
    #expect(events.contains { $0.event == .progress && $0.done == 3 && $0.total == 3 })
  }

  @Test("the bytes are the same for any number of processors")
  func threads() async throws {
    let bench = try AnalysisBench()
    let input = ["frames": JobInput.one(path: try bench.frames(count: 9))]
    try await bench.run("saliency", inputs: input, cpus: 1)
    let one = try Data(contentsOf: URL(fileURLWithPath: bench.path("maps")))
    try await bench.run("saliency", inputs: input, cpus: 3)
    #expect(try Data(contentsOf: URL(fileURLWithPath: bench.path("maps"))) == one)
  }

  @Test("no frames give no maps; a missing tensor and lost times are errors that name the file")
  func badInput() async throws {
    let bench = try AnalysisBench()
    let none = try bench.frames(count: 0)
    try await bench.run("saliency", inputs: ["frames": .one(path: none)])
    let maps = try SafetensorsFile(path: bench.path("maps")).tensor("maps", of: Float.self)
    #expect(maps.shape == [0, 28, 36])

    let path = bench.scratch.path + "/odd.safetensors"
    try SafetensorsWriter.write(
      [
        .init("times", [0.0], shape: [1]),
        .init("frames", [UInt8](repeating: 1, count: 8), shape: [2, 2, 2]),
      ],
      to: path)
    await #expect(throws: AnalysisBench.Failure(description: "'\(path)' has 2 frames and 1 times"))
    {
      try await bench.run("saliency", inputs: ["frames": .one(path: path)])
    }
    await #expect {
      try await bench.run(
        "saliency", options: ["grid": [28, 1_000_000]], inputs: ["frames": .one(path: none)])
    } throws: { "\($0)".contains("expected at most 1024 each") }
    try SafetensorsWriter.write([.init("frame", [UInt8(1)], shape: [1, 1, 1])], to: path)
    await #expect(
      throws: AnalysisBench.Failure(
        description: "'\(path)': has no tensor 'frames'; did you mean 'frame'?")
    ) {
      try await bench.run("saliency", inputs: ["frames": .one(path: path)])
    }
  }
}
