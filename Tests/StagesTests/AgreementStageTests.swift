import Foundation
import StageKit
import TestKit
import Testing

@Suite struct AgreementStageTests {
  /// The bars of Figures 2 and 3 of the paper.
  static let methods = ["random", "pace", "rotation", "seq_sort", "supervised"]
  static let metrics = [
    "silhouette": [0.164, 0.237, 0.244, 0.243, 0.278],
    "uniqueness": [0.113, 0.268, 0.259, 0.351, 0.403],
    "compactness": [0.181, 0.160, 0.138, 0.138, 0.136],
  ]
  static let downstream = [
    "precision": [0.625, 0.673, 0.667, 0.679, 0.681],
    "recall": [0.580, 0.584, 0.627, 0.622, 0.627],
    "f1": [0.596, 0.614, 0.644, 0.644, 0.646],
  ]

  func scores(
    _ bench: AnalysisBench, _ table: [String: [Double]], _ method: Int, shift: Double, name: String
  ) throws -> String {
    let lines = table.sorted { $0.key < $1.key }.map { key, values in
      "{\"name\": \"\(key)\", \"value\": \(values[method] + shift), \"unit\": \"1\", "
        + "\"direction\": \"\(key == "compactness" ? "lower" : "higher")\"}"
    }
    return try bench.scratch.write("{\"metrics\": [\(lines.joined(separator: ", "))]}", to: name)
  }

  /// Two seeds beside each other, whose means are the paper's.
  func input(
    _ bench: AnalysisBench, _ table: [String: [Double]], axis: String, methods: [String]
  ) throws -> JobInput {
    try bench.many(
      ["method", axis],
      methods.flatMap { method in
        try [0, 1].map { seed in
          (
            [method, "\(seed)"],
            try scores(
              bench, table, Self.methods.firstIndex(of: method) ?? 0,
              shift: seed == 0 ? 0.125 : -0.125, name: "\(axis)-\(method)-\(seed)")
          )
        }
      })
  }

  @Test("the paper's own numbers give the rank agreement of its table, with exact p and n")
  func paper() async throws {
    let bench = try AnalysisBench()
    let events = try await bench.run(
      "agreement",
      inputs: [
        "metrics": try input(bench, Self.metrics, axis: "seed", methods: Self.methods),
        "downstream": try input(bench, Self.downstream, axis: "fold", methods: Self.methods),
      ])
    let lines = try bench.text("table").split(separator: "\n").map {
      $0.split(separator: ",").map(String.init)
    }
    #expect(lines.count == 10)
    let expected: [String: (rho: Double, tau: Double)] = [
      "silhouette precision": (0.70, 0.60), "silhouette recall": (0.97, 0.95),
      "silhouette f1": (0.97, 0.95), "uniqueness precision": (1, 1),
      "uniqueness recall": (0.56, 0.53), "uniqueness f1": (0.82, 0.74),
      "compactness precision": (0.82, 0.74), "compactness recall": (0.92, 0.89),
      "compactness f1": (1, 1),
    ]
    for line in lines.dropFirst() {
      let wanted = try #require(expected["\(line[0]) \(line[2])"])
      #expect(line[1] == (line[0] == "compactness" ? "minus" : "plus"))
      #expect(line[4] == "5")
      #expect(isClose(try #require(Double(line[5])), wanted.rho, absolute: 0.005), "\(line)")
      #expect(isClose(try #require(Double(line[7])), wanted.tau, absolute: 0.005), "\(line)")
      #expect(line[9] == "exact")
    }
    let perfect = try #require(lines.first { $0[0] == "uniqueness" && $0[2] == "precision" })
    #expect(perfect[6] == "\(2.0 / 120)")
    #expect(perfect[8] == "\(2.0 / 120)")
    #expect(events.contains { $0.event == .log && $0.message?.contains("n = 5") == true })
    #expect(try bench.text("scores").contains("\"spearman_compactness_f1\""))
  }

  @Test("a method that one side lacks, an axis and a metric that are not there are errors")
  func badInput() async throws {
    let bench = try AnalysisBench()
    let metrics = try input(bench, Self.metrics, axis: "seed", methods: Self.methods)
    let downstream = try input(
      bench, Self.downstream, axis: "fold", methods: Array(Self.methods.dropFirst(2)))
    func expectFailure(_ message: String, _ options: [String: Value], _ other: JobInput) async {
      await #expect {
        try await bench.run(
          "agreement", options: options, inputs: ["metrics": metrics, "downstream": other])
      } throws: {
        "\($0)".contains(message)
      }
    }
    await expectFailure("'downstream' lacks pace, random of the axis 'method'", [:], downstream)
    await expectFailure(
      "no key of the metrics; did you mean 'method'?", ["rows": "methd"], downstream)
    await expectFailure(
      "have no metric 'silhouete'",
      ["columns": ["silhouete"], "against": ["compactness"]],
      metrics)
  }
}
