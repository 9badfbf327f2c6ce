/// What metrics of clusters are made of, for points as they are or as they were drawn again.
public protocol ClusterMoments: Sendable {
  var clusters: Int { get }
  /// n.
  var count: Int { get }
  /// n_k `[K]`, each at least 1.
  var sizes: [Int] { get }
  /// μ_k − x̄ `[K, d]`.
  var centroids: Matrix<Double> { get }
  /// W_k `[K]`: the mean squared distance of a cluster's points to its centroid.
  var within: [Double] { get }
  /// δ_k = ‖μ_k − x̄‖² `[K]`.
  var between: [Double] { get }
  /// The mean distance of a cluster's points to its centroid `[K]`.
  var meanRadius: [Double] { get }
}

extension ClusterMoments {
  /// w_k = n_k / n.
  public func weight(_ cluster: Int) -> Double { Double(sizes[cluster]) / Double(count) }

  /// T = mean ‖x − x̄‖² = Σ w_k (W_k + δ_k): the scale of the features.
  public var totalVariance: Double {
    (0..<clusters).reduce(0) { $0 + weight($1) * (within[$1] + between[$1]) }
  }

  /// n Σ w_k W_k: the sum of squared distances to the centroids.
  public var inertia: Double {
    (0..<clusters).reduce(0) { $0 + Double(sizes[$1]) * within[$1] }
  }

  /// The clusters by size, the largest first; ties by centroid, in lexicographic order.
  public var bySize: [Int] { clustersBySize(sizes, centroids) }
}
