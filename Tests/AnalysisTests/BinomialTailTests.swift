import Analysis
import TestKit
import Testing

@Suite("Binomial tails")
struct BinomialTailTests {
  /// 8 fair coins: 1, 9, 37, 93, 163, 219, 247, 255, 256 of 256, counted from 8 heads down.
  @Test("of fair coins they are counts of heads")
  func coins() {
    for (heads, count) in zip((0...8).reversed(), [1, 9, 37, 93, 163, 219, 247, 255, 256]) {
      #expect(
        isClose(
          binomialTail(heads, of: 8, probability: 0.5), Double(count) / 256, relative: 1e-12,
          absolute: 0))
    }
  }

  /// By exact fractions: sum(comb(n, i) p^i (1 - p)^(n - i) for i from k).
  @Test(
    "of many trials they are the exact sums",
    arguments: [
      (44, 128, 0.25, 0.011190410208704912), (20, 128, 1.0 / 14, 0.0007752249316092738),
      (540, 1000, 0.5, 0.00622207313858589),
    ])
  func manyTrials(successes: Int, trials: Int, probability: Double, expected: Double) {
    #expect(
      isClose(
        binomialTail(successes, of: trials, probability: probability), expected, relative: 1e-9,
        absolute: 0))
  }

  @Test("certain and impossible ones are 1 and 0")
  func ends() {
    #expect(binomialTail(0, of: 5, probability: 0.1) == 1)
    #expect(binomialTail(6, of: 5, probability: 0.9) == 0)
    #expect(binomialTail(1, of: 5, probability: 0) == 0)
    #expect(binomialTail(5, of: 5, probability: 1) == 1)
    #expect(binomialTail(0, of: 0, probability: 0.5) == 1)
  }
}
