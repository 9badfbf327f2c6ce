/// The percentile interval of a statistic under resampling of whole items with replacement.
///
/// Items are what is independent, such as scans: their frames are not.
/// Source: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
/// - Parameters:
///   - items: how many there are, at least 1
///   - level: of the interval, in 0 to 1
///   - statistic: given how often each item was drawn; `nil` where it is not defined
/// - Returns: `nil` where there is one item only, or the statistic is never defined
public func bootstrapInterval(
  items: Int, resamples: Int, level: Double, using random: inout some RandomNumberGenerator,
  _ statistic: ([Int]) -> Double?
) -> ClosedRange<Double>? {
  guard
    let draws = bootstrapDraws(items: items, resamples: resamples, using: &random)
  else { return nil }
  return percentileInterval(draws.map(statistic), level: level)
}

/// How often each item was drawn, of every resample `[resamples, items]`; `nil` of one item.
public func bootstrapDraws(
  items: Int, resamples: Int, using random: inout some RandomNumberGenerator
) -> [[Int]]? {
  precondition(items > 0 && resamples > 0, "\(resamples) resamples of \(items) items")
  guard items > 1 else { return nil }
  return (0..<resamples).map { _ in
    var counts = [Int](repeating: 0, count: items)
    for _ in 0..<items { counts[Int.random(in: 0..<items, using: &random)] += 1 }
    return counts
  }
}

/// The middle `level` of the values that are defined; `nil` of none.
public func percentileInterval(_ values: [Double?], level: Double) -> ClosedRange<Double>? {
  let sorted = values.compactMap { $0 }.sorted()
  guard !sorted.isEmpty else { return nil }
  return quantile((1 - level) / 2, of: sorted)...quantile((1 + level) / 2, of: sorted)
}

/// The quantile of ascending values, with linear interpolation between the two nearest.
///
/// Source: Hyndman & Fan (1996), definition 7, the default of numpy and R.
/// - Parameter share: 0 to 1
public func quantile(_ share: Double, of sorted: [Double]) -> Double {
  precondition(!sorted.isEmpty && (0...1).contains(share), "quantile \(share) of \(sorted.count)")
  let place = share * Double(sorted.count - 1)
  let below = Int(place)
  guard below + 1 < sorted.count else { return sorted[below] }
  return sorted[below] + (place - Double(below)) * (sorted[below + 1] - sorted[below])
}
