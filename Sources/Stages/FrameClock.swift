internal import Analysis
internal import StageKit
internal import Video

/// When each frame of a video is shown, and how large its picture is.
///
/// Comes from decoding the whole video, so frames are those that `decode` gives and counts; damage is
/// concealed, since here it does not matter what a frame looks like.
struct FrameClock {
  /// Of each frame, in seconds after the first one.
  let times: [Double]
  /// [height, width] in pixels.
  let size: [Int]
  /// How long a frame is shown, on average.
  let intervalSeconds: Double

  var count: Int { times.count }
  /// When the last frame has been shown.
  var endSeconds: Double { (times.last ?? 0) + intervalSeconds }

  init(times: [Double], size: [Int], intervalSeconds: Double) {
    self.times = times
    self.size = size
    self.intervalSeconds = intervalSeconds
  }

  /// - Throws: `VideoError`
  init(path: String) throws {
    let reader = try VideoReader(path: path, damage: .conceal)
    var times: [Double] = []
    while try reader.next() { times.append(reader.timeSeconds) }
    let span = (times.last ?? 0) - (times.first ?? 0)
    self.init(
      times: times, size: [reader.info.height, reader.info.width],
      intervalSeconds: times.count > 1 && span > 0
        ? span / Double(times.count - 1) : 1 / (reader.info.framesPerSecond ?? 25))
  }

  /// The frame that is shown at a time; `nil` before the first one and after the last.
  ///
  /// A time up to a millisecond, but no more than a tenth of an interval, before a frame counts as
  /// the frame's: clocks that write whole milliseconds cut off the rest.
  func frame(at seconds: Double) -> Int? {
    let frame = firstIndex { $0 > seconds + slackSeconds } - 1
    return frame >= 0 && seconds < endSeconds ? frame : nil
  }

  /// The first frame that is shown at this time or later, with the same slack; `count` where none is.
  func firstFrame(from seconds: Double) -> Int { firstIndex { $0 >= seconds - slackSeconds } }

  /// Where the condition begins to hold in `times`, which ascend.
  private func firstIndex(_ holds: (Double) -> Bool) -> Int {
    var (low, high) = (0, times.count)
    while low < high {
      let middle = (low + high) / 2
      if holds(times[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private var slackSeconds: Double { min(0.001, intervalSeconds / 10) }
}

/// The clocks of those videos that need one, read in parallel.
struct FrameClocks {
  private var clocks: [String: Result<FrameClock, any Error>] = [:]

  /// - Parameter paths: video → where it lies
  init(of paths: [(id: String, path: String)], in context: StageContext) {
    let batch = max(1, context.cpus)
    for start in stride(from: 0, to: paths.count, by: batch) {
      let range = start..<min(paths.count, start + batch)
      let found = mapChunks(of: range.count, size: 1, threads: context.cpus) { chunk in
        Result { try FrameClock(path: paths[range.lowerBound + chunk.lowerBound].path) }
      }
      for (index, clock) in zip(range, found) { clocks[paths[index].id] = clock }
      context.progress(range.upperBound, of: paths.count, unit: "videos")
    }
  }

  /// - Throws: `StageFailure` naming the video and what is wrong with it
  func clock(of video: String) throws -> FrameClock {
    guard let clock = clocks[video] else { preconditionFailure("no clock of '\(video)'") }
    do {
      return try clock.get()
    } catch var error as VideoError {
      error.path = video
      throw StageFailure("\(error)")
    }
  }
}
