import Foundation
import StageKit
import TestKit
import Testing

@Suite struct LandmarkScoresStageTests {
  /// A landmark at shares of a picture of [50, 100].
  func landmark(_ frame: Int, _ x: Double, _ y: Double) -> String {
    "\(frame / 8),0.0,0,0,1,1,0.0,0.0,1.0,\(frame),\(x),\(y),50,100\n"
  }

  func landmarks(_ lines: [String]) -> String {
    "frame,time,row,column,grid_height,grid_width,y,x,saliency,"
      + "source_frame,source_x,source_y,source_height,source_width\n" + lines.joined()
  }

  func truth(_ rows: [[String]]) -> String {
    IndexFile(columns: ["frame", "label", "structure", "x", "y", "long_axis"], rows: rows).text
  }

  func collection(_ bench: AnalysisBench, _ name: String, _ texts: [(String, String)]) throws
    -> JobInput
  {
    try bench.many(
      "item",
      texts.map { ($0.0, try bench.scratch.write($0.1, to: "\(name)-\($0.0).txt")) })
  }

  @discardableResult
  func run(
    _ bench: AnalysisBench, _ landmarks: [(String, String)], _ truth: [(String, String)],
    options: [String: Value] = [:], roles: String? = nil
  ) async throws -> [String: Double?] {
    var inputs = [
      "landmarks": try collection(bench, "landmarks", landmarks),
      "truth": try collection(bench, "truth", truth),
    ]
    if let roles { inputs["roles"] = .one(path: try bench.scratch.write(roles, to: "roles.tsv")) }
    try await bench.run("landmark_scores", options: options, inputs: inputs)
    return try bench.scores("scores")
  }

  /// Two structures in frame 0 and one in frame 8; the long axis is half the picture's height.
  var anatomy: String {
    truth([
      ["0", "Femur", "shaft", "0.5", "0.5", "0.5"], ["0", "Femur", "head", "0.25", "0.5", "0.5"],
      ["8", "Lips", "mouth", "0.5", "0.25", "0.5"], ["16", "Lips", "mouth", "0.5", "0.25", "0.5"],
    ])
  }

  @Test("distances are those on the screen, to the nearest structure, by the long axis")
  func distances() async throws {
    let bench = try AnalysisBench()
    // Along x a share of the width is twice one of the height: 0.02 of it are 0.08 long axes.
    let found = try await run(
      bench,
      [
        (
          "a",
          landmarks([
            landmark(0, 0.52, 0.5), landmark(0, 0.5, 0.75), landmark(4, 0, 0),
            landmark(8, 0.5, 0.3),
          ])
        )
      ], [("a", anatomy)])
    // 0.08, 0.5 and 0.1; frame 4 has no truth, frame 16 no landmark.
    #expect(isClose(try #require(found["landmark_distance"] ?? nil), 0.1, relative: 1e-9))
    #expect(
      isClose(try #require(found["landmark_distance_mean"] ?? nil), 0.68 / 3, relative: 1e-9))
    #expect(isClose(try #require(found["structures_found"] ?? nil), 2.0 / 3, relative: 1e-9))
    #expect(found["landmarks_per_frame"] == 1.5)
    let rows = try bench.text("table").split(separator: "\n").map(String.init)
    #expect(
      rows[0]
        == "label,structure,structures,found,landmarks,within,distance_median,distance_mean")
    #expect(rows[2] == "Femur,head,1,0.0,0,,,")
    #expect(rows[3].hasPrefix("Femur,shaft,1,1.0,2,0.5,0.29"))
    #expect(rows.count == 6 && rows[1].hasPrefix("Femur,,2,0.5,2,0.5,"))
  }

