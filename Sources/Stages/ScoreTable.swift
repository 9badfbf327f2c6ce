internal import Charts
internal import StageKit

/// Metrics as a table: a row for each group of entries, a column for each metric, a cell the mean over
/// the entries.
struct ScoreTable {
  var table: Table
  /// How many entries each row has; a cell has fewer values where a metric is not defined in all.
  var runs: [Int]
  /// The keys of the entries behind each cell.
  var sources: [[[Value]]]
  /// Of the columns; "1" where one has no dimension.
  var units: [String]

  /// - Parameters:
  ///   - columns: names of metrics
  ///   - option: what names them, for errors
  ///   - varies: what of their protocol may differ from row to row
  /// - Throws: `StageFailure` naming the entry and what it has, or how rows were measured otherwise
  init(
    _ rows: RowGroups, of input: Input, columns: [String], option: String = "columns",
    varies: [String] = [], digits: Int = 3
  ) throws {
    guard !columns.isEmpty else { throw StageFailure("option '\(option)' names no metric") }
    table = Table(
      rowHeader: rows.header, columns: columns.map { Table.Column($0, higherIsBetter: nil) },
      rows: [], digits: digits)
    sources = []
    units = columns.map { _ in "1" }
    let own = try rows.groups.map { label, entries in
      (label: label, entries: try entries.map { ($0.key, try Scores(path: $0.path)) })
    }
    try EvaluationProtocol.require(equalIn: own, of: input, except: varies)
    runs = own.map(\.entries.count)
    var kinds: [String: (meaning: Scores.Metric.Meaning, row: String)] = [:]
    for (label, entries) in own {
      var cells: [Table.Cell] = []
      var keys: [[Value]] = []
      for (index, column) in columns.enumerated() {
        var values: [Double] = []
        keys.append([])
        for (key, scores) in entries {
          let metric = try ScoreTable.metric(column, of: scores, input, key)
          let known = kinds[column] ?? (metric.meaning, label)
          guard known.meaning == metric.meaning else {
            throw StageFailure(
              "the \(input.name)' metric '\(column)' is \(known.meaning) in row '\(known.row)', and "
                + "\(metric.meaning) in row '\(label)': they do not belong into one column")
          }
          kinds[column] = known
          if let direction = metric.direction {
            table.columns[index].higherIsBetter = direction == .higher
          }
          units[index] = metric.unit
          guard let value = metric.finiteValue else { continue }
          values.append(value)
          keys[index].append(.map(key.map { Value.Pair($0.column, .string($0.value)) }))
        }
        cells.append(Table.Cell(values))
      }
      table.rows.append(Table.Row(label, cells))
      sources.append(keys)
    }
  }

  private static func metric(
    _ name: String, of scores: Scores, _ input: Input, _ key: [(column: String, value: String)]
  ) throws -> Scores.Metric {
    let found = scores.metrics.filter { $0.name == name }
    let place = key.map { "\($0.column)=\($0.value)" }.joined(separator: ",")
    let port = input.name == "scores" ? "scores" : "\(input.name) scores"
    let origin = port + (place.isEmpty ? "" : " of \(place)")
    guard let metric = found.first else {
      let names = scores.metrics.map(\.name)
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

  /// How an axis calls a column.
  func title(_ column: Int) -> AxisTitle {
    AxisTitle(
      ScoreTable.words(table.columns[column].name),
      unit: units[column] == "1" ? nil : units[column],
      higherIsBetter: table.columns[column].higherIsBetter)
  }

  /// "Davies-Bouldin" for `davies_bouldin`, "NMI" for `nmi`, "Log uniqueness" for `log_uniqueness`.
  static func words(_ name: String) -> String {
    let spelt = [
      "davies_bouldin": "Davies-Bouldin", "calinski_harabasz": "Calinski-Harabasz", "nmi": "NMI",
      "ari": "ARI", "f1": "F1", "kld": "KLD", "nss": "NSS", "auc_judd": "AUC-Judd", "cc": "CC",
      "sim": "SIM", "rank_me": "RankMe", "alpha_req": "alpha-ReQ", "knn_accuracy": "kNN accuracy",
    ]
    if let words = spelt[name] { return words }
    let words = name.replacing("_", with: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }

  /// Of how many values the means are: "n = 3", "n = 2 to 3".
  var counts: String {
    let counts = table.rows.flatMap { $0.cells.map(\.count) }.filter { $0 > 0 }
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    return least == most ? "n = \(most)" : "n = \(least) to \(most)"
  }
}
