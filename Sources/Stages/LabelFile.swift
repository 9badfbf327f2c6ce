internal import StageKit

/// A file of type `labels`: what one video shows, and whose it is.
///
/// TSV with the columns `label` and `group`, and, where labels belong to parts of the video, `first`
/// and `last`: frames of the video, counted from 0, both included. Rows are in order of frames and do
/// not overlap; a frame in none of them has no label.
struct LabelFile: Hashable {
  struct Segment: Hashable {
    /// Frames of the video; `nil` where the label is the whole video's.
    var frames: ClosedRange<Int>?
    var label: String
  }

  /// The patient, or what else must stay together.
  var group: String
  var segments: [Segment]

  init(group: String, segments: [Segment]) {
    self.group = group
    self.segments = segments
  }

  /// - Parameter labels: of every frame
  init(group: String, labels: [String]) {
    self.group = group
    segments = []
    for (frame, label) in labels.enumerated() {
      if let last = segments.indices.last, segments[last].label == label,
        let range = segments[last].frames
      {
        segments[last].frames = range.lowerBound...frame
      } else {
        segments.append(Segment(frames: frame...frame, label: label))
      }
    }
  }

  /// - Throws: `StageFailure` naming file, line and column
  init(path: String) throws {
    let table = try TextTable(path: path)
    let (label, group) = (try table.column("label"), try table.column("group"))
    let (first, last) = (table.optionalColumn("first"), table.optionalColumn("last"))
    guard let row = table.rows.first else {
      throw StageFailure("labels '\(path)' have no row; expected at least one")
    }
    self.group = row[group]
    segments = []
    for index in table.rows.indices {
      guard table.rows[index][group] == self.group else {
        throw table.problem(index, group, "expected '\(self.group)' as in line 2")
      }
      var frames: ClosedRange<Int>?
      if let first, let last {
        let start = try table.integer(index, first)
        let before = segments.last?.frames?.upperBound ?? -1
        guard start > before else {
          throw table.problem(index, first, "expected a frame after \(before)")
        }
        frames = start...(try table.integer(index, last, from: start))
      } else if index > 0 {
        throw StageFailure(
          "labels '\(path)' have \(table.rows.count) rows and no columns 'first' and 'last'; "
            + "expected one row, or the frames of each")
      }
      segments.append(Segment(frames: frames, label: table.rows[index][label]))
    }
  }

  func write(to path: String) throws {
    let isWhole = segments.allSatisfy { $0.frames == nil }
    try IndexFile(
      columns: (isWhole ? [] : ["first", "last"]) + ["label", "group"],
      rows: segments.map { segment in
        let range = segment.frames.map { ["\($0.lowerBound)", "\($0.upperBound)"] } ?? []
        return range + [segment.label, group]
      }
    ).write(to: path)
  }

  /// - Parameter frame: of the video as it came, counted from 0
  func label(ofFrame frame: Int) -> String? {
    segments.first { $0.frames?.contains(frame) ?? true }?.label
  }
}
