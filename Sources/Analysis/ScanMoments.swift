/// Sums over the points of each scan and cluster, from which a partition of scans drawn with
/// replacement follows without its points. The points keep their clusters; means move.
public struct ScanMoments: Sendable {
  private let partition: Partition
  private let scans: Int
  /// n of each scan and cluster `[S, K]`.
  private let sizes: [Int]
  /// Σ (x − μ_k) `[S, K, d]`, Σ ‖x − μ_k‖² and Σ ‖x − μ_k‖ `[S, K]`.
  private let sums: [Double]
  private let squares: [Double]
  private let radii: [Double]

  /// - Parameter scans: the scan of each point `[n]`, in `0..<count`
  public init(_ partition: Partition, scans: [Int], count: Int) {
    let (clusters, dimension) = (partition.clusters, partition.points.columns)
    var sizes = [Int](repeating: 0, count: count * clusters)
    var sums = [Double](repeating: 0, count: count * clusters * dimension)
    var squares = [Double](repeating: 0, count: count * clusters)
    var radii = squares
    partition.points.elements.withUnsafeBufferPointer { points in
      partition.centres.elements.withUnsafeBufferPointer { centres in
        sums.withUnsafeMutableBufferPointer { sums in
          for (number, (scan, label)) in zip(scans, partition.labels).enumerated() {
            let place = scan * clusters + label
            let values = row(number, of: points, dimension)
            let centre = row(label, of: centres, dimension)
            let sum = UnsafeMutableBufferPointer(
              rebasing: sums[place * dimension..<(place + 1) * dimension])
            for column in 0..<dimension { sum[column] += Double(values[column]) - centre[column] }
            sizes[place] += 1
            squares[place] += partition.squaredRadii[number]
            radii[place] += partition.squaredRadii[number].squareRoot()
          }
        }
      }
    }
    self.partition = partition
    self.scans = count
    self.sizes = sizes
    self.sums = sums
    self.squares = squares
    self.radii = radii
  }

  /// The clusters where each scan counts as often as it was drawn. Clusters without a point left are
  /// gone; mean radii are those about the centroids of all scans.
  ///
  /// - Returns: the clusters, and which clusters of the partition they are; `nil` of no point
  public func drawn(_ counts: [Int]) -> (moments: DrawnClusters, kept: [Int])? {
    precondition(counts.count == scans, "\(counts.count) counts of \(scans) scans")
    let (clusters, dimension) = (partition.clusters, partition.points.columns)
    var size = [Int](repeating: 0, count: clusters)
    var square = [Double](repeating: 0, count: clusters)
    var radius = square
    var shift = [Double](repeating: 0, count: clusters * dimension)
    for (scan, count) in counts.enumerated() where count > 0 {
      let times = Double(count)
      for cluster in 0..<clusters {
        let place = scan * clusters + cluster
        guard sizes[place] > 0 else { continue }
        size[cluster] += count * sizes[place]
        square[cluster] += times * squares[place]
        radius[cluster] += times * radii[place]
        sums.withUnsafeBufferPointer { sums in
          shift.withUnsafeMutableBufferPointer { shift in
            for column in 0..<dimension {
              shift[cluster * dimension + column] += times * sums[place * dimension + column]
            }
          }
        }
      }
    }
    let kept = size.indices.filter { size[$0] > 0 }
    let total = size.reduce(0, +)
    guard total > 0 else { return nil }
    var centroids = Matrix<Double>(rows: kept.count, columns: dimension)
    var within: [Double] = []
    var mean = [Double](repeating: 0, count: dimension)
    for (place, cluster) in kept.enumerated() {
      let n = Double(size[cluster])
      var moved = 0.0
      for column in 0..<dimension {
        let step = shift[cluster * dimension + column] / n
        moved += step * step
        centroids[place, column] = partition.centroids[cluster, column] + step
        mean[column] += n / Double(total) * centroids[place, column]
      }
      within.append(max(0, square[cluster] / n - moved))
    }
    for place in kept.indices {
      for column in 0..<dimension { centroids[place, column] -= mean[column] }
    }
    let between = kept.indices.map { squaredNorm(centroids[row: $0]) }
    let variance = kept.indices.reduce(0) {
      $0 + Double(size[kept[$1]]) / Double(total) * (within[$1] + between[$1])
    }
    let moments = DrawnClusters(
      count: total, sizes: kept.map { size[$0] }, centroids: centroids, within: within,
      // 0 where only rounding keeps a centroid from the mean, as in `Partition`.
      between: between.map { $0 <= 1e-20 * variance ? 0 : $0 },
      meanRadius: kept.map { radius[$0] / Double(size[$0]) })
    return (moments, kept)
  }
}

/// Clusters of points of which each scan counts as often as it was drawn.
public struct DrawnClusters: ClusterMoments {
  public var clusters: Int { sizes.count }
  public let count: Int
  public let sizes: [Int]
  public let centroids: Matrix<Double>
  public let within: [Double]
  public let between: [Double]
  public let meanRadius: [Double]
}
