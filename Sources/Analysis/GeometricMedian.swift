/// The point whose distances to all `points` have the least sum; a few wild points hardly move it.
///
/// Where one of the points is the answer it is returned as it is. Where the answer is not unique
/// (an even number of points on a line) it is the mean of the points among the answers, so that the
/// median of two points is half-way between them.
///
/// Source: Weiszfeld (1937); Vardi & Zhang, "The multivariate L1-median and associated data depth"
/// (PNAS 2000); Beck & Sabach, "Weiszfeld's method: old and new results" (2015), for the start.
/// - Parameter points: (x, y), finite, in a unit that is the same along both axes
/// - Returns: `nil` of no points
public func geometricMedian(of points: [SIMD2<Double>]) -> SIMD2<Double>? {
  guard let first = points.first else { return nil }
  guard points.count > 1 else { return first }
  let answers = points.filter { candidate in
    let (pull, own, _) = pull(of: points, on: candidate)
    return length(pull) <= Double(own) + 1e-12
  }
  if let answer = answers.first {
    return answers.allSatisfy { $0 == answer } ? answer : mean(answers)
  }
  // Vardi and Zhang's step away from the best of the points leads below the sums of all points, so
  // that Weiszfeld's iteration, which only descends, never meets one (Beck & Sabach 2015).
  guard var median = points.min(by: { sum(points, to: $0) < sum(points, to: $1) }) else {
    return nil
  }
  let spread = points.map { length($0 - median) }.max() ?? 0
  for _ in 0..<10_000 {
    let step = step(from: median, of: points)
    median += step
    if length(step) <= 1e-13 * spread { break }
  }
  return median
}

/// Weiszfeld's next place, seen from here, with Vardi and Zhang's correction on a point of the data.
private func step(from median: SIMD2<Double>, of points: [SIMD2<Double>]) -> SIMD2<Double> {
  let (pull, own, weights) = pull(of: points, on: median)
  let size = length(pull)
  return size > Double(own) ? (1 - Double(own) / size) * pull / weights : .zero
}

/// The sum of the unit vectors from `place` to the points elsewhere, how many points are at it, and the
/// sum of the others' inverse distances.
private func pull(
  of points: [SIMD2<Double>], on place: SIMD2<Double>
) -> (pull: SIMD2<Double>, own: Int, weights: Double) {
  var pull = SIMD2<Double>.zero
  var weights = 0.0
  var own = 0
  for point in points {
    if point == place {
      own += 1
    } else {
      let weight = 1 / length(point - place)
      weights += weight
      pull += weight * (point - place)
    }
  }
  return (pull, own, weights)
}

private func mean(_ points: [SIMD2<Double>]) -> SIMD2<Double> {
  points.reduce(.zero, +) / Double(points.count)
}

private func sum(_ points: [SIMD2<Double>], to place: SIMD2<Double>) -> Double {
  points.reduce(0) { $0 + length($1 - place) }
}

private func length(_ vector: SIMD2<Double>) -> Double { (vector * vector).sum().squareRoot() }
