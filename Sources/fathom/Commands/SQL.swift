import ArgumentParser
import StageKit
import Storage

/// `fathom sql`.
struct SQL: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql",
    abstract: "Ask the record of all runs in SQL; read-only.",
    discussion: """
      Stable views: latest_jobs, latest_items, cells, runs, metrics. Prints tab-separated values
      with a header, or with --json an array of objects.
      """)

  @OptionGroup var common: CommonOptions

  @Argument(help: "One SELECT.")
  var query: String

  func run() throws {
    try common.begin()
    let session = try Session()
    let database = try session.readDatabase()
    let answer = try database.query(query)
    if common.json {
      let rows = answer.rows.map { row in
        Value.map(zip(answer.columns, row).map { Value.Pair($0, $1) })
      }
      Terminal.standardOutput.write(Value.list(rows).json + "\n")
      return
    }
    var text: [UInt8] = []
    IndexFile.append(answer.columns, to: &text)
    for row in answer.rows {
      IndexFile.append(row.map { $0 == .null ? "" : $0.text }, to: &text)
    }
    Terminal.standardOutput.write(String(decoding: text, as: UTF8.self))
  }
}
