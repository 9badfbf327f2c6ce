internal import Foundation

extension ClusterMoments {
  /// D_C = Σ w_k W_k / τ: the mean squared distance of the points to their centroids. Lower is
  /// better. With τ = `totalVariance` it does not depend on the scale of the features.
  ///
  /// Source: Zhang et al., equation 2. 0/0 is 0.
  public func compactness(tau: Double = 1) -> Double {
    let mean = inertia / Double(count)
    return mean == 0 ? 0 : mean / tau
  }

  /// ln D_U, where D_U = (1/τ) Σ w_k exp(δ_k − c_k) and c_k is the cosine between μ_k − x̄ and the
  /// base's μ − x̄, 0 where either is 0. Higher is better.
  ///
  /// Never overflows, as D_U itself does where δ_k is above 709.
  /// Source: Zhang et al., equation 3, whose base is cluster 1.
  public func logUniqueness(base: Int, tau: Double = 1) -> Double {
    logUniqueness(base: base, distances: between) - log(tau)
  }

  /// The same with δ_k / T in place of δ_k, T = `totalVariance`, and τ = 1: it does not depend on
  /// the scale of the features. 0/0 is 0.
  public func scaleFreeLogUniqueness(base: Int) -> Double {
    let total = totalVariance
    return logUniqueness(base: base, distances: between.map { $0 == 0 ? 0 : $0 / total })
  }

  /// The base cluster of uniqueness: the largest, ties by centroid in lexicographic order. The
  /// paper takes "cluster 1", which is arbitrary after k-means.
  public var baseCluster: Int { bySize.first ?? 0 }

  /// The cosine between μ_k − x̄ and μ_b − x̄; 0 where either is 0.
  func cosine(_ k: Int, _ b: Int) -> Double {
    guard between[k] > 0, between[b] > 0 else { return 0 }
    if k == b { return 1 }
    let dot = zip(centroids[row: k], centroids[row: b]).reduce(0) { $0 + $1.0 * $1.1 }
    return min(1, max(-1, dot / (between[k].squareRoot() * between[b].squareRoot())))
  }

  private func logUniqueness(base: Int, distances: [Double]) -> Double {
    logSumExp((0..<clusters).map { log(weight($0)) + distances[$0] - cosine($0, base) })
  }

  /// The Davies-Bouldin index: the mean over clusters of the worst (s_i + s_j) / ‖μ_i − μ_j‖, with
  /// s the mean distance to the centroid. Lower is better.
  ///
  /// Pairs of coinciding centroids are left out, as scikit-learn does; `nil` for one cluster.
  /// Source: Davies & Bouldin (1979).
  public var daviesBouldin: Double? {
    guard clusters > 1 else { return nil }
    var sum = 0.0
    for i in 0..<clusters {
      var worst = 0.0
      for j in 0..<clusters where j != i {
        let distance = zip(centroids[row: i], centroids[row: j])
          .reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        if distance > 0 { worst = max(worst, (meanRadius[i] + meanRadius[j]) / distance) }
      }
      sum += worst
    }
    return sum / Double(clusters)
  }

  /// The Calinski-Harabasz index: between-cluster over within-cluster variance, each by its degrees
  /// of freedom. Higher is better; `nil` where it is not defined (one cluster, as many clusters as
  /// points, or no variance within).
  ///
  /// Source: Caliński & Harabasz (1974).
  public var calinskiHarabasz: Double? {
    guard clusters > 1, count > clusters, inertia > 0 else { return nil }
    let explained = (0..<clusters).reduce(0) { $0 + Double(sizes[$1]) * between[$1] }
    return explained / Double(clusters - 1) / (inertia / Double(count - clusters))
  }
}

/// ln Σ exp(x), without overflow; −∞ of nothing.
public func logSumExp(_ values: [Double]) -> Double {
  guard let largest = values.max(), largest.isFinite else { return values.max() ?? -.infinity }
  return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
}
