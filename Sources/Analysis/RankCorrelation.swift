internal import Foundation

/// A rank correlation of `n` pairs, and how often chance gives one as large.
public struct RankCorrelation: Sendable {
  /// −1 to 1; `nil` where one side is constant or there are fewer than two pairs.
  public var value: Double?
  /// The share of permutations of one side whose magnitude is at least that of `value`, two-sided.
  public var probability: Double?
}

/// Which measure of rank correlation is meant.
public enum RankStatistic: String, CaseIterable, Sendable {
  /// Pearson's correlation of the ranks, ties with their mean rank. Source: Spearman (1904).
  case spearman
  /// Concordant less discordant pairs, corrected for ties on both sides. Source: Kendall (1945).
  case kendall

  /// The correlation; `nil` where one side is constant or there are fewer than two pairs.
  public func correlation(_ x: [Double], _ y: [Double]) -> Double? {
    precondition(x.count == y.count, "\(x.count) values beside \(y.count)")
    switch self {
    case .spearman: return quotient(deviations(of: ranks(x)), deviations(of: ranks(y)))
    case .kendall: return quotient(signs(of: x), signs(of: y))
    }
  }

  /// The permutations whose p is exact: all of up to this many pairs, 40,320 of 8.
  public static let exactCount = 8

  /// The correlation and its two-sided permutation p.
  ///
  /// All n! permutations count for `n` up to `exactCount`; beyond, `resamples` are drawn and p is
  /// (1 + as large) / (1 + drawn), so never 0. Source: Good, "Permutation Tests" (2000).
  public func test(
    _ x: [Double], _ y: [Double], resamples: Int, using random: inout some RandomNumberGenerator
  ) -> RankCorrelation {
    guard let value = correlation(x, y) else { return RankCorrelation() }
    // Equal but for rounding counts as equal.
    let limit = abs(value) - 1e-12
    var (large, drawn) = (0, 0)
    func count(_ permuted: [Double]) {
      drawn += 1
      if abs(correlation(x, permuted) ?? 0) >= limit { large += 1 }
    }
    if x.count <= RankStatistic.exactCount {
      var permuted = y
      permutations(of: &permuted, from: 0, count)
      return RankCorrelation(value: value, probability: Double(large) / Double(drawn))
    }
    for _ in 0..<resamples { count(y.shuffled(using: &random)) }
    return RankCorrelation(value: value, probability: Double(large + 1) / Double(drawn + 1))
  }
}

/// Ranks from 1 on; equal values share their mean rank.
func ranks(_ values: [Double]) -> [Double] {
  values.map { value in
    let below = values.count { $0 < value }
    let equal = values.count { $0 == value }
    return Double(below) + Double(equal + 1) / 2
  }
}

private func deviations(of values: [Double]) -> [Double] {
  let mean = values.reduce(0, +) / Double(max(values.count, 1))
  return values.map { $0 - mean }
}

/// The order of each pair: −1, 0 or 1.
private func signs(of values: [Double]) -> [Double] {
  values.indices.flatMap { i in
    values[..<i].map { $0 < values[i] ? 1 : $0 > values[i] ? -1 : 0 }
  }
}

private func quotient(_ x: [Double], _ y: [Double]) -> Double? {
  let scale = (squaredNorm(x) * squaredNorm(y)).squareRoot()
  guard scale > 0 else { return nil }
  return zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } / scale
}

/// Calls `body` with every arrangement of the values from `first` on; they come back as they were.
private func permutations(of values: inout [Double], from first: Int, _ body: ([Double]) -> Void) {
  guard first + 1 < values.count else { return body(values) }
  for other in first..<values.count {
    values.swapAt(first, other)
    permutations(of: &values, from: first + 1, body)
    values.swapAt(first, other)
  }
}
