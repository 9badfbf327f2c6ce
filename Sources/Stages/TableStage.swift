internal import Charts
internal import StageKit

/// Lays metrics out as a table: a row for each value of one key column, a column for each metric.
///
/// Where several entries of `scores` share a row, a cell is their mean ± sample standard deviation.
/// Rows that were not measured alike are an error that names the difference: see
/// `EvaluationProtocol`.
/// Writes the table as CSV (full precision), Markdown and LaTeX, and its cells with their sources
/// as JSON.
struct TableStage: Stage {
  static let kind = "table"
  static let version = 1
  static let summary = "Lays metrics out as CSV, Markdown and LaTeX"
  static let scores = Input("scores", "scores", many: true, help: "JSON of metrics")
  static let csv = Output("csv", "csv", help: "numbers in full precision")
  static let markdown = Output("markdown", "markdown")
  static let latex = Output("latex", "latex", help: "a tabular for booktabs")
  static let cells = Output(
    "cells", "cells", help: "JSON: row, column, text, aggregate, n, value, sd, sources of each cell"
  )
  static let inputs = [scores]
  static let outputs = [csv, markdown, latex, cells]

  let rows: String
  let columns: [String]
  let order: [String]
  let digits: Int
  let name: String
  let varies: [String]

  init(options: inout OptionReader) throws(Diagnostic) {
    rows = try options.text(
      "rows", default: "",
      help: "the axis whose values are the rows, or item; the first key column unless given")
    columns = try options.texts("columns", help: "names of metrics, in order")
    order = try options.texts(
      "order", default: [], help: "rows that come first, in this order; the others follow sorted")
    digits = try options.integer("digits", in: 0...17, default: 3, help: "decimals of a number")
    name = try options.text(
      "name", default: "all", help: "the only row's label where scores have no key column")
    varies = try EvaluationProtocol.variesOption(&options)
  }

  func run(in context: StageContext) async throws {
    let groups = try RowGroups(
      TableStage.scores, rows: rows, order: order, name: name, in: context)
    let result = try ScoreTable(
      groups, of: TableStage.scores, columns: columns, varies: varies, digits: digits)
    let table = result.table
    try writeText(table.csv, to: context.path(TableStage.csv))
    try writeText(table.markdown, to: context.path(TableStage.markdown))
    try writeText(table.latex, to: context.path(TableStage.latex))
    try writeText(TableStage.cells(of: table, result.sources), to: context.path(TableStage.cells))
  }

  /// One cell a line.
  ///
  /// - Parameter sources: the keys of the entries behind each cell, where it has such
  static func cells(of table: Table, _ sources: [[[Value]]]?) -> String {
    var lines: [String] = []
    for (row, content) in table.rows.enumerated() {
      for (column, cell) in content.cells.enumerated() {
        let value: Value = .map([
          .init("row", .string(content.label)),
          .init("column", .string(table.columns[column].name)),
          .init("text", .string(table.text(row: row, column: column))),
          .init("aggregate", .string(cell.count > 1 ? "mean" : "value")),
          .init("n", .integer(cell.count)), .init("value", cell.value.map { .number($0) } ?? .null),
          .init("sd", cell.deviation.map { .number($0) } ?? .null),
          .init("sources", .list(sources?[row][column] ?? [])),
        ])
        lines.append("  " + value.display)
      }
    }
    return "{\"cells\": [\n\(lines.joined(separator: ",\n"))\n]}\n"
  }
}
