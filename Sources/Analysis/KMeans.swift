/// A partition found by k-means.
public struct KMeansResult: Sendable {
  /// The cluster of each point `[n]`. Clusters are numbered by size, the largest first; ties by
  /// centroid, in lexicographic order.
  public var labels: [Int]
  /// The mean of each cluster's points `[k, d]`.
  public var centroids: Matrix<Double>
  /// Sum of squared distances of the points to their centroids.
  public var inertia: Double
  /// The inertia after each iteration of the best restart: each after the centroids have become
  /// the means of their points. Empty where batches were drawn, which look at some points only.
  public var inertias: [Double]
  /// How many times the best restart assigned the points, or how many batches were drawn.
  public var iterations: Int
  /// Whether it settled before its iterations ran out.
  public var converged: Bool
}

/// Groups the rows of `points` `[n, d]` into `clusters` by Lloyd's algorithm from k-means++ starts,
/// and keeps the restart of least inertia, the first of equals.
///
/// A restart settles when no label changes, or when the centroids together move by no more than
/// `tolerance` times the mean variance of a column (squared). A cluster that loses all its points
/// takes the point that lies farthest from its own centroid, so every cluster has a point, even
/// where fewer than `clusters` points are distinct. Distances are float32, sums are exact; the
/// result does not depend on `threads`.
///
/// Source: Lloyd (1982); Arthur & Vassilvitskii (2007), section 2.2, with the greedy choice among
/// 2 + ⌊ln k⌋ candidates of their section 4, as scikit-learn has it.
/// - Throws: `AnalysisError` where there are more clusters than points, or a value is not finite
public func kMeans(
  _ points: Matrix<Float>, clusters: Int, restarts: Int = 10, maximumIterations: Int = 300,
  tolerance: Double = 1e-4, threads: Int = 1, using generator: inout some RandomNumberGenerator
) throws(AnalysisError) -> KMeansResult {
  precondition(restarts > 0 && maximumIterations > 0, "counts must be positive")
  let lloyd = try Lloyd(points, clusters: clusters, threads: threads)
  let seeding = Seeding(lloyd)
  var best: Lloyd.Outcome?
  for _ in 0..<restarts {
    let outcome = lloyd.run(
      from: seeding.seeds(using: &generator), maximumIterations: maximumIterations,
      tolerance: tolerance)
    if best.map({ outcome.inertia < $0.inertia }) ?? true { best = outcome }
  }
  guard let best else { preconditionFailure("no restart was made") }
  return lloyd.result(of: best, points)
}

/// The same from centroids `[k, d]` that are given, in the scale of `points`.
///
/// - Throws: `AnalysisError` where there are more centroids than points, or a value is not finite
public func kMeans(
  _ points: Matrix<Float>, from centroids: Matrix<Float>, maximumIterations: Int = 300,
  tolerance: Double = 1e-4, threads: Int = 1
) throws(AnalysisError) -> KMeansResult {
  try kMeans(
    points, from: centroids, maximumIterations: maximumIterations, tolerance: tolerance,
    threads: threads, skipping: true)
}

/// - Parameter skipping: whether rows are left out whose label cannot change: the same result
package func kMeans(
  _ points: Matrix<Float>, from centroids: Matrix<Float>, maximumIterations: Int,
  tolerance: Double, threads: Int, skipping: Bool
) throws(AnalysisError) -> KMeansResult {
  precondition(maximumIterations > 0, "counts must be positive")
  precondition(centroids.columns == points.columns, "centroids of another dimension")
  if let bad = centroids.elements.first(where: { !$0.isFinite }) {
    throw AnalysisError(.notFinite, "a centroid has the value \(bad), not finite")
  }
  let lloyd = try Lloyd(points, clusters: centroids.rows, threads: threads)
  let outcome = lloyd.run(
    from: lloyd.centred(centroids), maximumIterations: maximumIterations, tolerance: tolerance,
    skipping: skipping)
  return lloyd.result(of: outcome, points)
}

/// Numbers the clusters by size, the largest first; ties by centroid, in lexicographic order.
///
/// - Returns: the old number of each new one
func clustersBySize(_ sizes: [Int], _ centroids: Matrix<Double>) -> [Int] {
  sizes.indices.sorted { a, b in
    sizes[a] != sizes[b]
      ? sizes[a] > sizes[b]
      : centroids[row: a].lexicographicallyPrecedes(centroids[row: b])
  }
}
