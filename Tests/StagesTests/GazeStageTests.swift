import Foundation
import StageKit
import TestKit
import Testing

@Suite struct GazeStageTests {
  static func gaze(_ rows: [[String]]) -> String {
    IndexFile(columns: ["frame", "time", "eye", "x", "y", "valid"], rows: rows).text
  }

  /// One sample a frame at 30 Hz, of both eyes; `nil` where they are lost.
  static func gaze(_ places: [(Double, Double)?]) -> String {
    gaze(
      places.enumerated().map { frame, place in
        [
          "\(frame)", "\(Double(frame) / 30)", "both", place.map { "\($0.0)" } ?? "",
          place.map { "\($0.1)" } ?? "", place == nil ? "0" : "1",
        ]
      })
  }

  /// What a run writes: rows of fixations, and scores by name.
  func run(
    _ bench: AnalysisBench, _ gaze: String, options: [String: Value] = [:], frames: String? = nil
  ) async throws -> (fixations: [[String]], scores: [String: Double?]) {
    let path = try bench.scratch.write(gaze, to: "gaze.tsv")
    var inputs = ["gaze": JobInput.one(path: path)]
    if let frames { inputs["frames"] = .one(path: frames) }
    try await bench.run("gaze", options: options, inputs: inputs)
    let fixations = try #require(IndexFile(text: try bench.text("fixations")))
    #expect(fixations.columns == ["frame", "x", "y", "bridged"])
    return (fixations.rows, try bench.scores("scores"))
  }

  /// Eight frames of 4 by 8 pixels that show half of a picture of [40, 80].
  func frames(_ bench: AnalysisBench, sourceFrames: [Int64]) throws -> String {
    let path = bench.scratch.path + "/frames.safetensors"
    let count = sourceFrames.count
    try SafetensorsWriter.write(
      [
        .init("times", sourceFrames.map { Double($0) / 10 }, shape: [count]),
        .init("source_frames", sourceFrames, shape: [count]),
        .init("frames", [UInt8](repeating: 7, count: count * 32), shape: [count, 4, 8]),
      ], metadata: ["source_size": "40,80", "crop": "0,40,40,40"], to: path)
    return path
  }

  @Test("the valid eyes of one time are averaged, and a frame's place is their geometric median")
  func averages() async throws {
    let bench = try AnalysisBench()
    let found = try await run(
      bench,
      Self.gaze([
        ["0", "0.0", "left", "0.25", "0.5", "1"], ["0", "0.0", "right", "0.75", "0.5", "1"],
        ["0", "0.01", "left", "", "", "0"], ["0", "0.01", "right", "0.5", "0.5", "1"],
        ["0", "0.02", "left", "0.5", "0.5", "1"], ["0", "0.02", "right", "0.5", "0.5", "1"],
        ["0", "0.03", "both", "1.0", "0.0", "1"], ["1", "0.04", "both", "0.25", "0.125", "1"],
      ]), options: ["every": 1])
    // Of (0.5, 0.5) thrice and a wild (1, 0) it is the first.
    #expect(found.fixations == [["0", "0.5", "0.5", "0"], ["1", "0.25", "0.125", "0"]])
    #expect(found.scores["gaze_valid"] == 0.875)
    let maps = try SafetensorsFile(path: bench.path("maps"))
    #expect(try maps.tensor("maps", of: Float.self).shape == [2, 28, 36])
    #expect(try maps.tensor("times", of: Double.self).array == [0.015, 0.04])
    #expect(maps.metadata["source_size"] == nil)
  }

  @Test("the median is taken with the picture's shape: a wide triangle's is not that of its shares")
  func aspect() async throws {
    let bench = try AnalysisBench()
    // In the crop of [40, 40] an equilateral triangle, whose geometric median is its centre.
    let height = (3 as Double).squareRoot() / 4
    let rows = [(0.5, 0.25), (0.75, 0.25), (0.625, 0.25 + height)].enumerated()
      .map { ["0", "\($0)", "both", "\($1.0)", "\($1.1)", "1"] }
    let found = try await run(
      bench, Self.gaze(rows), frames: try frames(bench, sourceFrames: [0]))
    let place = found.fixations[0].compactMap { Double($0) }
    #expect(isClose(place[1], 0.625, relative: 1e-9))
    #expect(isClose(place[2], 0.25 + height / 3, relative: 1e-9))
  }

