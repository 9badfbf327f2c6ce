internal import Foundation

/// Maps of where somebody looked.
enum GazeTarget {
  /// The sum of a Gaussian at each point, of sum 1.
  ///
  /// Source: Droste et al. (2019), section 2.
  /// - Parameters:
  ///   - points: at least one, in 0 to 1
  ///   - grid: [height, width], in cells
  ///   - sigma: in cells, above 0
  /// - Returns: `[height · width]`
  static func map(of points: [GazePoint], grid: [Int], sigma: Double) -> [Float] {
    precondition(!points.isEmpty && sigma > 0, "a map of no points, or of sigma \(sigma)")
    var map = [Double](repeating: 0, count: grid[0] * grid[1])
    for point in points {
      let rows = profile(point.y, cells: grid[0], sigma: sigma)
      let columns = profile(point.x, cells: grid[1], sigma: sigma)
      for row in 0..<grid[0] {
        for column in 0..<grid[1] { map[row * grid[1] + column] += rows[row] * columns[column] }
      }
    }
    let sum = map.reduce(0, +)
    return map.map { Float($0 / sum) }
  }

  /// A Gaussian along one side; a cell's centre is its number and a half.
  private static func profile(_ place: Double, cells: Int, sigma: Double) -> [Double] {
    (0..<cells).map { cell in
      let distance = (Double(cell) + 0.5 - place * Double(cells)) / sigma
      return exp(-distance * distance / 2)
    }
  }

  /// The cell that holds a point, row by row from 0.
  static func cell(of point: GazePoint, grid: [Int]) -> Int {
    let row = min(grid[0] - 1, Int(point.y * Double(grid[0])))
    let column = min(grid[1] - 1, Int(point.x * Double(grid[1])))
    return row * grid[1] + column
  }

  /// The mean of the samples' maps: where viewers look whatever there is to see.
  static func mean(of samples: [GazeSamples.Sample], grid: [Int], sigma: Double) -> [Float] {
    var sum = [Double](repeating: 0, count: grid[0] * grid[1])
    for sample in samples {
      for (cell, value) in map(of: sample.points, grid: grid, sigma: sigma).enumerated() {
        sum[cell] += Double(value)
      }
    }
    return sum.map { Float($0 / Double(samples.count)) }
  }
}
