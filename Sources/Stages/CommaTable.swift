import StageKit

/// Comma-separated values as RFC 4180 has them, with a header.
enum CommaTable {
  /// `nil` where a row has not as many cells as the header, or a quote is not closed.
  static func read(_ text: String) -> IndexFile? {
    var rows: [[String]] = []
    var row: [String] = []
    var cell = String.UnicodeScalarView()
    var isQuoted = false
    var scalars = Array(text.unicodeScalars)[...]
    if scalars.first == "\u{feff}" { scalars.removeFirst() }
    if let last = scalars.last, last != "\n" { scalars.append("\n") }
    while let scalar = scalars.popFirst() {
      switch (scalar, isQuoted) {
      case ("\"", true):
        if scalars.first == "\"" {
          cell.append("\"")
          scalars.removeFirst()
        } else {
          isQuoted = false
        }
      case (_, true): cell.append(scalar)
      case ("\"", false): isQuoted = true
      case (",", false), ("\n", false):
        if scalar == "\n", cell.last == "\r" { cell.removeLast() }
        row.append(String(cell))
        cell.removeAll()
        if scalar == "\n" {
          if row != [""] { rows.append(row) }
          row = []
        }
      default: cell.append(scalar)
      }
    }
    guard !isQuoted, let header = rows.first,
      rows.allSatisfy({ $0.count == header.count })
    else { return nil }
    return IndexFile(columns: header, rows: Array(rows.dropFirst()))
  }
}
