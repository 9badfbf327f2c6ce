internal import StageKit

/// The entries of a collection by the value of one key column: rows of a table, lines of a chart.
struct RowGroups {
  /// The key column; empty where there is none.
  let header: String
  /// Its other key columns, over which rows are means.
  let others: [String]
  /// In order, with their entries.
  let groups: [(label: String, entries: [StageContext.Entry])]

  var labels: [String] { groups.map(\.label) }

  /// - Parameters:
  ///   - rows: the key column; the first one where it is empty
  ///   - order: labels that come first; the others follow as they come
  ///   - name: the only label where there is no key column
  /// - Throws: `StageFailure` naming the option that is wrong
  init(
    _ input: Input, rows: String, order: [String], name: String, in context: StageContext
  ) throws {
    let entries = try context.entries(input)
    guard let first = entries.first else {
      throw StageFailure("the input '\(input.name)' has no entry")
    }
    let columns = first.key.map(\.column)
    guard columns.isEmpty || rows.isEmpty || columns.contains(rows) else {
      throw StageFailure(
        "option 'rows' is '\(rows)', which is no key of the \(input.name)"
          + Suggestion.clause(for: rows, among: columns))
    }
    let header = columns.isEmpty || !rows.isEmpty ? rows : columns[0]
    self.header = header
    others = columns.filter { $0 != header }
    func label(_ entry: StageContext.Entry) -> String {
      columns.isEmpty ? name : entry.key.first { $0.column == header }?.value ?? ""
    }
    var labels: [String] = []
    for entry in entries where !labels.contains(label(entry)) { labels.append(label(entry)) }
    for label in order where !labels.contains(label) {
      throw StageFailure(
        "option 'order' names row '\(label)'" + Suggestion.clause(for: label, among: labels))
    }
    guard Set(order).count == order.count else {
      throw StageFailure("option 'order' names a row twice: \(order.joined(separator: ", "))")
    }
    groups = (order + labels.filter { !order.contains($0) }).map { wanted in
      (wanted, entries.filter { label($0) == wanted })
    }
  }
}
