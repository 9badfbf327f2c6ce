internal import StageKit

/// The grey frames of a video, u8 `[T, H, W]` in a safetensors file, mapped into memory: only what
/// clips are cut from is read.
public struct FrameFile: Sendable {
  /// Which pixels of which frames make a clip.
  public struct Cut: Hashable, Sendable {
    /// The first frame, counted from 0.
    public var start: Int
    /// How many frames.
    public var frames: Int
    /// From one frame of the clip to the next; 1 takes each.
    public var stride: Int
    /// The upper left pixel.
    public var top: Int
    public var left: Int
    /// Pixels.
    public var height: Int
    public var width: Int

    public init(
      start: Int, frames: Int, stride: Int = 1, top: Int = 0, left: Int = 0, height: Int,
      width: Int
    ) {
      self.start = start
      self.frames = frames
      self.stride = stride
      self.top = top
      self.left = left
      self.height = height
      self.width = width
    }
  }

  public let path: String
  /// `T`
  public let frames: Int
  /// `H`, pixels
  public let height: Int
  /// `W`, pixels
  public let width: Int
  private let pixels: MappedTensor<UInt8>

  /// Maps the file.
  ///
  /// - Parameter name: of the tensor
  public init(path: String, tensor name: String = "frames") throws {
    do {
      pixels = try SafetensorsFile(path: path).tensor(name, rank: 3)
    } catch {
      throw LearningError(.badShape, "frames \(error)")
    }
    self.path = path
    (frames, height, width) = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
  }

  /// Lends the pixels of one frame, `[H, W]`, black 0 and white 255, for the time of the call.
  public func withFrame<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    try pixels.withRow(index, body)
  }

  /// Appends one clip, `[channels, t, h, w]`, black 0 and white 1; all channels are the same.
  public func append(_ cut: Cut, channels: Int = 1, to values: inout [Float]) throws {
    try check(cut, channels)
    let area = cut.height * cut.width
    let first = values.count
    values.append(contentsOf: repeatElement(0, count: channels * cut.frames * area))
    values.withUnsafeMutableBufferPointer { values in
      for frame in 0..<cut.frames {
        pixels.withRow(cut.start + frame * cut.stride) { row in
          var place = first + frame * area
          for y in cut.top..<cut.top + cut.height {
            for x in y * width + cut.left..<y * width + cut.left + cut.width {
              values[place] = Float(row[x]) / 255
              place += 1
            }
          }
        }
      }
      let block = cut.frames * area
      for index in block..<channels * block {
        values[first + index] = values[first + index - block]
      }
    }
  }

  private func check(_ cut: Cut, _ channels: Int) throws {
    func holds(_ start: Int, _ count: Int, _ stride: Int, _ size: Int) -> Bool {
      // Each is at most the size first, so that products cannot overflow.
      start >= 0 && start < size && count >= 1 && count <= size && stride >= 1
        && (count == 1 || stride <= size) && start + (count - 1) * stride < size
    }
    guard holds(cut.start, cut.frames, cut.stride, frames),
      holds(cut.top, cut.height, 1, height), holds(cut.left, cut.width, 1, width), channels >= 1
    else {
      throw LearningError(
        .badShape,
        "'\(path)' has \(frames) frames of \(height) x \(width); a clip of \(cut.frames) frames"
          + " from \(cut.start) with stride \(cut.stride), \(cut.height) x \(cut.width) pixels from"
          + " (\(cut.top), \(cut.left)), \(channels) channels, is not inside")
    }
  }
}
