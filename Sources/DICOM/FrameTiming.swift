internal import CDCMTK

/// When the frames of a cine are shown.
public struct FrameTiming: Hashable, Sendable {
  /// Seconds from the first frame to the start of each.
  public let starts: [Double]
  /// How long the last frame is shown, in seconds.
  public let lastDuration: Double
  /// Frames per second where all frames last as long; `nil` where they do not.
  public let framesPerSecond: Double?
  /// Whether the file says how fast the cine runs; 25 frames/s are taken where it does not.
  public let isStated: Bool

  /// What FrameIncrementPointer names, else FrameTime, FrameTimeVector, CineRate and
  /// RecommendedDisplayFrameRate, in this order.
  ///
  /// Source: DICOM PS3.3, section C.7.6.5 (Cine module).
  init(_ info: fathom_dicom_info, vector: [Double], frames: Int) {
    let isUsable = vector.count == frames && vector.dropFirst().allSatisfy { $0.isFinite && $0 > 0 }
    if isUsable, frames > 1, info.points_to_vector == 1 || !(info.frame_time_ms > 0) {
      self.init(increments: Array(vector.dropFirst()))
    } else if info.frame_time_ms > 0 {
      self.init(every: info.frame_time_ms / 1000, frames: frames, isStated: true)
    } else if info.cine_rate > 0 {
      self.init(every: 1 / info.cine_rate, frames: frames, isStated: true)
    } else {
      self.init(every: 1.0 / 25, frames: frames, isStated: frames == 1)
    }
  }

  init(every seconds: Double, frames: Int, isStated: Bool) {
    starts = (0..<frames).map { Double($0) * seconds }
    lastDuration = seconds
    framesPerSecond = 1 / seconds
    self.isStated = isStated
  }

  /// - Parameter increments: milliseconds from each frame to the next, at least one
  private init(increments: [Double]) {
    var sum = 0.0
    starts =
      [0]
      + increments.map {
        sum += $0
        return sum / 1000
      }
    lastDuration = (increments.last ?? 40) / 1000
    let isEven = increments.allSatisfy { abs($0 - increments[0]) < 0.5 }
    framesPerSecond = isEven ? 1000 * Double(increments.count) / sum : nil
    isStated = true
  }

  func duration(of frame: Int) -> Double {
    frame + 1 < starts.count ? starts[frame + 1] - starts[frame] : lastDuration
  }
}
