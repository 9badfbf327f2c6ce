import Analysis
import Foundation
import TestKit
import Testing

@Suite struct GeometricMedianTests {
  func sum(_ points: [SIMD2<Double>], to place: SIMD2<Double>) -> Double {
    points.reduce(0) { $0 + hypot($1.x - place.x, $1.y - place.y) }
  }

  @Test("medians agree with scipy's minimiser, and no place has a smaller sum of distances")
  func agrees() throws {
    for (number, golden) in try SaliencyGoldens.read().medians.enumerated() {
      let points = SaliencyGoldens.points(golden.points)
      let median = try #require(geometricMedian(of: points))
      #expect(isClose(median.x, golden.median[0], absolute: 1e-6), "case \(number)")
      #expect(isClose(median.y, golden.median[1], absolute: 1e-6), "case \(number)")
      #expect(sum(points, to: median) <= golden.sum * (1 + 1e-12), "case \(number)")
    }
  }

  @Test("closed forms: two points, a triangle's Fermat point, a square, a wide angle, a majority")
  func closedForms() throws {
    #expect(geometricMedian(of: []) == nil)
    #expect(geometricMedian(of: [SIMD2(2, 3)]) == SIMD2(2, 3))
    #expect(geometricMedian(of: [SIMD2(0, 0), SIMD2(1, 4)]) == SIMD2(0.5, 2))
    #expect(geometricMedian(of: [SIMD2(0, 0), SIMD2(1, 0), SIMD2(3, 0)]) == SIMD2(1, 0))
    #expect(
      geometricMedian(of: [SIMD2(0, 0), SIMD2(1, 0), SIMD2(2, 0), SIMD2(9, 0)]) == SIMD2(1.5, 0))
    let square = try #require(
      geometricMedian(of: [SIMD2(0, 0), SIMD2(2, 0), SIMD2(0, 2), SIMD2(2, 2)]))
    #expect(isClose(square.x, 1, relative: 1e-12) && isClose(square.y, 1, relative: 1e-12))
    // An equilateral triangle's is its centre, one with an angle of 120 degrees or more that corner.
    let top = (3 as Double).squareRoot()
    let fermat = try #require(geometricMedian(of: [SIMD2(-1, 0), SIMD2(1, 0), SIMD2(0, top)]))
    #expect(isClose(fermat.x, 0, absolute: 1e-12) && isClose(fermat.y, top / 3, relative: 1e-12))
    #expect(
      geometricMedian(of: [SIMD2(-4, 1), SIMD2(4, 1), SIMD2(0, 0)]) == SIMD2(0, 0))
    #expect(
      geometricMedian(of: [SIMD2(1, 1), SIMD2(1, 1), SIMD2(1, 1), SIMD2(8, 9), SIMD2(-3, 2)])
        == SIMD2(1, 1))
  }

  @Test("where the mean of the points is one of them the iteration leaves it")
  func startsOnAPoint() throws {
    // The mean is (0, 0), a point, and the median is not.
    let points = [
      SIMD2(0.0, 0), SIMD2(-10, 0), SIMD2(2, 1), SIMD2(2, -1), SIMD2(3, 0.5), SIMD2(3, -0.5),
    ]
    let median = try #require(geometricMedian(of: points))
    #expect(median.x > 0.5 && abs(median.y) < 1e-9)
    let best = sum(points, to: median)
    for dx in [-1e-3, 1e-3] {
      #expect(sum(points, to: median + SIMD2(dx, 0)) > best)
      #expect(sum(points, to: median + SIMD2(0, dx)) > best)
    }
  }
}

@Suite struct GazeFixationsTests {
  @Test("fixations agree with the published algorithm, written window by window")
  func agrees() throws {
    for golden in try SaliencyGoldens.read().gazeFixations {
      let found = gazeFixations(
        of: SaliencyGoldens.points(golden.points), times: golden.times,
        dispersion: golden.dispersion, duration: golden.duration, gap: golden.gap)
      #expect(found.map { [$0.lowerBound, $0.upperBound] } == golden.fixations)
    }
  }

  @Test("a pause ends a fixation, and no points have none")
  func pause() {
    let times = [0, 0.05, 0.1, 0.3, 0.35, 0.4]
    let points = [SIMD2<Double>](repeating: SIMD2(0.5, 0.5), count: 6)
    #expect(
      gazeFixations(of: points, times: times, dispersion: 0.1, duration: 0.1, gap: 0.1)
        == [0..<3, 3..<6])
    #expect(
      gazeFixations(of: points, times: times, dispersion: 0.1, duration: 0.1, gap: 1) == [0..<6])
    #expect(gazeFixations(of: [], times: [], dispersion: 1, duration: 0.1, gap: 1).isEmpty)
  }
}

@Suite struct BootstrapTests {
  @Test("the interval of a mean of two items is that of the three equally spaced means")
  func closedForm() throws {
    // Draws of {0, 1}: mean 0 with ¼, ½ with ½, 1 with ¼.
    var random = TestRandom(5)
    var seen: [Double: Int] = [:]
    let interval = bootstrapInterval(items: 2, resamples: 4000, level: 0.4, using: &random) {
      let mean = Double($0[1]) / 2
      seen[mean, default: 0] += 1
      return mean
    }
    #expect(interval == 0.5...0.5)
    #expect(abs(Double(seen[0.5] ?? 0) / 4000 - 0.5) < 0.03)
    let wide = bootstrapInterval(items: 2, resamples: 4000, level: 0.95, using: &random) {
      Double($0[1]) / 2
    }
    #expect(wide == 0...1)
  }

  @Test("one item has no interval, nor has a statistic that is never defined")
  func undefined() {
    var random = TestRandom(1)
    #expect(bootstrapInterval(items: 1, resamples: 9, level: 0.9, using: &random) { _ in 1 } == nil)
    #expect(
      bootstrapInterval(items: 3, resamples: 9, level: 0.9, using: &random) { _ in nil } == nil)
  }

  @Test("quantiles are numpy's")
  func quantiles() {
    #expect(quantile(0, of: [1, 2, 4]) == 1)
    #expect(quantile(0.25, of: [1, 2, 4]) == 1.5)
    #expect(quantile(0.5, of: [1, 2, 4]) == 2)
    #expect(quantile(0.9, of: [1, 2, 4]) == 3.6)
    #expect(quantile(1, of: [1, 2, 4]) == 4)
  }
}
