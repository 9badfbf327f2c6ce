internal import Analysis
internal import Charts
internal import StageKit

/// Groups feature rows by k-means from k-means++ starts.
///
/// Reads `features` f32 `[n, d]` of every entry; writes clusters (`centroids.safetensors`:
/// `centroids` f32 `[k, d]` in the scale of the rows that were clustered; `assignments.csv`: key
/// columns, row, cluster), their inertia, and the curve of it. Cluster 0 is the largest.
///
/// With `up_to`, K is what has the largest mean Silhouette from `clusters` to there, the smaller of
/// equals. Each K starts from the same random numbers: a K that was chosen has the bytes of that K
/// fixed.
///
/// With `batch` features stay in their files, and a mini-batch of them is looked at at a time: for more than
/// fits into memory. The curve has no line then.
/// Source: Lloyd (1982); Sculley (2010) for mini-batches; Arthur & Vassilvitskii (2007) for the seeding; Droste et al. (ISBI 2020)
/// for the choice of K.
struct KMeansStage: Stage {
  static let kind = "kmeans"
  static let version = 3
  static let summary = "Groups feature rows by k-means"
  static let features = Input("features", "features", many: true, help: "features f32 [n, d]")
  static let clusters = Output(
    "clusters", "clusters", form: .folder,
    help: "centroids.safetensors: centroids f32 [k, d]; assignments.csv: item, row, cluster")
  static let scores = Output("scores", "scores", help: "JSON: inertia, iterations")
  static let curve = Output(
    "curve", "curves", fileExtension: "csv",
    help: "CSV: clusters, iteration, inertia after it, silhouette in the last line of each K")
  static let inputs = [features]
  static let outputs = [clusters, scores, curve]

  enum SilhouetteForm: String, CaseIterable {
    case sqeuclidean
    /// Compares all pairs of rows.
    case euclidean
  }

  let counts: ClosedRange<Int>
  let silhouette: SilhouetteForm
  let restarts: Int
  let maximumIterations: Int
  let normalisation: Normalisation
  let batch: Int?
  let seed: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    let count = try options.integer(
      "clusters", in: 1..., default: 14, help: "how many clusters, or how many at least")
    let last = try options.integerIfGiven(
      "up_to", in: 2...,
      help:
        "K is chosen from clusters to here, by the largest mean silhouette; clusters unless given"
    )
    guard last ?? count >= count else {
      throw options.problem("up_to", "is \(last ?? count), below 'clusters', which is \(count)")
    }
    counts = count...(last ?? count)
    silhouette = try options.choice(
      "silhouette", default: .sqeuclidean,
      help: "of the curve, and what chooses K: sqeuclidean, or euclidean, whose time grows with n²")
    restarts = try options.integer(
      "restarts", in: 1..., default: 10, help: "starts of which the best is kept")
    maximumIterations = try options.integer(
      "max_iterations", in: 1..., default: 300, help: "of each restart, or batches")
    normalisation = try options.choice(
      "normalise", default: .l2, help: "l2: rows are divided by their Euclidean norm")
    batch = try options.integerIfGiven(
      "batch", in: 1..., unit: "rows",
      help: "of a mini-batch, for features beyond memory; all rows are looked at unless given")
    seed = try options.integer("seed", in: 0..., default: 0, help: "of the starts")
    if batch != nil, counts.count > 1 {
      throw options.problem(
        "batch", "cannot choose K: its silhouettes need all rows; leave out 'up_to'")
    }
  }

  func run(in context: StageContext) async throws {
    if let batch {
      try await run(inBatchesOf: batch, in: context)
      return
    }
    let features = try FeatureSet(KMeansStage.features, in: context)
    try requireEnough(features.points.rows)
    let points = features.points(normalisation)
    var curve = CSVFile(columns: KMeansStage.curveColumns)
    var best: (count: Int, result: KMeansResult, silhouette: Double)?
    for count in counts {
      var generator = CounterRandom(
        seed: seed, kind: KMeansStage.kind, item: context.item ?? "", purpose: "seeding")
      let result = try kMeans(
        points, clusters: count, restarts: restarts, maximumIterations: maximumIterations,
        threads: context.cpus, using: &generator)
      let partition = try Partition(
        points, labels: result.labels, clusters: count, threads: context.cpus)
      let mean = meanSilhouette(
        partition, squared: silhouette == .sqeuclidean, threads: context.cpus)
      curve.rows += result.inertias.indices.map { index in
        let isLast = index == result.inertias.count - 1
        // The last is the result's own, whose sum is exact.
        return [
          "\(count)", "\(index + 1)", "\(isLast ? result.inertia : result.inertias[index])",
          isLast ? mean.map { "\($0)" } ?? "" : "",
        ]
      }
      // One cluster has no silhouette: any other number is better.
      if mean ?? -.infinity > best?.silhouette ?? -.infinity || best == nil {
        best = (count, result, mean ?? -.infinity)
      }
    }
    guard let (count, result, _) = best else { preconditionFailure("no number of clusters") }
    if counts.count > 1 {
      context.log("\(count) clusters of \(counts.lowerBound) to \(counts.upperBound) were chosen")
    }
    if !result.converged {
      context.log("the best restart did not settle in \(maximumIterations) iterations")
    }
    try write(
      result, curve, count: count, keyColumns: features.keyColumns, places: features.places,
      in: context)
  }

  private func run(inBatchesOf batch: Int, in context: StageContext) async throws {
    let features = try MappedFeatures(KMeansStage.features, normalisation, in: context)
    try requireEnough(features.count)
    var generator = CounterRandom(
      seed: seed, kind: KMeansStage.kind, item: context.item ?? "", purpose: "seeding")
    let count = counts.lowerBound
    let result = try miniBatchKMeans(
      features, clusters: count, batch: batch, maximumBatches: maximumIterations,
      restarts: restarts, threads: context.cpus, using: &generator)
    if !result.converged {
      context.log("batches did not settle; \(maximumIterations) were drawn")
    }
    try write(
      result, CSVFile(columns: KMeansStage.curveColumns), count: count,
      keyColumns: features.keyColumns, places: features.places, in: context)
  }

  private func requireEnough(_ rows: Int) throws {
    guard counts.upperBound <= rows else {
      throw StageFailure(
        "\(counts.upperBound) clusters of \(rows) feature rows: a cluster would be empty; lower "
          + "'\(counts.count > 1 ? "up_to" : "clusters")' or give more rows")
    }
  }

  private static let curveColumns = ["clusters", "iteration", "inertia", "silhouette"]

  private func write(
    _ result: KMeansResult, _ curve: CSVFile, count: Int, keyColumns: [String],
    places: some Sequence<(key: [String], row: Int)>, in context: StageContext
  ) throws {
    try writeText(curve.text, to: context.path(KMeansStage.curve))
    try ClusterFolder(
      centroids: result.centroids, labels: result.labels, normalisation: normalisation
    ).write(to: context.path(KMeansStage.clusters), keyColumns: keyColumns, places: places)
    let attributes: [Value.Pair] = [
      .init("normalise", .string(normalisation.rawValue)), .init("clusters", .integer(count)),
      .init("n", .integer(result.labels.count)), .init("converged", .bool(result.converged)),
    ]
    try Scores([
      .init(
        name: "inertia", value: result.inertia, unit: normalisation == .l2 ? "1" : "feature²",
        direction: .lower, attributes: attributes),
      .init(name: "iterations", value: Double(result.iterations), attributes: attributes),
    ]).write(to: KMeansStage.scores, in: context)
  }
}
