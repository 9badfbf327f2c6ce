internal import Analysis
internal import Charts
internal import StageKit

/// Says whether methods come out in the same order under other settings than the headline's.
///
/// A value is the mean over the entries of a method (seeds); a cell is Kendall's tau-b between the methods'
/// values under a setting and under the headline's: 1 where the order is the same, -1 where it is the reverse.
/// Writes a table as `table` does.
/// Source: Kendall (1945).
struct RankingStage: Stage {
  static let kind = "ranking"
  static let version = 1
  static let summary = "Compares the order of methods under several settings of the metrics"
  static let values = Input("values", "sensitivity", many: true, help: "of each method")
  static let csv = Output("csv", "csv", help: "tau-b in full precision, a row for each setting")
  static let markdown = Output("markdown", "markdown")
  static let latex = Output("latex", "latex", help: "a tabular for booktabs")
  static let cells = Output("cells", "cells", help: "JSON: row, column, text, value, …")
  static let means = Output(
    "means", "csv", fileExtension: "csv",
    help: "CSV: normalise, clusters, tau, metric, and the mean of each method")
  static let inputs = [values]
  static let outputs = [csv, markdown, latex, cells, means]

  private let rows: String
  private let clusters: Int
  private let normalisation: Normalisation
  private let tau: Double

  init(options: inout OptionReader) throws(Diagnostic) {
    rows = try options.text("rows", default: "method", help: "the axis whose values are ordered")
    clusters = try options.integer(
      "clusters", in: 2..., default: 14, help: "of the headline's setting")
    normalisation = try options.choice(
      "normalise", default: .l2, help: "of the headline's setting")
    tau = try options.number(
      "tau", from: .leastNormalMagnitude, default: 1, help: "of the headline's setting")
  }

  private struct Setting: Hashable {
    var normalisation: String
    var clusters: Int
    var tau: Double

    var label: String { "\(normalisation), K \(clusters), tau \(tau)" }
  }

  func run(in context: StageContext) async throws {
    let groups = try RowGroups(
      RankingStage.values, rows: rows, order: [], name: "all", in: context)
    guard groups.groups.count > 1 else {
      throw StageFailure(
        "there is only '\(groups.labels.joined())' on the axis '\(groups.header)'; expected two or more "
          + "to order")
    }
    let found = try groups.groups.map { label, entries in
      (label: label, entries: try entries.map { try read($0.path) })
    }
    let (settings, metrics) = try common(found)
    let headline = Setting(
      normalisation: normalisation.rawValue, clusters: clusters, tau: tau)
    guard settings.contains(headline) else {
      throw StageFailure(
        "no values are of the headline's setting, \(headline.label); there are "
          + settings.map(\.label).joined(separator: "; "))
    }
    /// Of each method; `nil` where one of its entries has none.
    func means(_ setting: Setting, _ metric: String) -> [Double?] {
      found.map { _, entries in
        let values = entries.compactMap { $0[setting]?[metric] ?? nil }
        return values.count == entries.count
          ? values.reduce(0, +) / Double(values.count) : nil
      }
    }
    func agreement(_ setting: Setting, _ metric: String) -> Double? {
      let pairs = zip(means(headline, metric), means(setting, metric))
      let known = pairs.compactMap { first, second in
        first.flatMap { first in second.map { (first, $0) } }
      }
      guard known.count == found.count else { return nil }
      return RankStatistic.kendall.correlation(known.map(\.0), known.map(\.1))
    }
    let table = Table(
      rowHeader: "setting",
      columns: metrics.map { Table.Column("kendall_\($0)", higherIsBetter: nil) },
      rows: settings.map { setting in
        Table.Row(
          setting.label, metrics.map { Table.Cell(agreement(setting, $0).map { [$0] } ?? []) })
      }, digits: 2)
    try writeText(table.csv, to: context.path(RankingStage.csv))
    try writeText(table.markdown, to: context.path(RankingStage.markdown))
    try writeText(table.latex, to: context.path(RankingStage.latex))
    try writeText(TableStage.cells(of: table, nil), to: context.path(RankingStage.cells))
    let file = CSVFile(
      columns: ["normalise", "clusters", "tau", "metric"] + found.map(\.label),
      rows: settings.flatMap { setting in
        metrics.map { metric in
          [setting.normalisation, "\(setting.clusters)", "\(setting.tau)", metric]
            + means(setting, metric).map { $0.map { "\($0)" } ?? "" }
        }
      })
    try writeText(file.text, to: context.path(RankingStage.means))
    for metric in metrics {
      let values = settings.compactMap { agreement($0, metric) }
      guard let least = values.min() else { continue }
      context.log(
        "\(metric): Kendall's tau-b with the order under \(headline.label) is \(rounded(least)) or "
          + "more under all \(settings.count) settings")
    }
  }

  private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

  /// Setting → metric → value.
  private func read(_ path: String) throws -> [Setting: [String: Double?]] {
    let table = try TextTable(path: path, isCommaSeparated: true)
    let places = try ["normalise", "clusters", "tau", "metric", "value"].map(table.column)
    var values: [Setting: [String: Double?]] = [:]
    for row in table.rows.indices {
      let setting = Setting(
        normalisation: table.rows[row][places[0]], clusters: try table.integer(row, places[1]),
        tau: try table.number(row, places[2]))
      let value = table.rows[row][places[4]].isEmpty ? nil : try table.number(row, places[4])
      values[setting, default: [:]].updateValue(value, forKey: table.rows[row][places[3]])
    }
    return values
  }

  /// What all entries have, sorted.
  ///
  /// - Throws: `StageFailure` where one has other settings than the first
  private func common(
    _ found: [(label: String, entries: [[Setting: [String: Double?]]])]
  ) throws -> (settings: [Setting], metrics: [String]) {
    guard let first = found.first, let values = first.entries.first else {
      preconditionFailure("a row without entries")
    }
    for (label, entries) in found {
      for entry in entries where Set(entry.keys) != Set(values.keys) {
        throw StageFailure(
          "the \(RankingStage.values.name) of '\(label)' have other settings than those of "
            + "'\(first.label)'; measure all with the same numbers of clusters and taus")
      }
    }
    let settings = values.keys.sorted {
      ($0.normalisation, $0.clusters, $0.tau) < ($1.normalisation, $1.clusters, $1.tau)
    }
    let known = SensitivityStage.metrics.map(\.name)
    let metrics = Set(values.values.flatMap(\.keys))
    return (settings, known.filter(metrics.contains) + metrics.subtracting(known).sorted())
  }
}
