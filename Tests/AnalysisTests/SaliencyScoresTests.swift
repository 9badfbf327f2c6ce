import Analysis
import Foundation
import TestKit
import Testing

@Suite struct FixationMapTests {
  @Test("a map is the sum of Gaussians that numpy makes, and sums to 1")
  func agrees() throws {
    for golden in try SaliencyGoldens.read().fixationMaps {
      let map = try FixationMap(height: golden.height, width: golden.width, sigma: golden.sigma)
        .map(of: SaliencyGoldens.points(golden.points))
      #expect(map.count == golden.height * golden.width)
      #expect(isClose(map.reduce(0) { $0 + Double($1) }, 1, relative: 1e-6))
      for (value, expected) in zip(map, golden.map) {
        #expect(isClose(Double(value), expected, relative: 1e-6, absolute: 1e-37))
      }
    }
  }

  @Test("the narrowest Gaussian between four cells' centres is shared by the four")
  func narrow() throws {
    let map = try FixationMap(height: 4, width: 4, sigma: FixationMap.leastSigma)
      .map(of: [SIMD2(0.5, 0.5)])
    for cell in [5, 6, 9, 10] { #expect(isClose(Double(map[cell]), 0.25, relative: 1e-6)) }
  }

  @Test("no point, a point off the picture and one that is no number are errors")
  func badPoints() {
    let map = FixationMap(height: 2, width: 3)
    #expect(throws: AnalysisError(.empty, "no gaze point; a fixation map needs at least one")) {
      try map.map(of: [])
    }
    let message = "gaze point 1 is (0.5, 1.25); expected shares from 0 to 1"
    #expect(throws: AnalysisError(.outOfRange, message)) {
      try map.map(of: [SIMD2(0, 0), SIMD2(0.5, 1.25)])
    }
    #expect {
      try map.map(of: [SIMD2(.nan, 0)])
    } throws: { ($0 as? AnalysisError)?.code == .outOfRange }
  }

  @Test("a point belongs to the cell that shows it, and the far border to the last cell")
  func cells() {
    let map = FixationMap(height: 2, width: 4)
    #expect(map.cell(at: SIMD2(0, 0)) == 0)
    #expect(map.cell(at: SIMD2(0.25, 0.49)) == 1)
    #expect(map.cell(at: SIMD2(0.99, 0.5)) == 7)
    #expect(map.cell(at: SIMD2(1, 1)) == 7)
  }
}

@Suite struct SaliencyScoresTests {
  @Test("scores of random maps, with ties, zeros and repeated fixations, agree with numpy's")
  func agrees() throws {
    for (number, golden) in try SaliencyGoldens.read().scores.enumerated() {
      let scores = try SaliencyScores(
        of: golden.map, target: golden.target, fixations: golden.fixations)
      let pairs: [(String, Double?, Double)] = [
        ("kld", scores.kld, golden.kld), ("nss", scores.nss, golden.nss),
        ("auc_judd", scores.aucJudd, golden.aucJudd), ("cc", scores.cc, golden.cc),
        ("sim", scores.sim, golden.sim),
      ]
      for (name, value, expected) in pairs {
        let value = try #require(value)
        #expect(
          isClose(value, expected, relative: 1e-6, absolute: 1e-8), "case \(number): \(name)")
      }
    }
  }

  @Test("a map that is the fixations' own has divergence 0, similarity 1 and correlation 1")
  func itself() throws {
    let map = try FixationMap(height: 6, width: 8).map(of: [SIMD2(0.3, 0.6)])
    let scores = try SaliencyScores(of: map, target: map, fixations: [26])
    #expect(isClose(scores.kld, 0, absolute: 1e-12))
    #expect(isClose(scores.sim, 1, relative: 1e-12))
    #expect(isClose(scores.cc, 1, relative: 1e-12))
    #expect(scores.aucJudd == 1)
  }

  @Test("a map of one value is at chance: AUC ½, NSS and CC 0, KLD ln N less the entropy")
  func constant() throws {
    let scores = try SaliencyScores(
      of: [Float](repeating: 0.7, count: 8), target: [0, 0.5, 0, 0, 0.5, 0, 0, 0],
      fixations: [1, 4])
    #expect(scores.aucJudd == 0.5)
    #expect(scores.nss == 0)
    #expect(scores.cc == 0)
    #expect(isClose(scores.kld, log(8.0) - log(2.0), relative: 1e-12))
    #expect(isClose(scores.sim, 0.25, relative: 1e-12))
  }

  @Test("without fixations, and where every cell is one, what asks the cells is not defined")
  func noFixations() throws {
    let none = try SaliencyScores(of: [1, 2], target: [1, 1], fixations: [])
    #expect(none.nss == nil && none.aucJudd == nil)
    #expect(isClose(none.sim, 1.0 / 3 + 0.5, relative: 1e-12))
    let all = try SaliencyScores(of: [1, 2], target: [1, 1], fixations: [0, 1])
    #expect(isClose(try #require(all.nss), 0, absolute: 1e-12) && all.aucJudd == nil)
  }

  @Test("a map that is 0 where somebody looked costs the target's share times ln(t / epsilon)")
  func zero() throws {
    let scores = try SaliencyScores(of: [0, 1], target: [0.25, 0.75], fixations: [0])
    let expected =
      0.25 * (log(0.25) - log(SaliencyScores.epsilon)) + 0.75 * (log(0.75) - log(1.0))
    #expect(isClose(scores.kld, expected, relative: 1e-12))
    #expect(scores.aucJudd == 0.5)
  }

  @Test("cells that tie with a fixated one do not depend on their order")
  func tie() throws {
    // One threshold, 2, above which lie two of the three other cells: (0, 0), (2/3, 1), (1, 1).
    for map in [[3, 2, 2, 1], [2, 2, 3, 1], [1, 2, 2, 3]] as [[Float]] {
      let scores = try SaliencyScores(of: map, target: [0, 1, 0, 0], fixations: [1])
      #expect(isClose(try #require(scores.aucJudd), 2.0 / 3, relative: 1e-12))
    }
  }

  @Test("maps that are negative, not finite or zero throughout are errors that say which")
  func badMaps() {
    func error(_ map: [Float], _ target: [Float]) -> AnalysisError? {
      do {
        _ = try SaliencyScores(of: map, target: target, fixations: [0])
        return nil
      } catch { return error }
    }
    #expect(
      error([1, -1], [1, 1])
        == AnalysisError(.outOfRange, "cell 1 of the map is -1.0; expected a number from 0 up"))
    #expect(error([.nan, 1], [1, 1])?.code == .notFinite)
    #expect(error([.infinity, 1], [1, 1])?.code == .notFinite)
    #expect(
      error([1, 1], [0, 0])
        == AnalysisError(
          .empty, "the map of the fixations has no positive value; expected one at least"))
  }
}
