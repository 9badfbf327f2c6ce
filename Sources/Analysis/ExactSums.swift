internal import CAnalysis
internal import Foundation

/// Sums of rows by cluster `[k, d]` as integers, so that they do not depend on the order: a row that
/// moves from one cluster to another leaves the sums that adding up anew would give.
///
/// A value counts as the nearest multiple of 2^-f, where f is as large as `rows` values of the
/// largest magnitude allow: 44 bits below the largest for 100,000 rows. What is added up are the
/// bits of value + offset, a double whose last bit is worth 2^-f; they wrap around, and the bits
/// of the offset come off at the end, once for each row.
struct ExactSums {
  let clusters: Int
  let dimension: Int
  private(set) var sizes: [Int]
  private var sums: [UInt64]
  private let offset: Double
  private let unit: Double

  /// - Parameters:
  ///   - rows: the most rows there will be
  ///   - largest: the largest magnitude of a value
  init(clusters: Int, dimension: Int, rows: Int, largest: Double) {
    self.clusters = clusters
    self.dimension = dimension
    sizes = Array(repeating: 0, count: clusters)
    sums = Array(repeating: 0, count: clusters * dimension)
    let exponent = largest > 0 ? Int(largest.exponent) + 1 : 0
    let bits = min(50, 61 - (Int.bitWidth - rows.leadingZeroBitCount)) - exponent
    offset = scalbn(1.5, 52 - bits)
    unit = scalbn(1, -bits)
  }

  /// No rows, on the same scale.
  var empty: ExactSums {
    var copy = self
    copy.sizes = Array(repeating: 0, count: clusters)
    copy.sums = Array(repeating: 0, count: clusters * dimension)
    return copy
  }

  /// Takes the row from the cluster `old`, if there is one, and gives it to `new`.
  mutating func move(_ row: UnsafePointer<Float>, from old: Int?, to new: Int) {
    sizes[new] += 1
    if let old { sizes[old] -= 1 }
    let (width, offset) = (dimension, offset)
    sums.withUnsafeMutableBufferPointer { sums in
      guard let start = sums.baseAddress else { return }
      canalysis_move(row, Int64(width), offset, old.map { start + $0 * width }, start + new * width)
    }
  }

  static func += (sums: inout ExactSums, other: ExactSums) {
    for index in sums.sizes.indices { sums.sizes[index] += other.sizes[index] }
    for index in sums.sums.indices { sums.sums[index] &+= other.sums[index] }
  }

  /// The mean of a cluster's rows `[d]`.
  func mean(_ cluster: Int) -> [Double] {
    let size = sizes[cluster]
    let offsets = UInt64(bitPattern: Int64(size)) &* offset.bitPattern
    return sums[cluster * dimension..<(cluster + 1) * dimension].map {
      Double(Int64(bitPattern: $0 &- offsets)) * unit / Double(size)
    }
  }
}
