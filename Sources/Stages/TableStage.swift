internal import Charts
internal import StageKit

/// Lays metrics out as a table: a row for each value of one key column, a column for each metric.
///
/// Where several entries of `scores` share a row, a cell is their mean ± sample standard deviation.
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
  }

  /// The metrics of one entry, and the row it belongs to.
  private struct Entry {
    var row: String
    var key: [Value.Pair]
    var scores: Scores
    var path: String
  }

  func run(in context: StageContext) async throws {
    guard !columns.isEmpty else { throw StageFailure("option 'columns' names no metric") }
    let (header, entries) = try read(context)
    var labels: [String] = []
    for entry in entries where !labels.contains(entry.row) { labels.append(entry.row) }
    for label in order where !labels.contains(label) {
      throw StageFailure(
        "option 'order' names row '\(label)'" + Suggestion.clause(for: label, among: labels))
    }
    guard Set(order).count == order.count else {
      throw StageFailure("option 'order' names a row twice: \(order.joined(separator: ", "))")
    }
    labels = order + labels.filter { !order.contains($0) }

    var table = Table(
      rowHeader: header, columns: columns.map { Table.Column($0, higherIsBetter: nil) }, rows: [],
      digits: digits)
    var sources: [[[Value]]] = []
    for label in labels {
      let own = entries.filter { $0.row == label }
      var cells: [Table.Cell] = []
      sources.append([])
      for (index, column) in columns.enumerated() {
        var values: [Double] = []
        var keys: [Value] = []
        for entry in own {
          let metric = try metric(column, of: entry)
          if let direction = metric.direction {
            table.columns[index].higherIsBetter = direction == .higher
          }
          guard let value = metric.finiteValue else { continue }
          values.append(value)
          keys.append(.map(entry.key))
        }
        cells.append(Table.Cell(values))
        sources[sources.count - 1].append(keys)
      }
      table.rows.append(Table.Row(label, cells))
    }
    try writeText(table.csv, to: context.path(TableStage.csv))
    try writeText(table.markdown, to: context.path(TableStage.markdown))
    try writeText(table.latex, to: context.path(TableStage.latex))
    try writeText(TableStage.cells(of: table, sources), to: context.path(TableStage.cells))
  }

  /// The header of the rows, and every entry with its row.
  private func read(_ context: StageContext) throws -> (String, [Entry]) {
    let entries = try context.entries(TableStage.scores)
    guard let first = entries.first else { throw StageFailure("the input 'scores' has no entry") }
    let columns = first.key.map(\.column)
    guard let header = rows.isEmpty ? columns.first : columns.first(where: { $0 == rows }) else {
      if rows.isEmpty || columns.isEmpty {
        // Without a key there is one entry, and one row.
        let scores = try Scores(path: first.path)
        return (
          rows.isEmpty ? "" : rows, [Entry(row: name, key: [], scores: scores, path: first.path)]
        )
      }
      throw StageFailure(
        "option 'rows' is '\(rows)', which is no key of the scores"
          + Suggestion.clause(for: rows, among: columns))
    }
    return (
      header,
      try entries.map { entry in
        Entry(
          row: entry.key.first { $0.column == header }?.value ?? "",
          key: entry.key.map { Value.Pair($0.column, .string($0.value)) },
          scores: try Scores(path: entry.path), path: entry.path)
      }
    )
  }

  private func metric(_ name: String, of entry: Entry) throws -> Scores.Metric {
    let found = entry.scores.metrics.filter { $0.name == name }
    let place = entry.key.map { "\($0.key)=\($0.value.text)" }.joined(separator: ",")
    let origin = "scores\(place.isEmpty ? "" : " of \(place)")"
    guard let metric = found.first else {
      let names = entry.scores.metrics.map(\.name)
      let nearest =
        Suggestion.nearest(to: name, among: names)
        .map { "; did you mean '\($0)'?" } ?? "."
      throw StageFailure(
        "the \(origin) have no metric '\(name)'\(nearest) There are: "
          + names.joined(separator: ", "))
    }
    guard found.count == 1 else {
      throw StageFailure("the \(origin) have \(found.count) metrics '\(name)'; expected one")
    }
    return metric
  }

  /// One cell a line.
  private static func cells(of table: Table, _ sources: [[[Value]]]) -> String {
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
          .init("sources", .list(sources[row][column])),
        ])
        lines.append("  " + value.display)
      }
    }
    return "{\"cells\": [\n\(lines.joined(separator: ",\n"))\n]}\n"
  }
}
