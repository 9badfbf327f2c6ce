internal import StageKit

/// A file of type `maps`, mapped into memory: where a viewer looks or would look, a map a frame.
///
/// safetensors: `frame_index` i64 `[T']` (which of the frames each map is for), `source_frames` i64
/// `[T']` (which frame of the video that is), `times` f64 `[T']` (seconds), `maps` f32 `[T', h, w]`,
/// each of sum 1, over the part of the picture that the frames show (`FrameGeometry`).
struct MapSet {
  let path: String
  let maps: MappedTensor<Float>
  let frameIndex: [Int]
  let sourceFrames: [Int]
  let times: [Double]
  let geometry: FrameGeometry

  var count: Int { maps.shape[0] }
  /// [height, width], in cells.
  var grid: [Int] { Array(maps.shape[1...]) }

  /// - Throws: `StageFailure` or `SafetensorsError` naming the file
  init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    self.path = path
    maps = try file.tensor("maps", of: Float.self, rank: 3)
    frameIndex = try file.tensor("frame_index", of: Int64.self, rank: 1).array.map { Int($0) }
    times = try file.tensor("times", of: Double.self, rank: 1).array
    sourceFrames =
      file.entries.contains { $0.name == "source_frames" }
      ? try file.tensor("source_frames", of: Int64.self, rank: 1).array.map { Int($0) } : frameIndex
    let count = maps.shape[0]
    guard [frameIndex.count, sourceFrames.count, times.count].allSatisfy({ $0 == count }) else {
      throw StageFailure(
        "'\(path)' has \(count) maps, \(frameIndex.count) frame indexes, \(sourceFrames.count) source "
          + "frames and \(times.count) times")
    }
    geometry = try FrameGeometry(of: file, size: Array(maps.shape[1...]))
  }
}

/// Writes a file of type `maps`, map by map.
struct MapSetWriter {
  private let writer: SafetensorsWriter

  /// - Parameters:
  ///   - frames: which of the frames the maps are for
  ///   - grid: [height, width] of a map, in cells
  init(
    path: String, frames: [Int], of set: FrameSet, grid: [Int], metadata: [String: String]
  ) throws {
    try self.init(
      path: path, frameIndex: frames, sourceFrames: frames.map { set.sourceFrames[$0] },
      times: frames.map { set.times[$0] }, geometry: set.geometry, grid: grid, metadata: metadata)
  }

  /// Of maps that belong to no file of frames.
  ///
  /// - Parameter geometry: `nil` where nothing is known of the picture but that the maps show all of it
  init(
    path: String, frameIndex: [Int], sourceFrames: [Int], times: [Double],
    geometry: FrameGeometry?, grid: [Int], metadata: [String: String]
  ) throws {
    let count = frameIndex.count
    writer = try SafetensorsWriter(
      path: path,
      tensors: [
        .init("frame_index", .i64, rows: count), .init("source_frames", .i64, rows: count),
        .init("times", .f64, rows: count), .init("maps", .f32, rows: count, of: grid),
      ],
      metadata: (geometry?.metadata ?? [:]).merging(metadata) { $1 })
    try writer.append(frameIndex.map { Int64($0) })
    writer.next()
    try writer.append(sourceFrames.map { Int64($0) })
    writer.next()
    try writer.append(times)
    writer.next()
  }

  /// Appends one or more maps, row by row.
  func append(_ maps: [Float]) throws { try writer.append(maps) }

  /// Called once, after the last map.
  func finish() throws { try writer.finish() }
}
