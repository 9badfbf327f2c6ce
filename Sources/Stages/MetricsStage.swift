internal import Analysis
internal import Foundation
internal import StageKit

/// Measures how well features cluster: the paper's three metrics in every reading, and companions.
///
/// Every value stands under a name of its own beside what decided it: `tau`, `base`, `normalise`,
/// `clusters`, `n`, and `scale`, the mean squared distance of the rows to their mean. Rows are
/// scaled as they were for clustering.
/// Source: Zhang et al., equations 1 to 3; Rousseeuw (1987).
struct MetricsStage: Stage {
  static let kind = "metrics"
  static let version = 1
  static let summary = "Measures how well features cluster"
  static let features = Input(
    "features", "features", many: true, help: "the features that were clustered, f32 [n, d]")
  static let clusters = Input("clusters", "clusters", help: "centroids and assignments")
  static let scores = Output("scores", "scores", help: "JSON: every metric under its own name")
  static let inputs = [features, clusters]
  static let outputs = [scores]

  enum Silhouette: String, CaseIterable {
    case all
    /// Without the modes that compare all pairs of rows.
    case sqeuclidean
  }

  let silhouette: Silhouette
  let tau: Double
  let base: Int?

  init(options: inout OptionReader) throws(Diagnostic) {
    silhouette = try options.choice(
      "silhouette", default: .all,
      help: "all modes, or only sqeuclidean, whose time grows with n and not n²")
    tau = try options.number(
      "tau", from: .leastNormalMagnitude, default: 1,
      help: "the scaling factor of compactness and uniqueness")
    base = try options.integerIfGiven(
      "base", in: 0..., help: "the base cluster of uniqueness; the largest unless given")
  }

  func run(in context: StageContext) async throws {
    let features = try FeatureSet(MetricsStage.features, in: context)
    let folder = try context.path(MetricsStage.clusters)
    let clusters = try ClusterFolder(folder: folder, for: features)
    let partition: Partition
    do {
      partition = try Partition(
        features.points(clusters.normalisation), labels: clusters.labels,
        clusters: clusters.centroids.rows)
    } catch {
      throw StageFailure("clusters '\(folder)': \(error)")
    }
    let base = base ?? partition.baseCluster
    guard base < partition.clusters else {
      throw StageFailure("base cluster \(base) of \(partition.clusters) clusters")
    }
    if partition.clusters == 1 {
      context.log("one cluster only: silhouettes and the Davies-Bouldin index are not defined")
    }
    var metrics = silhouettes(of: partition, in: context)
    let scale = partition.totalVariance
    let square = clusters.normalisation == .l2 ? "1" : "feature²"
    metrics += [
      .init(
        name: "compactness", value: partition.compactness(tau: tau), unit: square,
        direction: .lower),
      .init(
        name: "compactness_scale_free",
        value: partition.compactness(tau: scale), direction: .lower),
    ]
    metrics += uniqueness(of: partition, base: base)
    metrics += [
      .init(name: "inertia", value: partition.inertia, unit: square, direction: .lower),
      .init(name: "davies_bouldin", value: partition.daviesBouldin, direction: .lower),
      .init(name: "calinski_harabasz", value: partition.calinskiHarabasz, direction: .higher),
    ]
    for index in metrics.indices {
      // The scale-free forms take the features' own scale for tau; see `Partition`.
      let name = metrics[index].name
      let tau = name == "compactness_scale_free" ? scale : name.hasSuffix("_scale_free") ? 1 : tau
      metrics[index].attributes = [
        .init("tau", .number(tau)), .init("base", .integer(base)),
        .init("normalise", .string(clusters.normalisation.rawValue)),
        .init("clusters", .integer(partition.clusters)), .init("n", .integer(partition.count)),
        .init("scale", .number(scale)),
      ]
    }
    try Scores(metrics).write(to: MetricsStage.scores, in: context)
  }

  private func silhouettes(of partition: Partition, in context: StageContext) -> [Scores.Metric] {
    func metric(_ name: String, _ own: MeanDistances, _ others: MeanDistances) -> Scores.Metric {
      let values = Analysis.silhouettes(partition, own: own, others: others)
      return Scores.Metric(
        name: name, value: values.map { $0.reduce(0, +) / Double($0.count) }, direction: .higher)
    }
    let squared = MeanDistances.squaredEuclidean(partition, threads: context.cpus)
    let bySquares = metric("silhouette_sqeuclidean", squared, squared)
    guard silhouette == .all else { return [bySquares] }
    let euclidean = MeanDistances.euclidean(partition, threads: context.cpus)
    context.log(
      "silhouette_literal is equation 1 as printed (a Euclidean, b squared): it depends on the "
        + "scale of the features, so compare it between equal scales only")
    return [
      metric("silhouette", euclidean, euclidean), bySquares,
      metric("silhouette_literal", euclidean, squared),
    ]
  }

  private func uniqueness(of partition: Partition, base: Int) -> [Scores.Metric] {
    let overBases = (0..<partition.clusters).map { partition.logUniqueness(base: $0, tau: tau) }
    let logarithms: [(name: String, value: Double)] = [
      ("uniqueness", partition.logUniqueness(base: base, tau: tau)),
      ("uniqueness_min_over_bases", overBases.min() ?? -.infinity),
      ("uniqueness_mean_over_bases", logSumExp(overBases) - log(Double(partition.clusters))),
      ("uniqueness_max_over_bases", overBases.max() ?? -.infinity),
      ("uniqueness_scale_free", partition.scaleFreeLogUniqueness(base: base)),
    ]
    // Beyond Float64 the value itself is null, and its logarithm says how large it is.
    return logarithms.flatMap { name, value in
      [
        Scores.Metric(name: name, value: exp(value), direction: .higher),
        Scores.Metric(name: "log_" + name, value: value, direction: .higher),
      ]
    }
  }
}
