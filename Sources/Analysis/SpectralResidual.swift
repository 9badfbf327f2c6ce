internal import Foundation

/// Saliency by spectral residual: what the log spectrum of an image has beyond its own local mean.
///
/// The frame is brought to `workingWidth` columns at its own aspect, its amplitude spectrum A is
/// replaced by exp(ln A − mean₃ₓ₃ ln A) under the same phase, and the squared magnitude of the
/// inverse transform is smoothed by a Gaussian, brought to the grid and divided by its sum. With
/// F the transform, the new spectrum is F over the 3x3 geometric mean of |F|, so no phase is
/// needed.
///
/// Source: Hou & Zhang (CVPR 2007), section 2, with the width 64, the replicated border of the mean
/// and the σ of 2.5 px of the authors' published code. Departures: the Gaussian is odd-sized and
/// cut at 3σ, borders are replicated there too, and frames narrower than 64 px are not enlarged.
public struct SpectralResidual: Sendable {
  public let height: Int
  public let width: Int
  /// [height, width] of the maps.
  public let grid: [Int]
  private let rows: Int
  private let columns: Int
  private let shrink: ImageResampling
  private let toGrid: ImageResampling
  private let rowTransform: Transform
  private let columnTransform: Transform
  /// Half of the Gaussian, from its centre outwards.
  private let gaussian: [Double]

  /// - Parameters:
  ///   - height: of the frames, in pixels
  ///   - width: of the frames, in pixels
  ///   - grid: [height, width] of the maps, in cells
  ///   - workingWidth: of the image whose spectrum is taken, in pixels
  ///   - sigma: of the Gaussian, in pixels of that image; 0 for none
  public init(
    height: Int, width: Int, grid: [Int] = [28, 36], workingWidth: Int = 64, sigma: Double = 2.5
  ) {
    precondition(height > 0 && width > 0 && workingWidth > 0, "a frame of no pixels")
    precondition(grid.count == 2 && grid[0] > 0 && grid[1] > 0, "a grid of no cells")
    self.height = height
    self.width = width
    self.grid = grid
    columns = min(workingWidth, width)
    rows = max(1, Int((Double(height) * Double(columns) / Double(width)).rounded()))
    shrink = ImageResampling(from: (height, width), to: (rows, columns))
    toGrid = ImageResampling(from: (rows, columns), to: (grid[0], grid[1]))
    rowTransform = Transform(length: columns)
    columnTransform = Transform(length: rows)
    let weights = (0...Int((3 * sigma).rounded(.up))).map {
      sigma > 0 ? exp(-Double($0 * $0) / (2 * sigma * sigma)) : 1
    }
    let sum = weights[0] + 2 * weights.dropFirst().reduce(0, +)
    gaussian = weights.map { $0 / sum }
  }

  /// The saliency map of a grey frame `[height, width]`: `grid` cells that sum to 1.
  ///
  /// A frame of one value throughout has no structure, and its map is the same everywhere.
  public func map(of frame: UnsafeBufferPointer<UInt8>) -> [Float] {
    precondition(frame.count == height * width, "\(frame.count) pixels in [\(height), \(width)]")
    let uniform = [Float](repeating: 1 / Float(grid[0] * grid[1]), count: grid[0] * grid[1])
    guard let first = frame.first, frame.contains(where: { $0 != first }) else { return uniform }
    let energy = residual(shrink(frame) { Double($0) / 255 })
    let map = smooth(energy).withUnsafeBufferPointer { toGrid($0) { $0 } }
    let sum = map.reduce(0, +)
    return sum > 0 ? map.map { Float($0 / sum) } : uniform
  }

