/// Blackens what lies outside the fan, and fills what is drawn inside from its surroundings.
///
/// A drawn pixel becomes the mean of those of its eight neighbours that are known, from the border
/// of the drawing inwards, layer by layer; a filled layer is known to the next one. Drawn pixels
/// outside the fan become black.
public struct FrameCleaner: Sendable {
  private let black: [Int32]
  /// Pixel, and where its neighbours end in `neighbours`.
  private let filled: [(pixel: Int32, end: Int32)]
  private let neighbours: [Int32]

  /// - Parameters:
  ///   - fan: the pixels of the fan; all of them belong to it where it is `nil`
  ///   - masks: whether what lies outside the fan becomes black
  ///   - drawn: the pixels that are drawn over the picture
  public init(fan: BinaryMap?, masks: Bool, drawn: BinaryMap?) {
    guard let first = fan ?? drawn else {
      (black, filled, neighbours) = ([], [], [])
      return
    }
    let (height, width) = (first.height, first.width)
    let isInside = fan?.bits ?? Array(repeating: true, count: height * width)
    let isDrawn = drawn?.bits ?? Array(repeating: false, count: height * width)
    black = (0..<height * width).filter { !isInside[$0] && (masks || isDrawn[$0]) }.map(Int32.init)
    var known = (0..<height * width).map { isInside[$0] && !isDrawn[$0] }
    var open = (0..<height * width).filter { isInside[$0] && isDrawn[$0] }
    var filled: [(pixel: Int32, end: Int32)] = []
    var neighbours: [Int32] = []
    while !open.isEmpty {
      var layer: [Int] = []
      for pixel in open {
        let (row, column) = (pixel / width, pixel % width)
        let start = neighbours.count
        for y in max(0, row - 1)...min(height - 1, row + 1) {
          for x in max(0, column - 1)...min(width - 1, column + 1) where known[y * width + x] {
            neighbours.append(Int32(y * width + x))
          }
        }
        guard neighbours.count > start else { continue }
        filled.append((Int32(pixel), Int32(neighbours.count)))
        layer.append(pixel)
      }
      // A fan that is drawn over altogether has nothing to be filled from.
      guard !layer.isEmpty else { break }
      for pixel in layer { known[pixel] = true }
      open.removeAll { known[$0] }
    }
    (self.filled, self.neighbours) = (filled, neighbours)
  }

  public var changesNothing: Bool { black.isEmpty && filled.isEmpty }

  public func clean(_ frame: inout [UInt8]) {
    frame.withUnsafeMutableBufferPointer { frame in
      for pixel in black { frame[Int(pixel)] = 0 }
      var start = 0
      for (pixel, end) in filled {
        var sum = 0
        for index in start..<Int(end) { sum += Int(frame[Int(neighbours[index])]) }
        let count = Int(end) - start
        frame[Int(pixel)] = UInt8((sum + count / 2) / count)
        start = Int(end)
      }
    }
  }
}
