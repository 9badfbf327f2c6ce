import Analysis
import TestKit
import Testing

@Suite struct AgreementTests {
  @Test("NMI and ARI agree with scikit-learn, and renumbering changes neither")
  func labels() throws {
    // sklearn.metrics.{normalized_mutual_info,adjusted_rand}_score of these two lists.
    let a = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    let b = [0, 0, 1, 1, 1, 1, 1, 2, 2, 0]
    let table = Contingency(a, rows: 3, b, columns: 3)
    #expect(
      isClose(try #require(table.normalisedMutualInformation), 0.3991502288153317, relative: 1e-12))
    #expect(isClose(try #require(table.adjustedRand), 0.1366906474820144, relative: 1e-12))
    let renumbered = Contingency(a.map { 2 - $0 }, rows: 3, b, columns: 3)
    #expect(
      isClose(
        try #require(renumbered.normalisedMutualInformation), 0.3991502288153317, relative: 1e-12))
    #expect(Contingency(a, rows: 3, a, columns: 3).adjustedRand == 1)
    #expect(Contingency([0, 0], rows: 1, [0, 0], columns: 1).normalisedMutualInformation == 1)
    #expect(Contingency([], rows: 1, [], columns: 1).adjustedRand == nil)
  }

  @Test("Spearman and Kendall with ties agree with scipy; p is exact over all permutations")
  func ranks() throws {
    // scipy.stats.{spearmanr,kendalltau}; p by itertools.permutations over the same.
    let x = [1.0, 2, 2, 3, 5, 4]
    let y = [2.0, 1, 3, 3, 4, 6]
    var random = TestRandom(1)
    let rho = RankStatistic.spearman.test(x, y, resamples: 1, using: &random)
    let tau = RankStatistic.kendall.test(x, y, resamples: 1, using: &random)
    #expect(isClose(try #require(rho.value), 0.8088235294117647, relative: 1e-12))
    #expect(isClose(try #require(tau.value), 0.6428571428571429, relative: 1e-12))
    #expect(isClose(try #require(rho.probability), 0.06111111111111111, relative: 1e-12))
    #expect(isClose(try #require(tau.probability), 0.11666666666666667, relative: 1e-12))
  }

  @Test("a constant side has no rank correlation; beyond eight pairs p is drawn and never 0")
  func edges() throws {
    var random = TestRandom(1)
    let none = RankStatistic.spearman.test([1, 2, 3], [4, 4, 4], resamples: 9, using: &random)
    #expect(none.value == nil && none.probability == nil)
    let x = (0..<9).map(Double.init)
    let drawn = RankStatistic.kendall.test(x, x, resamples: 999, using: &random)
    #expect(drawn.value == 1)
    #expect(try #require(drawn.probability) >= 1.0 / 1000)
  }
}
