internal import Analysis
internal import Foundation
internal import StageKit

/// Measures how well features cluster: the paper's three metrics in every reading, and companions.
///
/// Every value stands under a name of its own beside what decided it: `tau`, `base`, `normalise`,
/// `clusters`, `n`, and `scale`, the mean squared distance of the rows to their mean. Rows are
/// scaled as they were for clustering.
///
/// `low` and `high` bound the percentile interval of a bootstrap over scans, the last column of the
/// features' keys: rows of one scan are not independent. Rows keep their clusters. Silhouettes are
/// means of the values that rows have among all scans; centroids and all that is made of them are
/// computed anew, but for the mean radii of Davies-Bouldin, which stay those about the centroids of
/// all scans. The base stays the same cluster; draws without it do not count.
///
/// Where `index.csv` of the features has the columns `class` or `structure`: `nmi` and `ari` of the
/// clusters against the class, `nmi_structure` and `ari_structure`, over rows where it is known; and
/// `knn_accuracy`, `knn_accuracy_structure`: the share of them that the nearest rows of other scans call
/// right, by vote.
///
/// `rank_me` and `alpha_req` are of the features alone, whatever the clusters. These and the votes have no
/// interval.
/// Source: Zhang et al., equations 1 to 3; Rousseeuw (1987); Efron & Tibshirani (1993); Garrido et al.
/// (2023); Agrawal et al. (2022).
struct MetricsStage: Stage {
  static let kind = "metrics"
  static let version = 4
  static let tolerance: Double? = 1e-6
  static let summary = "Measures how well features cluster"
  static let features = Input(
    "features", "features", many: true, help: "the features that were clustered, f32 [n, d]")
  static let clusters = Input("clusters", "clusters", help: "centroids and assignments")
  static let scores = Output("scores", "scores", help: "JSON: every metric under its own name")
  static let inputs = [features, clusters]
  static let outputs = [scores]

  static let level = 0.95

  enum Silhouette: String, CaseIterable {
    case all
    /// Without what compares all pairs of rows: other modes, and the votes of the nearest.
    case sqeuclidean
  }

