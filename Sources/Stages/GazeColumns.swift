internal import StageKit

/// Where a user's gaze table has what, and what its cells mean.
struct GazeColumns {
  /// The columns of one eye, or of both together.
  struct Eye {
    var name: GazeFile.Eye
    var x: Int
    var y: Int
    var valid: Int?
  }

  let eyes: [Eye]
  private let table: TextTable
  private let reading: GazeReading
  private let time: Int?
  private let frame: Int?

  /// - Throws: `StageFailure` naming the file and the columns that are missing
  init(of table: TextTable, _ reading: GazeReading) throws {
    func column(_ name: String) throws -> Int? { try reading.column(name, of: table) }
    self.table = table
    self.reading = reading
    let frame = try column("frame")
    let time = reading.time == .frames ? nil : try column("time")
    guard time != nil || frame != nil else {
      let wanted = reading.time == .frames ? "'frame'" : "'time' or 'frame'"
      throw table.noColumn("\(wanted) (or name it in 'gaze_columns')", near: "time")
    }
    self.time = time
    self.frame = time == nil ? frame : nil
    let valid = try column("valid")
    var eyes: [Eye] = []
    for (name, prefix) in [(GazeFile.Eye.both, ""), (.left, "left_"), (.right, "right_")] {
      let (x, y) = (try column(prefix + "x"), try column(prefix + "y"))
      guard x != nil || y != nil else { continue }
      guard let x, let y else {
        throw table.noColumn("'\(prefix)\(x == nil ? "x" : "y")'", near: prefix + "x")
      }
      eyes.append(Eye(name: name, x: x, y: y, valid: try column(prefix + "valid") ?? valid))
    }
    guard let first = eyes.first else {
      throw table.noColumn(
        "'x' and 'y', or 'left_x', 'left_y', 'right_x' and 'right_y' (or name them in "
          + "'gaze_columns')", near: "x")
    }
    // Where a table has the mean of both eyes as well, it is the mean that somebody meant.
    self.eyes = first.name == .both ? [first] : eyes
  }

  /// The frame that a row is about, and its time in seconds after the first one.
  func moment(
    of row: Int, _ video: String, _ clock: FrameClock
  ) throws -> (frame: Int, time: Double) {
    if let column = frame {
      let frame = try table.integer(row, column)
      guard frame < clock.count else {
        throw table.problem(row, column, "'\(video)' has \(clock.count) frames, counted from 0")
      }
      return (frame, clock.times[frame])
    }
    let column = time ?? 0
    let value = try table.number(row, column)
    let seconds = reading.time == .milliseconds ? value / 1000 : value
    guard let frame = clock.frame(at: seconds) else {
      let hint =
        reading.time == .seconds && value > 0 && clock.frame(at: value / 1000) != nil
        ? "; if these are milliseconds, set 'gaze_time: milliseconds'" : ""
      throw table.problem(
        row, column,
        "'\(video)' lasts from 0 to \(rounded(clock.endSeconds)) s; expected a time within it, in "
          + "\(reading.time.rawValue)\(hint)")
    }
    return (frame, seconds)
  }

  /// Shares of width and height; `nil` where the eye was lost.
  ///
  /// - Parameter size: [height, width] of the video
  func position(of row: Int, _ eye: Eye, in size: [Int]) throws -> (x: Double, y: Double)? {
    let cells = table.rows[row]
    if let valid = eye.valid {
      switch cells[valid].lowercased() {
      case "0", "0.0", "false": return nil
      case "1", "1.0", "true": break
      default: throw table.problem(row, valid, "expected 1 or 0, or true or false")
      }
    } else if cells[eye.x].isEmpty, cells[eye.y].isEmpty {
      return nil
    }
    func number(_ column: Int) throws -> Double {
      guard let value = Double(cells[column]), value.isFinite else {
        throw table.problem(
          row, column,
          "expected a finite number; say that a sample was lost by a column 'valid' with 0, or by "
            + "leaving x and y empty")
      }
      return value
    }
    let (x, y) = (try number(eye.x), try number(eye.y))
    guard reading.units == .pixels else { return (x, y) }
    return (x / Double(size[1]), y / Double(size[0]))
  }

  /// Whether the samples can be what the options say they are.
  ///
  /// - Throws: `StageFailure` where no sample is valid, most lie far off the picture, all pixels look
  ///   like shares, or all milliseconds like seconds
  func checkUnits(
    _ samples: [(row: Int, sample: GazeFile.Sample)], _ video: String, _ clock: FrameClock
  ) throws {
    let valid = samples.compactMap { row, sample in sample.position.map { (row: row, at: $0) } }
    guard let first = valid.first else {
      let place = samples.map(\.row).min().map { " from line \(table.line($0)) on" } ?? ""
      throw StageFailure(
        "'\(table.name)'\(place): none of the \(samples.count) gaze samples of '\(video)' is valid")
    }
    // Eyes leave the picture, but mostly by less than its size.
    let far = valid.filter { !(-1...2).contains($0.at.x) || !(-1...2).contains($0.at.y) }
    if let bad = far.first, far.count * 2 > valid.count {
      let size = "\(clock.size[1]) by \(clock.size[0]) pixels"
      throw cells(
        bad.row,
        reading.units == .normalised
          ? "\(far.count) of \(valid.count) samples are far outside of 0 to 1; if they are pixels of "
            + "the video, set 'gaze_units: pixels'"
          : "\(far.count) of \(valid.count) samples are far off the picture of \(size); expected "
            + "pixels of the video, from its upper left corner, not of the screen")
    }
    if reading.units == .pixels,
      valid.allSatisfy({
        abs($0.at.x) * Double(clock.size[1]) <= 1.5 && abs($0.at.y) * Double(clock.size[0]) <= 1.5
      })
    {
      throw cells(
        first.row,
        "no sample is beyond 1.5 pixels; if these are shares of the picture, set "
          + "'gaze_units: normalised'")
    }
    if reading.time == .milliseconds, let column = time, let last = samples.last,
      samples.count > 1, let latest = samples.map(\.sample.time).max(),
      latest * 1000 < clock.endSeconds, latest < clock.intervalSeconds
    {
      throw table.problem(
        last.row, column,
        "all samples are within the first frame; if these are seconds, set "
          + "'gaze_time: seconds'")
    }
  }

  private func cells(_ row: Int, _ expectation: String) -> StageFailure {
    let columns = eyes.flatMap { [$0.x, $0.y] }
    let values = columns.map { "\(table.columns[$0]) '\(table.rows[row][$0])'" }
    return StageFailure(
      "'\(table.name)' line \(table.line(row)): \(values.joined(separator: ", ")); \(expectation)")
  }
}
