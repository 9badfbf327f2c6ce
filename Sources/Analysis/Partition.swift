/// `n` points in `K` clusters, seen from the mean of all points: what the metrics are made of.
///
/// Sums are Float64 and made of centred values. Source: the notation of Zhang et al., equations
/// 1-3.
public struct Partition: ClusterMoments {
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

  /// The squared distance of each point to its cluster's centroid `[n]`.
  public let squaredRadii: [Double]
  /// μ_k `[K, d]`.
  let centres: Matrix<Double>

  /// - Throws: `AnalysisError` where a value is not finite, a label is not in `0..<clusters`, or a
  ///   cluster has no point
  public init(
    _ points: Matrix<Float>, labels: [Int], clusters: Int, threads: Int = 1
  ) throws(AnalysisError) {
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
    guard points.rows > 0 else { throw AnalysisError(.empty, "a partition of no points") }
    // Seen from the first point, columns that are constant come out as exactly 0.
    let origin = points[row: 0].map { Double($0) }
    var sums = Partition.sums(points, labels, clusters: clusters, from: origin, threads: threads)
    if !sums.allSatisfy(\.isFinite) { try points.checkFinite() }

    let dimension = points.columns
    var mean = [Double](repeating: 0, count: dimension)
    for index in sums.indices { mean[index % dimension] += sums[index] }
    for column in 0..<dimension { mean[column] /= Double(points.rows) }
    for index in sums.indices { sums[index] /= Double(sizes[index / dimension]) }
    centroids = Matrix(
      rows: clusters, columns: dimension,
      elements: sums.indices.map { sums[$0] - mean[$0 % dimension] })
    let centres = Matrix(
      rows: clusters, columns: dimension,
      elements: sums.indices.map { sums[$0] + origin[$0 % dimension] })
    self.centres = centres
    self.mean = zip(mean, origin).map { $0 + $1 }

    let squares = mapChunks(of: points.rows, size: 4096, threads: threads) { rows in
      points.elements.withUnsafeBufferPointer { points in
        centres.elements.withUnsafeBufferPointer { centres in
          rows.map {
            squaredDistance(row($0, of: points, dimension), row(labels[$0], of: centres, dimension))
          }
        }
      }
    }
    var radii: [Double] = []
    radii.reserveCapacity(points.rows)
    for part in squares { radii += part }
    var within = [Double](repeating: 0, count: clusters)
    var radius = within
    for (square, label) in zip(radii, labels) {
      within[label] += square
      radius[label] += square.squareRoot()
    }
    for label in 0..<clusters {
      within[label] /= Double(sizes[label])
      radius[label] /= Double(sizes[label])
    }
    let between = (0..<clusters).map { [centroids] in squaredNorm(centroids[row: $0]) }
    let total =
      zip(zip(within, between), sizes)
      .reduce(0) { $0 + Double($1.1) * ($1.0.0 + $1.0.1) } / Double(points.rows)
    self.points = points
    self.labels = labels
    self.clusters = clusters
    self.sizes = sizes
    self.within = within
    self.between = between.map { $0 <= 1e-20 * total ? 0 : $0 }
    meanRadius = radius
    squaredRadii = radii
  }

  /// Σ (x − origin) over each cluster `[K, d]`: Float64 sums of float32 values hardly round.
  private static func sums(
    _ points: Matrix<Float>, _ labels: [Int], clusters: Int, from origin: [Double], threads: Int
  ) -> [Double] {
    let dimension = points.columns
    let chunk = max(512, (points.rows + 31) / 32)
    let parts = mapChunks(of: points.rows, size: chunk, threads: threads) { rows in
      var sums = [Double](repeating: 0, count: clusters * dimension)
      points.elements.withUnsafeBufferPointer { points in
        origin.withUnsafeBufferPointer { origin in
          sums.withUnsafeMutableBufferPointer { sums in
            for number in rows {
              let values = row(number, of: points, dimension)
              let first = labels[number] * dimension
              let sum = UnsafeMutableBufferPointer(rebasing: sums[first..<first + dimension])
              for column in 0..<dimension { sum[column] += Double(values[column]) - origin[column] }
            }
          }
        }
      }
      return sums
    }
    var total = [Double](repeating: 0, count: clusters * dimension)
    for part in parts { for index in total.indices { total[index] += part[index] } }
    return total
  }

  public var count: Int { points.rows }
}
