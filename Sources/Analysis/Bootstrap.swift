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
  precondition(items > 0 && resamples > 0, "\(resamples) resamples of \(items) items")
  guard items > 1 else { return nil }
  var values: [Double] = []
  for _ in 0..<resamples {
    var counts = [Int](repeating: 0, count: items)
    for _ in 0..<items { counts[Int.random(in: 0..<items, using: &random)] += 1 }
    if let value = statistic(counts) { values.append(value) }
  }
  guard !values.isEmpty else { return nil }
  values.sort()
  return quantile((1 - level) / 2, of: values)...quantile((1 + level) / 2, of: values)
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
