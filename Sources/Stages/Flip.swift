internal import Learning
internal import StageKit

/// A mirror image of a picture or a map; twice the same is the picture again.
struct Flip: Hashable {
  var isMirrored: Bool
  var isUpsideDown: Bool

  static let none = Flip(isMirrored: false, isUpsideDown: false)

  /// Which copies of a frame have their maps averaged.
  enum Average: String, CaseIterable {
    case none
    case mirrored
    case flips
  }

  static func of(_ average: Average) -> [Flip] {
    let mirrored = Flip(isMirrored: true, isUpsideDown: false)
    return switch average {
    case .none: [.none]
    case .mirrored: [.none, mirrored]
    case .flips:
      [
        .none, mirrored, Flip(isMirrored: false, isUpsideDown: true),
        Flip(isMirrored: true, isUpsideDown: true),
      ]
    }
  }

  /// - Parameters:
  ///   - values: `[height, width]`
  ///   - size: [height, width]
  func applied<Value>(to values: UnsafeBufferPointer<Value>, size: [Int]) -> [Value] {
    let (height, width) = (size[0], size[1])
    return (0..<height).flatMap { row in
      let start = (isUpsideDown ? height - 1 - row : row) * width
      return isMirrored
        ? values[start..<start + width].reversed() : Array(values[start..<start + width])
    }
  }
}

extension OptionReader {
  /// - Parameter what: that the option decides
  mutating func average(of what: String) throws(Diagnostic) -> Flip.Average {
    try choice(
      "average", default: Flip.Average.none,
      help:
        "\(what): mirrored, of the frame and its mirror image from left to right; flips, of "
        + "these two and both upside down")
  }
}

extension SaliencyPredictor {
  /// The attention maps of frames `[cells]`, each the mean over the frame's flips, turned back.
  ///
  /// - Parameters:
  ///   - count: how many frames
  ///   - pixels: lends the pixels `[height, width]` of each
  func maps(
    of count: Int, averaging flips: [Flip],
    pixels: (Int, (UnsafeBufferPointer<UInt8>) -> Void) throws -> Void
  ) throws -> [[Float]] {
    let cells = grid[0] * grid[1]
    let logits = try logits(of: count * flips.count) { number, body in
      let flip = flips[number % flips.count]
      var copy: [UInt8] = []
      try pixels(number / flips.count) { pixels in
        copy = flip == .none ? Array(pixels) : flip.applied(to: pixels, size: size)
      }
      copy.withUnsafeBufferPointer(body)
    }
    return try stride(from: 0, to: logits.count, by: flips.count).map { start in
      guard flips.count > 1 else { return try attentionMaps(logits[start], cells: cells) }
      var sum = [Float](repeating: 0, count: cells)
      for (flip, logits) in zip(flips, logits[start..<start + flips.count]) {
        let map = try attentionMaps(logits, cells: cells)
        let own = map.withUnsafeBufferPointer { flip.applied(to: $0, size: grid) }
        for cell in sum.indices { sum[cell] += own[cell] }
      }
      return sum.map { $0 / Float(flips.count) }
    }
  }
}
