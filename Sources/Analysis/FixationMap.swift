internal import Foundation

/// The map of where somebody looked: a Gaussian at each gaze point, sampled on a grid of cells.
///
/// Cells fill the picture, so cell (row, column) of `[height, width]` is centred at the shares
/// (column + ½) / width of its width and (row + ½) / height of its height.
/// Source: Droste et al. (IPMI 2019).
public struct FixationMap: Sendable {
  /// Cells.
  public let height: Int
  public let width: Int
  /// Standard deviation of each Gaussian along both axes, in cells.
  public let sigma: Double
  /// Below this a Gaussian between two cells' centres would vanish on all cells.
  public static let leastSigma = 0.1

  /// - Parameter sigma: at least `leastSigma`; 1.5 cells of [28, 36] are 12 pixels of [224, 288]
  public init(height: Int, width: Int, sigma: Double = 1.5) {
    precondition(height > 0 && width > 0, "a grid of \(height) by \(width) cells")
    precondition(sigma >= FixationMap.leastSigma && sigma.isFinite, "a sigma of \(sigma) cells")
    self.height = height
    self.width = width
    self.sigma = sigma
  }

  /// The sum of the points' Gaussians, each of the same peak, scaled to sum 1.
  ///
  /// - Parameter points: (x, y), shares of the picture's width and height in 0 to 1; at least one
  /// - Returns: `[height, width]`, row by row
  /// - Throws: `AnalysisError` without a point (`empty`), or where one is off the picture
  ///   (`outOfRange`)
  public func map(of points: [SIMD2<Double>]) throws(AnalysisError) -> [Float] {
    guard !points.isEmpty else {
      throw AnalysisError(.empty, "no gaze point; a fixation map needs at least one")
    }
    var sum = [Double](repeating: 0, count: height * width)
    for (index, point) in points.enumerated() {
      guard (0...1).contains(point.x), (0...1).contains(point.y) else {
        throw AnalysisError(
          .outOfRange,
          "gaze point \(index) is (\(point.x), \(point.y)); expected shares from 0 to 1")
      }
      let columns = profile(at: point.x, cells: width)
      for (row, weight) in profile(at: point.y, cells: height).enumerated() {
        sum.withUnsafeMutableBufferPointer { sum in
          for column in 0..<width { sum[row &* width &+ column] += weight * columns[column] }
        }
      }
    }
    let scale = 1 / sum.reduce(0, +)
    return sum.map { Float($0 * scale) }
  }

  /// Which cell shows a point; the last one where it lies on the far border.
  ///
  /// - Parameter point: (x, y), shares in 0 to 1
  /// - Returns: its index, row by row
  public func cell(at point: SIMD2<Double>) -> Int {
    let row = min(Int(point.y * Double(height)), height - 1)
    return row * width + min(Int(point.x * Double(width)), width - 1)
  }

  private func profile(at share: Double, cells: Int) -> [Double] {
    let centre = share * Double(cells) - 0.5
    return (0..<cells).map { cell in
      let distance = (Double(cell) - centre) / sigma
      return exp(-0.5 * distance * distance)
    }
  }
}
