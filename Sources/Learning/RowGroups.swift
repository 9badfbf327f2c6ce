/// Which rows of one sample are put side by side.
///
/// Rows of one sample follow each other in a batch. With `groups` `[[0, 1], [0, 2], [1, 2]]` of 3
/// rows, `[n · 3, d]` becomes `[n · 3, 2 · d]`: all pairs.
public struct RowGroups: Hashable, Sendable {
  /// Rows of one sample.
  public let rows: Int
  /// For each row that comes out, the rows that it holds, from left to right; all hold as many.
  public let groups: [[Int]]

  /// - Parameter rows: of one sample, at least 1
  /// - Throws: `LearningError` where a group is empty, has another size than the first, or names a
  ///   row that is not there
  public init(of rows: Int, _ groups: [[Int]]) throws {
    guard rows > 0, let first = groups.first, !first.isEmpty,
      groups.allSatisfy({ $0.count == first.count && $0.allSatisfy((0..<rows).contains) })
    else {
      throw LearningError(
        .badSetting,
        "groups \(groups) of \(rows) rows; expected one or more groups of equal size, each of rows"
          + " from 0 to below \(rows)")
    }
    self.rows = rows
    self.groups = groups
  }

  /// All rows (i, j) with i < j: `[n · rows, d]` to `[n · rows (rows - 1) / 2, 2 · d]`.
  ///
  /// - Parameter rows: of one sample, at least 2
  public static func pairs(of rows: Int) throws -> RowGroups {
    guard rows > 1 else {
      throw LearningError(.badSetting, "pairs of \(rows) rows; expected at least 2")
    }
    return try RowGroups(
      of: rows, (0..<rows).flatMap { first in (first + 1..<rows).map { [first, $0] } })
  }

  /// All rows of a sample in one: `[n · rows, d]` to `[n, rows · d]`.
  public static func all(of rows: Int) throws -> RowGroups {
    try RowGroups(of: rows, [Array(0..<max(rows, 0))])
  }

  /// The shape that comes out of `[n · rows, d]`; `nil` where the number of rows does not fit.
  func result(of shape: [Int]) -> [Int]? {
    guard shape.count == 2, shape[0] % rows == 0 else { return nil }
    return [shape[0] / rows * groups.count, shape[1] * groups[0].count]
  }
}

/// Puts rows of each sample side by side: `[n · rows, d]` to `[n · groups, size · d]`; spatial
/// dimensions of size 1 are dropped.
///
/// A row's gradient is the sum of those of its copies.
public struct RowGrouping: Layer {
  public let name: String
  public let groups: RowGroups

  public init(_ name: String, _ groups: RowGroups) {
    self.name = name
    self.groups = groups
  }

  public var parameters: [Parameter] { [] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      let shape = program.shape(of: x)
      guard let result = groups.result(of: Array(shape.prefix(2))),
        shape.dropFirst(2).allSatisfy({ $0 == 1 })
      else {
        throw LearningError(
          .badShape,
          "\(name): expected [n · \(groups.rows), d], the \(groups.rows) rows of a sample one after"
            + " the other, got \(shape)")
      }
      let type = program.layout(of: x).type
      let source = try program.reshaped(x, to: Array(shape.prefix(2)))
      let y = program.tensor(try program.backend.rowMajor(result, type))
      let pass: Pass = program.mode == .training ? .training : .inference
      try program.record(.gather(pass, groups), [.source: source, .destination: y])
      let backward: Backward = { gradient in
        try program.named(name) {
          guard program.needsGradient(x) else { return .none }
          let dy = try program.converted(program.summed(gradient), to: program.layout(of: y))
          let dx = program.tensor(program.layout(of: source))
          try program.record(
            .gather(.backward, groups), [.destinationGradient: dy, .sourceGradient: dx])
          return Gradient(shape.count > 2 ? try program.reshaped(dx, to: shape) : dx)
        }
      }
      return (y, backward)
    }
  }
}
