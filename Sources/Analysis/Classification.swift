/// How well classes were recognised: of true and predicted classes, how many of each pair.
public struct Classification: Hashable, Sendable {
  /// Shares of one class, 0 to 1; 0 where there is nothing to divide by.
  public struct ClassScores: Hashable, Sendable {
    /// How many are truly of it.
    public var support: Int
    /// Of what was called it, the share that is.
    public var precision: Double
    /// Of what is of it, the share that was called so.
    public var recall: Double
    /// The harmonic mean of both.
    public var f1: Double
  }

  /// `[true class][predicted class]`
  public private(set) var counts: [[Int]]

  /// - Parameter counts: `[true class][predicted class]`, square
  public init(counts: [[Int]]) {
    precondition(counts.allSatisfy { $0.count == counts.count }, "counts are not square")
    self.counts = counts
  }

  /// - Parameters:
  ///   - truth, predictions: `[n]`, in `0..<classes`
  public init(truth: [Int], predictions: [Int], classes: Int) {
    precondition(truth.count == predictions.count, "\(truth.count) labels of \(predictions.count)")
    counts = Array(repeating: Array(repeating: 0, count: classes), count: classes)
    for (row, column) in zip(truth, predictions) { counts[row][column] += 1 }
  }

  public var classes: [ClassScores] {
    counts.indices.map { index in
      let right = Double(counts[index][index])
      let support = counts[index].reduce(0, +)
      let called = counts.reduce(0) { $0 + $1[index] }
      return ClassScores(
        support: support,
        precision: called > 0 ? right / Double(called) : 0,
        recall: support > 0 ? right / Double(support) : 0,
        f1: called + support > 0 ? 2 * right / Double(called + support) : 0)
    }
  }

  /// The classes that are true of something or were predicted: the others say nothing.
  public var seen: [Int] {
    counts.indices.filter { index in
      counts.contains { $0[index] > 0 } || counts[index].contains { $0 > 0 }
    }
  }

  /// The mean over the classes of `seen`, each weighing the same; `nil` of nothing.
  ///
  /// Source: Sokolova & Lapalme (2009), table 3, macro-averaging; the F1 is the mean of the classes'
  /// F1, as scikit-learn's `average="macro"` with `zero_division=0`.
  public func macro(_ score: (ClassScores) -> Double) -> Double? {
    let (scores, seen) = (classes, seen)
    guard !seen.isEmpty else { return nil }
    return seen.reduce(0) { $0 + score(scores[$1]) } / Double(seen.count)
  }

  /// The share that was called what it is; `nil` of nothing.
  public var accuracy: Double? {
    let total = counts.joined().reduce(0, +)
    guard total > 0 else { return nil }
    return Double(counts.indices.reduce(0) { $0 + counts[$1][$1] }) / Double(total)
  }
}