  @Test("three items together score as numpy says")
  func agrees() async throws {
    let bench = try AnalysisBench()
    let golden = try StageGoldens.read().landmarkScores
    let header = landmarks([])
    let own = golden.items.enumerated().map { number, item in
      let lines = item.landmarks.map {
        "0,0.0,0,0,1,1,0.0,0.0,1.0,\(Int($0[0])),\($0[1]),\($0[2]),600,800\n"
      }
      return ("\(number)", header + lines.joined())
    }
    let truths = golden.items.enumerated().map { number, item in
      let rows = item.truth.map {
        [$0[0].text, "A", $0[4].text, $0[1].text, $0[2].text, $0[3].text]
      }
      return ("\(number)", truth(rows))
    }
    let found = try await run(bench, own, truths, options: ["within": .number(golden.within)])
    for (name, expected) in [
      ("landmark_distance", golden.landmarkDistance),
      ("landmark_distance_mean", golden.landmarkDistanceMean),
      ("landmarks_within", golden.landmarksWithin), ("structures_found", golden.structuresFound),
      ("landmarks_per_frame", golden.landmarksPerFrame),
    ] {
      #expect(isClose(try #require(found[name] ?? nil), expected, relative: 1e-12), "\(name)")
    }
  }

  @Test("the share within and what is found follow the option within")
  func within() async throws {
    let bench = try AnalysisBench()
    let own = [("a", landmarks([landmark(0, 0.52, 0.5), landmark(0, 0.5, 0.75)]))]
    let narrow = try await run(bench, own, [("a", anatomy)], options: ["within": 0.05])
    #expect(narrow["landmarks_within"] == 0 && narrow["structures_found"] == 0)
    let usual = try await run(bench, own, [("a", anatomy)])
    #expect(usual["landmarks_within"] == 0.5 && usual["structures_found"] == 0.5)
    let wide = try await run(bench, own, [("a", anatomy)], options: ["within": 2])
    #expect(wide["landmarks_within"] == 1 && wide["structures_found"] == 1)
  }

  /// Items whose only landmark is off by i + 1 hundredths of the long axis.
  func items(_ count: Int) -> (landmarks: [(String, String)], truth: [(String, String)]) {
    let ids = (0..<count).map { "p\($0)" }
    return (
      ids.enumerated().map {
        ($1, landmarks([landmark(0, 0.5 + 0.0025 * Double($0 + 1), 0.5)]))
      },
      ids.map { ($0, anatomy) }
    )
  }

  @Test("several items count together, with an interval over items, and the same bytes twice")
  func bootstrap() async throws {
    let bench = try AnalysisBench()
    let (own, truth) = items(5)
    let first = try await run(bench, own, truth)
    #expect(isClose(try #require(first["landmark_distance"] ?? nil), 0.03, relative: 1e-9))
    let text = try bench.text("scores")
    try await run(bench, own.reversed(), truth.reversed())
    #expect(try bench.text("scores") == text)
    let json = try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    guard case .list(let metrics) = json["metrics"], case .number(let low) = metrics[0]["low"],
      case .number(let high) = metrics[0]["high"]
    else {
      Issue.record("no interval: \(text)")
      return
    }
    #expect(low >= 0.0099 && low < 0.03 && high > 0.03 && high < 0.0501)
    #expect(metrics[0]["items"] == .integer(5) && metrics[0]["frames"] == .integer(5))
    try await run(bench, own, truth, options: ["seed": 1, "resamples": 10])
    let other = try bench.text("scores")
    try await run(bench, own, truth, options: ["seed": 2, "resamples": 10])
    #expect(try bench.text("scores") != other)
    try await run(bench, [own[0]], truth)
    #expect(try bench.text("scores").contains("\"low\": null"))
  }

