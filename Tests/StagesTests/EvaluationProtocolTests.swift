import Foundation
import StageKit
import TestKit
import Testing

/// Rows of a table must have been measured alike.
@Suite struct EvaluationProtocolTests {
  /// A score of 0.5 with a protocol, as the JSON of its map; `nil`: without one.
  func scores(
    _ bench: AnalysisBench, _ conditions: String?, unit: String = "1", direction: String = "higher",
    split: String = "test"
  ) throws -> String {
    let metric =
      "{\"name\": \"f1\", \"value\": 0.5, \"unit\": \"\(unit)\", \"direction\": \"\(direction)\", "
      + "\"split\": \"\(split)\"}"
    let ending = conditions.map { ", \"protocol\": \($0)" } ?? ""
    return try bench.scratch.write(
      "{\"metrics\": [\(metric)]\(ending)}", to: "\(UUID().uuidString).json")
  }

  func table(_ bench: AnalysisBench, _ input: JobInput, varies: [String] = []) async throws {
    try await bench.run(
      "table", options: ["columns": ["f1"], "varies": .list(varies.map { .string($0) })],
      inputs: ["scores": input])
  }

  @Test(
    "a field that differs is named with both values and both rows, unless it may differ",
    arguments: ["clusters", "stage", "points"])
  func differs(field: String) async throws {
    let bench = try AnalysisBench()
    func own(_ number: Int) -> String {
      let values = ["clusters": "14", "stage": "\"metrics 3\"", "points": "\"ab\""]
        .map { "\"\($0)\": \($0 == field ? "\"other \(number)\"" : $1)" }
      return "{\(values.sorted().joined(separator: ", "))}"
    }
    let input = try bench.many(
      "method",
      [("pace", try scores(bench, own(1))), ("rotation", try scores(bench, own(2)))])
    let failure = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, input)
    }
    let message = failure?.description ?? ""
    #expect(
      message.contains(
        "the scores were not measured alike: '\(field)' of row 'pace' is \"other 1\", of row "
          + "'rotation' \"other 2\""), "\(message)")
    #expect(message.contains("option 'varies'"))
    try await table(bench, input, varies: [field])
    #expect(try bench.text("csv").contains("rotation,0.5"))
  }

  @Test("folds have splits of their own: rows need the same ones, in any order")
  func folds() async throws {
    let bench = try AnalysisBench()
    func input(_ last: String) throws -> JobInput {
      try bench.many(
        ["method", "fold"],
        [
          (["pace", "0"], try scores(bench, "{\"split\": \"a\"}")),
          (["pace", "1"], try scores(bench, "{\"split\": \"b\"}")),
          (["random", "0"], try scores(bench, "{\"split\": \"b\"}")),
          (["random", "1"], try scores(bench, "{\"split\": \"\(last)\"}")),
        ])
    }
    try await table(bench, try input("a"))
    let failure = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, try input("b"))
    }
    let message = failure?.description ?? ""
    #expect(
      message.contains("'split' of row 'pace' is \"a\" and \"b\", of row 'random' \"b\""),
      "\(message)")
  }

  @Test("rows of means over different numbers of runs are refused")
  func runs() async throws {
    let bench = try AnalysisBench()
    let input = try bench.many(
      ["method", "seed"],
      [
        (["pace", "0"], try scores(bench, nil)), (["pace", "1"], try scores(bench, nil)),
        (["random", "0"], try scores(bench, nil)),
      ])
    let failure = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, input)
    }
    #expect(failure?.description.contains("'runs' of row 'pace' is 2, of row 'random' 1") == true)
    try await table(bench, input, varies: ["runs"])
  }

  @Test("scores that do not say how they were measured are not set beside others that do")
  func unknown() async throws {
    let bench = try AnalysisBench()
    let input = try bench.many(
      "method",
      [("pace", try scores(bench, "{\"clusters\": 14}")), ("random", try scores(bench, nil))])
    let failure = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, input)
    }
    let message = failure?.description ?? ""
    #expect(
      message.contains(
        "'protocol' of row 'pace' is known, of row 'random' not written in its scores"),
      "\(message)")
    try await table(bench, input, varies: ["protocol"])
  }

  @Test("a field that a row's scores do not have says nothing of them")
  func lacks() async throws {
    let bench = try AnalysisBench()
    let input = try bench.many(
      "method",
      [
        ("pace", try scores(bench, "{\"clusters\": 14, \"layer\": \"layer4\"}")),
        ("pixels", try scores(bench, "{\"clusters\": 14}")),
      ])
    try await table(bench, input)
    #expect(try bench.text("csv").contains("pixels,0.5"))
  }

  @Test(
    "values of another unit, direction or split do not belong into one column",
    arguments: [
      ("feature²", "higher", "test", "in 'feature²', better when higher, on 'test'"),
      ("1", "lower", "test", "in '1', better when lower, on 'test'"),
      ("1", "higher", "held_out", "in '1', better when higher, on 'held_out'"),
    ])
  func meaning(unit: String, direction: String, split: String, text: String) async throws {
    let bench = try AnalysisBench()
    let other = try scores(bench, nil, unit: unit, direction: direction, split: split)
    let input = try bench.many("method", [("pace", try scores(bench, nil)), ("random", other)])
    let failure = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, input)
    }
    #expect(failure?.description.contains("'f1' is in '1'") == true)
    #expect(failure?.description.contains("\(text) in row 'random'") == true)
  }

  @Test("a protocol that is no map, and a field to vary that is none, are errors")
  func bad() async throws {
    let bench = try AnalysisBench()
    let input = try bench.many("method", [("pace", try scores(bench, "[1]"))])
    let failure = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, input)
    }
    #expect(failure?.description.contains("has a protocol that is no map") == true)
    let good = try bench.many("method", [("pace", try scores(bench, "{\"clusters\": 14}"))])
    let unknown = await #expect(throws: AnalysisBench.Failure.self) {
      try await table(bench, good, varies: ["cluster"])
    }
    #expect(unknown?.description.contains("names 'cluster', which is no field") == true)
    #expect(unknown?.description.contains("did you mean 'clusters'?") == true)
  }

  @Test("metrics of other points, or with other settings, have another protocol")
  func ofMetrics() async throws {
    let bench = try AnalysisBench()
    let rows: [[Float]] = [[0, 1], [0.1, 1], [1, 0], [1, 0.1], [0.5, 0.6], [0.6, 0.5]]
    func measure(_ index: String, options: [String: Value] = [:], _ name: String) async throws
      -> String
    {
      let features = try bench.features(rows, name: name)
      try "scan,frame\n\(index)".write(
        toFile: features + "/index.csv", atomically: true, encoding: .utf8)
      let input = try bench.many("item", [("a", features)])
      try await bench.run("kmeans", options: ["clusters": 2], inputs: ["features": input])
      let clusters = try bench.keep("clusters", as: name + "-clusters")
      try await bench.run(
        "metrics", options: options, inputs: ["features": input, "clusters": .one(path: clusters)])
      return try bench.keep("scores", as: name + "-scores")
    }
    let index = "a,0\na,1\na,2\na,3\na,4\na,5\n"
    let first = try await measure(index, "f1")
    let same = try await measure(index, "f2")
    let others = try await measure(index.replacing("a,5", with: "a,6"), "f3")
    let tau = try await measure(index, options: ["tau": 2], "f4")
    func table(_ other: String) async throws {
      try await bench.run(
        "table", options: ["columns": ["compactness"]],
        inputs: ["scores": try bench.many("method", [("x", first), ("y", other)])])
    }
    try await table(same)
    for (other, field) in [(others, "points"), (tau, "tau")] {
      let failure = await #expect(throws: AnalysisBench.Failure.self) { try await table(other) }
      #expect(failure?.description.contains("'\(field)' of row 'x'") == true)
    }
  }
}
