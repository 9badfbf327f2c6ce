import Charts
import Foundation
import StageKit
import TestKit
import Testing

@Suite struct TSNEStageTests {
  private static let short: [String: Value] = [
    "perplexity": 2, "iterations": 60, "exaggerated_iterations": 20,
  ]

  /// `count` rows about two directions.
  private static func rows(_ count: Int) -> [[Float]] {
    (0..<count).map { row in
      let turn = Float(row % 7) * 0.02
      return row % 2 == 0 ? [1, turn, 0.1] : [turn, 1, 0.1]
    }
  }

  @Test("rows of all items have a place, by item and row, and a cluster where one is given")
  func embedding() async throws {
    let bench = try AnalysisBench()
    let a = try bench.features(Self.rows(7), name: "a")
    let none = try bench.features([], name: "none", width: 3)
    let b = try bench.features(Self.rows(5), name: "b")
    let input = try bench.many("item", [("a, 1.mp4", a), ("none", none), ("b", b)])
    let events = try await bench.run("tsne", options: Self.short, inputs: ["features": input])
    let plain = try CSVFile(text: bench.text("embedding"))
    #expect(plain.columns == ["item", "row", "x", "y"])
    #expect(
      plain.rows.map { Array($0[..<2]) }
        == (0..<7).map { ["a, 1.mp4", "\($0)"] } + (0..<5).map { ["b", "\($0)"] })
    for row in plain.rows { #expect(row[2...].allSatisfy { Double($0)?.isFinite == true }) }
    let metrics = events.filter { $0.event == .metric && $0.name == "kl_divergence" }
    #expect(metrics.contains { $0.step == 50 })
    #expect(try bench.text("scores").contains("\"name\": \"kl_divergence\""))

    try await bench.run("kmeans", options: ["clusters": 2], inputs: ["features": input])
    let clusters = try bench.keep("clusters", as: "two")
    try await bench.run(
      "tsne", options: Self.short, inputs: ["features": input, "clusters": .one(path: clusters)])
    let coloured = try CSVFile(text: bench.text("embedding"))
    #expect(coloured.columns == ["item", "row", "x", "y", "cluster"])
    #expect(coloured.rows.map { Array($0.dropLast()) } == plain.rows)
    let assigned = try CSVFile(
      text: String(contentsOfFile: clusters + "/assignments.csv", encoding: .utf8))
    #expect(coloured.rows.map(\.last) == assigned.rows.map(\.last))
  }

  @Test("a single row lies at the origin, whatever the perplexity")
  func oneRow() async throws {
    let bench = try AnalysisBench()
    let one = try bench.features([[1, 2]], name: "one")
    try await bench.run("tsne", inputs: ["features": try bench.many("item", [("a", one)])])
    #expect(try bench.text("embedding") == "item,row,x,y\na,0,0.0,0.0\n")
  }

  @Test("the outputs are the same bytes for any number of processors")
  func deterministic() async throws {
    let bench = try AnalysisBench()
    let rows = (0..<600).map { i in [17, 22, 27].map { Float((i * $0 + $0) % 101) } }
    let input = ["features": JobInput.one(path: try bench.features(rows, name: "f"))]
    for method in ["exact", "fft"] {
      var options = Self.short
      options["method"] = .string(method)
      func outputs(cpus: Int) async throws -> [Data] {
        try await bench.run("tsne", options: options, inputs: input, cpus: cpus)
        return try ["embedding", "scores"].map {
          try Data(contentsOf: URL(fileURLWithPath: bench.path($0)))
        }
      }
      #expect(try await outputs(cpus: 1) == outputs(cpus: 2))
    }
  }

  @Test("too few rows, none, NaN and the clusters of other rows are errors that say what to do")
  func badInput() async throws {
    let bench = try AnalysisBench()
    func failure(
      _ inputs: [String: JobInput], options: [String: Value] = [:]
    ) async throws -> String {
      do {
        try await bench.run("tsne", options: options, inputs: inputs)
        return ""
      } catch let failure as AnalysisBench.Failure { return failure.description }
    }
    let ten = JobInput.one(path: try bench.features(Self.rows(10), name: "ten"))
    #expect(
      try await failure(["features": ten])
        == "perplexity 30.0 of 10 feature rows: lower 'perplexity' to 9 or less, or give more rows")
    let none = try bench.features([], name: "none", width: 3)
    #expect(
      try await failure(["features": .one(path: none)])
        == "there are no feature rows to lay out")
    let bad = try bench.features([[1, 2], [1, .nan], [3, 4]], name: "bad")
    #expect(
      try await failure(
        ["features": try bench.many("item", [("b", bad)])], options: ["perplexity": 1])
        == "features of 'b', row 1, column 1: nan is not finite")

    try await bench.run("kmeans", options: ["clusters": 2], inputs: ["features": ten])
    let clusters = JobInput.one(path: try bench.keep("clusters", as: "clustered"))
    let seven = JobInput.one(path: try bench.features(Self.rows(7), name: "seven"))
    #expect(
      try await failure(["features": seven, "clusters": clusters], options: Self.short)
        .contains("assigns 10 rows; the features have 7"))
  }
}
