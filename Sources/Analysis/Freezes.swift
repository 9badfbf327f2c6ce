/// Tells still frames from moving ones, one frame after the other.
///
/// A frame is still where its mean absolute difference from the frame before is below a threshold:
/// after a lossy codec a frozen picture is almost equal, and not equal. A single still frame is no
/// freeze: conversions of the frame rate show every n-th frame twice.
public struct FreezeDetector: Sendable {
  private let threshold: Double
  private let pixels: Int
  private var previous: [UInt8] = []
  /// For each frame, whether it shows what the one before shows.
  public private(set) var isStill: [Bool] = []

  /// - Parameters:
  ///   - threshold: grey levels
  ///   - pixels: how many pixels of a frame can change; the mean is taken over so many
  public init(threshold: Double, pixels: Int) {
    (self.threshold, self.pixels) = (threshold, max(1, pixels))
  }

  public mutating func append(_ frame: UnsafeBufferPointer<UInt8>) {
    guard previous.count == frame.count, let new = frame.baseAddress else {
      previous = Array(frame)
      isStill.append(false)
      return
    }
    let sum = previous.withUnsafeMutableBufferPointer { old in
      var sum = 0
      for start in stride(from: 0, to: frame.count, by: 4096) {
        var part: UInt32 = 0
        for pixel in start..<min(start + 4096, frame.count) {
          let (a, b) = (new[pixel], old[pixel])
          part &+= UInt32(max(a, b) &- min(a, b))
        }
        sum += Int(part)
      }
      old.baseAddress?.update(from: new, count: frame.count)
      return sum
    }
    isStill.append(Double(sum) < threshold * Double(pixels))
  }

  /// Runs of frames without freezes.
  ///
  /// - Parameter least: how many still frames in a row are a freeze
  public func movingRuns(least: Int) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = 0
    var frame = 0
    while frame < isStill.count {
      let end = isStill[frame...].firstIndex(of: false) ?? isStill.count
      if end - frame >= least {
        if start < frame { runs.append(start..<frame) }
        start = end
      }
      frame = max(end, frame + 1)
    }
    if start < isStill.count { runs.append(start..<isStill.count) }
    return runs
  }
}

/// Cuts runs into segments of equal length, each from its start; what is left at an end is left out.
///
/// - Parameter length: frames; the runs as they are where it is `nil`
public func segments(of runs: [Range<Int>], length: Int?) -> [Range<Int>] {
  guard let length else { return runs }
  return runs.flatMap { run in
    (0..<run.count / length).map {
      run.lowerBound + $0 * length..<run.lowerBound + ($0 + 1) * length
    }
  }
}
