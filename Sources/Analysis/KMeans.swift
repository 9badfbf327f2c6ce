/// A partition found by k-means.
public struct KMeansResult: Sendable {
  /// The cluster of each point `[n]`. Clusters are numbered by size, the largest first; ties by
  /// centroid, in lexicographic order.
  public var labels: [Int]
  /// The mean of each cluster's points `[k, d]`.
  public var centroids: Matrix<Double>
  /// Sum of squared distances of the points to their centroids.
  public var inertia: Double
  /// How many times the best restart assigned the points.
  public var iterations: Int
  /// Whether the best restart settled before its iterations ran out.
  public var converged: Bool
}

/// Groups the rows of `points` `[n, d]` into `clusters` by Lloyd's algorithm from k-means++ starts,
/// and keeps the restart of least inertia, the first of equals.
///
/// A restart settles when no label changes, or when the centroids together move by no more than
/// `tolerance` times the mean variance of a column (squared). A cluster that loses all its points
/// takes the point that lies farthest from its own centroid, so every cluster has a point, even
/// where fewer than `clusters` points are distinct. Distances are float32 on centred and scaled
/// data, sums are Float64; the result does not depend on `threads`.
///
/// Source: Lloyd (1982); Arthur & Vassilvitskii (2007), section 2.2, with the greedy choice among
/// 2 + ⌊ln k⌋ candidates of their section 4, as scikit-learn has it.
/// - Throws: `AnalysisError` where there are more clusters than points, or a value is not finite
public func kMeans(
  _ points: Matrix<Float>, clusters: Int, restarts: Int = 10, maximumIterations: Int = 300,
  tolerance: Double = 1e-4, threads: Int = 1, using generator: inout some RandomNumberGenerator
) throws(AnalysisError) -> KMeansResult {
  precondition(clusters > 0 && restarts > 0 && maximumIterations > 0, "counts must be positive")
  guard clusters <= points.rows else {
    throw AnalysisError(
      .tooManyClusters, "\(clusters) clusters of \(points.rows) points: a cluster would be empty")
  }
  let lloyd = try Lloyd(points, clusters: clusters, threads: threads)
  var best: Lloyd.Outcome?
  for _ in 0..<restarts {
    let start = lloyd.seeds(using: &generator)
    let outcome = lloyd.run(
      from: start, maximumIterations: maximumIterations, tolerance: tolerance)
    if outcome.inertia < best?.inertia ?? .infinity || best == nil { best = outcome }
  }
  guard let best else { preconditionFailure("no restart was made") }
  let partition = try Partition(points, labels: best.labels, clusters: clusters)
  let order = partition.bySize
  var number = [Int](repeating: 0, count: clusters)
  for (new, old) in order.enumerated() { number[old] = new }
  return KMeansResult(
    labels: best.labels.map { number[$0] },
    centroids: Matrix(
      order.map { cluster in
        zip(partition.centroids[row: cluster], partition.mean).map { $0 + $1 }
      }),
    inertia: partition.inertia, iterations: best.iterations, converged: best.converged)
}

/// One data set made ready for Lloyd's iterations: centred, scaled by a power of two so that
/// squares neither overflow nor vanish, with the norms of its rows.
struct Lloyd {
  let count: Int
  let dimension: Int
  let clusters: Int
  let threads: Int
  /// `[n, d]`, centred and scaled.
  let values: [Float]
  let norms: [Double]
  /// Rows of a chunk: few chunks, as each has sums `[k, d]` of its own.
  let chunk: Int
  /// Rows that are multiplied at once, so that they are still in the cache when they are summed.
  static let block = 256

  struct Outcome {
    var labels: [Int]
    var inertia: Double
    var iterations: Int
    var converged: Bool
  }

  init(_ points: Matrix<Float>, clusters: Int, threads: Int) throws(AnalysisError) {
    count = points.rows
    dimension = points.columns
    self.clusters = clusters
    self.threads = threads
    chunk = max(512, (points.rows + 31) / 32)
    let means = try points.columnMeans()
    let dimension = dimension
    var largest = 0.0
    for row in 0..<points.rows {
      for column in 0..<dimension {
        largest = max(largest, abs(Double(points[row, column]) - means[column]))
      }
    }
    let scale = largest > 0 ? 1 / largest.binade : 1
    values = Array(unsafeUninitializedCapacity: points.elements.count) { values, filled in
      for row in 0..<points.rows {
        for column in 0..<dimension {
          let index = row * dimension + column
          values[index] = Float((Double(points.elements[index]) - means[column]) * scale)
        }
      }
      filled = points.elements.count
    }
    norms = values.withUnsafeBufferPointer {
      squaredNorms($0, dimension: dimension, count: points.rows)
    }
  }

  /// What one pass over a chunk finds.
  private struct Pass {
    var labels: [Int]
    /// `[k, d]`
    var sums: [Double]
    var sizes: [Int]
  }

