internal import StageKit

/// A file of type `gaze`: where somebody looked while a video was shown.
///
/// TSV with a row for each sample, in order of time: `frame` (of the video as it came, from 0), `time`
/// (seconds after the first frame), `eye` (`left`, `right` or `both`), `x` and `y` (shares of the
/// picture's width and height from its upper left corner; outside 0 to 1 is off the picture), `valid`
/// (1, or 0 where the eye was lost: then `x` and `y` may be empty).
struct GazeFile: Hashable {
  enum Eye: String, Hashable, CaseIterable {
    case left, right, both
  }

  struct Sample: Hashable {
    var frame: Int
    /// Seconds.
    var time: Double
    var eye: Eye
    /// Shares of width and height; `nil` where the sample is not valid.
    var position: (x: Double, y: Double)?

    static func == (a: Self, b: Self) -> Bool {
      a.frame == b.frame && a.time == b.time && a.eye == b.eye && a.position?.x == b.position?.x
        && a.position?.y == b.position?.y
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(frame)
      hasher.combine(time)
    }
  }

  static let columns = ["frame", "time", "eye", "x", "y", "valid"]
  var samples: [Sample]

  init(_ samples: [Sample]) { self.samples = samples }

  /// - Throws: `StageFailure` naming file, line and column
  init(path: String) throws {
    let table = try TextTable(path: path)
    let places = try GazeFile.columns.map { try table.column($0) }
    samples = []
    samples.reserveCapacity(table.rows.count)
    for row in table.rows.indices {
      guard let eye = Eye(rawValue: table.rows[row][places[2]]) else {
        throw table.problem(row, places[2], "expected left, right or both")
      }
      let valid = table.rows[row][places[5]]
      guard valid == "0" || valid == "1" else {
        throw table.problem(row, places[5], "expected 0 or 1")
      }
      let position =
        valid == "1" ? (try table.number(row, places[3]), try table.number(row, places[4])) : nil
      let sample = Sample(
        frame: try table.integer(row, places[0]), time: try table.number(row, places[1]), eye: eye,
        position: position)
      if let last = samples.last {
        guard sample.frame >= last.frame else {
          throw table.problem(
            row, places[0], "expected \(last.frame) or more, as samples are in order")
        }
        guard sample.time >= last.time else {
          throw table.problem(
            row, places[1], "expected \(last.time) or more, as samples are in order")
        }
      }
      samples.append(sample)
    }
  }

  func write(to path: String) throws {
    try IndexFile(
      columns: GazeFile.columns,
      rows: samples.map { sample in
        [
          "\(sample.frame)", "\(sample.time)", sample.eye.rawValue,
          sample.position.map { "\($0.x)" } ?? "", sample.position.map { "\($0.y)" } ?? "",
          sample.position == nil ? "0" : "1",
        ]
      }
    ).write(to: path)
  }
}
