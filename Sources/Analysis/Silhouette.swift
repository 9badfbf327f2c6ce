/// What a silhouette is made of: of every point the mean distance to the others of its cluster, and
/// the least mean distance to another cluster.
public struct MeanDistances: Sendable {
  /// `[n]`; 0 for a point that is alone.
  let own: [Double]
  /// `[n]`; infinite where there is one cluster only.
  let nearest: [Double]

  /// Squared Euclidean distances, exactly in O(n K d) and two passes over the points: the mean to a
  /// cluster is ‖x − μ_k‖² + W_k, and n/(n − 1) times that within the own.
  public static func squaredEuclidean(_ partition: Partition, threads: Int = 1) -> MeanDistances {
    let (clusters, dimension) = (partition.clusters, partition.points.columns)
    let residuals = Residuals(partition)
    let block = 256  // rows whose residuals stay in the cache
    let parts = mapChunks(of: partition.count, size: 16 * block, threads: threads) { rows in
      var values = [Float](repeating: 0, count: block * dimension)
      var products = [Float](repeating: 0, count: block * clusters)
      var distances = [Double](repeating: 0, count: block * clusters)
      var own: [Double] = []
      var nearest: [Double] = []
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
        let rows = first..<min(first + block, rows.upperBound)
        values.withUnsafeMutableBufferPointer { values in
          products.withUnsafeMutableBufferPointer { products in
            distances.withUnsafeMutableBufferPointer { distances in
              residuals.write(rows, into: values)
              residuals.distancesToCentroids(
                rows, UnsafeBufferPointer(values), products: products, into: distances)
            }
          }
        }
        for row in rows {
          let label = partition.labels[row]
          let size = Double(partition.sizes[label])
          var least = Double.infinity
          for cluster in 0..<clusters where cluster != label {
            least = min(
              least, distances[(row - first) * clusters + cluster] + partition.within[cluster])
          }
          nearest.append(least)
          own.append(
            size > 1
              ? (partition.squaredRadii[row] + partition.within[label]) * size / (size - 1) : 0)
        }
      }
      return MeanDistances(own: own, nearest: nearest)
    }
    return MeanDistances(
      own: parts.flatMap(\.own), nearest: parts.flatMap(\.nearest))
  }

  /// Euclidean distances, from all pairs in blocks: O(n² d) time, O(n (K + d)) memory.
  public static func euclidean(_ partition: Partition, threads: Int = 1) -> MeanDistances {
    let pairs = PairBlocks(partition, threads: threads)
    let (n, clusters) = (partition.count, partition.clusters)
    // Sums of distances to the points of each cluster `[n, K]`, in the order of `pairs`. Each pair
    // of blocks is met once; sums are added in the order of the blocks.
    var sums = [Double](repeating: 0, count: n * clusters)
    for first in pairs.blocks.indices {
      let results = mapChunks(of: pairs.blocks.count - first, size: 1, threads: threads) {
        pairs.sums(pairs.blocks[first], pairs.blocks[first + $0.lowerBound])
      }
      let own = pairs.blocks[first]
      for (other, result) in zip(pairs.blocks[first...], results) {
        for (place, sum) in zip(own.rows, result.rows) {
          sums[place * clusters + other.cluster] += sum
        }
        guard other.rows != own.rows else { continue }
        for (place, sum) in zip(other.rows, result.columns) {
          sums[place * clusters + own.cluster] += sum
        }
      }
    }
    var own = [Double](repeating: 0, count: n)
    var nearest = [Double](repeating: .infinity, count: n)
    for (place, row) in pairs.order.enumerated() {
      for cluster in 0..<clusters {
        let sum = sums[place * clusters + cluster]
        let size = partition.sizes[cluster]
        if cluster != partition.labels[row] {
          nearest[row] = min(nearest[row], sum / Double(size))
        } else if size > 1 {
          own[row] = sum / Double(size - 1)
        }
      }
    }
    return MeanDistances(own: own, nearest: nearest)
  }
}

