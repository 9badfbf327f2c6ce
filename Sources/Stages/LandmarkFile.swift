internal import Charts
internal import StageKit

/// A salient place in a frame.
struct Landmark: Hashable {
  /// Index in the frames it was found in, from 0.
  var frame: Int
  /// Of the frame, in seconds.
  var time: Double
  /// The cell of the maximum, from 0.
  var row: Int
  var column: Int
  /// [height, width] of the map, in cells.
  var grid: [Int]
  /// The sub-pixel position in cells: a cell's centre has its whole-numbered row and column.
  var y: Double
  var x: Double
  /// The map's value at the cell.
  var saliency: Float
  /// Of the video as it came, from 0.
  var sourceFrame: Int
  /// The sub-pixel position in shares of the video's picture.
  var sourceX: Double
  var sourceY: Double
  /// [height, width] of the video's picture, in pixels; of the map, in cells, where the maps do not
  /// say.
  var sourceSize: [Int]
}

/// A file of type `landmarks`: CSV, one landmark a line, by frame, row and column.
enum LandmarkFile {
  static let columns = [
    "frame", "time", "row", "column", "grid_height", "grid_width", "y", "x", "saliency",
    "source_frame", "source_x", "source_y", "source_height", "source_width",
  ]

  static func text(_ landmarks: [Landmark]) -> String {
    var text = ""
    CSVFile.append(columns, to: &text)
    append(landmarks, to: &text)
    return text
  }

  /// Appends a line for each landmark.
  static func append(_ landmarks: [Landmark], to text: inout String) {
    for landmark in landmarks { text += line(landmark) + "\n" }
  }

  /// The cells of a landmark, without an end of line.
  static func line(_ landmark: Landmark) -> String {
    var text = "\(landmark.frame),\(landmark.time),\(landmark.row),\(landmark.column),"
    text += "\(landmark.grid[0]),\(landmark.grid[1]),\(landmark.y),\(landmark.x),"
    text += "\(landmark.saliency),\(landmark.sourceFrame),\(landmark.sourceX),\(landmark.sourceY),"
    return text + "\(landmark.sourceSize[0]),\(landmark.sourceSize[1])"
  }

  /// - Throws: `StageFailure` naming the file, the line and the column
  static func read(_ path: String) throws -> [Landmark] {
    let table = try TextTable(path: path, isCommaSeparated: true)
    let places = try columns.map { try table.column($0) }
    return try table.rows.indices.map { row in
      func integer(_ column: Int, from minimum: Int = 0) throws -> Int {
        try table.integer(row, places[column], from: minimum)
      }
      func number(_ column: Int) throws -> Double { try table.number(row, places[column]) }
      let landmark = Landmark(
        frame: try integer(0), time: try number(1), row: try integer(2), column: try integer(3),
        grid: [try integer(4, from: 1), try integer(5, from: 1)], y: try number(6),
        x: try number(7), saliency: Float(try number(8)), sourceFrame: try integer(9),
        sourceX: try number(10), sourceY: try number(11),
        sourceSize: [try integer(12, from: 1), try integer(13, from: 1)])
      for (column, axis) in [(2, 0), (3, 1)]
      where [landmark.row, landmark.column][axis] >= landmark.grid[axis] {
        throw table.problem(row, places[column], "the grid has \(landmark.grid[axis])")
      }
      return landmark
    }
  }
}
