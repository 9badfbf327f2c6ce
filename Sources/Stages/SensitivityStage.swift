internal import Analysis
internal import Charts
internal import StageKit

/// How the paper's metrics of one representation move with what somebody has to choose: the number of
/// clusters, whether rows are normalised, and tau.
///
/// k-means is done anew for each K and normalisation, as `kmeans` does it with the same seed; tau is applied
/// to its result. Numbers of clusters beyond the rows are left out.
/// Source: Zhang et al., equations 1 to 3, which give none of the three.
struct SensitivityStage: Stage {
  static let kind = "sensitivity"
  static let version = 1
  static let summary =
    "Measures features under several numbers of clusters, normalisations and taus"
  static let features = Input("features", "features", many: true, help: "features f32 [n, d]")
  static let values = Output(
    "values", "sensitivity", fileExtension: "csv",
    help: "CSV: normalise, clusters, tau, metric, value; a line for each of all combinations")
  static let curves = Output(
    "curves", "curves", fileExtension: "csv",
    help: "CSV: clusters, then METRIC_NORMALISATION, with tau 1")
  static let inputs = [features]
  static let outputs = [values, curves]

  /// The metrics, and which direction is better.
  static let metrics: [(name: String, direction: Scores.Direction)] = [
    ("silhouette", .higher), ("log_uniqueness", .higher), ("compactness", .lower),
  ]

  /// How a figure calls a column of `curves`; `nil` where it is none.
  static func words(_ column: String) -> String? {
    for (name, _) in metrics {
      for normalisation in Normalisation.allCases
      where column == "\(name)_\(normalisation.rawValue)" {
        return ScoreTable.words(name) + (normalisation == .l2 ? " (unit rows)" : " (raw rows)")
      }
    }
    return nil
  }

  private let counts: [Int]
  private let taus: [Double]
  private let silhouette: KMeansStage.SilhouetteForm
  private let restarts: Int
  private let seed: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    counts = try options.integers(
      "clusters", in: 2..., default: [2, 4, 8, 14, 20, 28], help: "numbers of clusters")
    taus = try options.numbers(
      "tau", from: .leastNormalMagnitude, default: [0.5, 1, 2],
      help: "scaling factors of compactness and uniqueness")
    silhouette = try options.choice(
      "silhouette", default: .euclidean,
      help: "euclidean, whose time grows with n², or sqeuclidean")
    restarts = try options.integer(
      "restarts", in: 1..., default: 10, help: "starts of k-means of which the best is kept")
    seed = try options.integer("seed", in: 0..., default: 0, help: "of the starts")
    guard Set(counts).count == counts.count, Set(taus).count == taus.count else {
      throw options.problem("clusters", "or 'tau' names a number twice")
    }
  }

  func run(in context: StageContext) async throws {
    let features = try FeatureSet(SensitivityStage.features, in: context)
    let fitting = counts.filter { $0 < features.points.rows }.sorted()
    guard !fitting.isEmpty else {
      throw StageFailure(
        "there are \(features.points.rows) feature rows, too few for \(counts.min() ?? 0) clusters; "
          + "give fewer clusters or more rows")
    }
    if fitting.count < counts.count {
      context.log(
        "left out: \(counts.count - fitting.count) numbers of clusters, for \(features.points.rows) "
          + "rows")
    }
    var values = CSVFile(columns: ["normalise", "clusters", "tau", "metric", "value"])
    var curves = CSVFile(columns: ["clusters"], rows: fitting.map { ["\($0)"] })
    var done = 0
    for normalisation in Normalisation.allCases {
      let points = features.points(normalisation)
      curves.columns += SensitivityStage.metrics.map { "\($0.name)_\(normalisation.rawValue)" }
      for (row, count) in fitting.enumerated() {
        let partition = try partition(points, count, in: context)
        for tau in taus.sorted() {
          values.rows += measured(partition, tau: tau, in: context).map {
            [normalisation.rawValue, "\(count)", "\(tau)", $0.name, $0.value.map { "\($0)" } ?? ""]
          }
        }
        curves.rows[row] += measured(partition, tau: 1, in: context).map {
          $0.value.map { "\($0)" } ?? ""
        }
        done += 1
        context.progress(
          done, of: fitting.count * Normalisation.allCases.count, unit: "partitions")
      }
    }
    try writeText(values.text, to: context.path(SensitivityStage.values))
    try writeText(curves.text, to: context.path(SensitivityStage.curves))
  }

  private func partition(
    _ points: Matrix<Float>, _ count: Int, in context: StageContext
  ) throws -> Partition {
    // The random numbers of `kmeans`: its result is one of these.
    var generator = CounterRandom(
      seed: seed, kind: KMeansStage.kind, item: context.item ?? "", purpose: "seeding")
    let result = try kMeans(
      points, clusters: count, restarts: restarts, threads: context.cpus, using: &generator)
    return try Partition(points, labels: result.labels, clusters: count, threads: context.cpus)
  }

  /// In the order of `metrics`.
  private func measured(
    _ partition: Partition, tau: Double, in context: StageContext
  ) -> [(name: String, value: Double?)] {
    let values = [
      meanSilhouette(partition, squared: silhouette == .sqeuclidean, threads: context.cpus),
      partition.logUniqueness(base: partition.baseCluster, tau: tau),
      partition.compactness(tau: tau),
    ]
    return zip(SensitivityStage.metrics, values).map { ($0.name, $1) }
  }
}
