/// A convex polygon over a picture, in pixels: x to the right, y downwards, and the pixel of row r
/// and column c covers [c, c + 1] x [r, r + 1].
public struct ConvexRegion: Hashable, Sendable {
  public struct Point: Hashable, Sendable {
    public var x: Double
    public var y: Double

    public init(x: Double, y: Double) { (self.x, self.y) = (x, y) }
  }

  /// At least three, clockwise on the screen.
  public let vertices: [Point]

  /// The convex hull of whole pixels; `nil` for none.
  ///
  /// Source: Andrew (1979), monotone chain.
  init?(of pixels: [Int], width: Int) {
    var extents: [Int: ClosedRange<Int>] = [:]
    for pixel in pixels {
      let (row, column) = (pixel / width, pixel % width)
      let old = extents[row] ?? column...column
      extents[row] = min(old.lowerBound, column)...max(old.upperBound, column)
    }
    guard !extents.isEmpty else { return nil }
    let points = Set(
      extents.flatMap { row, columns in
        [row, row + 1].flatMap { y in
          [columns.lowerBound, columns.upperBound + 1].map { Point(x: Double($0), y: Double(y)) }
        }
      }
    ).sorted { ($0.x, $0.y) < ($1.x, $1.y) }
    vertices =
      ConvexRegion.chain(points).dropLast() + ConvexRegion.chain(points.reversed()).dropLast()
  }

  private static func chain(_ points: [Point]) -> [Point] {
    var chain: [Point] = []
    for point in points {
      while chain.count >= 2 {
        let (a, b) = (chain[chain.count - 2], chain[chain.count - 1])
        guard (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x) <= 0 else { break }
        chain.removeLast()
      }
      chain.append(point)
    }
    return chain
  }

  /// The columns that it covers at height y; `nil` above and below it.
  func span(atY y: Double) -> ClosedRange<Double>? {
    var (low, high) = (Double.infinity, -Double.infinity)
    for (index, a) in vertices.enumerated() {
      let b = vertices[(index + 1) % vertices.count]
      guard min(a.y, b.y) <= y, y <= max(a.y, b.y) else { continue }
      let xs = a.y == b.y ? [a.x, b.x] : [a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y)]
      for x in xs { (low, high) = (min(low, x), max(high, x)) }
    }
    return low <= high ? low...high : nil
  }

  /// The smallest rectangle of whole pixels around it.
  public var box: PixelBox {
    let (xs, ys) = (vertices.map(\.x), vertices.map(\.y))
    let (left, top) = (Int((xs.min() ?? 0).rounded(.down)), Int((ys.min() ?? 0).rounded(.down)))
    let (right, bottom) = (Int((xs.max() ?? 0).rounded(.up)), Int((ys.max() ?? 0).rounded(.up)))
    return PixelBox(top: top, left: left, height: bottom - top, width: right - left)
  }

  /// Which pixels of a picture have their centre in it, where the picture shows `box`, scaled to
  /// [height, width].
  public func map(height: Int, width: Int, showing box: PixelBox) -> BinaryMap {
    var map = BinaryMap(height: height, width: width) { _ in false }
    for row in 0..<height {
      let y = Double(box.top) + (Double(row) + 0.5) * Double(box.height) / Double(height)
      guard let span = span(atY: y) else { continue }
      for column in 0..<width {
        let x = Double(box.left) + (Double(column) + 0.5) * Double(box.width) / Double(width)
        if span.contains(x) { map.bits[row * width + column] = true }
      }
    }
    return map
  }
}

/// A rectangle of whole pixels.
public struct PixelBox: Hashable, Sendable {
  public var top: Int
  public var left: Int
  public var height: Int
  public var width: Int

  public init(top: Int, left: Int, height: Int, width: Int) {
    (self.top, self.left, self.height, self.width) = (top, left, height, width)
  }

  /// Grown to the shape of `size`, [height, width], around its middle, as far as the picture reaches.
  ///
  /// - Parameter picture: [height, width]; the box lies within
  public func extended(toShapeOf size: [Int], within picture: [Int]) -> PixelBox {
    var box = self
    // The quotients are rounded up, so that nothing of the box is lost.
    box.height = min(picture[0], max(height, (width * size[0] + size[1] - 1) / size[1]))
    box.width = min(picture[1], max(width, (height * size[1] + size[0] - 1) / size[0]))
    box.top = min(max(0, top - (box.height - height) / 2), picture[0] - box.height)
    box.left = min(max(0, left - (box.width - width) / 2), picture[1] - box.width)
    return box
  }
}

/// The largest square all of whose pixels are set, [top, left, side]; of several, the one whose
/// middle is nearest to that of the set pixels. `nil` where none is set.
public func largestSquare(in map: BinaryMap) -> [Int]? {
  let (height, width) = (map.height, map.width)
  // The side of the largest square whose last corner is this pixel.
  var sides = [Int](repeating: 0, count: height * width)
  var best = 0
  var (rowSum, columnSum, set) = (0, 0, 0)
  for row in 0..<height {
    for column in 0..<width where map.bits[row * width + column] {
      let at = row * width + column
      sides[at] =
        row == 0 || column == 0
        ? 1 : 1 + min(sides[at - 1], sides[at - width], sides[at - width - 1])
      best = max(best, sides[at])
      (rowSum, columnSum, set) = (rowSum + row, columnSum + column, set + 1)
    }
  }
  guard best > 0 else { return nil }
  func distance(_ at: Int) -> Double {
    let y = Double(at / width) - Double(best - 1) / 2 - Double(rowSum) / Double(set)
    let x = Double(at % width) - Double(best - 1) / 2 - Double(columnSum) / Double(set)
    return x * x + y * y
  }
  let at = sides.indices.filter { sides[$0] == best }.min { distance($0) < distance($1) } ?? 0
  return [at / width - best + 1, at % width - best + 1, best]
}