  func run(from start: [Float], maximumIterations: Int, tolerance: Double) -> Outcome {
    var centroids = start
    var labels: [Int] = []
    let variance = norms.reduce(0, +) / Double(max(count * dimension, 1))
    var iterations = 0
    var converged = false
    while iterations < maximumIterations, !converged {
      iterations += 1
      var pass = assign(to: centroids)
      repair(&pass, centroids: centroids)
      let settled = pass.labels == labels
      labels = pass.labels
      var shift = 0.0
      for cluster in 0..<clusters {
        let size = Double(pass.sizes[cluster])
        for index in cluster * dimension..<(cluster + 1) * dimension {
          let value = Float(pass.sums[index] / size)
          shift += Double(value - centroids[index]) * Double(value - centroids[index])
          centroids[index] = value
        }
      }
      converged = settled || shift <= tolerance * variance
    }
    return Outcome(
      labels: labels, inertia: inertia(labels, centroids), iterations: iterations,
      converged: converged)
  }

  /// Labels every point with its nearest centroid, the lowest number of equals, and sums up.
  private func assign(to centroids: [Float]) -> Pass {
    let halves = centroids.withUnsafeBufferPointer {
      squaredNorms($0, dimension: dimension, count: clusters).map { Float($0 / 2) }
    }
    let passes = mapChunks(of: count, size: chunk, threads: threads) { rows in
      values.withUnsafeBufferPointer { values in
        centroids.withUnsafeBufferPointer { assign(rows, of: values, to: $0, halves) }
      }
    }
    var total = Pass(
      labels: [], sums: Array(repeating: 0, count: clusters * dimension),
      sizes: Array(repeating: 0, count: clusters))
    total.labels.reserveCapacity(count)
    for pass in passes {
      total.labels += pass.labels
      for index in total.sums.indices { total.sums[index] += pass.sums[index] }
      for index in total.sizes.indices { total.sizes[index] += pass.sizes[index] }
    }
    return total
  }

  private func assign(
    _ rows: Range<Int>, of values: UnsafeBufferPointer<Float>,
    to centroids: UnsafeBufferPointer<Float>, _ halves: [Float]
  ) -> Pass {
    var pass = Pass(
      labels: Array(repeating: 0, count: rows.count),
      sums: Array(repeating: 0, count: clusters * dimension),
      sizes: Array(repeating: 0, count: clusters))
    var products = [Float](repeating: 0, count: Lloyd.block * clusters)
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Lloyd.block) {
      let block = first..<min(first + Lloyd.block, rows.upperBound)
      products.withUnsafeMutableBufferPointer { products in
        multiply(
          UnsafeBufferPointer(
            rebasing: values[block.lowerBound * dimension..<block.upperBound * dimension]),
          centroids, transposingB: true, into: products, rows: block.count, columns: clusters,
          inner: dimension)
        for row in block {
          var nearest = 0
          var most = -Float.infinity
          for cluster in 0..<clusters {
            let score = products[(row - first) * clusters + cluster] - halves[cluster]
            if score > most { (nearest, most) = (cluster, score) }
          }
          pass.labels[row - rows.lowerBound] = nearest
          pass.sizes[nearest] += 1
        }
      }
      pass.sums.withUnsafeMutableBufferPointer { sums in
        for row in block {
          let target = pass.labels[row - rows.lowerBound] * dimension
          for index in 0..<dimension {
            sums[target + index] += Double(values[row * dimension + index])
          }
        }
      }
    }
    return pass
  }

  /// Gives every empty cluster the point that is farthest from its centroid, the first of equals,
  /// among clusters that keep another.
  private func repair(_ pass: inout Pass, centroids: [Float]) {
    guard pass.sizes.contains(0) else { return }
    var distances = distances(pass.labels, centroids)
    for empty in 0..<clusters where pass.sizes[empty] == 0 {
      var farthest: Int?
      for row in 0..<count where pass.sizes[pass.labels[row]] > 1 {
        if distances[row] > farthest.map({ distances[$0] }) ?? -1 { farthest = row }
      }
      guard let farthest else { return }
      let old = pass.labels[farthest]
      pass.sizes[old] -= 1
      pass.sizes[empty] = 1
      pass.labels[farthest] = empty
      distances[farthest] = 0
      for index in 0..<dimension {
        let value = Double(values[farthest * dimension + index])
        pass.sums[old * dimension + index] -= value
        pass.sums[empty * dimension + index] = value
      }
    }
  }

  /// The squared distance of every point to the centroid of its label.
  private func distances(_ labels: [Int], _ centroids: [Float]) -> [Double] {
    let parts = mapChunks(of: count, size: chunk, threads: threads) { rows in
      values.withUnsafeBufferPointer { values in
        centroids.withUnsafeBufferPointer { centroids in
          rows.map { row in
            let label = labels[row]
            return squaredDistance(
              UnsafeBufferPointer(rebasing: values[row * dimension..<(row + 1) * dimension]),
              UnsafeBufferPointer(rebasing: centroids[label * dimension..<(label + 1) * dimension]))
          }
        }
      }
    }
    return Array(parts.joined())
  }

  private func inertia(_ labels: [Int], _ centroids: [Float]) -> Double {
    distances(labels, centroids).reduce(0, +)
  }
}
