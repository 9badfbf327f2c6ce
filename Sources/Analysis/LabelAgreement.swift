internal import Foundation

/// How two labellings of the same `n` points fall together: how many points have label i in one and
/// j in the other.
public struct Contingency: Sendable {
  /// `[rows, columns]`
  public var counts: [[Double]]

  public init(counts: [[Double]]) { self.counts = counts }

  /// - Parameters:
  ///   - a, b: labels `[n]`, in `0..<rows` and `0..<columns`
  public init(_ a: [Int], rows: Int, _ b: [Int], columns: Int) {
    precondition(a.count == b.count, "\(a.count) labels beside \(b.count)")
    counts = Array(repeating: Array(repeating: 0, count: columns), count: rows)
    for (i, j) in zip(a, b) { counts[i][j] += 1 }
  }

  private var rowSums: [Double] { counts.map { $0.reduce(0, +) } }

  private var columnSums: [Double] {
    counts.reduce(into: Array(repeating: 0, count: counts.first?.count ?? 0)) { sums, row in
      for (index, count) in row.enumerated() { sums[index] += count }
    }
  }

  /// Normalised mutual information, 0 to 1: by the mean of both entropies; 1 where both labellings
  /// have one label. `nil` of no point.
  ///
  /// Source: Strehl & Ghosh (2002), with the arithmetic mean, the default of scikit-learn.
  public var normalisedMutualInformation: Double? {
    let (rows, columns) = (rowSums, columnSums)
    let total = rows.reduce(0, +)
    guard total > 0 else { return nil }
    func entropy(_ sums: [Double]) -> Double {
      sums.reduce(0) { $1 > 0 ? $0 - $1 / total * log($1 / total) : $0 }
    }
    guard rows.count(where: { $0 > 0 }) > 1 || columns.count(where: { $0 > 0 }) > 1 else {
      return 1
    }
    var information = 0.0
    for (row, cells) in zip(rows, counts) {
      for (column, count) in zip(columns, cells) where count > 0 {
        information += count / total * log(count * total / (row * column))
      }
    }
    return max(0, information) / ((entropy(rows) + entropy(columns)) / 2)
  }

  /// The adjusted Rand index, at most 1; 0 is chance, and two equal labellings have 1. `nil` of no
  /// point.
  ///
  /// Source: Hubert & Arabie (1985).
  public var adjustedRand: Double? {
    func pairs(_ sums: [Double]) -> Double { sums.reduce(0) { $0 + $1 * ($1 - 1) / 2 } }
    let (rows, columns) = (pairs(rowSums), pairs(columnSums))
    let total = rowSums.reduce(0, +)
    guard total > 0 else { return nil }
    let same = pairs(counts.flatMap { $0 })
    let expected = total > 1 ? rows * columns / (total * (total - 1) / 2) : 0
    let most = (rows + columns) / 2
    return most == expected ? 1 : (same - expected) / (most - expected)
  }
}