  @Test("at most four void frames are bridged along a straight line, and marked")
  func bridging() async throws {
    let bench = try AnalysisBench()
    var places: [(Double, Double)?] = [(0.125, 0.5), nil, nil, nil, (0.625, 0.25)]
    places += [nil, nil, nil, nil, nil, (0.5, 0.5), nil]
    let found = try await run(bench, Self.gaze(places))
    #expect(
      found.fixations == [
        ["0", "0.125", "0.5", "0"], ["1", "0.25", "0.4375", "1"], ["2", "0.375", "0.375", "1"],
        ["3", "0.5", "0.3125", "1"], ["4", "0.625", "0.25", "0"], ["10", "0.5", "0.5", "0"],
      ])
    #expect(found.scores["gaze_frames"] == 0.25)
    #expect(found.scores["gaze_frames_bridged"] == 0.5)
    #expect(found.scores["gaze_bridged"] == 3)
    let all = try await run(bench, Self.gaze(places), options: ["bridge": 5])
    #expect(all.fixations.map { $0[0] } == (0...10).map { "\($0)" })
    let none = try await run(bench, Self.gaze(places), options: ["bridge": 0])
    #expect(none.fixations.map { $0[0] } == ["0", "4", "10"])
  }

  @Test("gaze off the picture is dropped, off the crop where frames are given")
  func crop() async throws {
    let bench = try AnalysisBench()
    let places: [(Double, Double)?] = [
      (0.75, 0.5), (1.01, 0.5), (0.25, 0.5), (0.5, 0), (1, 1), (0.5, -0.1),
    ]
    let whole = try await run(bench, Self.gaze(places), options: ["bridge": 0])
    #expect(whole.fixations.map { $0[0] } == ["0", "2", "3", "4"])
    #expect(whole.scores["gaze_off_picture"] == 1.0 / 3)
    let cropped = try await run(
      bench, Self.gaze(places), options: ["bridge": 0],
      frames: try frames(bench, sourceFrames: [0, 1, 2, 3]))
    #expect(
      cropped.fixations == [
        ["0", "0.75", "0.5", "0"], ["3", "0.5", "0.0", "0"], ["4", "1.0", "1.0", "0"],
      ])
    #expect(cropped.scores["gaze_off_picture"] == 0.5)
    // Of the four frames that there are, two have gaze.
    #expect(cropped.scores["gaze_frames"] == 0.5)
  }

  @Test("maps are those of each n-th frame that there is and that has gaze, over the crop")
  func maps() async throws {
    let bench = try AnalysisBench()
    let places: [(Double, Double)?] = (0..<12).map { $0 == 8 ? nil : (0.75, 0.5) }
    _ = try await run(
      bench, Self.gaze(places), options: ["bridge": 0, "every": 2, "grid": [3, 5], "sigma": 0.5],
      frames: try frames(bench, sourceFrames: [0, 2, 4, 6, 8, 10, 12]))
    let file = try SafetensorsFile(path: bench.path("maps"))
    #expect(try file.tensor("frame_index", of: Int64.self).array == [0, 2])
    #expect(try file.tensor("source_frames", of: Int64.self).array == [0, 4])
    #expect(try file.tensor("times", of: Double.self).array == [0, 0.4])
    #expect(file.metadata["crop"] == "0,40,40,40")
    let maps = try file.tensor("maps", of: Float.self)
    #expect(maps.shape == [2, 3, 5])
    for map in 0..<2 {
      maps.withRow(map) { map in
        // The middle of the crop is that of cell 7.
        #expect(abs(map.reduce(0, +) - 1) < 1e-6)
        #expect(map.max() == map[7] && abs(map[6] / map[7] - Float(exp(-2.0))) < 1e-6)
      }
    }
  }

  @Test("scores tell two steady fixations, their length and the spread from sample to sample")
  func quality() async throws {
    let bench = try AnalysisBench()
    // 12 and 18 frames at two places, each trembling by 0.01 of the height, and a long void between.
    let places: [(Double, Double)?] =
      (0..<12).map { (0.25, 0.5 + 0.01 * Double($0 % 2)) } + Array(repeating: nil, count: 6)
      + (0..<18).map { (0.75, 0.25 + 0.01 * Double($0 % 2)) }
    let scores = try await run(bench, Self.gaze(places)).scores
    #expect(scores["gaze_fixations"] == 2)
    let duration = try #require(scores["gaze_fixation_duration"] ?? nil)
    #expect(isClose(duration, (11.0 + 17) / 2 / 30, relative: 1e-9))
    let precision = try #require(scores["gaze_precision"] ?? nil)
    #expect(isClose(precision, 0.01, relative: 1e-9))
    let none = try await run(bench, Self.gaze(places), options: ["dispersion": 0.005]).scores
    #expect(none["gaze_fixations"] == 0)
    #expect(none["gaze_precision"] == .some(nil) && none["gaze_fixation_duration"] == .some(nil))
  }

  @Test("two eyes at 90 Hz give the places that independent code finds, all steps together")
  func agrees() async throws {
    let bench = try AnalysisBench()
    let golden = try StageGoldens.read().cleanGaze
    let path = bench.scratch.path + "/frames.safetensors"
    func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }
    try SafetensorsWriter.write(
      [
        .init("times", [0.0], shape: [1]),
        .init("frames", [UInt8](repeating: 0, count: 63), shape: [1, 7, 9]),
      ], metadata: ["source_size": text(golden.size), "crop": text(golden.crop)], to: path)
    let found = try await run(bench, Self.gaze(golden.rows.map { $0.map(\.text) }), frames: path)
    #expect(found.fixations.count == golden.fixations.count)
    #expect(found.fixations.contains { $0[3] == "1" })
    for (row, expected) in zip(found.fixations, golden.fixations) {
      #expect(row[0] == "\(Int(expected[0]))" && row[3] == "\(Int(expected[3]))")
      #expect(isClose(Double(row[1]) ?? .nan, expected[1], absolute: 1e-7), "frame \(row[0])")
      #expect(isClose(Double(row[2]) ?? .nan, expected[2], absolute: 1e-7), "frame \(row[0])")
    }
  }

  @Test("the same gaze gives the same bytes")
  func bytes() async throws {
    let bench = try AnalysisBench()
    let places = (0..<90).map { ((sin(Double($0)) + 1) / 2, (cos(Double($0) / 7) + 1) / 2) }
    var seen: [[Data]] = []
    for _ in 0..<2 {
      _ = try await run(bench, Self.gaze(places))
      seen.append(
        try ["fixations", "maps", "scores"].map {
          try Data(contentsOf: URL(fileURLWithPath: bench.path($0)))
        })
    }
    #expect(seen[0] == seen[1])
  }

  @Test(
    "a gaze without a place on the picture is an error that names the file and counts the samples",
    arguments: [
      ([], "of 0 samples 0 are valid; expected"),
      ([nil, nil], "of 2 samples 0 are valid; expected"),
      ([(1.5, 0.5), nil], "of 2 samples 1 are valid, all of them off the picture; expected"),
    ] as [([(Double, Double)?], String)])
  func nothing(places: [(Double, Double)?], problem: String) async throws {
    let bench = try AnalysisBench()
    await #expect {
      try await run(bench, Self.gaze(places))
    } throws: {
      "\($0)".contains(problem) && "\($0)".contains("'\(bench.scratch.path)/gaze.tsv' has no gaze")
    }
  }

  @Test(
    "bad rows are errors that name file, line and column",
    arguments: [
      (["0", "0.1", "both", "nan", "0.5", "1"], "line 3: x is 'nan'; expected a finite number"),
      (
        ["0", "0.1", "third", "0.5", "0.5", "1"], "line 3: eye is 'third'; expected left, right or"
      ),
      (["-1", "0.1", "both", "0.5", "0.5", "1"], "line 3: frame is '-1'; expected a whole number"),
      (["0", "0.1", "both", "0.5", "0.5", "yes"], "line 3: valid is 'yes'; expected 0 or 1"),
      (["0", "0.1", "both", "", "0.5", "1"], "line 3: x is ''; expected a finite number"),
      (["0", "-0.5", "both", "0.5", "0.5", "1"], "line 3: time is '-0.5'; expected 0.0 or more"),
      (["0", "0.1", "both", "0.5"], "line 3: has 4 cells; the header has 6"),
    ])
  func badRows(row: [String], problem: String) async throws {
    let bench = try AnalysisBench()
    let text = Self.gaze([(0.5, 0.5)]) + row.joined(separator: "\t") + "\n"
    await #expect {
      try await run(bench, text)
    } throws: {
      "\($0)".contains(problem) && "\($0)".contains("gaze.tsv")
    }
  }

  @Test("a frame of any number is a frame")
  func farFrame() async throws {
    let bench = try AnalysisBench()
    let rows = [0, Int.max].map { ["\($0)", "0.0", "both", "0.5", "0.5", "1"] }
    let found = try await run(bench, Self.gaze(rows))
    #expect(found.fixations.map { $0[0] } == ["0", "\(Int.max)"])
    let share = try #require(found.scores["gaze_frames"] ?? nil)
    #expect(share > 0 && share < 1e-18)
  }

  @Test("a missing column, an empty file and a frame out of order are errors")
  func badFiles() async throws {
    let bench = try AnalysisBench()
    await #expect { try await run(bench, "frame\ttime\teye\tx\tvalid\n") } throws: {
      "\($0)".contains("gaze.tsv' line 1 has no column 'y'")
    }
    await #expect { try await run(bench, "") } throws: { "\($0)".contains("gaze.tsv'") }
    let rows = [["4", "0.0", "both", "0", "0", "1"], ["3", "0.1", "both", "0", "0", "1"]]
    await #expect { try await run(bench, Self.gaze(rows)) } throws: {
      "\($0)".contains("line 3: frame is '3'; expected 4 or more, as samples are in order")
    }
  }
}

extension AnalysisBench {
  /// Values of a file of scores by name; nil where one is null.
  func scores(_ port: String) throws -> [String: Double?] {
    let json = try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: URL(fileURLWithPath: path(port))))
    guard case .list(let metrics) = json["metrics"] else { return [:] }
    var scores: [String: Double?] = [:]
    for metric in metrics {
      guard case .string(let name) = metric["name"] else { continue }
      switch metric["value"] {
      case .number(let number): scores[name] = .some(number)
      case .integer(let integer): scores[name] = .some(Double(integer))
      default: scores[name] = .some(nil)
      }
    }
    return scores
  }
}