  @Test("frames of labels that are left out do not count; a label that nothing has is an error")
  func leftOut() async throws {
    let own = [("a", landmarks([landmark(0, 0.52, 0.5), landmark(8, 0.5, 0.35)]))]
    let bench = try AnalysisBench()
    let all = try await run(bench, own, [("a", anatomy)])
    #expect(isClose(try #require(all["landmarks_within"] ?? nil), 0.5, relative: 1e-9))
    let some = try await run(bench, own, [("a", anatomy)], options: ["without": ["Lips"]])
    #expect(isClose(try #require(some["landmarks_within"] ?? nil), 1, relative: 1e-9))
    #expect(isClose(try #require(some["structures_found"] ?? nil), 0.5, relative: 1e-9))
    await #expect {
      try await run(bench, own, [("a", anatomy)], options: ["without": ["Lip"]])
    } throws: {
      "\($0)".contains("'Lip', which is no label of 'truth'; did you mean 'Lips'?")
    }
  }

  @Test("a role takes its items, and each must have landmarks and truth")
  func roles() async throws {
    let bench = try AnalysisBench()
    let (own, truth) = items(4)
    func roles(_ test: [String]) -> String {
      IndexFile(
        columns: ["item", "group", "role", "fold"],
        rows: (0..<4).map {
          ["p\($0)", "g\($0)", test.contains("p\($0)") ? "test" : "pretrain", ""]
        }
          + (test.contains("p9") ? [["p9", "g9", "test", ""]] : [])
      ).text
    }
    let found = try await run(
      bench, own, truth, options: ["role": "test"], roles: roles(["p1", "p3"]))
    #expect(isClose(try #require(found["landmark_distance"] ?? nil), 0.03, relative: 1e-9))
    let all = try await run(bench, own, truth, roles: roles(["p1"]))
    #expect(isClose(try #require(all["landmark_distance"] ?? nil), 0.025, relative: 1e-9))

    await #expect {
      try await run(bench, own, truth, options: ["role": "test"], roles: roles(["p0", "p9"]))
    } throws: {
      "\($0)".contains("the input 'landmarks' lacks 1 items that the role 'test' has: p9")
    }
    await #expect {
      try await run(bench, own, truth, options: ["role": "tset"], roles: roles(["p0"]))
    } throws: { "\($0)".contains("has the role 'tset'; did you mean 'test'?") }
    await #expect {
      try await run(bench, own, truth, options: ["role": "test"])
    } throws: { "\($0)".contains("expected the input 'roles' with it") }
  }

  @Test("items that do not fit, and truth that cannot be, are errors that say which")
  func bad() async throws {
    let bench = try AnalysisBench()
    let (own, truth) = items(2)
    await #expect { try await run(bench, own, [truth[1]]) } throws: {
      "\($0)".contains(
        "the input 'truth' lacks 1 items that landmarks has: p0; expected the same ids")
    }
    await #expect { try await run(bench, [], truth) } throws: {
      "\($0)".contains("the input 'landmarks' has no item")
    }
    await #expect {
      try await run(bench, [own[0]], [("p0", self.truth([["5", "A", "b", "0", "0", "1"]]))])
    } throws: { "\($0)".contains("no frame has both landmarks and truth in 1 items") }
    await #expect {
      try await run(bench, [own[0]], [("p0", self.truth([["0", "A", "b", "0", "0", "0"]]))])
    } throws: {
      "\($0)".contains("truth-p0.txt' line 2: long_axis is '0'; expected a length above 0")
    }
    await #expect {
      try await run(bench, [own[0]], [("p0", self.truth([["0", "A", "b", "nan", "0", "1"]]))])
    } throws: { "\($0)".contains("line 2: x is 'nan'; expected a finite number") }
    await #expect { try await run(bench, [("p0", "frame,time\n0,0\n")], truth) } throws: {
      "\($0)".contains("landmarks-p0.txt' line 1 has no column 'row'")
    }
    await #expect { try await run(bench, [("p0", "")], truth) } throws: {
      "\($0)".contains("landmarks-p0.txt'")
    }
    let twice = try bench.many(
      ["method", "item"],
      ["a", "b"].map { ([$0, "p0"], bench.scratch.path + "/landmarks-p0.txt") })
    await #expect {
      try await bench.run(
        "landmark_scores",
        inputs: ["landmarks": twice, "truth": try collection(bench, "truth", truth)])
    } throws: { "\($0)".contains("the input 'landmarks' has two entries of one item") }
  }
}
