internal import StageKit

/// A file of type `frames`, mapped into memory.
///
/// safetensors: `frames` u8 `[T, H, W]`, `times` f64 `[T]` (seconds), and, from `decode`,
/// `source_frames` i64 `[T]` (which frame of the video each is, from 0) and `segments` i64 `[S, 2]`
/// (first frame and count of runs without freezes, in frames of this file).
struct FrameSet {
  let path: String
  let frames: MappedTensor<UInt8>
  let times: [Double]
  /// Which frame of the video each is; 0, 1, 2, … in a file that does not say.
  let sourceFrames: [Int]
  /// Runs of moving frames; one that holds all in a file that does not say.
  let segments: [Range<Int>]
  let geometry: FrameGeometry

  var count: Int { frames.shape[0] }
  var height: Int { frames.shape[1] }
  var width: Int { frames.shape[2] }

  /// - Throws: `StageFailure` or `SafetensorsError` naming the file
  init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    self.path = path
    frames = try file.tensor("frames", of: UInt8.self, rank: 3)
    times = try file.tensor("times", of: Double.self, rank: 1).array
    let count = frames.shape[0]
    guard times.count == count else {
      throw StageFailure("'\(path)' has \(count) frames and \(times.count) times")
    }
    guard count == 0 || frames.shape[1] > 0 && frames.shape[2] > 0 else {
      throw StageFailure("'\(path)' has frames of \(frames.shape[1]) by \(frames.shape[2]) pixels")
    }
    let names = Set(file.entries.map(\.name))
    sourceFrames =
      names.contains("source_frames")
      ? try file.tensor("source_frames", of: Int64.self, rank: 1).array.map { Int($0) }
      : Array(0..<count)
    guard sourceFrames.count == count else {
      throw StageFailure("'\(path)' has \(count) frames and \(sourceFrames.count) source frames")
    }
    geometry = try FrameGeometry(of: file, size: Array(frames.shape[1...]))
    guard names.contains("segments") else {
      segments = count > 0 ? [0..<count] : []
      return
    }
    let pairs = try file.tensor("segments", of: Int64.self, rank: 2)
    guard pairs.shape[1] == 2 else {
      throw StageFailure("'\(path)' has segments \(pairs.shape); expected first frame and count")
    }
    let numbers = pairs.array
    segments = try (0..<pairs.shape[0]).map { index in
      let (first, length) = (Int(numbers[2 * index]), Int(numbers[2 * index + 1]))
      guard first >= 0, length > 0, length <= count, first <= count - length else {
        throw StageFailure(
          "'\(path)' has a segment of \(length) frames from \(first); it has \(count) frames")
      }
      return first..<first + length
    }
  }

  /// The frames around one that nothing stands between: the run without freezes that it lies in, or
  /// what lies between two runs.
  func run(of frame: Int) -> Range<Int> {
    if let own = segments.first(where: { $0.contains(frame) }) { return own }
    let start = segments.lazy.map(\.upperBound).filter { $0 <= frame }.max() ?? 0
    let end = segments.lazy.map(\.lowerBound).filter { $0 > frame }.min() ?? count
    return start..<end
  }
}
