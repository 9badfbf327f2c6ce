internal import StageKit

/// Which part of a video's picture the frames of a file show; the metadata of `frames` and `maps`.
///
/// Gaze, truth and labels speak of the video as it came; this leads from there to the frames.
struct FrameGeometry: Hashable {
  /// [height, width] of the video, in pixels.
  var sourceSize: [Int]
  /// [top, left, height, width] of the part that the frames show, in pixels of the video.
  var crop: [Int]
  /// [top, left, side] of the largest square inside the fan, in pixels of the frames; `nil` where no
  /// fan was looked for.
  var square: [Int]?

  init(sourceSize: [Int], crop: [Int]? = nil, square: [Int]? = nil) {
    self.sourceSize = sourceSize
    self.crop = crop ?? [0, 0] + sourceSize
    self.square = square
  }

  /// Reads `source_size`, `crop` and `square` as `metadata` writes them.
  ///
  /// A file without them, from elsewhere, shows the whole picture.
  /// - Parameter size: [height, width] of the frames or maps
  /// - Throws: `StageFailure` naming the file
  init(of file: SafetensorsFile, size: [Int]) throws {
    func numbers(_ key: String, _ count: Int) throws -> [Int]? {
      guard let text = file.metadata[key] else { return nil }
      let numbers = text.split(separator: ",").compactMap { Int($0) }
      guard numbers.count == count, numbers.allSatisfy({ $0 >= 0 }) else {
        throw StageFailure(
          "'\(file.path)' has '\(text)' as \(key); expected \(count) whole numbers")
      }
      return numbers
    }
    self.init(
      sourceSize: try numbers("source_size", 2) ?? size, crop: try numbers("crop", 4),
      square: try numbers("square", 3))
    guard crop[2] > 0, crop[3] > 0 else {
      throw StageFailure("'\(file.path)' has an empty crop \(crop)")
    }
  }

  var metadata: [String: String] {
    func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }
    var metadata = ["source_size": text(sourceSize), "crop": text(crop)]
    if let square { metadata["square"] = text(square) }
    return metadata
  }

  /// From shares of the video's picture to shares of the frames; outside 0 to 1 where the frames do
  /// not show the place.
  func place(x: Double, y: Double) -> (x: Double, y: Double) {
    (
      (x * Double(sourceSize[1]) - Double(crop[1])) / Double(crop[3]),
      (y * Double(sourceSize[0]) - Double(crop[0])) / Double(crop[2])
    )
  }
  /// From shares of the frames to shares of the video's picture: the inverse of `place`.
  func sourcePlace(x: Double, y: Double) -> (x: Double, y: Double) {
    (
      (x * Double(crop[3]) + Double(crop[1])) / Double(sourceSize[1]),
      (y * Double(crop[2]) + Double(crop[0])) / Double(sourceSize[0])
    )
  }
}
