import Foundation
import StageKit
import TestKit
import Testing

@Suite struct TableStageTests {
  func scores(_ bench: AnalysisBench, _ name: String, f1: String, loss: Double) throws -> String {
    try bench.scratch.write(
      """
      {"metrics": [
        {"name": "f1", "value": \(f1), "unit": "1", "direction": "higher"},
        {"name": "loss", "value": \(loss), "unit": "1", "direction": "lower"}
      ]}
      """, to: name)
  }

  func runs(_ bench: AnalysisBench) throws -> JobInput {
    try bench.many(
      ["method", "seed"],
      [
        (["pace", "0"], scores(bench, "p0", f1: "0.5", loss: 2)),
        (["pace", "1"], scores(bench, "p1", f1: "0.75", loss: 4)),
        (["random", "0"], scores(bench, "r0", f1: "0.25", loss: 5)),
        (["random", "1"], scores(bench, "r1", f1: "null", loss: 5)),
      ])
  }

  @Test("rows are the values of an axis; what else was gathered is averaged, with how many")
  func aggregates() async throws {
    let bench = try AnalysisBench()
    try await bench.run(
      "table", options: ["rows": "method", "columns": ["f1", "loss"], "order": ["random"]],
      inputs: ["scores": try runs(bench)])
    #expect(
      try bench.text("markdown") == """
        | method | f1 ↑ | loss ↓ | n |
        | --- | ---: | ---: | ---: |
        | random | 0.250 (n = 1) | 5.000 ± 0.000 | 2 |
        | pace | **0.625 ± 0.177** | **3.000 ± 1.414** | 2 |

        """)
    #expect(try bench.text("csv").hasPrefix("method,f1,f1_sd,f1_n,loss,loss_sd,loss_n\n"))
    #expect(try bench.text("latex").contains("\\toprule"))
    let cells = try bench.text("cells")
    #expect(
      cells.contains(
        "{\"row\": \"random\", \"column\": \"f1\", \"text\": \"0.250 (n = 1)\", "
          + "\"aggregate\": \"value\", \"n\": 1, \"value\": 0.25, \"sd\": null, "
          + "\"sources\": [{\"method\": \"random\", \"seed\": \"0\"}]}"))
    #expect(cells.contains("\"aggregate\": \"mean\", \"n\": 2, \"value\": 0.625"))
    _ = try JSONDecoder().decode(Value.self, from: Data(cells.utf8))
  }

  @Test("the first key column makes the rows unless told; another may be chosen")
  func rows() async throws {
    let bench = try AnalysisBench()
    let input = try runs(bench)
    try await bench.run("table", options: ["columns": ["loss"]], inputs: ["scores": input])
    #expect(try bench.text("csv").hasPrefix("method,"))
    try await bench.run(
      "table", options: ["columns": ["loss"], "rows": "seed"], inputs: ["scores": input])
    #expect(try bench.text("csv").hasPrefix("seed,loss,loss_sd,loss_n\n0,3.5,"))
  }

  @Test("scores without a key column are one row under the given name")
  func oneRow() async throws {
    let bench = try AnalysisBench()
    let path = try scores(bench, "s", f1: "0.5", loss: 2)
    try await bench.run(
      "table", options: ["columns": ["f1"], "name": "pixels", "digits": 1],
      inputs: ["scores": .one(path: path)])
    #expect(
      try bench.text("markdown") == "|  | f1 ↑ |\n| --- | ---: |\n| pixels | 0.5 |\n")
  }

  @Test(
    "an unknown metric, axis or row is an error that names what is there",
    arguments: [
      (
        ["columns": ["f2"]],
        "the scores of method=pace,seed=0 have no metric 'f2'; did you mean 'f1'? "
          + "There are: f1, loss"
      ),
      (
        ["columns": ["silhouette"]],
        "the scores of method=pace,seed=0 have no metric 'silhouette'. There are: f1, loss"
      ),
      (
        ["columns": ["f1"], "rows": "metod"],
        "option 'rows' is 'metod', which is no key of the scores; did you mean 'method'?"
      ),
      (
        ["columns": ["f1"], "order": ["randm"]],
        "option 'order' names row 'randm'; did you mean 'random'?"
      ),
      (
        ["columns": ["f1"], "order": ["pace", "pace"]],
        "option 'order' names a row twice: pace, pace"
      ),
      (["columns": []], "option 'columns' names no metric"),
    ] as [([String: Value], String)])
  func badOptions(options: [String: Value], message: String) async throws {
    let bench = try AnalysisBench()
    let input = try runs(bench)
    await #expect(throws: AnalysisBench.Failure(description: message)) {
      try await bench.run("table", options: options, inputs: ["scores": input])
    }
  }

  @Test("scores that are no JSON of metrics are an error that names the file")
  func badScores() async throws {
    let bench = try AnalysisBench()
    for text in [
      "", "[]", "{\"metrics\": 3}", "{\"metrics\": [{\"value\": 1}]}",
      "{\"metrics\": [{\"name\": \"f1\", \"value\": \"high\"}]}",
    ] {
      let path = try bench.scratch.write(text, to: "bad.json")
      await #expect {
        try await bench.run(
          "table", options: ["columns": ["f1"]], inputs: ["scores": .one(path: path)])
      } throws: { "\($0)".hasPrefix("scores '\(path)': ") }
    }
  }
}