/// The silhouette coefficient of every point `[n]`: (b − a) / max(a, b), between −1 and 1.
///
/// a is the mean distance to the others of the point's cluster, b the least mean distance to
/// another cluster. A point alone in its cluster has 0, and so has one where a = b = 0. Distances
/// are made of float32 products: values are within 1e-6 of those in Float64.
///
/// Source: Rousseeuw (1987); Zhang et al., equation 1. With Euclidean distances for both, this is
/// Rousseeuw's and the paper's text; `own` Euclidean and `others` squared is the equation as
/// printed, which depends on the scale of the features.
/// - Returns: `nil` where there is one cluster only, so that b is not defined
public func silhouettes(
  _ partition: Partition, own: MeanDistances, others: MeanDistances
) -> [Double]? {
  guard partition.clusters > 1 else { return nil }
  return partition.labels.indices.map { row in
    guard partition.sizes[partition.labels[row]] > 1 else { return 0 }
    let (a, b) = (own.own[row], others.nearest[row])
    return max(a, b) > 0 ? (b - a) / max(a, b) : 0
  }
}

/// The mean silhouette of a partition, by Euclidean distances (O(n² d)) or by squared ones (O(n K d)).
///
/// - Returns: `nil` where there is one cluster only
public func meanSilhouette(_ partition: Partition, squared: Bool, threads: Int = 1) -> Double? {
  let distances =
    squared
    ? MeanDistances.squaredEuclidean(partition, threads: threads)
    : MeanDistances.euclidean(partition, threads: threads)
  return silhouettes(partition, own: distances, others: distances).map {
    $0.reduce(0, +) / Double($0.count)
  }
}

/// The points sorted by cluster and cut into blocks of one cluster each, for distances of all pairs.
///
/// With r the residual of a point, ‖x − y‖² = ‖x − μ_l‖² + ‖y − μ_k‖² − ‖μ_k − μ_l‖² − 2 r_x·r_y for
/// x of cluster k and y of cluster l, whose first three terms are known: only r_x·r_y is a matrix
/// product, and what it rounds off is small beside the size of the clusters.
private struct PairBlocks {
  struct Block {
    var cluster: Int
    /// Places in `order`.
    var rows: Range<Int>
  }

  static let size = 256

  /// The row of the points at each place `[n]`.
  let order: [Int]
  let blocks: [Block]
  private let residuals: Residuals
  /// Scaled residuals `[n, d]`, and squared distances to all centroids `[n, K]`, in that order.
  private let values: [Float]
  private let toCentroids: [Double]

  init(_ partition: Partition, threads: Int) {
    let order = partition.labels.indices.sorted {
      (partition.labels[$0], $0) < (partition.labels[$1], $1)
    }
    var blocks: [Block] = []
    var first = 0
    for (cluster, size) in partition.sizes.enumerated() {
      for start in stride(from: first, to: first + size, by: PairBlocks.size) {
        blocks.append(
          Block(cluster: cluster, rows: start..<min(start + PairBlocks.size, first + size)))
      }
      first += size
    }
    let (clusters, dimension) = (partition.clusters, partition.points.columns)
    let residuals = Residuals(partition)
    let parts = mapChunks(of: order.count, size: PairBlocks.size, threads: threads) { places in
      var values = [Float](repeating: 0, count: places.count * dimension)
      var products = [Float](repeating: 0, count: places.count * clusters)
      var distances = [Double](repeating: 0, count: places.count * clusters)
      values.withUnsafeMutableBufferPointer { values in
        products.withUnsafeMutableBufferPointer { products in
          distances.withUnsafeMutableBufferPointer { distances in
            residuals.write(order[places], into: values)
            residuals.distancesToCentroids(
              order[places], UnsafeBufferPointer(values), products: products, into: distances)
          }
        }
      }
      return (values: values, distances: distances)
    }
    self.order = order
    self.blocks = blocks
    self.residuals = residuals
    values = parts.flatMap(\.values)
    toCentroids = parts.flatMap(\.distances)
  }

