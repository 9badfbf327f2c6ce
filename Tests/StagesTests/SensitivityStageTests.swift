import Foundation
import StageKit
import TestKit
import Testing

@testable import Stages

@Suite("sensitivity and ranking") struct SensitivityStageTests {
  /// Rows of three groups about corners, of three lengths.
  private static func rows(_ count: Int) -> [[Float]] {
    var random = CounterRandom(seed: 1, kind: "test", item: "", purpose: "rows")
    return (0..<count).map { row in
      (0..<4).map { column in
        Float(column == row % 3 ? 1 + 2 * Double(row % 3) : 0) + Float(random.uniform(-0.3, 0.3))
      }
    }
  }

  private static func table(_ path: String) throws -> [[String]] {
    try TextTable(path: path, isCommaSeparated: true).rows
  }

  @Test("a setting's values are those of kmeans and metrics with it; tau only scales")
  func values() async throws {
    let bench = try AnalysisBench()
    let features = try bench.many(
      "item",
      [
        ("a", try bench.features(Self.rows(40), name: "a")),
        ("b", try bench.features(Self.rows(50), name: "b")),
      ])
    try await bench.run(
      "sensitivity", options: ["clusters": [3, 5], "tau": [1, 2], "seed": 4],
      inputs: ["features": features])
    let values = try Self.table(bench.path("values"))
    #expect(values.count == 2 * 2 * 2 * 3)
    func value(_ setting: [String], _ metric: String) throws -> Double {
      let row = try #require(values.first { Array($0.prefix(3)) == setting && $0[3] == metric })
      return try #require(Double(row[4]))
    }
    let curves = try TextTable(path: bench.path("curves"), isCommaSeparated: true)
    #expect(
      curves.columns == ["clusters"]
        + ["l2", "none"].flatMap { scale in
          ["silhouette", "log_uniqueness", "compactness"].map { "\($0)_\(scale)" }
        })
    #expect(curves.rows.map { $0[0] } == ["3", "5"])
    for scale in ["l2", "none"] {
      for count in ["3", "5"] {
        try await bench.run(
          "kmeans",
          options: ["clusters": .integer(Int(count) ?? 0), "normalise": .string(scale), "seed": 4],
          inputs: ["features": features])
        let clusters = try bench.keep("clusters", as: "\(scale)\(count)")
        try await bench.run(
          "metrics", options: ["resamples": 1],
          inputs: ["features": features, "clusters": .one(path: clusters)])
        for metric in try Scores(path: bench.path("scores")).metrics {
          guard ["silhouette", "log_uniqueness", "compactness"].contains(metric.name) else {
            continue
          }
          let expected = try #require(metric.value)
          #expect(try abs(value([scale, count, "1.0"], metric.name) - expected) < 1e-12)
          let row = try #require(curves.rows.first { $0[0] == count })
          let place = try curves.column("\(metric.name)_\(scale)")
          #expect(abs((Double(row[place]) ?? .nan) - expected) < 1e-12)
        }
        let (one, two) = ([scale, count, "1.0"], [scale, count, "2.0"])
        #expect(try value(two, "silhouette") == value(one, "silhouette"))
        #expect(try abs(2 * value(two, "compactness") - value(one, "compactness")) < 1e-12)
        #expect(
          try abs(value(two, "log_uniqueness") + log(2.0) - value(one, "log_uniqueness")) < 1e-12)
      }
    }
  }

  @Test(
    "the same bytes again and on more processors; too many clusters are left out, all is an error")
  func edges() async throws {
    let bench = try AnalysisBench()
    let features = try bench.many("item", [("a", try bench.features(Self.rows(12), name: "a"))])
    var seen: [[String]] = []
    for cpus in [1, 3] {
      let events = try await bench.run(
        "sensitivity", options: ["clusters": [2, 12, 40]], inputs: ["features": features],
        cpus: cpus)
      #expect(events.contains { $0.message == "left out: 2 numbers of clusters, for 12 rows" })
      seen.append([try bench.text("values"), try bench.text("curves")])
    }
    #expect(seen[0] == seen[1])
    func failure(_ options: [String: Value]) async -> String {
      do {
        try await bench.run("sensitivity", options: options, inputs: ["features": features])
      } catch { return "\(error)" }
      return "no error"
    }
    #expect(await failure(["clusters": [12]]).hasPrefix("there are 12 feature rows, too few"))
    #expect(await failure(["clusters": [2, 2]]).contains("names a number twice"))
    #expect(await failure(["tau": [0]]).contains("tau"))
  }

  // MARK: Ranking

  private struct Cells: Decodable {
    struct Cell: Decodable {
      var text: String
      var value: Double?
    }

    var cells: [Cell]
  }

  private static func cells(_ bench: AnalysisBench) throws -> [Cells.Cell] {
    try JSONDecoder().decode(Cells.self, from: Data(bench.text("cells").utf8)).cells
  }

  /// Values of three methods, the metric under l2 and raw.
  private static func ranking(
    _ bench: AnalysisBench, _ methods: [(name: String, l2: [String], none: [String])]
  ) throws -> JobInput {
    try bench.many(
      ["method", "seed"],
      methods.flatMap { method in
        try method.l2.indices.map { seed in
          let text =
            "normalise,clusters,tau,metric,value\nl2,14,1.0,silhouette,\(method.l2[seed])\n"
            + "none,14,1.0,silhouette,\(method.none[seed])\n"
          let path = try bench.scratch.write(text, to: "\(method.name)\(seed).csv")
          return ([method.name, "\(seed)"], path)
        }
      })
  }

  @Test("tau-b by hand: means over seeds, the reverse order is -1, one swap of three is a third")
  func byHand() async throws {
    let bench = try AnalysisBench()
    try await bench.run(
      "ranking",
      inputs: [
        "values": Self.ranking(
          bench,
          [
            ("a", [".1", ".3"], ["9", "9"]), ("b", [".4", ".2"], ["5", "5"]),
            ("c", [".9", ".5"], ["1", "1"]),
          ])
      ])
    #expect(
      try Self.table(bench.path("csv")).map { $0[0] }
        == ["l2, K 14, tau 1.0", "none, K 14, tau 1.0"])
    #expect(try bench.text("csv").contains("kendall_silhouette"))
    #expect(try Self.cells(bench).map(\.value) == [1, -1])
    let means = try TextTable(path: bench.path("means"), isCommaSeparated: true)
    #expect(means.columns.suffix(3) == ["a", "b", "c"])
    #expect(try abs(means.number(0, 4) - 0.2) < 1e-12 && abs(means.number(0, 6) - 0.7) < 1e-12)
    try await bench.run(
      "ranking",
      inputs: [
        "values": Self.ranking(
          bench, [("a", ["1"], ["2"]), ("b", ["2"], ["1"]), ("c", ["3"], ["3"])])
      ])
    #expect(try Self.cells(bench)[1].text == "0.33")
  }

  @Test("a value that is not defined, one method, another setting and other settings of one")
  func refusals() async throws {
    let bench = try AnalysisBench()
    try await bench.run(
      "ranking",
      inputs: ["values": Self.ranking(bench, [("a", ["1"], [""]), ("b", ["2"], ["1"])])])
    #expect(try Self.cells(bench)[1].value == nil)
    func failure(_ options: [String: Value], _ values: JobInput) async -> String {
      do { try await bench.run("ranking", options: options, inputs: ["values": values]) } catch {
        return "\(error)"
      }
      return "no error"
    }
    let one = try Self.ranking(bench, [("a", ["1"], ["1"])])
    #expect(await failure([:], one).contains("expected two or more to order"))
    let two = try Self.ranking(bench, [("a", ["1"], ["1"]), ("b", ["2"], ["1"])])
    #expect(
      await failure(["clusters": 8], two)
        == "no values are of the headline's setting, l2, K 8, tau 1.0; there are l2, K 14, tau 1.0; "
        + "none, K 14, tau 1.0")
    let other = try bench.scratch.write(
      "normalise,clusters,tau,metric,value\nl2,14,1.0,silhouette,1\n", to: "other.csv")
    let mixed = try bench.many(
      "method", [("a", bench.scratch.path + "/a0.csv"), ("b", other)])
    #expect(await failure([:], mixed).contains("'b' have other settings than those of 'a'"))
    let bad = try bench.scratch.write("normalise,clusters\nl2,14\n", to: "bad.csv")
    let broken = try bench.many("method", [("a", bad), ("b", other)])
    #expect(await failure([:], broken).contains("bad.csv"))
  }
}
