internal import StageKit

/// Classes in turn: of each block of as many samples as there are classes, every class has one, in an
/// order of its own; and the copies of one draw have different classes where there are enough.
struct EvenClasses: Sendable {
  let classes: Int
  /// Samples of one draw, which follow each other.
  let copies: Int
  let seed: Int
  let purpose: String

  /// The classes of samples, counted from the first of step 0.
  func classes(of samples: Range<Int>) -> [Int] {
    guard !samples.isEmpty else { return [] }
    let first = samples.lowerBound / length
    let last = (samples.upperBound - 1) / length
    let drawn = (first...last).flatMap { run($0) }
    return samples.map { drawn[$0 - first * length] }
  }

  /// Samples after which a block and a draw end together.
  private var length: Int {
    copies > classes ? classes : classes / greatestDivisor(classes, copies) * copies
  }

  private func run(_ index: Int) -> [Int] {
    var random = CounterRandom(seed: seed, kind: "pretrain", item: "\(index)", purpose: purpose)
    var result: [Int] = []
    while result.count < length {
      var block = Array(0..<classes).shuffled(using: &random)
      let begun = copies > classes ? 0 : result.count % copies
      if begun > 0 {
        // The rest of the draw that the last block began: other classes than it has.
        let taken = result.suffix(begun)
        let rest = block.filter { !taken.contains($0) }.prefix(copies - begun)
        block = rest + block.filter { !rest.contains($0) }
      }
      result += block
    }
    return result
  }
}

private func greatestDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestDivisor(b, a % b) }
