/// A few frames spread evenly over a video whose length nobody knows beforehand.
///
/// Keeps every n-th frame; whenever there are too many, every other is dropped and n doubles. So
/// memory stays within `capacity` frames, and the choice depends on nothing but the frames' number.
public struct TemporalSample: Sendable {
  public let height: Int
  public let width: Int
  private let capacity: Int
  private var stride = 1
  private var offered = 0
  private var frames: [[UInt8]] = []

  /// - Parameter capacity: frames kept at most, even
  public init(height: Int, width: Int, capacity: Int = 32) {
    precondition(height > 0 && width > 0 && capacity >= 2 && capacity % 2 == 0)
    (self.height, self.width, self.capacity) = (height, width, capacity)
  }

  public var count: Int { frames.count }

  /// Counts the next frame of the video, and asks for its pixels only where it is kept.
  ///
  /// - Parameter pixels: `[height, width]`, row by row
  public mutating func offer<Failure: Error>(
    _ pixels: () throws(Failure) -> [UInt8]
  ) throws(Failure) {
    defer { offered += 1 }
    guard offered % stride == 0 else { return }
    if frames.count == capacity {
      frames = Swift.stride(from: 0, to: capacity, by: 2).map { frames[$0] }
      stride *= 2
      guard offered % stride == 0 else { return }
    }
    let frame = try pixels()
    precondition(frame.count == height * width, "not \(height) rows of \(width) pixels")
    frames.append(frame)
  }

  /// What each pixel does over time; `nil` without a frame.
  public func maps() -> TemporalMaps? {
    guard !frames.isEmpty else { return nil }
    let count = frames.count
    let network = TemporalSample.sortingNetwork(count)
    var maps = TemporalMaps(height: height, width: width)
    var lines = [UInt8](repeating: 0, count: count * width)
    for row in 0..<height {
      let start = row * width
      for (index, frame) in frames.enumerated() {
        lines.replaceSubrange(
          index * width..<(index + 1) * width, with: frame[start..<start + width])
      }
      lines.withUnsafeMutableBufferPointer { lines in
        for (a, b) in network {
          let (low, high) = (a * width, b * width)
          for column in 0..<width {
            let (x, y) = (lines[low + column], lines[high + column])
            lines[low + column] = min(x, y)
            lines[high + column] = max(x, y)
          }
        }
        for column in 0..<width {
          maps.low[start + column] = lines[count / 10 * width + column]
          maps.median[start + column] = lines[count / 2 * width + column]
          maps.high[start + column] = lines[(count - 1 - count / 10) * width + column]
        }
      }
    }
    return maps
  }

  /// Comparators that sort `count` values. Source: Knuth, TAOCP 3, 5.2.2, algorithm M (Batcher).
  static func sortingNetwork(_ count: Int) -> [(Int, Int)] {
    guard count > 1 else { return [] }
    var comparators: [(Int, Int)] = []
    var top = 1
    while top * 2 < count { top *= 2 }
    var p = top
    while p > 0 {
      var (q, r, d) = (top, 0, p)
      while true {
        for index in 0..<count - d where index & p == r { comparators.append((index, index + d)) }
        guard q != p else { break }
        (d, q, r) = (q - p, q / 2, p)
      }
      p /= 2
    }
    return comparators
  }
}

/// Each pixel's levels over time, `[height, width]`: without the lowest and the highest tenth, so
/// that a cut or a flash does not count.
public struct TemporalMaps: Hashable, Sendable {
  public let height: Int
  public let width: Int
  public internal(set) var low: [UInt8]
  public internal(set) var median: [UInt8]
  public internal(set) var high: [UInt8]

  public init(height: Int, width: Int) {
    (self.height, self.width) = (height, width)
    low = Array(repeating: 0, count: height * width)
    (median, high) = (low, low)
  }

  /// By how many levels a pixel changes.
  @inline(__always)
  func range(_ pixel: Int) -> Int { Int(high[pixel]) - Int(low[pixel]) }

  /// The level of what shows nothing: that below which a hundredth of the pixels lie.
  var black: Int {
    var counts = [Int](repeating: 0, count: 256)
    for level in median { counts[Int(level)] += 1 }
    var sum = 0
    for (level, count) in counts.enumerated() {
      sum += count
      if sum * 100 >= median.count { return level }
    }
    return 255
  }

  /// Whether the picture moves at all: one pixel in two hundred does.
  public var hasMotion: Bool {
    median.indices.count { range($0) >= 3 } * 200 >= median.count
  }
}