  /// The squared magnitude of the image whose spectrum is the residual of `image`'s
  /// `[rows, columns]`.
  private func residual(_ image: [Double]) -> [Double] {
    let zero = [Double](repeating: 0, count: image.count)
    var (real, imaginary) = transform(image, zero, inverse: false)
    let amplitudes = zip(real, imaginary).map { ($0 * $0 + $1 * $1).squareRoot() }
    // The floor keeps the logarithm finite where nothing but rounding is left.
    let floor = max(1e-10 * (amplitudes.max() ?? 0), .leastNormalMagnitude)
    let logarithms = amplitudes.map { log(max($0, floor)) }
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = 0.0
        for y in row - 1...row + 1 {
          let line = min(max(y, 0), rows - 1) * columns
          for x in column - 1...column + 1 { sum += logarithms[line + min(max(x, 0), columns - 1)] }
        }
        let scale = exp(-sum / 9)
        real[row * columns + column] *= scale
        imaginary[row * columns + column] *= scale
      }
    }
    (real, imaginary) = transform(real, imaginary, inverse: true)
    return zip(real, imaginary).map { $0 * $0 + $1 * $1 }
  }

  /// The two-dimensional discrete Fourier transform, without the factor 1/(rows · columns).
  ///
  /// Done by matrix products: at 64 columns they take a third of a millisecond, work for any size,
  /// and need no further library.
  private func transform(
    _ real: [Double], _ imaginary: [Double], inverse: Bool
  ) -> ([Double], [Double]) {
    // Re and Im stacked, times [cos | sin].
    let stacked = Matrix(rows: 2 * rows, columns: columns, elements: real + imaginary)
    let across = product(stacked, rowTransform.cosineAndSine)
    let sign = inverse ? -1.0 : 1.0
    // [Re | Im] side by side, for the other axis.
    var side = Matrix<Double>(rows: rows, columns: 2 * columns)
    for row in 0..<rows {
      for column in 0..<columns {
        let (a, b) = (across[row, column], across[row, columns + column])
        let (c, d) = (across[rows + row, column], across[rows + row, columns + column])
        side[row, column] = a + sign * d
        side[row, columns + column] = c - sign * b
      }
    }
    let cosine = product(columnTransform.cosine, side)
    let sine = product(columnTransform.sine, side)
    var result = (real, imaginary)
    for row in 0..<rows {
      for column in 0..<columns {
        result.0[row * columns + column] =
          cosine[row, column] + sign * sine[row, columns + column]
        result.1[row * columns + column] =
          cosine[row, columns + column] - sign * sine[row, column]
      }
    }
    return result
  }

  private func smooth(_ image: [Double]) -> [Double] {
    var across = image
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = gaussian[0] * image[row * columns + column]
        for (offset, weight) in gaussian.enumerated().dropFirst() {
          sum +=
            weight
            * (image[row * columns + max(0, column - offset)]
              + image[row * columns + min(columns - 1, column + offset)])
        }
        across[row * columns + column] = sum
      }
    }
    var result = across
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = gaussian[0] * across[row * columns + column]
        for (offset, weight) in gaussian.enumerated().dropFirst() {
          sum +=
            weight
            * (across[max(0, row - offset) * columns + column]
              + across[min(rows - 1, row + offset) * columns + column])
        }
        result[row * columns + column] = sum
      }
    }
    return result
  }
}

/// cos and sin of 2π j k / n `[n, n]`: the discrete Fourier transform as matrices.
private struct Transform: Sendable {
  let cosine: Matrix<Double>
  let sine: Matrix<Double>
  /// [cos | sin] `[n, 2n]`.
  let cosineAndSine: Matrix<Double>

  init(length n: Int) {
    // One period, so that equal angles have equal values.
    let cosines = (0..<n).map { cos(2 * Double.pi * Double($0) / Double(n)) }
    let sines = (0..<n).map { sin(2 * Double.pi * Double($0) / Double(n)) }
    cosine = Matrix((0..<n).map { j in (0..<n).map { k in cosines[j * k % n] } })
    sine = Matrix((0..<n).map { j in (0..<n).map { k in sines[j * k % n] } })
    cosineAndSine = Matrix(
      (0..<n).map { j in
        (0..<n).map { k in cosines[j * k % n] } + (0..<n).map { k in sines[j * k % n] }
      })
  }
}
