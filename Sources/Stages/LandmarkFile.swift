internal import Charts
internal import Foundation
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
}

/// A file of type `landmarks`: CSV, one landmark a line, by frame, row and column.
enum LandmarkFile {
  static let columns = [
    "frame", "time", "row", "column", "grid_height", "grid_width", "y", "x", "saliency",
  ]

  static func text(_ landmarks: [Landmark]) -> String {
    CSVFile(
      columns: columns,
      rows: landmarks.map { landmark in
        [
          "\(landmark.frame)", "\(landmark.time)", "\(landmark.row)", "\(landmark.column)",
          "\(landmark.grid[0])", "\(landmark.grid[1])", "\(landmark.y)", "\(landmark.x)",
          "\(landmark.saliency)",
        ]
      }
    ).text
  }

  /// - Throws: `StageFailure` naming the file, the landmark and the column
  static func read(_ path: String) throws -> [Landmark] {
    let table: CSVFile
    do {
      table = try CSVFile(text: String(contentsOfFile: path, encoding: .utf8))
    } catch let error as CSVError {
      throw StageFailure("landmarks '\(path)': \(error)")
    }
    let places = try columns.map { column in
      guard let place = table.columns.firstIndex(of: column) else {
        throw StageFailure(
          "landmarks '\(path)' have no column '\(column)'"
            + Suggestion.clause(for: column, among: table.columns))
      }
      return place
    }
    return try table.rows.enumerated().map { number, cells in
      func cell<Number: LosslessStringConvertible>(_ column: Int) throws -> Number {
        let text = cells[places[column]]
        guard let value = Number(text) else {
          throw StageFailure(
            "landmark \(number) of '\(path)' has '\(text)' as \(columns[column]); expected a number"
          )
        }
        return value
      }
      let landmark = Landmark(
        frame: try cell(0), time: try cell(1), row: try cell(2), column: try cell(3),
        grid: [try cell(4), try cell(5)], y: try cell(6), x: try cell(7), saliency: try cell(8))
      guard (0..<max(landmark.grid[0], 0)).contains(landmark.row),
        (0..<max(landmark.grid[1], 0)).contains(landmark.column)
      else {
        throw StageFailure(
          "landmark \(number) of '\(path)' is at row \(landmark.row), column \(landmark.column), "
            + "outside its grid \(landmark.grid)")
      }
      return landmark
    }
  }
}
