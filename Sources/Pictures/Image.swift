/// Pixels to be drawn on a canvas: red, green, blue and opacity, eight bits each.
public struct Image: Sendable {
  public let height: Int
  public let width: Int
  /// `[height, width]`: opacity, red, green, blue from the highest byte down, premultiplied.
  let pixels: [UInt32]

  /// - Parameter grey: `[height, width]` row by row, 0 black to 255 white
  public init(grey: UnsafeBufferPointer<UInt8>, height: Int, width: Int) {
    let pixels = [UInt32](unsafeUninitializedCapacity: grey.count) { pixels, count in
      for level in grey {
        pixels[count] = 0xFF00_0000 | UInt32(level) * 0x10101
        count += 1
      }
    }
    self.init(height: height, width: width, pixels: pixels)
  }

  /// - Parameter grey: `[height, width]` row by row, 0 black to 255 white
  public init(grey: [UInt8], height: Int, width: Int) {
    self = grey.withUnsafeBufferPointer { Image(grey: $0, height: height, width: width) }
  }

  init(height: Int, width: Int, pixels: [UInt32]) {
    precondition(pixels.count == height * width, "not \(height) rows of \(width) pixels")
    self.height = height
    self.width = width
    self.pixels = pixels
  }

  /// Values of a grid as colours, the more opaque the higher: what lies below stays visible.
  ///
  /// Opacity grows with the value's power of 1.5, so that low values leave no veil. Values are
  /// interpolated bilinearly between the centres of their cells, colours are not.
  /// - Parameters:
  ///   - values: `grid`, row by row, finite, from 0 to 1
  ///   - grid: [height, width] of the values
  ///   - size: [height, width] of the image, in pixels
  ///   - opacity: of a value of 1, in 0 to 1; others have less
  public init(
    values: [Float], grid: [Int], size: [Int], colours: ColourMap, opacity: Double
  ) {
    precondition(values.count == grid[0] * grid[1] && !values.isEmpty, "not a grid of \(grid)")
    let shades = (0...255).map { step -> UInt32 in
      let share = Double(step) / 255
      return colours.colour(share).opacity(opacity * share * share.squareRoot()).premultiplied
    }
    let columns = Image.neighbours(of: size[1], in: grid[1])
    var pixels: [UInt32] = []
    pixels.reserveCapacity(size[0] * size[1])
    for row in Image.neighbours(of: size[0], in: grid[0]) {
      // Both rows at the height of this line of pixels, one value a column of the grid.
      let line = (0..<grid[1]).map { column in
        values[row.first * grid[1] + column] * (1 - row.share)
          + values[row.second * grid[1] + column] * row.share
      }
      for column in columns {
        let value = line[column.first] * (1 - column.share) + line[column.second] * column.share
        pixels.append(shades[Int(min(max(value, 0), 1) * 255 + 0.5)])
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
