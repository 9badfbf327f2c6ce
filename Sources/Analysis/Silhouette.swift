/// The mean distance of every point to the points of every cluster; within its own cluster to the
/// others there. 0 for a point that is alone.
public struct MeanDistances: Sendable {
  /// `[K, n]`
  let means: Matrix<Double>

  /// Euclidean distances, from all pairs in blocks: O(n² d) time, O(n K) memory.
  public static func euclidean(_ partition: Partition, threads: Int = 1) -> MeanDistances {
    let n = partition.count
    // Sorted by cluster, so that the columns of one cluster lie side by side.
    let order = (0..<n).sorted {
      (partition.labels[$0], $0) < (partition.labels[$1], $1)
    }
    let labels = order.map { partition.labels[$0] }
    let size = 256
    let blocks = (n + size - 1) / size
    @Sendable func rows(_ block: Int) -> Range<Int> { block * size..<min(n, (block + 1) * size) }
    var sums = [Double](repeating: 0, count: partition.clusters * n)
    for first in 0..<blocks {
      // Each pair of blocks is met once: `first` gets sums over the rows of `second`, and the
      // other way round. Sums are added in the order of the blocks.
      let own = Block(partition, order[rows(first)])
      let results = mapChunks(of: blocks - first, size: 1, threads: threads) { chunk in
        let second = first + chunk.lowerBound
        let other = second == first ? own : Block(partition, order[rows(second)])
        return own.sums(
          to: other, labels[rows(first)], labels[rows(second)], clusters: partition.clusters,
          same: first == second)
      }
      for (second, result) in zip(first..., results) {
        for cluster in 0..<partition.clusters {
          for (index, row) in rows(first).enumerated() {
            sums[cluster * n + row] += result.own[cluster * rows(first).count + index]
          }
          guard second != first else { continue }
          for (index, row) in rows(second).enumerated() {
            sums[cluster * n + row] += result.other[cluster * rows(second).count + index]
          }
        }
      }
    }
    var means = Matrix<Double>(rows: partition.clusters, columns: n)
    for cluster in 0..<partition.clusters {
      for (index, row) in order.enumerated() {
        let others = partition.sizes[cluster] - (labels[index] == cluster ? 1 : 0)
        means[cluster, row] = others > 0 ? sums[cluster * n + index] / Double(others) : 0
      }
    }
    return MeanDistances(means: means)
  }

  /// Squared Euclidean distances, exactly in O(n K d): the mean to a cluster is ‖x − μ_k‖² + W_k,
  /// and n/(n − 1) times that within the own.
  public static func squaredEuclidean(_ partition: Partition, threads: Int = 1) -> MeanDistances {
    let (n, k, d) = (partition.count, partition.clusters, partition.points.columns)
    let centroids = partition.centroids.elements
    let centroidNorms = centroids.withUnsafeBufferPointer {
      squaredNorms($0, dimension: d, count: k)
    }
    var means = Matrix<Double>(rows: k, columns: n)
    let order = Array(0..<n)
    let parts = mapChunks(of: n, size: 256, threads: threads) { rows in
      Block(partition, order[rows]).distances(to: centroids, norms: centroidNorms)
    }
    for (part, distances) in parts.enumerated() {
      for index in 0..<distances.count / k {
        let row = part * 256 + index
        for cluster in 0..<k {
          let mean = distances[index * k + cluster] + partition.within[cluster]
          let size = Double(partition.sizes[cluster])
          means[cluster, row] =
            partition.labels[row] != cluster ? mean : size > 1 ? mean * size / (size - 1) : 0
        }
      }
    }
    return MeanDistances(means: means)
  }
}

