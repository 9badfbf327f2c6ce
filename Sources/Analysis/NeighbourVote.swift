/// Classes by the vote of the nearest labelled rows, each vote weighing the same.
///
/// Of classes with equally many votes the one wins whose nearest voter is the nearest.
/// Source: Cover & Hart (1967).
public struct NeighbourVote: Sendable {
  private let points: Matrix<Float>
  private let labels: [Int]
  private let count: Int

  /// - Parameters:
  ///   - points: `[n, d]`; of rows of norm 1 the nearest are those of the greatest cosine
  ///   - labels: `[n]`
  ///   - voters: how many vote, at least 1; all rows where there are fewer
  /// - Throws: `AnalysisError` where there is no row or a value is not finite
  public init(
    _ points: Matrix<Float>, labels: [Int], voters: Int
  ) throws(AnalysisError) {
    guard points.rows > 0 else { throw AnalysisError(.empty, "nobody votes") }
    try points.checkFinite()
    precondition(labels.count == points.rows, "\(labels.count) labels of \(points.rows) rows")
    (self.points, self.labels) = (points, labels)
    count = min(max(1, voters), points.rows)
  }

  /// - Parameter rows: `[m, d]`
  /// - Returns: the class of each, and the share of the votes that it has
  /// - Throws: `AnalysisError` where a value is not finite
  public func classify(
    _ rows: Matrix<Float>, threads: Int
  ) throws(AnalysisError) -> [(label: Int, share: Double)] {
    try rows.checkFinite()
    let nearest = NearestNeighbours(of: rows, among: points, count: count, threads: threads)
    return (0..<rows.rows).map { row in
      var votes: [Int: (count: Int, first: Int)] = [:]
      for (place, voter) in nearest.rows[row * count..<(row + 1) * count].enumerated() {
        votes[labels[Int(voter)], default: (0, place)].count += 1
      }
      guard
        let winner = votes.min(by: {
          ($1.value.count, $0.value.first) < ($0.value.count, $1.value.first)
        })
      else { preconditionFailure("a vote without voters") }
      return (winner.key, Double(winner.value.count) / Double(count))
    }
  }
}
