internal import Foundation
internal import StageKit

/// How a user's gaze tables are to be read.
struct GazeReading {
  enum Units: String, CaseIterable {
    /// Shares of the picture's width and height.
    case normalised
    /// Pixels of the video as it came.
    case pixels
  }

  enum Time: String, CaseIterable {
    case seconds
    case milliseconds
    /// The column `frame` counts, whatever `time` says.
    case frames
  }

  static let columns = [
    "item", "time", "frame", "x", "y", "left_x", "left_y", "right_x", "right_y", "valid",
    "left_valid", "right_valid",
  ]

  let units: Units
  let time: Time
  /// What the user's tables call the columns that have other names.
  let names: [String: String]

  init(options: inout OptionReader) throws(Diagnostic) {
    units = try options.choice(
      "gaze_units", default: .normalised,
      help: "what x and y are: shares of the picture, or pixels of the video")
    time = try options.choice(
      "gaze_time", default: .seconds,
      help: "what 'time' is in, after the first frame; or 'frames' to go by the column 'frame'")
    let map = try options.tree(
      "gaze_columns", default: .map([]),
      help: "your names of the columns \(GazeReading.columns.joined(separator: ", ")), such as "
        + "{x: GazePointX}")
    func refusal(_ message: String) -> Diagnostic {
      Diagnostic(
        .outOfRange, "option 'gaze_columns' \(message)",
        at: SourcePosition(path: "with.gaze_columns", line: 0, column: 0))
    }
    guard case .map(let pairs) = map else {
      throw refusal("is \(map.display); expected a map from fathom's names to yours")
    }
    var names: [String: String] = [:]
    for pair in pairs {
      guard GazeReading.columns.contains(pair.key) else {
        let clause = Suggestion.clause(for: pair.key, among: GazeReading.columns)
        throw refusal("names the unknown column '\(pair.key)'\(clause)")
      }
      guard case .string(let name) = pair.value else {
        throw refusal("gives \(pair.key) \(pair.value.display); expected the name of a column")
      }
      names[pair.key] = name
    }
    self.names = names
  }

  /// Where a column is, by the user's name for it.
  ///
  /// - Throws: `StageFailure` where the user named a column that is not there
  func column(_ name: String, of table: TextTable) throws -> Int? {
    if let given = names[name] { return try table.column(given) }
    return table.optionalColumn(name)
  }

  /// The column that names the video, in a table of many videos.
  func item(of table: TextTable) -> Int? {
    if let given = names["item"] { return table.optionalColumn(given) }
    return table.optionalColumn("path") ?? table.optionalColumn("item")
  }
}

/// The gaze files of an import: one for each video, or tables that name the video in each row.
///
/// A file belongs to the video of the same path without extension, or without several of them.
///
/// Columns: `time` after the first frame, or `frame` from 0; `x` and `y`, or those of the left and the
/// right eye; `valid` (1 or 0, true or false), or that of each eye. Where there is no such column an
/// empty position is a lost sample.
struct ImportedGaze {
  private let reading: GazeReading
  /// Video → its own file.
  private var files: [String: StageContext.Source] = [:]
  /// Video → its rows in a table of many videos.
  private var rows: [String: (table: TextTable, rows: [Int])] = [:]

  var videos: Set<String> { Set(files.keys).union(rows.keys) }

  /// Finds out which file belongs to which video.
  ///
  /// - Parameters:
  ///   - sources: the gaze files
  ///   - videos: the ids of those that are imported
  ///   - known: the ids of all files
  /// - Throws: `StageFailure` where a table cannot be read
  init(
    _ sources: [StageContext.Source], of videos: [String], known: Set<String>,
    _ reading: GazeReading, problems: inout ImportProblems
  ) throws {
    self.reading = reading
    let byStem = Dictionary(grouping: videos, by: ImportedGaze.stem)
    let others = Set(known.subtracting(sources.map(\.id)).map(ImportedGaze.stem))
    for source in sources {
      let stems = ImportedGaze.stems(source.id)
      if let own = stems.lazy.compactMap({ byStem[$0] }).first {
        for video in own {
          if let other = files.updateValue(source, forKey: video) {
            problems.leaveOut(
              video,
              "'\(video)' has two gaze files, '\(other.id)' and '\(source.id)'; narrow 'gaze'"
            )
          }
        }
      } else if stems.allSatisfy({ !others.contains($0) }) {
        try addTable(source, of: Set(videos), known, &problems)
      }
    }
  }

  private mutating func addTable(
    _ source: StageContext.Source, of videos: Set<String>, _ known: Set<String>,
    _ problems: inout ImportProblems
  ) throws {
    let table = try TextTable(source)
    guard let item = reading.item(of: table) else {
      problems.ignore(
        "gaze file '\(source.id)' belongs to no video: none has this path without extension, and line "
          + "1 has no column 'path' or 'item' to name one")
      return
    }
    // What is wrong with the columns concerns all videos of the table.
    _ = try GazeColumns(of: table, reading)
    let byVideo = table.rows(by: item)
    for reason in ImportedLabels.strays(byVideo, of: table, among: known) {
      problems.ignore(reason)
    }
    for (video, own) in byVideo where videos.contains(video) {
      if let other = files[video]?.id ?? rows[video]?.table.name {
        problems.leaveOut(video, "'\(video)' has gaze in '\(other)' and in '\(source.id)'")
      }
      rows[video] = (table, own)
    }
  }

  static func stem(_ path: String) -> String { (path as NSString).deletingPathExtension }

  /// What a video of the same name could be called: `scan.left.tsv` may belong to `scan.left` or `scan`.
  static func stems(_ path: String) -> [String] {
    Array(
      sequence(first: stem(path)) {
        let shorter = stem($0)
        return shorter == $0 ? nil : shorter
      })
  }

  /// The gaze of one video, in order of time.
  ///
  /// - Throws: `StageFailure` naming file, line and column
  func gaze(of video: String, clock: FrameClock) throws -> GazeFile {
    let table = try files[video].map { try TextTable($0) } ?? rows[video]?.table
    guard let table else { preconditionFailure("no gaze of '\(video)'") }
    let columns = try GazeColumns(of: table, reading)
    let own = files[video] == nil ? rows[video]?.rows ?? [] : Array(table.rows.indices)
    var samples: [(row: Int, sample: GazeFile.Sample)] = []
    for row in own {
      let (frame, time) = try columns.moment(of: row, video, clock)
      for eye in columns.eyes {
        let position = try columns.position(of: row, eye, in: clock.size)
        samples.append(
          (row, GazeFile.Sample(frame: frame, time: time, eye: eye.name, position: position)))
      }
    }
    try columns.checkUnits(samples, video, clock)
    // A stable sort: both eyes of a row stay together.
    let order = samples.indices.sorted {
      (samples[$0].sample.time, $0) < (samples[$1].sample.time, $1)
    }
    return GazeFile(order.map { samples[$0].sample })
  }
}
