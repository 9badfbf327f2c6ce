internal import Foundation

/// Chooses rows to start k-means from.
struct Seeding {
  private let data: Lloyd
  /// The squared norms of the rows, seen from zero.
  private let norms: [Double]

  init(_ data: Lloyd) {
    self.data = data
    norms = squaredDistances(
      data.values, rows: data.count, to: Array(repeating: 0, count: data.dimension),
      chunk: data.chunk, threads: data.threads)
  }

  /// Chooses each next row with a probability in proportion to its squared distance from those
  /// chosen, the best of a few candidates.
  ///
  /// - Returns: the centroids to start from `[k, d]`, seen from the origin of the data
  func seeds(using generator: inout some RandomNumberGenerator) -> [Float] {
    let clusters = data.clusters
    let candidates = 2 + Int(log(Double(clusters)))
    var seeds: [Int] = [uniformIndex(using: &generator)]
    var closest = nearest(
      [Double](repeating: .infinity, count: data.count), candidates: seeds)[0]
    while seeds.count < clusters {
      var cumulative = closest
      for index in 1..<max(cumulative.count, 1) { cumulative[index] += cumulative[index - 1] }
      let total = cumulative.last ?? 0
      let drawn = (0..<candidates).map { _ in
        total > 0
          ? index(above: uniform(using: &generator) * total, in: cumulative)
          : uniformIndex(using: &generator)
      }
      var best: (row: Int, closest: [Double], potential: Double)?
      for (row, distances) in zip(drawn, nearest(closest, candidates: drawn)) {
        let potential = distances.reduce(0, +)
        if potential < best?.potential ?? .infinity { best = (row, distances, potential) }
      }
      guard let best else { preconditionFailure("no candidate was drawn") }
      seeds.append(best.row)
      closest = best.closest
    }
    let width = data.dimension
    return seeds.flatMap { seed in
      zip(data.values[seed * width..<(seed + 1) * width], data.origin).map {
        Float(Double($0) - $1)
      }
    }
  }

  /// For each candidate row, what `closest` becomes once it is chosen.
  private func nearest(_ closest: [Double], candidates: [Int]) -> [[Double]] {
    let (values, dimension, norms) = (data.values, data.dimension, norms)
    let rows = candidates.flatMap { values[$0 * dimension..<($0 + 1) * dimension] }
    let rowNorms = candidates.map { norms[$0] }
    let width = candidates.count
    let parts = mapChunks(of: data.count, size: Lloyd.block, threads: data.threads) { block in
      var products = [Float](repeating: 0, count: block.count * width)
      return [Double](unsafeUninitializedCapacity: block.count * width) { distances, filled in
        distances.initialize(repeating: 0)
        values.withUnsafeBufferPointer { values in
          norms.withUnsafeBufferPointer { norms in
            rows.withUnsafeBufferPointer { rows in
              rowNorms.withUnsafeBufferPointer { rowNorms in
                products.withUnsafeMutableBufferPointer { products in
                  squaredDistances(
                    UnsafeBufferPointer(
                      rebasing: values[
                        block.lowerBound * dimension..<block.upperBound * dimension]),
                    norms: UnsafeBufferPointer(rebasing: norms[block]), rows, norms: rowNorms,
                    dimension: dimension, products: products, into: distances)
                }
              }
            }
          }
        }
        filled = block.count * width
      }
    }
    return candidates.indices.map { candidate in
      var row = 0
      var result = closest
      for part in parts {
        for index in stride(from: candidate, to: part.count, by: width) {
          result[row] = min(result[row], part[index])
          row += 1
        }
      }
      return result
    }
  }

  /// The first index whose cumulative weight is above `threshold`: never one of weight 0.
  private func index(above threshold: Double, in cumulative: [Double]) -> Int {
    var (low, high) = (0, cumulative.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] > threshold { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// In [0, 1), with 53 random bits.
  private func uniform(using generator: inout some RandomNumberGenerator) -> Double {
    Double(generator.next() >> 11) * 0x1p-53
  }

  private func uniformIndex(using generator: inout some RandomNumberGenerator) -> Int {
    min(Int(uniform(using: &generator) * Double(data.count)), data.count - 1)
  }
}
