internal import Charts
internal import Foundation
internal import StageKit

/// A table with a header, read cell by cell: every error names the file, the line and the column.
struct TextTable {
  /// How errors call the file.
  let name: String
  let columns: [String]
  let rows: [[String]]
  /// On which line each row begins, counted from 1.
  private let lines: [Int]

  /// Reads tab-separated values as `IndexFile` writes them, or comma-separated ones.
  ///
  /// A byte order mark, line ends of Windows and blank lines are let pass.
  /// - Throws: `StageFailure` naming the line where a row has not as many cells as the header
  init(path: String, name: String? = nil, isCommaSeparated: Bool = false) throws {
    let name = name ?? path
    guard let data = FileManager.default.contents(atPath: path),
      let text = String(data: data, encoding: .utf8)
    else {
      throw StageFailure("'\(name)' cannot be read as UTF-8 text; expected a table with a header")
    }
    let body = text.hasPrefix("\u{feff}") ? String(text.dropFirst()) : text
    self.name = name
    do {
      let table = try isCommaSeparated ? CSVFile.read(body) : TextTable.readTabs(body)
      (columns, rows, lines) = (table.file.columns, table.file.rows, table.lines)
    } catch {
      throw StageFailure("'\(name)' \(error)")
    }
  }

  /// A table of the user: a name that ends in `.csv` says that commas separate the cells.
  init(_ source: StageContext.Source) throws {
    try self.init(
      path: source.path, name: source.id,
      isCommaSeparated: source.id.lowercased().hasSuffix(".csv"))
  }

  private static func readTabs(_ text: String) throws(CSVError) -> (file: CSVFile, lines: [Int]) {
    var kept: [Substring] = []
    var lines: [Int] = []
    for (index, line) in text.utf8.split(separator: 10, omittingEmptySubsequences: false)
      .enumerated()
    {
      let line = Substring(line.last == 13 ? line.dropLast() : line)
      guard !line.isEmpty else { continue }
      kept.append(line)
      lines.append(index + 1)
    }
    guard let header = kept.first else { throw CSVError(line: 1, message: "has no header") }
    func width(_ line: Substring) -> Int { line.utf8.count { $0 == 9 } + 1 }
    if let bad = kept.firstIndex(where: { width($0) != width(header) }) {
      throw CSVError(
        line: lines[bad], message: "has \(width(kept[bad])) cells; the header has \(width(header))")
    }
    guard let table = IndexFile(text: kept.joined(separator: "\n")) else {
      throw CSVError(line: 1, message: "is no header of tab-separated values")
    }
    return (CSVFile(columns: table.columns, rows: table.rows), Array(lines.dropFirst()))
  }

  /// Where a column is.
  ///
  /// - Throws: `StageFailure` naming the columns that there are
  func column(_ column: String) throws -> Int {
    if let place = optionalColumn(column) { return place }
    throw noColumn("'\(column)'", near: column)
  }

  func optionalColumn(_ column: String) -> Int? { columns.firstIndex(of: column) }

  /// That a column is missing.
  ///
  /// - Parameters:
  ///   - wanted: the column, or what could stand for it, in quotes
  ///   - name: what a similar column would be called
  func noColumn(_ wanted: String, near name: String) -> StageFailure {
    let clause =
      columns.count > 1
      ? Suggestion.clause(for: name, among: columns)
      : " but one cell, '\(columns[0])'; expected commas in a .csv file, tabs in others"
    return StageFailure("'\(self.name)' line 1 has no column \(wanted)\(clause)")
  }

  /// The rows by what they hold in a column.
  func rows(by column: Int) -> [String: [Int]] {
    Dictionary(grouping: rows.indices) { rows[$0][column] }
  }

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

  /// The line on which a row begins, counted from 1.
  func line(_ row: Int) -> Int { lines[row] }
}

extension IndexFile {
  func write(to path: String) throws {
    try writeText(text, to: path)
  }
}
