internal import Analysis
internal import Charts
internal import Foundation
internal import StageKit

/// Correlates the ranks that metrics and downstream scores give to the same methods.
///
/// Each entry of `metrics` and `downstream` belongs to the value of its axis `rows`; all other axes
/// (seeds, folds) are averaged over first. A metric whose direction is `lower` is negated, as "minus
/// Compactness" in the column `metric_sign`, so that a positive correlation always says that what is
/// better by the metric is better downstream.
///
/// Scores: `spearman_METRIC_SCORE` and `kendall_METRIC_SCORE` with the attributes `n`, `p` and
/// `p_method` (`exact`: over all permutations, up to 8 methods; `monte_carlo`: over drawn ones).
/// Source: Spearman (1904); Kendall (1945), tau-b; Good (2000) for the permutation p.
struct AgreementStage: Stage {
  static let kind = "agreement"
  static let version = 1
  static let summary = "Correlates the ranks that metrics and downstream scores give to methods"
  static let metrics = Input("metrics", "scores", many: true, help: "of each method")
  static let downstream = Input("downstream", "scores", many: true, help: "of each method")
  static let scores = Output(
    "scores", "scores", help: "JSON: spearman_METRIC_SCORE, kendall_METRIC_SCORE")
  static let table = Output(
    "table", "csv",
    help: "metric, metric_sign, score, score_sign, n, spearman, spearman_p, kendall, kendall_p, "
      + "p_method")
  static let inputs = [metrics, downstream]
  static let outputs = [scores, table]

  let rows: String
  let metricNames: [String]
  let scoreNames: [String]
  let resamples: Int
  let seed: Int
  let varies: [String]

  init(options: inout OptionReader) throws(Diagnostic) {
    rows = try options.text(
      "rows", default: "method", help: "the axis whose values are compared")
    metricNames = try options.texts(
      "columns", default: ["silhouette", "uniqueness", "compactness"], help: "names of metrics")
    scoreNames = try options.texts(
      "against", default: ["precision", "recall", "f1"], help: "names of downstream scores")
    resamples = try options.integer(
      "resamples", in: 1...10_000_000, default: 100_000,
      help: "permutations that are drawn where more than 8 methods make too many")
    seed = try options.integer("seed", in: 0..., default: 0, help: "of drawn permutations")
    varies = try EvaluationProtocol.variesOption(&options)
  }

  /// The mean of a metric of each row, where a metric that is better when lower is negated.
  private struct Column {
    var values: [Double]
    var sign: String
  }

  func run(in context: StageContext) async throws {
    let metrics = try table(AgreementStage.metrics, metricNames, "columns", in: context)
    let downstream = try table(AgreementStage.downstream, scoreNames, "against", in: context)
    let labels = metrics.table.rows.map(\.label).sorted()
    let others = downstream.table.rows.map(\.label).sorted()
    try check(Set(others).subtracting(labels), lacking: "metrics", "downstream")
    try check(Set(labels).subtracting(others), lacking: "downstream", "metrics")
    guard labels.count > 1 else {
      throw StageFailure(
        "there is only '\(labels.joined())' on the axis '\(rows)'; expected two or more to compare")
    }
    let isExact = labels.count <= RankStatistic.exactCount
    var found: [Scores.Metric] = []
    var table = CSVFile(columns: [
      "metric", "metric_sign", "score", "score_sign", "n", "spearman", "spearman_p", "kendall",
      "kendall_p", "p_method",
    ])
    let method = isExact ? "exact" : "monte_carlo"
    for (first, metric) in metricNames.enumerated() {
      let x = try column(first, of: metrics, labels)
      for (second, score) in scoreNames.enumerated() {
        let y = try column(second, of: downstream, labels)
        var cells = [metric, x.sign, score, y.sign, "\(labels.count)"]
        for statistic in RankStatistic.allCases {
          var random = CounterRandom(
            seed: seed, kind: AgreementStage.kind, item: "\(metric) \(score)",
            purpose: statistic.rawValue)
          let result = statistic.test(x.values, y.values, resamples: resamples, using: &random)
          let name = "\(statistic.rawValue)_\(metric)_\(score)"
          found.append(
            Scores.Metric(
              name: name, value: result.value, direction: .higher,
              attributes: [
                .init("n", .integer(labels.count)),
                .init("p", result.probability.map { .number($0) } ?? .null),
                .init("p_method", .string(method)), .init("metric_sign", .string(x.sign)),
                .init("score_sign", .string(y.sign)),
              ]))
          cells += [
            result.value.map { "\($0)" } ?? "", result.probability.map { "\($0)" } ?? "",
          ]
          let shown = result.value.map { String(format: "%.2f", $0) } ?? "not defined"
          let p = result.probability.map { String(format: "%.3f", $0) } ?? "–"
          context.log("\(name): \(shown), n = \(labels.count), \(method) p = \(p)")
        }
        table.rows.append(cells + [method])
      }
    }
    try Scores(found).write(to: AgreementStage.scores, in: context)
    try writeText(table.text, to: context.path(AgreementStage.table))
  }

  private func table(
    _ input: Input, _ columns: [String], _ option: String, in context: StageContext
  ) throws -> ScoreTable {
    try ScoreTable(
      RowGroups(input, rows: rows, order: [], name: "all", in: context), of: input,
      columns: columns, option: option, varies: varies)
  }

  private func check(_ missing: Set<String>, lacking input: String, _ other: String) throws {
    guard !missing.isEmpty else { return }
    throw StageFailure(
      "the input '\(input)' lacks \(missing.sorted().joined(separator: ", ")) of the axis '\(rows)', "
        + "which '\(other)' has; expected the same")
  }

  private func column(_ index: Int, of scores: ScoreTable, _ labels: [String]) throws -> Column {
    let (name, higherIsBetter) = (
      scores.table.columns[index].name, scores.table.columns[index].higherIsBetter
    )
    let values = Dictionary(
      uniqueKeysWithValues: zip(scores.table.rows, scores.runs).map { row, runs in
        (row.label, row.cells[index].count == runs ? row.cells[index].value : nil)
      })
    let ordered = try labels.map { label in
      guard let value = values[label] ?? nil else {
        throw StageFailure(
          "'\(name)' of \(rows)=\(label) is not defined, so it has no rank; take its logarithm or "
            + "leave the metric out")
      }
      return higherIsBetter == false ? -value : value
    }
    return Column(values: ordered, sign: higherIsBetter == false ? "minus" : "plus")
  }
}
