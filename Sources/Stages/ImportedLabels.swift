internal import Foundation
internal import StageKit

/// A user's table of labels: by video, by frame, by segment of frames, or by segment of time.
///
/// Beside the columns for the video (`path` or `item`), the label and the group, nothing means one row
/// a video; `frame` a row a frame; `first` and `last` segments of frames, both included; `start` and
/// `end` segments of seconds after the first frame, the end not included. Frames count from 0. Frames
/// without a row have no label.
struct ImportedLabels {
  private enum Form {
    case video
    case frame(Int)
    case frames(first: Int, last: Int)
    case seconds(start: Int, end: Int)
  }

  private let table: TextTable
  private let label: Int
  /// `nil`: each video is a group of its own.
  private let group: Int?
  private let form: Form
  private let classes: [String]
  /// Video → its rows.
  private let rows: [String: [Int]]

  /// - Throws: `StageFailure` naming the file and the column that is missing
  init(
    _ source: StageContext.Source, label labelColumn: String, group groupColumn: String,
    classes: [String]
  ) throws {
    table = try TextTable(source)
    guard let item = table.optionalColumn("path") ?? table.optionalColumn("item") else {
      throw table.noColumn("'path' or 'item'", near: "path")
    }
    label = try table.column(labelColumn)
    group =
      groupColumn == "group" ? table.optionalColumn("group") : try table.column(groupColumn)
    form = try ImportedLabels.form(of: table)
    self.classes = classes
    rows = table.rows(by: item)
  }

  private static func form(of table: TextTable) throws -> Form {
    var forms: [(name: String, form: Form)] = []
    if let frame = table.optionalColumn("frame") { forms.append(("'frame'", .frame(frame))) }
    if table.optionalColumn("first") != nil || table.optionalColumn("last") != nil {
      let (first, last) = (try table.column("first"), try table.column("last"))
      forms.append(("'first' and 'last'", .frames(first: first, last: last)))
    }
    if table.optionalColumn("start") != nil || table.optionalColumn("end") != nil {
      let (start, end) = (try table.column("start"), try table.column("end"))
      forms.append(("'start' and 'end'", .seconds(start: start, end: end)))
    }
    guard forms.count < 2 else {
      throw StageFailure(
        "'\(table.name)' line 1 has the columns \(forms.map(\.name).joined(separator: " and also ")); "
          + "expected one way to say which frames a row is about")
    }
    return forms.first?.form ?? .video
  }

  /// Whether labels speak of frames, so that the videos' frames must be known.
  var needsClocks: Bool { if case .video = form { false } else { true } }

  func has(_ video: String) -> Bool { rows[video] != nil }

  /// Where a video's first row is: `'labels.tsv' line 2`.
  func place(of video: String) -> String? {
    rows[video].map { "'\(table.name)' line \(table.line($0[0]))" }
  }

  /// The rows of videos that are not there, as reasons, in the order of the file.
  func strays(among known: Set<String>) -> [String] {
    ImportedLabels.strays(rows, of: table, among: known)
  }

  static func strays(
    _ rows: [String: [Int]], of table: TextTable, among known: Set<String>
  ) -> [String] {
    let strays = rows.filter { !known.contains($0.key) }.sorted { $0.value[0] < $1.value[0] }
    let names = strays.isEmpty ? [] : known.sorted()
    return strays.enumerated().map { index, stray in
      // To look for a similar name among many files takes its time.
      let near = index < 5 ? Suggestion.nearest(to: stray.key, among: names) : nil
      return
        "'\(table.name)' line \(table.line(stray.value[0])) is about '\(stray.key)', which is not "
        + "there" + (near.map { "; did you mean '\($0)'?" } ?? "")
    }
  }

