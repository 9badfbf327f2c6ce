import Engine
import Foundation
import StageKit
import Storage

/// `fathom show TABLE:ROW:COLUMN`: a cell, the values it was made of, and every job behind them.
struct CellView {
  private let detail: CellDetail
  private let runs: [Int: RecordedRun]

  init(_ detail: CellDetail, _ database: ProvenanceDatabase) throws {
    self.detail = detail
    let jobs = [detail.job] + detail.sources.map(\.job) + detail.upstream
    var runs: [Int: RecordedRun] = [:]
    for id in Set(jobs.map(\.row.run)) { runs[id] = try database.run(id) }
    self.runs = runs
  }

  func show(json: Bool) {
    Terminal.standardOutput.write(json ? value.json + "\n" : text)
  }

  // MARK: Text

  private var text: String {
    let cell = detail.cell
    var text = "\(cell.table):\(cell.row):\(cell.column)  \(cell.text)\n  \(aggregation)\n"
    text += "values\n"
    let values = detail.sources.map {
      ["\($0.metric.value)", $0.metric.split ?? "", "\($0.metric.name) of \($0.job.row.instance)"]
    }
    text +=
      values.isEmpty
      ? "  the table's stage names none\n" : TextTable(rows: values).rendered(indent: "  ")
    text += "table\n" + block(detail.job)
    if !detail.sources.isEmpty {
      text += "measured by\n" + detail.sources.map { block($0.job) }.joined()
    }
    if !detail.upstream.isEmpty { text += "from\n" + detail.upstream.map(block).joined() }
    return text
  }

  /// "mean of 2 values ± their sample standard deviation; higher is better".
  private var aggregation: String {
    let cell = detail.cell
    let directions = Set(detail.sources.compactMap(\.metric.direction))
    let units = Set(detail.sources.compactMap(\.metric.unit)).subtracting(["1"])
    return
      ((cell.n > 1
      ? ["\(cell.aggregate) of \(cell.n) values ± their sample standard deviation"]
      : ["one value"])
      + directions.sorted().map { "\($0) is better" } + units.sorted().map { "in \($0)" })
      .joined(separator: "; ")
  }

  private func block(_ job: JobDetail) -> String {
    let row = job.row
    func field(_ path: String) -> String? { job.fields.first { $0.path == path }?.value.text }
    var words = [field("kind").map { "\($0) \(field("version") ?? "")" } ?? "a command"]
    words.append("run \(row.run)")
    if let run = runs[row.run] {
      words.append(run.gitCommit.map { "commit \($0.prefix(7))" } ?? "no commit")
      words.append("fathom \(run.toolVersion)")
    }
    if let key = row.actionKey { words.append("action \(key.hex.prefix(12))") }
    var text = "  \(row.instance)  \(words.joined(separator: ", "))\n"
    let options = job.fields.compactMap { field -> String? in
      guard field.path.hasPrefix("with.") || field.path == "run" else { return nil }
      return "\(field.path.replacing("with.", with: "")): \(field.value.display.prefix(100))"
    }
    if !options.isEmpty { text += "      \(options.joined(separator: ", "))\n" }
    for input in job.inputs {
      text += "      \(input.port) \(input.digest.hex.prefix(12)) from \(input.producer)\n"
    }
    return text
  }

  // MARK: JSON

  private var value: Value {
    let cell = detail.cell
    return [
      "schema_version": 1, "table": .string(cell.table), "row": .string(cell.row),
      "column": .string(cell.column), "text": .string(cell.text),
      "value": cell.value.map { .number($0) } ?? .null, "aggregate": .string(cell.aggregate),
      "n": .integer(cell.n), "job": value(of: detail.job),
      "sources": .list(
        detail.sources.map {
          [
            "metric": .string($0.metric.name),
            "split": $0.metric.split.map { .string($0) } ?? .null,
            "value": .number($0.metric.value), "job": value(of: $0.job),
          ]
        }),
      "upstream": .list(detail.upstream.map(value(of:))),
    ]
  }

  private func value(of job: JobDetail) -> Value {
    guard case .map(let pairs) = job.value else { return job.value }
    let run = runs[job.row.run]
    return .map(
      pairs.filter { $0.key != "schema_version" } + [
        .init("git_commit", run?.gitCommit.map { .string($0) } ?? .null),
        .init("tool_version", run.map { .string($0.toolVersion) } ?? .null),
      ])
  }
}
