/// Pixels to be drawn on a canvas: red, green, blue and opacity, eight bits each.
public struct Image: Sendable {
  public let height: Int
  public let width: Int
  /// `[height, width]`: opacity, red, green, blue from the highest byte down, premultiplied.
  let pixels: [UInt32]

  /// - Parameter grey: `[height, width]` row by row, 0 black to 255 white
  public init(grey: some Sequence<UInt8>, height: Int, width: Int) {
    self.init(height: height, width: width, pixels: grey.map { 0xFF00_0000 | UInt32($0) * 0x10101 })
  }

  init(height: Int, width: Int, pixels: [UInt32]) {
    precondition(pixels.count == height * width, "not \(height) rows of \(width) pixels")
    self.height = height
    self.width = width
    self.pixels = pixels
  }

  /// Values of a grid as colours, the more opaque the higher: what lies below stays visible.
  ///
  /// Values are interpolated bilinearly between the centres of their cells, colours are not.
  /// - Parameters:
  ///   - values: `grid`, row by row, finite, from 0 to 1
  ///   - grid: [height, width] of the values
  ///   - size: [height, width] of the image, in pixels
  ///   - opacity: of a value of 1, in 0 to 1; others have it in proportion
  public init(
    values: [Float], grid: [Int], size: [Int], colours: ColourMap, opacity: Double
  ) {
    precondition(values.count == grid[0] * grid[1] && !values.isEmpty, "not a grid of \(grid)")
    let shades = (0...255).map { step -> UInt32 in
      let share = Double(step) / 255
      return colours.colour(share).opacity(opacity * share).premultiplied
    }
    let columns = Image.neighbours(of: size[1], in: grid[1])
    var pixels: [UInt32] = []
    pixels.reserveCapacity(size[0] * size[1])
    for row in Image.neighbours(of: size[0], in: grid[0]) {
      let (upper, lower) = (row.first * grid[1], row.second * grid[1])
      for column in columns {
        let above =
          values[upper + column.first] * (1 - column.share) + values[upper + column.second]
          * column.share
        let below =
          values[lower + column.first] * (1 - column.share) + values[lower + column.second]
          * column.share
        let value = above * (1 - row.share) + below * row.share
        pixels.append(shades[Int((min(max(value, 0), 1) * 255).rounded())])
      }
    }
    self.init(height: size[0], width: size[1], pixels: pixels)
  }

  /// For each of `count` pixels the two cells that it lies between, and how near to the second.
  private static func neighbours(
    of count: Int, in cells: Int
  ) -> [(first: Int, second: Int, share: Float)] {
    (0..<count).map { index in
      let place = (Float(index) + 0.5) / Float(count) * Float(cells) - 0.5
      let clamped = min(max(place, 0), Float(cells - 1))
      let first = Int(clamped)
      return (first, min(first + 1, cells - 1), clamped - Float(first))
    }
  }
}

extension Colour {
  fileprivate var premultiplied: UInt32 {
    func byte(_ part: Double) -> UInt32 { UInt32((min(max(part, 0), 1) * 255).rounded()) }
    return byte(opacity) << 24 | byte(red * opacity) << 16 | byte(green * opacity) << 8
      | byte(blue * opacity)
  }
}
