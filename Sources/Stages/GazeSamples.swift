internal import StageKit

/// The frames of a collection that somebody looked at.
struct GazeSamples: Sendable {
  struct Item: Sendable {
    var id: String
    /// The patient, or what else must stay together.
    var group: String
    var frames: FrameSet
  }

  struct Sample: Hashable, Sendable {
    /// Of `items`.
    var item: Int
    /// Of the item's frames.
    var frame: Int
    /// What was looked at, at least one: (x, y), shares of the frame's width and height in 0 to 1.
    var points: [SIMD2<Double>]
  }

  let items: [Item]
  let samples: [Sample]
  /// [height, width] of all frames, in pixels.
  let size: [Int]

  private init(_ items: [Item], _ samples: [Sample], size: [Int]) {
    self.items = items
    self.samples = samples
    self.size = size
  }

  /// Opens the items, and takes each n-th moving frame that somebody looked at.
  ///
  /// - Parameters:
  ///   - groups: by item; an item without one is a group of its own
  ///   - every: from one frame to the next in a run without freezes
  ///   - window: points of up to so many frames of the video before and after count too
  /// - Throws: `StageFailure` where an item has no fixations, where sizes differ, or where nobody
  ///   looked at any frame
  init(
    frames: [StageContext.Entry], fixations: [StageContext.Entry], groups: [String: String],
    every: Int, window: Int
  ) throws {
    let gaze = Dictionary(fixations.map { ($0.id, $0.path) }) { first, _ in first }
    let missing = frames.map(\.id).filter { gaze[$0] == nil }
    guard missing.isEmpty else {
      throw StageFailure(
        "\(missing.count) of \(frames.count) items have frames and no fixations: "
          + missing.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
          + (missing.count > 5 ? ", …" : "")
          + "; expected an item of 'fixations' under the same id for each")
    }
    var items: [Item] = []
    var samples: [Sample] = []
    for entry in frames {
      let set = try FrameSet(path: entry.path)
      guard set.count > 0 else { continue }
      if let first = items.first,
        [first.frames.height, first.frames.width] != [set.height, set.width]
      {
        throw StageFailure(
          "frames of '\(entry.id)' are \([set.height, set.width]) pixels, those of '\(first.id)' "
            + "\([first.frames.height, first.frames.width]); expected one size: decode all alike")
      }
      items.append(Item(id: entry.id, group: groups[entry.id] ?? entry.id, frames: set))
      let looks = Looks(try FixationFile(path: gaze[entry.id] ?? ""), geometry: set.geometry)
      for segment in set.segments {
        for frame in stride(from: segment.lowerBound, to: segment.upperBound, by: every) {
          let points = looks.points(around: set.sourceFrames[frame], window: window)
          guard !points.isEmpty else { continue }
          samples.append(Sample(item: items.count - 1, frame: frame, points: points))
        }
      }
    }
    guard let first = items.first, !samples.isEmpty else {
      throw StageFailure(
        "none of \(items.count) items has a frame that somebody looked at (every \(every) frames, "
          + "window \(window)); expected fixations inside the frames' part of the picture")
    }
    self.init(items, samples, size: [first.frames.height, first.frames.width])
  }

  /// The samples of some groups.
  func of(_ groups: Set<String>) -> GazeSamples {
    GazeSamples(items, samples.filter { groups.contains(items[$0.item].group) }, size: size)
  }

  /// The groups that have samples, in order of names.
  var groups: [String] { Set(samples.map { items[$0.item].group }).sorted() }

  /// Lends the pixels `[height, width]` of a sample's frame.
  func withPixels<Result>(
    of sample: Sample, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    try items[sample.item].frames.frames.withRow(sample.frame, body)
  }
}

/// Where somebody looked in one video, as places in its frames.
private struct Looks {
  private let frames: [Int]
  private let points: [SIMD2<Double>]

  init(_ file: FixationFile, geometry: FrameGeometry) {
    let looks = file.points.compactMap { point -> (Int, SIMD2<Double>)? in
      let (x, y) = geometry.place(x: point.x, y: point.y)
      guard (0...1).contains(x), (0...1).contains(y) else { return nil }
      return (point.frame, SIMD2(x, y))
    }
    frames = looks.map(\.0)
    points = looks.map(\.1)
  }

  func points(around frame: Int, window: Int) -> [SIMD2<Double>] {
    var (low, high) = (0, frames.count)
    while low < high {
      let middle = (low + high) / 2
      if frames[middle] < frame - window { low = middle + 1 } else { high = middle }
    }
    let end = frames[low...].firstIndex { $0 > frame + window } ?? frames.count
    return Array(points[low..<end])
  }
}
