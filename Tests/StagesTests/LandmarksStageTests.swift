import Foundation
import StageKit
import TestKit
import Testing

@Suite struct LandmarksStageTests {
  func maps(_ bench: AnalysisBench, _ maps: [[[Float]]], frames: [Int64]) throws -> String {
    let path = bench.scratch.path + "/maps.safetensors"
    try SafetensorsWriter.write(
      [
        .init("frame_index", frames, shape: [frames.count]),
        .init("times", frames.map { Double($0) / 4 }, shape: [frames.count]),
        .init(
          "maps", maps.flatMap { $0.flatMap { $0 } },
          shape: [maps.count, maps[0].count, maps[0][0].count]),
      ], to: path)
    return path
  }

  @Test("landmarks are listed by frame with cell, grid and sub-pixel position")
  func csv() async throws {
    let bench = try AnalysisBench()
    var first = [[Float]](repeating: [Float](repeating: 0.01, count: 8), count: 5)
    first[2][1] = 0.25
    first[2][5] = 0.5
    first[2][6] = 0.5
    let blank = [[Float]](repeating: [Float](repeating: 0.02, count: 8), count: 5)
    let path = try maps(bench, [first, blank, first], frames: [0, 4, 8])
    try await bench.run(
      "landmarks", options: ["threshold": 0.5], inputs: ["maps": .one(path: path)])
    #expect(
      try bench.text("landmarks") == """
        frame,time,row,column,grid_height,grid_width,y,x,saliency
        0,0.0,2,1,5,8,2.0,1.0,0.25
        0,0.0,2,5,5,8,2.0,5.5,0.5
        8,2.0,2,1,5,8,2.0,1.0,0.25
        8,2.0,2,5,5,8,2.0,5.5,0.5

        """)
  }

  @Test("a map that holds NaN is an error that names file, map, frame and cell")
  func notFinite() async throws {
    let bench = try AnalysisBench()
    let path = try maps(bench, [[[1, 0]], [[.nan, 0]]], frames: [3, 6])
    await #expect(
      throws: AnalysisBench.Failure(
        description: "map 1 of '\(path)' (frame 6): row 0, column 0 is nan, not finite")
    ) { try await bench.run("landmarks", inputs: ["maps": .one(path: path)]) }
  }
}
