import Engine
import Foundation
import Glibc
import StageKit
import Storage
import TestKit
import Testing

@Suite struct ViewTests {
  let scratch: Scratch
  let database: ProvenanceDatabase

  init() throws {
    scratch = try Scratch()
    database = try scratch.openDatabase()
  }

  private func metric(_ value: Double, step: Int? = nil) -> MetricRow {
    MetricRow(
      name: "loss", split: "test", step: step, value: value, unit: "nats", direction: "lower")
  }

  private func cell(_ table: String, _ row: String, _ text: String) -> TableCell {
    TableCell(
      table: table, row: row, column: "f1", text: text, value: Double(text), aggregate: "mean",
      n: 3)
  }

  @Test("latest_jobs shows the newest run or reproduce, and no other verb")
  func latestJobs() throws {
    try database.add([executed("a", key: "1", output: "x")])
    try database.add([hit("a", key: "1"), executed("b", key: "2", output: "y")])
    try database.add([hit("a", key: "1")], verb: "verify")
    let result = try database.query("SELECT * FROM latest_jobs")
    #expect(result.columns == ["instance", "decision", "reason", "cpu_s", "wall_s", "max_rss"])
    #expect(
      result.rows == [
        ["a", "hit", "nothing changed", .null, .null, .null],
        ["b", "run", "new", 2.25, 2.5, 4096],
      ])
    #expect(
      try database.texts("select instance from latest_jobs where decision='run'") == [["b"]])
  }

  @Test("runs says when in ISO 8601")
  func runs() throws {
    try database.add([])
    try database.execute("INSERT INTO tag VALUES ('v1', 1, NULL, 0)")
    let result = try database.query("SELECT * FROM runs")
    #expect(result.columns == ["id", "started", "status", "pipeline", "git_commit", "tag"])
    #expect(
      result.rows == [
        [1, "2023-11-14T22:13:20Z", "succeeded", "Pipelines/clips.yaml", "0123abcd", "v1"]
      ])
  }

  @Test("a hit has the metrics of the job that made its result")
  func metrics() throws {
    try database.add([
      executed("a", key: "1", output: "x", metrics: [metric(0.5, step: 1), metric(.nan)])
    ])
    try database.add([executed("a", key: "2", output: "y", metrics: [metric(0.25)])])
    try database.add([hit("renamed", key: "1")])
    try database.add([hit("a", key: "unknown")])
    let result = try database.query("SELECT * FROM metrics")
    #expect(result.columns == ["run", "instance", "name", "split", "step", "value"])
    #expect(
      result.rows == [
        [1, "a", "loss", "test", 1, 0.5], [1, "a", "loss", "test", .null, .null],
        [2, "a", "loss", "test", .null, 0.25],
        [3, "renamed", "loss", "test", 1, 0.5], [3, "renamed", "loss", "test", .null, .null],
      ])
  }

  @Test("cells shows each table as of the newest run that its instance took part in")
  func cells() throws {
    try database.add([
      executed(
        "table", key: "1", output: "x", cells: [cell("table", "b", "1"), cell("table", "a", "2")]),
      executed("other", key: "o", output: "z", cells: [cell("other", "r", "9")]),
    ])
    try database.add([executed("table", key: "2", output: "y", cells: [cell("table", "a", "3")])])
    let shown = "SELECT table_name, row, text FROM cells"
    #expect(try database.texts(shown) == [["other", "r", "9"], ["table", "a", "3"]])

    // Changed back: a hit of the first action.
    try database.add([hit("table", key: "1"), hit("unrelated", key: "u")])
    #expect(
      try database.texts(shown) == [
        ["other", "r", "9"], ["table", "b", "1"], ["table", "a", "2"],
      ])

    // Failed since: the last one stays.
    try database.add([
      JobReport(
        row: JobRow(
          instance: "table", actionKey: digest("3"), decision: .failed, reason: "new"))
    ])
    #expect(try database.texts(shown).count == 3)
    let result = try database.query("SELECT * FROM cells LIMIT 1")
    #expect(result.columns == ["table_name", "row", "column", "text", "value", "n"])
    #expect(result.rows == [["other", "r", "f1", "9", 9.0, 3]])
  }

  @Test("a table bears the name of the instance that has it, also after a renaming")
  func renamedTable() throws {
    try database.add([
      executed("table", key: "1", output: "x", cells: [cell("table", "a", "2")])
    ])
    try database.add([hit("table2", key: "1")])
    #expect(
      try database.texts("SELECT table_name, text FROM cells WHERE table_name = 'table2'")
        == [["table2", "2"]])
  }

  @Test("an action that gave two results is found, and each job keeps its own")
  func nondeterminism() throws {
    try database.add([executed("a", key: "1", output: "x"), executed("b", key: "2", output: "x")])
    try database.add([executed("a", key: "1", output: "y")])
    try database.add([hit("a", key: "1")])
    try database.add([executed("a", key: "1", output: "x")])
    try database.add([hit("a", key: "1")])
    let found = try database.nondeterministicActions()
    #expect(found.map(\.action) == [digest("1")])
    #expect(found.first?.results.map(\.run) == [1, 2])
    let outputs = try (1...5).map { run in
      try database.details(ofRun: run).first { $0.row.instance == "a" }?.outputs.map(\.artifact)
    }
    #expect(outputs == [[file("x")], [file("y")], [file("y")], [file("x")], [file("x")]])
  }

  @Test("a job's details are its fields, inputs, outputs, items and metrics")
  func details() throws {
    let field = ActionField(path: "with.k", value: 3, position: nil)
    let item = ItemReport(
      item: "i", key: digest("i"), decision: .failed, started: 1, ended: 2, error: "bad",
      result: nil)
    try database.add([
      executed("import", key: "0", output: "input"),
      executed(
        "a", key: "1", output: "x", fields: [field], metrics: [metric(0.5)], items: [item]),
    ])
    let detail = try #require(try database.details(ofRun: 1).last)
    #expect(detail.fields == [field])
    #expect(
      detail.inputs == [PortDigest(port: "in", digest: digest("input"), producer: "import")])
    #expect(detail.outputs == [.init(port: "out", artifact: file("x"))])
    #expect(detail.items.map(\.error) == ["bad"])
    #expect(detail.metrics == [metric(0.5)])
    #expect(
      try database.texts("SELECT producer_job FROM job_input WHERE job = \(detail.row.id)")
        == [["1"]])
    #expect(try database.detail(of: detail.row).fields == [field])
  }

  @Test("a run is found by number, by tag, or as the latest")
  func findRun() throws {
    try database.add([])
    try database.add([])
    try database.add([], verb: "verify")
    try database.execute("INSERT INTO tag VALUES ('paper', 1, NULL, 0)")
    #expect(try database.findRun("2")?.id == 2)
    #expect(try database.findRun("run 3")?.id == 3)
    #expect(try database.findRun("latest")?.id == 2)
    #expect(try database.findRun("paper")?.tags == ["paper"])
    #expect(try database.findRun("9") == nil)
    #expect(try database.findRun("nobody") == nil)
    #expect(try database.runs(limit: 2).map(\.id) == [3, 2])
  }
}