  let silhouette: Silhouette
  let tau: Double
  let base: Int?
  let voters: Int
  let resamples: Int
  let seed: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    silhouette = try options.choice(
      "silhouette", default: .all,
      help:
        "all modes and the votes of the nearest, or only sqeuclidean, whose time grows with n and "
        + "not n²")
    tau = try options.number(
      "tau", from: .leastNormalMagnitude, default: 1,
      help: "the scaling factor of compactness and uniqueness")
    base = try options.integerIfGiven(
      "base", in: 0..., help: "the base cluster of uniqueness; the largest unless given")
    voters = try options.integer(
      "voters", in: 1..., default: 5, help: "how many nearest rows of other scans vote for a class")
    resamples = try options.integer(
      "resamples", in: 1...100_000, default: 1000, help: "of the bootstrap over scans")
    seed = try options.integer("seed", in: 0..., default: 0, help: "of the bootstrap")
  }

  func run(in context: StageContext) async throws {
    let features = try FeatureSet(MetricsStage.features, in: context)
    let folder = try context.path(MetricsStage.clusters)
    let clusters = try ClusterFolder(folder: folder, for: features)
    let partition: Partition
    do {
      partition = try Partition(
        features.points(clusters.normalisation), labels: clusters.labels,
        clusters: clusters.centroids.rows, threads: context.cpus)
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
    let scans = Scans(features)
    var random = CounterRandom(
      seed: seed, kind: MetricsStage.kind, item: context.item ?? "", purpose: "bootstrap")
    let draws =
      bootstrapDraws(items: max(scans.count, 1), resamples: resamples, using: &random) ?? []
    var metrics = silhouettes(of: partition, scans, draws, in: context)
    let normalisation = clusters.normalisation
    let unit = normalisation == .l2 ? "1" : "feature²"
    var ofClusters = clusterMetrics(of: partition, base: base, unit: unit)
    let moments = ScanMoments(partition, scans: scans.ofRow, count: scans.count)
    let drawn = mapChunks(of: draws.count, size: 16, threads: context.cpus) { chunk in
      chunk.map { draw -> [Double?] in
        guard let (moments, kept) = moments.drawn(draws[draw]),
          let base = kept.firstIndex(of: base)
        else { return [] }
        return clusterMetrics(of: moments, base: base, unit: unit).map(\.finiteValue)
      }
    }.flatMap { $0 }.filter { !$0.isEmpty }
    for index in ofClusters.indices {
      ofClusters[index].attributes = interval(drawn.map { $0[index] })
    }
    metrics += ofClusters
    metrics += try agreement(of: partition, features, scans, draws, in: context)
    metrics += try companions(of: partition.points, features, scans, in: context)
    let scale = partition.totalVariance
    for index in metrics.indices {
      // The scale-free forms take the features' own scale for tau; see `ClusterMoments`.
      let name = metrics[index].name
      let tau = name == "compactness_scale_free" ? scale : name.hasSuffix("_scale_free") ? 1 : tau
      metrics[index].attributes =
        [
          .init("tau", .number(tau)), .init("base", .integer(base)),
          .init("normalise", .string(normalisation.rawValue)),
          .init("clusters", .integer(partition.clusters)), .init("n", .integer(partition.count)),
          .init("scale", .number(scale)),
        ] + metrics[index].attributes + [.init("scans", .integer(scans.count))]
    }
    let conditions = EvaluationProtocol(
      of: MetricsStage.self,
      [
        .init("normalise", .string(normalisation.rawValue)),
        .init("clusters", .integer(partition.clusters)), .init("tau", .number(tau)),
        .init("voters", .integer(voters)),
      ] + (try EvaluationProtocol.fields(of: MetricsStage.features, in: context)))
    try Scores(metrics, conditions).write(to: MetricsStage.scores, in: context)
  }

  /// Which scan each row is of: the last column of its key.
  private struct Scans {
    var ofRow: [Int]
    var count: Int

    init(_ features: FeatureSet) {
      var numbers: [String: Int] = [:]
      ofRow = features.places.map { place in
        let name = place.key.last ?? ""
        let number = numbers[name] ?? numbers.count
        numbers[name] = number
        return number
      }
      count = numbers.count
    }
  }

  private func interval(_ values: [Double?]) -> [Value.Pair] {
    let interval = percentileInterval(values, level: MetricsStage.level)
    return [
      .init("low", interval.map { .number($0.lowerBound) } ?? .null),
      .init("high", interval.map { .number($0.upperBound) } ?? .null),
      .init("level", .number(MetricsStage.level)), .init("resamples", .integer(resamples)),
    ]
  }

  private func silhouettes(
    of partition: Partition, _ scans: Scans, _ draws: [[Int]], in context: StageContext
  ) -> [Scores.Metric] {
    func metric(_ name: String, _ own: MeanDistances, _ others: MeanDistances) -> Scores.Metric {
      let values = Analysis.silhouettes(partition, own: own, others: others)
      var sums = [Double](repeating: 0, count: scans.count)
      var sizes = sums
      for (scan, value) in zip(scans.ofRow, values ?? []) {
        sums[scan] += value
        sizes[scan] += 1
      }
      func mean(_ counts: [Int]) -> Double? {
        let size = zip(counts, sizes).reduce(0) { $0 + Double($1.0) * $1.1 }
        return size > 0 ? zip(counts, sums).reduce(0) { $0 + Double($1.0) * $1.1 } / size : nil
      }
      return Scores.Metric(
        name: name, value: values.map { $0.reduce(0, +) / Double($0.count) }, direction: .higher,
        attributes: interval(draws.map(mean)))
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

  /// Metrics that are made of means and variances of clusters, in an order that is always the same.
  private func clusterMetrics(
    of moments: some ClusterMoments, base: Int, unit: String
  ) -> [Scores.Metric] {
    [
      .init(
        name: "compactness", value: moments.compactness(tau: tau), unit: unit, direction: .lower),
      .init(
        name: "compactness_scale_free",
        value: moments.compactness(tau: moments.totalVariance), direction: .lower),
    ] + uniqueness(of: moments, base: base) + [
      .init(name: "inertia", value: moments.inertia, unit: unit, direction: .lower),
      .init(name: "davies_bouldin", value: moments.daviesBouldin, direction: .lower),
      .init(name: "calinski_harabasz", value: moments.calinskiHarabasz, direction: .higher),
    ]
  }

  private func uniqueness(of partition: some ClusterMoments, base: Int) -> [Scores.Metric] {
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

  /// NMI and ARI against each truth whose column the features' index has.
  private func agreement(
    of partition: Partition, _ features: FeatureSet, _ scans: Scans, _ draws: [[Int]],
    in context: StageContext
  ) throws -> [Scores.Metric] {
    try [("class", ""), ("structure", "_structure")].flatMap { column, suffix in
      guard let truth = try features.truth(column, MetricsStage.features, in: context) else {
        return [Scores.Metric]()
      }
      let names = Set(truth.compactMap { $0 }).sorted()
      let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
      var byScan = Array(
        repeating: Contingency([], rows: partition.clusters, [], columns: names.count),
        count: scans.count)
      var known = 0
      for (row, name) in truth.enumerated() {
        guard let name, let number = numbers[name] else { continue }
        byScan[scans.ofRow[row]].counts[partition.labels[row]][number] += 1
        known += 1
      }
      func table(_ draw: [Int]) -> Contingency {
        var total = Contingency([], rows: partition.clusters, [], columns: names.count)
        for (scan, times) in zip(byScan, draw) where times > 0 {
          for (row, counts) in scan.counts.enumerated() {
            for (column, count) in counts.enumerated() {
              total.counts[row][column] += Double(times) * count
            }
          }
        }
        return total
      }
      let whole = table(Array(repeating: 1, count: scans.count))
      let drawn = draws.map(table)
      func metric(_ name: String, _ value: (Contingency) -> Double?) -> Scores.Metric {
        Scores.Metric(
          name: name + suffix, value: value(whole), direction: .higher,
          attributes: interval(drawn.map(value)) + [.init("known", .integer(known))])
      }
      return [
        metric("nmi") { $0.normalisedMutualInformation }, metric("ari") { $0.adjustedRand },
      ]
    }
  }

  /// What features are like whatever their clusters: the spread of their variance, and whether the nearest
  /// rows of other scans are of the same class.
  private func companions(
    of points: Matrix<Float>, _ features: FeatureSet, _ scans: Scans, in context: StageContext
  ) throws -> [Scores.Metric] {
    let spectrum = try Spectrum(points, threads: context.cpus)
    let spread: [Scores.Metric] = [
      .init(name: "rank_me", value: spectrum.rankMe, direction: .higher),
      .init(name: "alpha_req", value: spectrum.alphaReQ),
    ]
    guard silhouette == .all else { return spread }
    return try spread
      + [("class", ""), ("structure", "_structure")].compactMap { column, suffix in
        guard let truth = try features.truth(column, MetricsStage.features, in: context) else {
          return nil
        }
        let votes = try votes(of: points, truth, scans, in: context)
        return Scores.Metric(
          name: "knn_accuracy" + suffix,
          value: votes.count > 0 ? Double(votes.right) / Double(votes.count) : nil,
          direction: .higher,
          attributes: [.init("voters", .integer(voters)), .init("known", .integer(votes.count))])
      }
  }

  /// How many rows of a known class have a vote, and of how many it is right.
  private func votes(
    of points: Matrix<Float>, _ truth: [String?], _ scans: Scans, in context: StageContext
  ) throws -> (right: Int, count: Int) {
    let names = Set(truth.compactMap { $0 }).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    let labels = truth.map { $0.flatMap { numbers[$0] } }
    func rows(_ chosen: [Int]) -> Matrix<Float> {
      Matrix(
        rows: chosen.count, columns: points.columns,
        elements: chosen.flatMap { points[row: $0] })
    }
    let known = labels.indices.filter { labels[$0] != nil }
    var (right, count) = (0, 0)
    for scan in 0..<scans.count {
      let own = known.filter { scans.ofRow[$0] == scan }
      let others = known.filter { scans.ofRow[$0] != scan }
      guard !own.isEmpty, !others.isEmpty else { continue }
      let vote = try NeighbourVote(
        rows(others), labels: others.compactMap { labels[$0] }, voters: voters)
      for (row, answer) in zip(own, try vote.classify(rows(own), threads: context.cpus)) {
        count += 1
        if labels[row] == answer.label { right += 1 }
      }
    }
    return (right, count)
  }
}
