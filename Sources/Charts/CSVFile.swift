/// Comma-separated values with a header, as RFC 4180 has them, with newlines alone between lines.
public struct CSVFile: Hashable, Sendable {
  public var columns: [String]
  public var rows: [[String]]

  public init(columns: [String], rows: [[String]] = []) {
    self.columns = columns
    self.rows = rows
  }

  /// The file; a cell with a comma, quote or line break is quoted.
  public var text: String {
    var out = ""
    CSVFile.append(columns, to: &out)
    for row in rows { CSVFile.append(row, to: &out) }
    return out
  }

  /// Reads what `text` wrote, and files with CRLF line ends.
  ///
  /// - Throws: `CSVError` naming the line where a row has not as many cells as the header, or a
  ///   quote is left open
  public init(text: String) throws(CSVError) { self = try CSVFile.read(text).file }

  /// Reads what `init(text:)` reads, and says on which line each row begins, counted from 1: cells
  /// may hold line breaks, and blank lines are skipped.
  ///
  /// - Throws: as `init(text:)`
  public static func read(_ text: String) throws(CSVError) -> (file: CSVFile, lines: [Int]) {
    var records: [(line: Int, cells: [String])] = []
    var cells: [String] = []
    var cell: [UInt8] = []
    var quoted = false
    var wasQuoted = false
    var line = 1
    var start = 1
    func isBlank() -> Bool { cells.isEmpty && cell.isEmpty && !wasQuoted }
    let bytes = Array(text.utf8)
    var index = 0
    func endCell() {
      cells.append(String(decoding: cell, as: UTF8.self))
      cell = []
      wasQuoted = false
    }
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\n") { line += 1 }
      switch byte {
      case UInt8(ascii: "\"") where quoted:
        if index < bytes.count, bytes[index] == byte {
          cell.append(byte)
          index += 1
        } else {
          quoted = false
        }
      case _ where quoted: cell.append(byte)
      case UInt8(ascii: "\"") where cell.isEmpty:
        quoted = true
        wasQuoted = true
      case UInt8(ascii: ","): endCell()
      case UInt8(ascii: "\r") where index < bytes.count && bytes[index] == UInt8(ascii: "\n"): break
      case UInt8(ascii: "\n"):
        if !isBlank() {
          endCell()
          records.append((start, cells))
        }
        cells = []
        start = line
      default: cell.append(byte)
      }
    }
    guard !quoted else { throw CSVError(line: start, message: "a quote is left open") }
    if !isBlank() {
      endCell()
      records.append((start, cells))
    }
    guard let header = records.first else { throw CSVError(line: 1, message: "has no header") }
    var file = CSVFile(columns: header.cells)
    file.rows.reserveCapacity(records.count - 1)
    for record in records.dropFirst() {
      guard record.cells.count == file.columns.count else {
        throw CSVError(
          line: record.line,
          message: "has \(record.cells.count) cells; the header has \(file.columns.count)")
      }
      file.rows.append(record.cells)
    }
    return (file, records.dropFirst().map(\.line))
  }

  /// Appends one row and its newline.
  public static func append(_ row: [String], to out: inout String) {
    // A lone empty cell would be a blank line, which readers skip.
    if row == [""] {
      out += "\"\"\n"
      return
    }
    for (index, cell) in row.enumerated() {
      if index > 0 { out += "," }
      let special = cell.utf8.contains {
        $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 10 || $0 == 13
      }
      guard special else {
        out += cell
        continue
      }
      out += "\""
      for scalar in cell.unicodeScalars {
        if scalar == "\"" { out += "\"" }
        out.unicodeScalars.append(scalar)
      }
      out += "\""
    }
    out += "\n"
  }
}

/// A line of a CSV file that cannot be read.
public struct CSVError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Counted from 1: where the bad row begins.
  public var line: Int
  public var message: String

  public init(line: Int, message: String) {
    self.line = line
    self.message = message
  }

  public var description: String { "line \(line): \(message)" }
}
