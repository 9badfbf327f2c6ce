internal import Analysis
internal import StageKit

/// Groups feature rows by k-means from k-means++ starts.
///
/// Reads `features` f32 `[n, d]` of every entry; writes clusters (`centroids.safetensors`:
/// `centroids` f32 `[k, d]` in the scale of the rows that were clustered; `assignments.csv`: key
/// columns, row, cluster) and their inertia. Cluster 0 is the largest.
/// Source: Lloyd (1982); Arthur & Vassilvitskii (2007) for the seeding.
struct KMeansStage: Stage {
  static let kind = "kmeans"
  static let version = 2
  static let summary = "Groups feature rows by k-means"
  static let features = Input("features", "features", many: true, help: "features f32 [n, d]")
  static let clusters = Output(
    "clusters", "clusters", form: .folder,
    help: "centroids.safetensors: centroids f32 [k, d]; assignments.csv: item, row, cluster")
  static let scores = Output("scores", "scores", help: "JSON: inertia, iterations")
  static let inputs = [features]
  static let outputs = [clusters, scores]

  let count: Int
  let restarts: Int
  let maximumIterations: Int
  let normalisation: Normalisation
  let seed: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    count = try options.integer("clusters", in: 1..., default: 14, help: "how many clusters")
    restarts = try options.integer(
      "restarts", in: 1..., default: 10, help: "starts of which the best is kept")
    maximumIterations = try options.integer(
      "max_iterations", in: 1..., default: 300, help: "of each restart")
    normalisation = try options.choice(
      "normalise", default: .l2, help: "l2: rows are divided by their Euclidean norm")
    seed = try options.integer("seed", in: 0..., default: 0, help: "of the starts")
  }

  func run(in context: StageContext) async throws {
    let features = try FeatureSet(KMeansStage.features, in: context)
    guard count <= features.points.rows else {
      throw StageFailure(
        "\(count) clusters of \(features.points.rows) feature rows: a cluster would be empty; "
          + "lower 'clusters' or give more rows")
    }
    var generator = CounterRandom(
      seed: seed, kind: KMeansStage.kind, item: context.item ?? "", purpose: "seeding")
    let result = try kMeans(
      features.points(normalisation), clusters: count, restarts: restarts,
      maximumIterations: maximumIterations, threads: context.cpus, using: &generator)
    if !result.converged {
      context.log("the best restart did not settle in \(maximumIterations) iterations")
    }
    try ClusterFolder(
      centroids: result.centroids, labels: result.labels, normalisation: normalisation
    ).write(to: context.path(KMeansStage.clusters), for: features)
    let attributes: [Value.Pair] = [
      .init("normalise", .string(normalisation.rawValue)), .init("clusters", .integer(count)),
      .init("n", .integer(features.points.rows)), .init("converged", .bool(result.converged)),
    ]
    try Scores([
      .init(
        name: "inertia", value: result.inertia, unit: normalisation == .l2 ? "1" : "feature²",
        direction: .lower, attributes: attributes),
      .init(name: "iterations", value: Double(result.iterations), attributes: attributes),
    ]).write(to: KMeansStage.scores, in: context)
  }
}
