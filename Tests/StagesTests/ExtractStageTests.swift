import Foundation
import StageKit
import TestKit
import Testing

@Suite struct ExtractStageTests {
  let header =
    "frame,time,row,column,grid_height,grid_width,y,x,saliency,"
    + "source_frame,source_x,source_y,source_height,source_width\n"

  @Test("a row is the normalised patch at the centre of the landmark's cell")
  func pixels() async throws {
    let bench = try AnalysisBench()
    // 8x8 frames on a 2x2 grid: cells are centred at 1.5 and 5.5.
    let frames = bench.scratch.path + "/frames.safetensors"
    let pixels = (0..<128).map { UInt8($0) }
    try SafetensorsWriter.write(
      [.init("frames", pixels, shape: [2, 8, 8]), .init("times", [0, 0.5], shape: [2])], to: frames)
    let lines = [
      "0,0.0,0,0,2,2,0.0,0.0,0.5,0,0.25,0.25,8,8", "1,0.5,1,0,2,2,0.75,0.0,0.25,2,0.25,0.625,8,8",
    ]
    let landmarks = try bench.scratch.write(
      header + lines.joined(separator: "\n") + "\n", to: "landmarks.csv")
    try await bench.run(
      "extract", options: ["features": "pixels", "patch": [2, 2]],
      inputs: ["frames": .one(path: frames), "landmarks": .one(path: landmarks)])
    let file = try SafetensorsFile(path: bench.path("features") + "/features.safetensors")
    let features = try file.tensor("features", of: Float.self, rank: 2)
    #expect(features.shape == [2, 4])
    // Rows and columns 1 and 2 of frame 0, and 5 and 6 by 1 and 2 of frame 1: the same differences.
    let deviation = Float((16.25 as Double).squareRoot())
    for row in 0..<2 {
      features.withRow(row) { row in
        for (value, offset) in zip(row, [-4.5, -3.5, 3.5, 4.5] as [Float]) {
          #expect(abs(value - offset / deviation) < 1e-6)
        }
      }
    }
    let index = try String(contentsOfFile: bench.path("features") + "/index.csv", encoding: .utf8)
    #expect(
      index == "scan," + header.dropLast() + ",structure,class\n"
        + lines.map { ",\($0),,\n" }.joined())
  }

  @Test("no landmarks give no rows of the right length")
  func none() async throws {
    let bench = try AnalysisBench()
    let landmarks = try bench.scratch.write(header, to: "landmarks.csv")
    try await bench.run(
      "extract", options: ["features": "pixels"],
      inputs: [
        "frames": .one(path: try bench.frames(count: 1)), "landmarks": .one(path: landmarks),
      ])
    let file = try SafetensorsFile(path: bench.path("features") + "/features.safetensors")
    #expect(try file.tensor("features", of: Float.self).shape == [0, 576])
  }

  @Test(
    "bad landmarks are errors that say which and why",
    arguments: [
      ("5,0.0,0,0,2,2,0,0,1,5,0,0,8,8", "is for frame 5; "),
      ("0,0.0,2,0,2,2,0,0,1,0,0,0,8,8", "line 2: row is '2'; the grid has 2"),
      ("0,0.0,-1,0,2,2,0,0,1,0,0,0,8,8", "row is '-1'; expected a whole number from 0 on"),
      ("0,0.0,0,0,-2,2,0,0,1,0,0,0,8,8", "grid_height is '-2'; expected a whole number from 1"),
      ("0,0.0,0,0,2,2,0,0,1,0,0.5,0.25,8,8", "is at (0.5, 0.25) of the video's picture"),
      ("1,0.5,0,0,2,2,0,0,1,0,0.25,0.25,8,8", "is for frame 1 at 0.5 s"),
      ("x,0.0,0,0,2,2,0,0,1,0,0,0,8,8", "line 2: frame is 'x'; expected a whole number from 0 on"),
      ("0,nan,0,0,2,2,0,0,1,0,0,0,8,8", "line 2: time is 'nan'; expected a finite number"),
      ("0,0.0,0,0,2,2,0,0,1", "line 2: has 9 cells; the header has 14"),
    ])
  func badLandmarks(line: String, problem: String) async throws {
    let bench = try AnalysisBench()
    let landmarks = try bench.scratch.write(header + line + "\n", to: "landmarks.csv")
    let frames = try bench.frames(count: 2)
    await #expect {
      try await bench.run(
        "extract", options: ["features": "pixels"],
        inputs: ["frames": .one(path: frames), "landmarks": .one(path: landmarks)])
    } throws: { "\($0)".contains(problem) && "\($0)".contains(landmarks) }
  }
}
