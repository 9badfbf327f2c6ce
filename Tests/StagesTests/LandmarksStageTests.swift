import Foundation
import StageKit
import TestKit
import Testing

@Suite struct LandmarksStageTests {
  /// - Parameter source: source_frames; without them the file is one from elsewhere
  func maps(
    _ bench: AnalysisBench, _ maps: [[[Float]]], frames: [Int64], source: [Int64]? = nil,
    metadata: [String: String] = [:]
  ) throws -> String {
    let path = bench.scratch.path + "/maps.safetensors"
    try SafetensorsWriter.write(
      [
        .init("frame_index", frames, shape: [frames.count]),
        .init("source_frames", source ?? frames, shape: [frames.count]),
        .init("times", frames.map { Double($0) / 4 }, shape: [frames.count]),
        .init(
          "maps", maps.flatMap { $0.flatMap { $0 } },
          shape: [maps.count, maps[0].count, maps[0][0].count]),
      ], metadata: metadata, to: path)
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
        frame,time,row,column,grid_height,grid_width,y,x,saliency,\
        source_frame,source_x,source_y,source_height,source_width
        0,0.0,2,1,5,8,2.0,1.0,0.25,0,0.1875,0.5,5,8
        0,0.0,2,5,5,8,2.0,5.5,0.5,0,0.75,0.5,5,8
        8,2.0,2,1,5,8,2.0,1.0,0.25,8,0.1875,0.5,5,8
        8,2.0,2,5,5,8,2.0,5.5,0.5,8,0.75,0.5,5,8

        """)
  }

  @Test("a map whose maximum is too near to its mean has no landmark")
  func peakToMean() async throws {
    let bench = try AnalysisBench()
    var sharp = [[Float]](repeating: [Float](repeating: 0.5, count: 4), count: 4)
    var flat = sharp
    // Maximum by mean: 4 / (11.5 / 16) and 1 / (8.5 / 16).
    sharp[1][2] = 4
    flat[2][1] = 1
    let path = try maps(bench, [sharp, flat], frames: [0, 1])
    for (ratio, mode, frames) in [
      (0, "paper", [0, 1]), (1.88, "paper", [0, 1]), (1.89, "paper", [0]), (5.56, "paper", [0]),
      (5.57, "paper", []), (1.89, "skimage", [0]),
    ] {
      try await bench.run(
        "landmarks",
        options: [
          "peak_to_mean": .number(ratio), "mode": .string(mode), "distance": 1, "threshold": 0.6,
        ], inputs: ["maps": .one(path: path)])
      let lines = try bench.text("landmarks").split(separator: "\n").dropFirst()
      #expect(lines.map { $0.prefix { $0 != "," } } == frames.map { "\($0)" }, "\(ratio) \(mode)")
    }
  }

  @Test("the place in the video's picture follows the crop, and its frame the map's")
  func source() async throws {
    let bench = try AnalysisBench()
    var map = [[Float]](repeating: [Float](repeating: 0, count: 4), count: 2)
    map[1][3] = 1
    let path = try maps(
      bench, [map], frames: [1], source: [30],
      metadata: ["source_size": "100,200", "crop": "10,20,40,80"])
    try await bench.run("landmarks", inputs: ["maps": .one(path: path)])
    // Cell (1, 3) of [2, 4] is centred at 0.875 and 0.75 of the crop: (20 + 70) / 200, (10 + 30) / 100.
    #expect(
      try bench.text("landmarks").split(separator: "\n").last
        == "1,0.25,1,3,2,4,1.0,3.0,1.0,30,0.45,0.4,100,200")
  }

  @Test("mode skimage gives scikit-image's cells: a plateau's first, border and count as asked")
  func skimage() async throws {
    let bench = try AnalysisBench()
    var map = [[Float]](repeating: [Float](repeating: 0.01, count: 9), count: 7)
    map[0][8] = 0.9
    map[3][2] = 0.5
    map[3][3] = 0.5
    map[5][6] = 0.4
    let path = try maps(bench, [map], frames: [0])
    func cells(_ options: [String: Value]) async throws -> [String] {
      try await bench.run(
        "landmarks", options: options.merging(["mode": "skimage"]) { $1 },
        inputs: ["maps": .one(path: path)])
      return try bench.text("landmarks").split(separator: "\n").dropFirst().map {
        $0.split(separator: ",")[2...3].joined(separator: " ")
      }
    }
    #expect(try await cells([:]) == ["3 2"])
    #expect(try await cells(["exclude_border": 1]) == ["3 2", "5 6"])
    #expect(try await cells(["exclude_border": 0]) == ["0 8", "3 2", "5 6"])
    #expect(try await cells(["exclude_border": 0, "num_peaks": 2]) == ["0 8", "3 2"])
    #expect(try await cells(["exclude_border": 0, "threshold_abs": 0.45]) == ["0 8", "3 2"])
    #expect(try await cells(["exclude_border": 0, "distance": 1]) == ["0 8", "3 2", "3 3", "5 6"])
  }

  @Test(
    "an option of mode skimage is refused in mode paper",
    arguments: [("threshold_abs", 0.5), ("exclude_border", 1), ("num_peaks", 3)]
      as [(String, Value)])
  func foreign(option: String, value: Value) async throws {
    let bench = try AnalysisBench()
    let path = try maps(bench, [[[0, 1]]], frames: [0])
    await #expect {
      try await bench.run(
        "landmarks", options: [option: value], inputs: ["maps": .one(path: path)])
    } throws: { "\($0)".contains("option '\(option)' is known to mode skimage only") }
  }

  @Test("many maps give the same bytes for any number of processors, and no maps no landmarks")
  func threads() async throws {
    let bench = try AnalysisBench()
    func value(_ map: Int, _ y: Int, _ x: Int) -> Float { Float((x * 31 + y * 17 + map * 7) % 23) }
    let many: [[[Float]]] = (0..<700).map { map in
      (0..<6).map { y in (0..<7).map { x in value(map, y, x) } }
    }
    let path = try maps(bench, many, frames: (0..<700).map { Int64($0) })
    let input = ["maps": JobInput.one(path: path)]
    try await bench.run("landmarks", inputs: input, cpus: 1)
    let one = try bench.text("landmarks")
    try await bench.run("landmarks", inputs: input, cpus: 3)
    #expect(try bench.text("landmarks") == one)
    #expect(one.split(separator: "\n").count > 700)
    let none = bench.scratch.path + "/none.safetensors"
    try SafetensorsWriter.write(
      [
        .init("frame_index", [Int64](), shape: [0]), .init("times", [Double](), shape: [0]),
        .init("maps", [Float](), shape: [0, 4, 4]),
      ], to: none)
    try await bench.run("landmarks", inputs: ["maps": .one(path: none)])
    #expect(try bench.text("landmarks").split(separator: "\n").count == 1)
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
