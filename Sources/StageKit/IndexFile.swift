import Foundation

/// A table of tab-separated values with a header: how collections are listed for stages and
/// commands.
///
/// A tab, newline, carriage return or backslash in a cell is written `\t`, `\n`, `\r`, `\\`.
public struct IndexFile: Hashable, Sendable {
  public var columns: [String]
  public var rows: [[String]]

  public init(columns: [String], rows: [[String]] = []) {
    self.columns = columns
    self.rows = rows
  }

  public var text: String {
    var out: [UInt8] = []
    IndexFile.append(columns, to: &out)
    for row in rows { IndexFile.append(row, to: &out) }
    return String(decoding: out, as: UTF8.self)
  }

  /// Reads what `text` wrote; `nil` where a row has not as many cells as the header.
  public init?(text: String) {
    var table: [[String]] = []
    var text = text
    let isWhole = text.withUTF8 {
      IndexFile.forEachRow(of: UnsafeRawBufferPointer($0)) { table.append($0) }
    }
    guard isWhole, !table.isEmpty else { return nil }
    columns = table.removeFirst()
    rows = table
  }

  /// Reads a file row by row, for tables of many rows.
  ///
  /// - Returns: `false` where the file has other columns, or a row not as many cells as these.
  /// - Throws: what Foundation does where it cannot be read, and what `body` does.
  public static func forEachRow(
    ofFile path: String, columns: [String], _ body: ([String]) throws -> Void
  ) throws -> Bool {
    let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    var header: [String]?
    let isWhole = try data.withUnsafeBytes { bytes in
      try forEachRow(of: bytes) { row in
        guard header != nil else {
          header = row
          return
        }
        if header == columns { try body(row) }
      }
    }
    return isWhole && header == columns
  }

  /// Appends one escaped row and its newline.
  public static func append(_ row: [String], to out: inout [UInt8]) {
    for (index, cell) in row.enumerated() {
      if index > 0 { out.append(9) }
      if cell.utf8.contains(where: { $0 == 0x5c || $0 == 9 || $0 == 10 || $0 == 13 }) {
        for byte in cell.utf8 {
          switch byte {
          case 0x5c: out += "\\\\".utf8
          case 9: out += "\\t".utf8
          case 10: out += "\\n".utf8
          case 13: out += "\\r".utf8
          default: out.append(byte)
          }
        }
      } else {
        out += cell.utf8
      }
    }
    out.append(10)
  }

  /// - Returns: whether all rows have as many cells.
  private static func forEachRow(
    of bytes: UnsafeRawBufferPointer, _ body: ([String]) throws -> Void
  ) rethrows -> Bool {
    var start = 0
    var width: Int?
    while start < bytes.count {
      let end = end(of: 10, in: bytes, from: start)
      let row = cells(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      guard row.count == width ?? row.count else { return false }
      width = row.count
      try body(row)
      start = end + 1
    }
    return true
  }

  private static func cells(_ line: UnsafeRawBufferPointer) -> [String] {
    var cells: [String] = []
    var start = 0
    while start <= line.count {
      let end = end(of: 9, in: line, from: start)
      cells.append(cell(UnsafeRawBufferPointer(rebasing: line[start..<end])))
      start = end + 1
    }
    return cells
  }

  /// Where the next such byte is, or the end of all.
  private static func end(of byte: Int32, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int
  {
    guard let base = bytes.baseAddress,
      let found = memchr(base + start, byte, bytes.count - start)
    else { return bytes.count }
    return UnsafeRawPointer(found) - base
  }

  private static func cell(_ text: UnsafeRawBufferPointer) -> String {
    guard text.contains(0x5c) else { return String(decoding: text, as: UTF8.self) }
    var bytes: [UInt8] = []
    var escaped = false
    for byte in text {
      if escaped {
        bytes.append(byte == 0x74 ? 9 : byte == 0x6e ? 10 : byte == 0x72 ? 13 : byte)
        escaped = false
      } else if byte == 0x5c {
        escaped = true
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Writes an `IndexFile` row by row, for tables of many rows.
public final class IndexFileWriter {
  private let file: FileHandle
  private var buffer: [UInt8] = []
  private static let step = 1 << 18

  /// - Throws: what Foundation does where the file cannot be made.
  public init(path: String, columns: [String]) throws {
    let url = URL(fileURLWithPath: path)
    try Data().write(to: url)
    file = try FileHandle(forWritingTo: url)
    IndexFile.append(columns, to: &buffer)
  }

  public func append(_ row: [String]) throws {
    IndexFile.append(row, to: &buffer)
    if buffer.count >= IndexFileWriter.step { try flush() }
  }

  /// Called once, after the last row.
  public func close() throws {
    try flush()
    try file.close()
  }

  private func flush() throws {
    try file.write(contentsOf: Data(buffer))
    buffer.removeAll(keepingCapacity: true)
  }
}
