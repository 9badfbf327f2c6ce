public import Learning

/// The frames of one scan, and what clips may be drawn from.
public struct Scan: Sendable {
  public var id: String
  /// The patient.
  public var group: String
  public var frames: FrameFile
  /// Runs of moving frames, in frames of the file; with labels, each has one class.
  public var segments: [Segment]
  /// The rectangle whose pixels all lie in the fan: [top, left, height, width]; the whole frame where
  /// no fan is known.
  public var inside: [Int]

  public struct Segment: Hashable, Sendable {
    public var frames: Range<Int>
    /// Index in the set's classes.
    public var label: Int?

    public init(_ frames: Range<Int>, label: Int? = nil) {
      self.frames = frames
      self.label = label
    }
  }

  public init(id: String, group: String, frames: FrameFile, segments: [Segment], inside: [Int]) {
    self.id = id
    self.group = group
    self.frames = frames
    self.segments = segments
    self.inside = inside
  }
}

/// Scans that a method draws from, with frames of one size.
public struct ScanSet: Sendable {
  public var scans: [Scan]
  /// Names of the labels' classes; empty without labels.
  public var classes: [String]

  /// - Throws: `LearningError` where frames are of several sizes, or a segment or label is not there
  public init(_ scans: [Scan], classes: [String] = []) throws {
    self.scans = scans
    self.classes = classes
    for scan in scans {
      let first = scans[0].frames
      guard scan.frames.height == first.height, scan.frames.width == first.width else {
        throw LearningError(
          .badShape,
          "scan '\(scan.id)' has frames of \(scan.frames.height) x \(scan.frames.width) pixels, and "
            + "'\(scans[0].id)' of \(first.height) x \(first.width); decode all to one size")
      }
      for segment in scan.segments {
        guard !segment.frames.isEmpty, segment.frames.lowerBound >= 0,
          segment.frames.upperBound <= scan.frames.frames,
          segment.label.map({ classes.indices.contains($0) }) ?? true
        else {
          throw LearningError(
            .badShape,
            "scan '\(scan.id)' has \(scan.frames.frames) frames and \(classes.count) classes; a "
              + "segment is \(segment.frames) with label \(segment.label.map { "\($0)" } ?? "none")"
          )
        }
      }
    }
  }

  /// Only scans of these groups.
  public func of(_ groups: Set<String>) throws -> ScanSet {
    try ScanSet(scans.filter { groups.contains($0.group) }, classes: classes)
  }
}
