internal import StageKit

/// A file of type `fixations`: the place that was looked at in a frame, once for each frame where it is
/// known.
///
/// TSV: `frame` (of the video as it came, from 0), `x` and `y` (shares of the picture's width and
/// height, in 0 to 1), `bridged` (1 where it was not measured but lies between two that were).
struct FixationFile: Hashable {
  struct Point: Hashable {
    var frame: Int
    var x: Double
    var y: Double
    var isBridged: Bool
  }

  /// In order of frames, at most one a frame.
  var points: [Point]

  init(_ points: [Point]) { self.points = points }

  /// - Throws: `StageFailure` naming file, line and column
  init(path: String) throws {
    let table = try TextTable(path: path)
    let places = try ["frame", "x", "y", "bridged"].map { try table.column($0) }
    points = []
    for row in table.rows.indices {
      let frame = try table.integer(row, places[0])
      guard frame > points.last?.frame ?? -1 else {
        throw table.problem(row, places[0], "expected a frame after \(points.last?.frame ?? -1)")
      }
      func share(_ column: Int) throws -> Double {
        let value = try table.number(row, column)
        guard (0...1).contains(value) else {
          throw table.problem(row, column, "expected a share from 0 to 1")
        }
        return value
      }
      points.append(
        Point(
          frame: frame, x: try share(places[1]), y: try share(places[2]),
          isBridged: try table.integer(row, places[3]) == 1))
    }
  }

  func write(to path: String) throws {
    try IndexFile(
      columns: ["frame", "x", "y", "bridged"],
      rows: points.map { ["\($0.frame)", "\($0.x)", "\($0.y)", $0.isBridged ? "1" : "0"] }
    ).write(to: path)
  }
}
