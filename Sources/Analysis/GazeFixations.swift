/// Finds the fixations of a gaze by the dispersion rule (I-DT): runs of points that last at least
/// `duration` and whose width and height together are at most `dispersion`.
///
/// From each start the shortest run of `duration` is tried; where it is tight enough it grows as far
/// as it stays so, and the next start is behind it.
/// Source: Salvucci & Goldberg, "Identifying fixations and saccades in eye-tracking protocols"
/// (ETRA 2000).
/// - Parameters:
///   - points: (x, y), in a unit that is the same along both axes
///   - times: of each point, in seconds, ascending
///   - dispersion: most of (largest x - smallest x) + (largest y - smallest y), in the points' unit
///   - duration: least time from a fixation's first point to its last, in seconds
///   - gap: a fixation has no longer pause between two points, in seconds
/// - Returns: the points of each fixation, in order
public func gazeFixations(
  of points: [SIMD2<Double>], times: [Double], dispersion: Double, duration: Double, gap: Double
) -> [Range<Int>] {
  precondition(points.count == times.count, "\(points.count) points, \(times.count) times")
  // Three frames of 30 Hz are 0.1 s, whatever the rounding of their times.
  let slack = 1e-9
  var found: [Range<Int>] = []
  var start = 0
  while start < points.count {
    var (low, high) = (points[start], points[start])
    var end = start + 1
    while end < points.count, times[end] - times[end - 1] <= gap + slack {
      let grownLow = pointwiseMin(low, points[end])
      let grownHigh = pointwiseMax(high, points[end])
      guard (grownHigh - grownLow).sum() <= dispersion else { break }
      (low, high) = (grownLow, grownHigh)
      end += 1
    }
    if end - start > 1, times[end - 1] - times[start] >= duration - slack {
      found.append(start..<end)
      start = end
    } else {
      start += 1
    }
  }
  return found
}
