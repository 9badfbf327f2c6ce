internal import Learning
public import StageKit

/// The cells of a grid over the clip in another order.
///
/// The cells of one clip share its tones and its normalisation. What runs across a seam may give an
/// order away; a jitter of each cell, as the source has, is not done.
/// Source: Kim et al. (2019): four cells in space or in time, 24 orders.
public struct PuzzleTransform: Transform {
  public static let name = "puzzle"
  public static let summary = "The cells of a grid over the clip in another order"
  let grid: [Int]
  private let orders: [[Int]]

  public init(options: inout OptionReader) throws(Diagnostic) {
    grid = try options.integers(
      "grid", count: 3, in: 1..., default: [1, 2, 2],
      help: "cells of a clip in [time, height, width], 2 to 4 in all")
    guard grid.allSatisfy({ $0 <= 4 }), (2...4).contains(grid.reduce(1, *)) else {
      throw options.problem(
        "grid", "is \(grid); expected 2 to 4 cells, such as [1, 2, 2] in space or [4, 1, 1] in time"
      )
    }
    orders = permutations(of: grid.reduce(1, *))
  }

  public static var presets: [Preset] {
    [
      Preset(
        name: name, summary: "Where do the pieces belong? Kim et al. (2019)", options: options,
        value: ["objectives": [["transform": part]]])
    ]
  }

  public var target: Target {
    .classes(orders.map { order in order.map { "\($0 + 1)" }.joined() })
  }
  public var changes: Set<Change> { grid[0] > 1 ? [.cells, .order] : [.cells] }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    let order = orders[try index(answer)]
    for clip in sample.clips.indices {
      let extent = [sample.clips[clip].frames.count] + size
      guard zip(extent, grid).allSatisfy(>=) else {
        throw LearningError(
          .badShape, "'puzzle' cuts \(grid) cells out of a clip of \(extent); write a smaller grid")
      }
      let before = sample.clips[clip].cells
      guard before.map({ $0.grid == grid }) ?? true else {
        throw LearningError(.badSetting, "the cells of this clip have been moved in another grid")
      }
      let sources = before?.sources ?? Array(order.indices)
      let moved = order.map { sources[$0] }
      let isInPlace = moved == Array(order.indices)
      sample.clips[clip].cells = isInPlace ? nil : CellOrder(grid: grid, sources: moved)
    }
  }
}
