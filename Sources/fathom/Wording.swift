import Foundation

/// Numbers and times as people read them.
enum Wording {
  /// `40ms`, `1.4s`, `1m32s`, `3h12m`, `2d4h`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "?" }
    if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded()))ms" }
    if seconds < 9.95 { return decimal(seconds, 1) + "s" }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole)s"
    case ..<3600: return "\(whole / 60)m\(padded(whole % 60))s"
    case ..<86400: return "\(whole / 3600)h\(padded(whole / 60 % 60))m"
    default: return "\(whole / 86400)d\(whole / 3600 % 24)h"
    }
  }

  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return unit == "B" ? "\(count) B" : "\(decimal(value, 1)) \(unit)" }
      value /= 1024
    }
    return "\(decimal(value, 1)) TiB"
  }

  static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  static func decimal(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }

  /// `2 hours ago`, from seconds since 1970.
  static func ago(_ time: Double) -> String {
    let seconds = Int(max(0, Date().timeIntervalSince1970 - time))
    switch seconds {
    case ..<60: return "just now"
    case ..<3600: return count(seconds / 60, "minute") + " ago"
    case ..<86400: return count(seconds / 3600, "hour") + " ago"
    default: return count(seconds / 86400, "day") + " ago"
    }
  }

  private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// Rows of text in aligned columns.
struct TextTable {
  var rows: [[String]] = []
  /// Columns whose cells are aligned right.
  var right: Set<Int> = []

  func rendered(indent: String = "") -> String {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      var line = indent
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += right.contains(column) ? padding + cell : cell + padding
        if column < row.count - 1 { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
