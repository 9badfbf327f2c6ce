import Foundation

/// Frames of moving grain in a sector of known shape on black, and what a scanner draws over them.
public struct SectorScene: Sendable {
  public let height: Int
  public let width: Int
  /// Pixels from the sector's corner, at the top in the middle, to its arc.
  public let radius: Double
  /// Half of the sector's angle, in radians; below a quarter turn, so that it is convex.
  public let halfAngle: Double
  /// Pixels of letters inside the sector, over the grain.
  public let lettersInside: Set<Int>
  /// Pixels of letters beside the sector.
  public let lettersOutside: Set<Int>

  public init(height: Int = 160, width: Int = 224) {
    (self.height, self.width) = (height, width)
    radius = Double(height) - 12
    halfAngle = 0.6
    func letters(top: Int, left: Int) -> Set<Int> {
      // Four E's of strokes 2 pixels wide, 11 high and 7 wide.
      Set(
        (0..<4).flatMap { letter in
          (0..<11).flatMap { row in
            (0..<7).filter {
              $0 < 2 || [0, 1, 5, 6, 9, 10].contains(row) && !($0 == 6 && row == 5)
            }
            .map { (top + row) * width + left + 10 * letter + $0 }
          }
        })
    }
    lettersInside = letters(top: height / 2, left: width / 2 - 20)
    lettersOutside = letters(top: 8, left: 4)
  }

  public func isInFan(_ pixel: Int) -> Bool {
    let x = Double(pixel % width) + 0.5 - Double(width) / 2
    let y = Double(pixel / width) + 0.5 - 4
    return y > 0 && hypot(x, y) <= radius && abs(atan2(x, y)) <= halfAngle
  }

  /// - Parameters:
  ///   - time: frames of equal time are equal
  ///   - stillness: grey levels of grain that stay as they are, of 100
  public func frame(_ time: Int, letters: Bool = true, stillness: Int = 0) -> [UInt8] {
    (0..<height * width).map { pixel in
      if letters, lettersInside.contains(pixel) || lettersOutside.contains(pixel) { return 230 }
      guard isInFan(pixel) else { return 0 }
      let cell = pixel / width / 2 * 4096 + pixel % width / 2
      let (still, moving) = (SectorScene.noise(cell, -1), SectorScene.noise(cell, time))
      return UInt8(30 + (still * stillness + moving * (100 - stillness)) / 100)
    }
  }

  /// 0 to 99.
  private static func noise(_ cell: Int, _ time: Int) -> Int {
    var hash = UInt64(bitPattern: Int64(cell &* 1_000_003 &+ time &* 7919)) &+ 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((hash ^ hash >> 31) % 100)
  }
}
