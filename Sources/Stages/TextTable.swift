internal import Charts
internal import Foundation
internal import StageKit

/// A table with a header, read cell by cell: every error names the file, the line and the column.
struct TextTable {
  /// How errors call the file.
  let name: String
  let columns: [String]
  let rows: [[String]]

  /// Reads tab-separated values, or comma-separated ones.
  ///
  /// - Throws: `StageFailure` naming the line where a row has not as many cells as the header
  init(path: String, name: String? = nil, isCommaSeparated: Bool = false) throws {
    let name = name ?? path
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw StageFailure("'\(name)' cannot be read as UTF-8 text; expected a table with a header")
    }
    self.name = name
    if isCommaSeparated {
      do {
        let table = try CSVFile(text: text.hasPrefix("\u{feff}") ? String(text.dropFirst()) : text)
        (columns, rows) = (table.columns, table.rows)
      } catch {
        throw StageFailure("'\(name)' \(error)")
      }
      return
    }
    guard let table = IndexFile(text: text) else {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let width = lines[0].split(separator: "\t", omittingEmptySubsequences: false).count
      let bad = lines.firstIndex {
        $0.split(separator: "\t", omittingEmptySubsequences: false).count != width
      }
      throw StageFailure(
        "'\(name)' line \((bad ?? 0) + 1) has not as many cells as the header, which has \(width); "
          + "expected tab-separated values")
    }
    (columns, rows) = (table.columns, table.rows)
  }

  /// Where a column is.
  ///
  /// - Throws: `StageFailure` naming the columns that there are
  func column(_ column: String) throws -> Int {
    if let place = optionalColumn(column) { return place }
    throw StageFailure(
      "'\(name)' line 1 has no column '\(column)'\(Suggestion.clause(for: column, among: columns))")
  }

  func optionalColumn(_ column: String) -> Int? { columns.firstIndex(of: column) }

  /// A finite number.
  func number(_ row: Int, _ column: Int) throws -> Double {
    guard let value = Double(rows[row][column]), value.isFinite else {
      throw problem(row, column, "expected a finite number")
    }
    return value
  }

  /// A whole number from `minimum` on.
  func integer(_ row: Int, _ column: Int, from minimum: Int = 0) throws -> Int {
    guard let value = Int(rows[row][column]), value >= minimum else {
      throw problem(row, column, "expected a whole number from \(minimum) on")
    }
    return value
  }

  /// What is wrong with a cell.
  func problem(_ row: Int, _ column: Int, _ expectation: String) -> StageFailure {
    StageFailure(
      "'\(name)' line \(line(row)): \(columns[column]) is '\(rows[row][column])'; \(expectation)")
  }

  /// The line of a row, counted from 1; the header is line 1.
  func line(_ row: Int) -> Int { row + 2 }
}

extension IndexFile {
  func write(to path: String) throws {
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }
}
