/// A picture of yes and no, `[height, width]`, row by row.
public struct BinaryMap: Hashable, Sendable {
  public let height: Int
  public let width: Int
  public var bits: [Bool]

  public init(height: Int, width: Int, bits: [Bool]) {
    precondition(bits.count == height * width, "not \(height) rows of \(width) bits")
    (self.height, self.width, self.bits) = (height, width, bits)
  }

  public init(height: Int, width: Int, _ bit: (Int) -> Bool) {
    self.init(height: height, width: width, bits: (0..<height * width).map(bit))
  }

  public var count: Int { bits.count { $0 } }

  /// Sums over rectangles in constant time: `[height + 1, width + 1]`.
  struct Sums {
    let width: Int
    private let sums: [Int32]

    init(_ map: BinaryMap) {
      width = map.width
      var sums = [Int32](repeating: 0, count: (map.height + 1) * (map.width + 1))
      let line = map.width + 1
      for row in 0..<map.height {
        var sum: Int32 = 0
        for column in 0..<map.width {
          if map.bits[row * map.width + column] { sum += 1 }
          sums[(row + 1) * line + column + 1] = sums[row * line + column + 1] + sum
        }
      }
      self.sums = sums
    }

    /// How many bits are set in rows and columns that lie within the map.
    @inline(__always)
    func count(rows: Range<Int>, columns: Range<Int>) -> Int {
      let line = width + 1
      let (top, bottom) = (rows.lowerBound * line, rows.upperBound * line)
      return Int(
        sums[bottom + columns.upperBound] - sums[top + columns.upperBound]
          - sums[bottom + columns.lowerBound] + sums[top + columns.lowerBound])
    }
  }

  /// Decides each bit by how many are set in the square of 2 radius + 1 around it, as far as it lies
  /// within the map, and by how many pixels that part has.
  func byNeighbourhood(radius: Int, _ bit: (_ set: Int, _ area: Int) -> Bool) -> BinaryMap {
    let sums = Sums(self)
    var result = self
    for row in 0..<height {
      let rows = max(0, row - radius)..<min(height, row + radius + 1)
      for column in 0..<width {
        let columns = max(0, column - radius)..<min(width, column + radius + 1)
        result.bits[row * width + column] = bit(
          sums.count(rows: rows, columns: columns), rows.count * columns.count)
      }
    }
    return result
  }

  func dilated(_ radius: Int) -> BinaryMap { byNeighbourhood(radius: radius) { set, _ in set > 0 } }

  func eroded(_ radius: Int) -> BinaryMap {
    byNeighbourhood(radius: radius) { set, area in set == area }
  }

  /// Groups of set pixels that touch at sides or corners, each in order of pixels.
  func components() -> [[Int]] {
    var seen = [Bool](repeating: false, count: bits.count)
    var components: [[Int]] = []
    for start in bits.indices where bits[start] && !seen[start] {
      var component = [start]
      seen[start] = true
      var next = 0
      while next < component.count {
        let (row, column) = (component[next] / width, component[next] % width)
        next += 1
        for y in max(0, row - 1)...min(height - 1, row + 1) {
          for x in max(0, column - 1)...min(width - 1, column + 1)
          where bits[y * width + x] && !seen[y * width + x] {
            seen[y * width + x] = true
            component.append(y * width + x)
          }
        }
      }
      components.append(component.sorted())
    }
    return components
  }
}
