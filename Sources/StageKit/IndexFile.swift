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
    var out = ""
    IndexFile.append(columns, to: &out)
    for row in rows { IndexFile.append(row, to: &out) }
    return out
  }

  /// Reads what `text` wrote; `nil` where a row has not as many cells as the header.
  public init?(text: String) {
    var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    guard let header = lines.first else { return nil }
    columns = IndexFile.cells(header)
    rows = []
    rows.reserveCapacity(lines.count - 1)
    for line in lines.dropFirst() {
      let row = IndexFile.cells(line)
      guard row.count == columns.count else { return nil }
      rows.append(row)
    }
  }

  /// Appends one escaped row and its newline.
  public static func append(_ row: [String], to out: inout String) {
    for (index, cell) in row.enumerated() {
      if index > 0 { out += "\t" }
      if cell.utf8.contains(where: { $0 == 0x5c || $0 == 9 || $0 == 10 || $0 == 13 }) {
        for scalar in cell.unicodeScalars {
          switch scalar {
          case "\\": out += "\\\\"
          case "\t": out += "\\t"
          case "\n": out += "\\n"
          case "\r": out += "\\r"
          default: out.unicodeScalars.append(scalar)
          }
        }
      } else {
        out += cell
      }
    }
    out += "\n"
  }

  private static func cells(_ line: Substring.UTF8View) -> [String] {
    line.split(separator: 9, omittingEmptySubsequences: false).map { cell in
      guard cell.contains(0x5c) else { return String(Substring(cell)) }
      var bytes: [UInt8] = []
      var escaped = false
      for byte in cell {
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
}
