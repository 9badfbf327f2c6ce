/// Narrow groups of a convolution computed as fewer and wider ones, whose weights are 0 wherever two
/// of the merged groups meet.
///
/// Kernels work on 16 channels at once: a group of 4 costs as much as one of 16, and where oneDNN
/// has no kernel for it, far more. The values are those of the narrow groups; gradients where
/// groups meet are set to 0, so the zeros stay.
struct MergedGroups: Hashable, Sendable {
  /// `[groups, o / groups, i / groups, kernel...]` of the merged weights.
  let shape: [Int]
  /// How many groups become one.
  let count: Int
  /// `[o / groups, i / groups · kernel]` of a narrow group.
  private let rows: Int
  private let columns: Int

  /// Channels that kernels work on at once.
  private static let lanes = 16

  /// - Parameter weights: `[o, i / groups, kernel...]`
  /// - Returns: `nil` where nothing is to be merged: groups of one channel have kernels of their own
  init?(groups: Int, weights: [Int]) {
    let (outputs, inputs) = (weights[0] / groups, weights[1])
    guard inputs > 1, max(inputs, outputs) * 2 <= MergedGroups.lanes else { return nil }
    let most = MergedGroups.lanes / max(inputs, outputs)
    let count = (1...most).last { groups % $0 == 0 } ?? 1
    guard count > 1 else { return nil }
    self.count = count
    rows = outputs
    columns = weights.dropFirst().reduce(1, *)
    shape = [groups / count, outputs * count, inputs * count] + weights.dropFirst(2)
  }

  /// Where each narrow row of weights begins among the merged ones.
  private func place(ofRow row: Int) -> Int {
    let inGroup = row / rows % count
    return (row * count + inGroup) * columns
  }

  /// From `[o, i / groups, kernel...]` to `shape`.
  func widened(_ values: [Float]) -> [Float] {
    var wide = [Float](repeating: 0, count: values.count * count)
    for row in 0..<values.count / columns {
      let first = place(ofRow: row)
      wide.replaceSubrange(
        first..<first + columns, with: values[row * columns..<(row + 1) * columns])
    }
    return wide
  }

  /// The other way.
  func narrowed(_ values: [Float]) -> [Float] {
    (0..<values.count / count / columns).flatMap { row in
      let first = place(ofRow: row)
      return values[first..<first + columns]
    }
  }

  /// 1 where the merged weights are those of a group, 0 where groups meet.
  var mask: [Float] {
    widened([Float](repeating: 1, count: shape.reduce(1, *) / count))
  }
}
