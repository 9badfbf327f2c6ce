/// `n` points in `K` clusters, seen from the mean of all points: what the metrics are made of.
///
/// Sums are Float64 and made of centred values. Source: the notation of Zhang et al., equations
/// 1-3.
public struct Partition: Sendable {
  /// `[n, d]`, as given.
  public let points: Matrix<Float>
  /// The cluster of each point `[n]`.
  public let labels: [Int]
  public let clusters: Int
  /// n_k `[K]`, each at least 1.
  public let sizes: [Int]
  /// x̄ `[d]`.
  public let mean: [Double]
  /// μ_k − x̄ `[K, d]`.
  public let centroids: Matrix<Double>
  /// W_k `[K]`: the mean squared distance of a cluster's points to its centroid.
  public let within: [Double]
  /// δ_k = ‖μ_k − x̄‖² `[K]`; exactly 0 where only rounding keeps μ_k from x̄.
  public let between: [Double]
  /// The mean distance of a cluster's points to its centroid `[K]`.
  public let meanRadius: [Double]

  /// - Throws: `AnalysisError` where a value is not finite, a label is not in `0..<clusters`, or a
  ///   cluster has no point
  public init(_ points: Matrix<Float>, labels: [Int], clusters: Int) throws(AnalysisError) {
    guard labels.count == points.rows else {
      throw AnalysisError(.badLabels, "\(labels.count) labels for \(points.rows) points")
    }
    var sizes = [Int](repeating: 0, count: clusters)
    for (row, label) in labels.enumerated() {
      guard sizes.indices.contains(label) else {
        throw AnalysisError(.badLabels, "row \(row) is in cluster \(label) of \(clusters)")
      }
      sizes[label] += 1
    }
    if let empty = sizes.firstIndex(of: 0) {
      throw AnalysisError(.badLabels, "cluster \(empty) of \(clusters) has no point")
    }
    let mean = try points.columnMeans()
    var sums = Matrix<Double>(rows: clusters, columns: points.columns)
    var within = [Double](repeating: 0, count: clusters)
    var radius = within
    let dimension = points.columns
    points.elements.withUnsafeBufferPointer { elements in
      sums.withMutableElements { sums in
        for (row, label) in labels.enumerated() {
          for column in 0..<dimension {
            sums[label * dimension + column] +=
              Double(elements[row * dimension + column]) - mean[column]
          }
        }
        for label in 0..<clusters {
          for column in 0..<dimension { sums[label * dimension + column] /= Double(sizes[label]) }
        }
        for (row, label) in labels.enumerated() {
          var square = 0.0
          for column in 0..<dimension {
            let difference =
              Double(elements[row * dimension + column]) - mean[column]
              - sums[label * dimension + column]
            square += difference * difference
          }
          within[label] += square
          radius[label] += square.squareRoot()
        }
      }
    }
    for label in 0..<clusters {
      within[label] /= Double(sizes[label])
      radius[label] /= Double(sizes[label])
    }
    let between = (0..<clusters).map { cluster in
      sums[row: cluster].reduce(0) { $0 + $1 * $1 }
    }
    let total =
      zip(zip(within, between), sizes)
      .reduce(0) { $0 + Double($1.1) * ($1.0.0 + $1.0.1) } / Double(points.rows)
    self.points = points
    self.labels = labels
    self.clusters = clusters
    self.sizes = sizes
    self.mean = mean
    centroids = sums
    self.within = within
    self.between = between.map { $0 <= 1e-20 * total ? 0 : $0 }
    meanRadius = radius
  }

  public var count: Int { points.rows }

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
  public var bySize: [Int] {
    (0..<clusters).sorted { a, b in
      sizes[a] != sizes[b]
        ? sizes[a] > sizes[b]
        : centroids[row: a].lexicographicallyPrecedes(centroids[row: b])
    }
  }

  /// The centred rows `order[range]` as Float64.
  func centred(_ rows: ArraySlice<Int>) -> [Double] {
    let dimension = points.columns
    return Array(unsafeUninitializedCapacity: rows.count * dimension) { values, filled in
      points.elements.withUnsafeBufferPointer { elements in
        mean.withUnsafeBufferPointer { mean in
          for (target, row) in rows.enumerated() {
            for column in 0..<dimension {
              values[target * dimension + column] =
                Double(elements[row * dimension + column]) - mean[column]
            }
          }
        }
      }
      filled = rows.count * dimension
    }
  }
}
