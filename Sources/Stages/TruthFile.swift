internal import StageKit

/// A file of type `truth`: where the structures of a simulated video are.
///
/// TSV with a row for each structure that a frame shows: `frame` (of the video as it came, from 0),
/// `label` (of the frame), `structure` (its name, the same in all videos), `x` and `y` (shares of the
/// picture's width and height, of its centre), `long_axis` (of the whole anatomy that the frame shows,
/// as a share of the picture's height).
struct TruthFile: Hashable {
  struct Structure: Hashable {
    var frame: Int
    var label: String
    var name: String
    var x: Double
    var y: Double
    var longAxis: Double
  }

  static let columns = ["frame", "label", "structure", "x", "y", "long_axis"]
  /// In order of frames.
  var structures: [Structure]

  init(_ structures: [Structure]) { self.structures = structures }

  /// - Throws: `StageFailure` naming file, line and column
  init(path: String) throws { try self.init(TextTable(path: path)) }

  /// - Throws: `StageFailure` naming file, line and column
  init(_ table: TextTable) throws {
    let places = try TruthFile.columns.map { try table.column($0) }
    structures = try table.rows.indices.map { row in
      let longAxis = try table.number(row, places[5])
      guard longAxis > 0 else { throw table.problem(row, places[5], "expected a length above 0") }
      return Structure(
        frame: try table.integer(row, places[0]), label: table.rows[row][places[1]],
        name: table.rows[row][places[2]], x: try table.number(row, places[3]),
        y: try table.number(row, places[4]), longAxis: longAxis)
    }
  }

  func write(to path: String) throws {
    try IndexFile(
      columns: TruthFile.columns,
      rows: structures.map {
        ["\($0.frame)", $0.label, $0.name, "\($0.x)", "\($0.y)", "\($0.longAxis)"]
      }
    ).write(to: path)
  }
}