/// The silhouette coefficient of every point `[n]`: (b − a) / max(a, b), between −1 and 1.
///
/// a is the mean distance to the others of the point's cluster, b the least mean distance to
/// another cluster. A point alone in its cluster has 0, and so has one where a = b = 0.
///
/// Source: Rousseeuw (1987); Zhang et al., equation 1. With Euclidean distances for both, this is
/// Rousseeuw's and the paper's text; `own` Euclidean and `others` squared is the equation as
/// printed, which depends on the scale of the features.
/// - Returns: `nil` where there is one cluster only, so that b is not defined
public func silhouettes(
  _ partition: Partition, own: MeanDistances, others: MeanDistances
) -> [Double]? {
  guard partition.clusters > 1 else { return nil }
  return partition.labels.enumerated().map { row, label in
    guard partition.sizes[label] > 1 else { return 0 }
    let a = own.means[label, row]
    var b = Double.infinity
    for cluster in 0..<partition.clusters where cluster != label {
      b = min(b, others.means[cluster, row])
    }
    return max(a, b) > 0 ? (b - a) / max(a, b) : 0
  }
}

/// Some rows of a partition, centred, with their squared norms.
private struct Block {
  let count: Int
  let dimension: Int
  let values: [Double]
  let norms: [Double]

  init(_ partition: Partition, _ rows: ArraySlice<Int>) {
    count = rows.count
    dimension = partition.points.columns
    let centred = partition.centred(rows)
    values = centred
    norms = centred.withUnsafeBufferPointer {
      squaredNorms($0, dimension: partition.points.columns, count: rows.count)
    }
  }

  /// Squared distances to other rows `[count, others]`.
  func distances(to others: [Double], norms otherNorms: [Double]) -> [Double] {
    let size = count * otherNorms.count
    var products = [Double](repeating: 0, count: size)
    return Array(unsafeUninitializedCapacity: size) { result, filled in
      values.withUnsafeBufferPointer { values in
        norms.withUnsafeBufferPointer { norms in
          others.withUnsafeBufferPointer { others in
            otherNorms.withUnsafeBufferPointer { otherNorms in
              products.withUnsafeMutableBufferPointer { products in
                squaredDistances(
                  values, norms: norms, others, norms: otherNorms, dimension: dimension,
                  products: products, into: UnsafeMutableBufferPointer(rebasing: result[..<size]))
              }
            }
          }
        }
      }
      filled = size
    }
  }

  /// Sums of distances by cluster: of the own rows to the others' clusters `[K, count]`, and of
  /// the other rows to the own clusters `[K, other.count]`. `same`: `other` is this block.
  func sums(
    to other: Block, _ labels: ArraySlice<Int>, _ otherLabels: ArraySlice<Int>, clusters: Int,
    same: Bool
  ) -> (own: [Double], other: [Double]) {
    let distances = distances(to: other.values, norms: other.norms)
    // Runs of columns of one cluster.
    var runs: [(cluster: Int, columns: Range<Int>)] = []
    for (column, label) in otherLabels.enumerated() {
      if runs.last?.cluster == label {
        runs[runs.count - 1].columns = runs[runs.count - 1].columns.lowerBound..<column + 1
      } else {
        runs.append((label, column..<column + 1))
      }
    }
    var ownSums = [Double](repeating: 0, count: clusters * count)
    var otherSums = [Double](repeating: 0, count: clusters * other.count)
    var roots = [Double](repeating: 0, count: other.count)
    distances.withUnsafeBufferPointer { distances in
      otherSums.withUnsafeMutableBufferPointer { otherSums in
        roots.withUnsafeMutableBufferPointer { roots in
          for (row, label) in labels.enumerated() {
            for column in 0..<other.count {
              let root = distances[row * other.count + column].squareRoot()
              roots[column] = root
              otherSums[label * other.count + column] += root
            }
            if same { roots[row] = 0 }
            for run in runs {
              var sum = 0.0
              for column in run.columns { sum += roots[column] }
              ownSums[run.cluster * count + row] += sum
            }
          }
        }
      }
    }
    return (ownSums, otherSums)
  }
}