  /// The labels of one video.
  ///
  /// - Parameter clock: of the video; asked for only where `needsClocks`
  /// - Throws: `StageFailure` naming file, line and column
  func labels(of video: String, clock: () throws -> FrameClock) throws -> LabelFile {
    guard let rows = rows[video] else {
      throw StageFailure("'\(video)' has no row in '\(table.name)'")
    }
    for row in rows { try checkCells(row, as: rows[0]) }
    let name = group.map { table.rows[rows[0]][$0] } ?? video
    if case .video = form {
      if rows.count > 1 {
        throw StageFailure(
          "'\(table.name)' line \(table.line(rows[1])): '\(video)' stands in line "
            + "\(table.line(rows[0])) already; labels of parts of a video need the columns 'frame', "
            + "'first' and 'last', or 'start' and 'end'")
      }
      return LabelFile(group: name, segments: [.init(label: table.rows[rows[0]][label])])
    }
    let clock = try clock()
    var parts = try rows.map { (row: $0, frames: try frames(of: $0, video, clock)) }
    parts.sort { ($0.frames.lowerBound, $0.row) < ($1.frames.lowerBound, $1.row) }
    var segments: [LabelFile.Segment] = []
    for (index, part) in parts.enumerated() {
      let text = table.rows[part.row][label]
      if index > 0, part.frames.lowerBound <= parts[index - 1].frames.upperBound {
        throw overlap(parts[index - 1], part, of: video)
      }
      if case .frame = form, let last = segments.last, last.label == text, let frames = last.frames,
        frames.upperBound + 1 == part.frames.lowerBound
      {
        segments[segments.count - 1].frames = frames.lowerBound...part.frames.upperBound
      } else {
        segments.append(.init(frames: part.frames, label: text))
      }
    }
    return LabelFile(group: name, segments: segments)
  }

  private func checkCells(_ row: Int, as first: Int) throws {
    let text = table.rows[row][label]
    if text.isEmpty { throw table.problem(row, label, "expected a label") }
    if !classes.isEmpty, !classes.contains(text) {
      let clause = Suggestion.clause(for: text, among: classes)
      throw table.problem(row, label, "this is none of 'classes'\(clause)")
    }
    guard let group else { return }
    if table.rows[row][group].isEmpty { throw table.problem(row, group, "expected a group") }
    if table.rows[row][group] != table.rows[first][group] {
      throw table.problem(
        row, group,
        "the video is in group '\(table.rows[first][group])' by line \(table.line(first))")
    }
  }

  private func frames(
    of row: Int, _ video: String, _ clock: FrameClock
  ) throws -> ClosedRange<Int> {
    func frame(_ column: Int) throws -> Int {
      let frame = try table.integer(row, column)
      guard frame < clock.count else {
        throw table.problem(
          row, column, "'\(video)' has \(clock.count) frames, counted from 0")
      }
      return frame
    }
    switch form {
    case .video: return 0...max(0, clock.count - 1)
    case .frame(let column):
      let frame = try frame(column)
      return frame...frame
    case .frames(let firstColumn, let lastColumn):
      let (first, last) = (try frame(firstColumn), try frame(lastColumn))
      guard first <= last else {
        throw table.problem(row, lastColumn, "expected a frame from \(first) on, the first one")
      }
      return first...last
    case .seconds(let startColumn, let endColumn):
      return try frames(of: row, from: startColumn, to: endColumn, video, clock)
    }
  }

  /// The frames that are shown from a time on and before another one.
  private func frames(
    of row: Int, from startColumn: Int, to endColumn: Int, _ video: String, _ clock: FrameClock
  ) throws -> ClosedRange<Int> {
    let (start, end) = (try table.number(row, startColumn), try table.number(row, endColumn))
    guard start >= 0 else { throw table.problem(row, startColumn, "expected seconds from 0 on") }
    guard end > start else {
      throw table.problem(row, endColumn, "expected a time after the start, \(start) s")
    }
    // An end may be rounded up, by less than a frame.
    guard end < clock.endSeconds + clock.intervalSeconds else {
      throw table.problem(
        row, endColumn, "'\(video)' ends at \(rounded(clock.endSeconds)) s; expected seconds")
    }
    let (first, next) = (clock.firstFrame(from: start), clock.firstFrame(from: end))
    guard first < next else {
      throw table.problem(row, endColumn, "'\(video)' has no frame between \(start) s and \(end) s")
    }
    return first...(next - 1)
  }

  private func overlap(
    _ a: (row: Int, frames: ClosedRange<Int>), _ b: (row: Int, frames: ClosedRange<Int>),
    of video: String
  ) -> StageFailure {
    let lines = [table.line(a.row), table.line(b.row)].sorted()
    return StageFailure(
      "'\(table.name)' line \(lines[1]): frame \(b.frames.lowerBound) of '\(video)' has a label "
        + "already, in line \(lines[0]); expected one label a frame")
  }
}

/// Seconds to whole milliseconds, for people.
func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }
