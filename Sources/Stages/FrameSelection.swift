internal import Video

/// Which frames of a video are kept.
struct FrameSelection {
  /// Keeps every n-th frame, from the first.
  let every: Int
  /// Keeps for each tick of this rate the first frame at or after it.
  let framesPerSecond: Double?
  let maximumFrames: Int

  /// How often the reader's current frame is to be kept, when so many are already.
  func copies(of reader: VideoReader, kept: Int) -> Int {
    guard let framesPerSecond else {
      return (reader.framesRead - 1) % every == 0 && kept < maximumFrames ? 1 : 0
    }
    // The tolerance is for times that the container rounded to its own ticks.
    let tolerance = max(1e-6, 0.501 * reader.secondsPerTick)
    let ticks = ((reader.timeSeconds + tolerance) * framesPerSecond).rounded(.down)
    guard ticks < 1e15 else { return 0 }
    return min(max(0, Int(ticks) + 1 - kept), maximumFrames - kept)
  }
}