  /// Sums of distances of each row of `a` to all of `b`, and of each row of `b` to all of `a`.
  func sums(_ a: Block, _ b: Block) -> (rows: [Double], columns: [Double]) {
    let dimension = residuals.partition.points.columns
    let square = residuals.scale * residuals.scale
    let between = residuals.centroidDistances[a.cluster, b.cluster]
    let clusters = residuals.partition.clusters
    let columnTerms = b.rows.map { Float(toCentroids[$0 * clusters + a.cluster] * square) }
    var rowSums = [Double](repeating: 0, count: a.rows.count)
    var columnSums = [Double](repeating: 0, count: b.rows.count)
    var products = [Float](repeating: 0, count: a.rows.count * b.rows.count)
    values.withUnsafeBufferPointer { values in
      products.withUnsafeMutableBufferPointer { products in
        columnTerms.withUnsafeBufferPointer { columnTerms in
          columnSums.withUnsafeMutableBufferPointer { columnSums in
            func part(_ rows: Range<Int>) -> UnsafeBufferPointer<Float> {
              UnsafeBufferPointer(
                rebasing: values[rows.lowerBound * dimension..<rows.upperBound * dimension])
            }
            multiply(
              part(a.rows), part(b.rows), transposingB: true, into: products, rows: a.rows.count,
              columns: b.rows.count, inner: dimension)
            for (index, place) in a.rows.enumerated() {
              let toOther = toCentroids[place * clusters + b.cluster]
              let roots = UnsafeMutableBufferPointer(
                rebasing: products[index * b.rows.count..<(index + 1) * b.rows.count])
              let cancelled = finish(
                roots, rowTerm: Float((toOther - between) * square), columnTerms,
                size: Float((toOther + between) * square))
              if cancelled {
                for (column, other) in b.rows.enumerated() where roots[column] < 0 {
                  roots[column] = Float(
                    distance(order[place], order[other]).squareRoot() * residuals.scale)
                }
              }
              for column in 0..<roots.count { columnSums[column] += Double(roots[column]) }
              rowSums[index] = sum(UnsafeBufferPointer(roots)) / residuals.scale
            }
          }
        }
      }
    }
    return (rowSums, columnSums.map { $0 / residuals.scale })
  }

  /// Turns products into distances; −1 where the square is too small beside its terms to be
  /// trusted.
  /// - Returns: whether there is one
  private func finish(
    _ values: UnsafeMutableBufferPointer<Float>, rowTerm: Float,
    _ columnTerms: UnsafeBufferPointer<Float>, size: Float
  ) -> Bool {
    let lanes = values.count & ~7
    var doubted = SIMDMask<SIMD8<Int32>>(repeating: false)
    for first in stride(from: 0, to: lanes, by: 8) {
      var products = SIMD8<Float>()
      var terms = SIMD8<Float>()
      for lane in 0..<8 {
        products[lane] = values[first + lane]
        terms[lane] = columnTerms[first + lane]
      }
      let squares = terms + rowTerm - 2 * products
      let trusted = squares .> (terms + size) * PairBlocks.cancels
      let roots = squares.squareRoot().replacing(with: -1, where: .!trusted)
      doubted .|= .!trusted
      for lane in 0..<8 { values[first + lane] = roots[lane] }
    }
    var isDoubted = doubted != SIMDMask(repeating: false)
    for column in lanes..<values.count {
      let square = columnTerms[column] + rowTerm - 2 * values[column]
      let trusted = square > (columnTerms[column] + size) * PairBlocks.cancels
      values[column] = trusted ? square.squareRoot() : -1
      isDoubted = isDoubted || !trusted
    }
    return isDoubted
  }

  /// Below this share of its terms a squared distance is summed from the differences instead.
  private static let cancels: Float = 1 / 64

  private func distance(_ a: Int, _ b: Int) -> Double {
    let points = residuals.partition.points
    return points.elements.withUnsafeBufferPointer {
      squaredDistance(row(a, of: $0, points.columns), row(b, of: $0, points.columns))
    }
  }

  private func sum(_ values: UnsafeBufferPointer<Float>) -> Double {
    let lanes = values.count & ~7
    var sums = SIMD8<Double>()
    for first in stride(from: 0, to: lanes, by: 8) {
      for lane in 0..<8 { sums[lane] += Double(values[first + lane]) }
    }
    var sum = sums.sum()
    for index in lanes..<values.count { sum += Double(values[index]) }
    return sum
  }
}
