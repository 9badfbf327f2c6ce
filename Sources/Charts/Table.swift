internal import Foundation

/// A table of numbers: rows of cells under named columns, each a value or a mean of several.
public struct Table: Hashable, Sendable {
  /// One number, or the mean of several.
  public struct Cell: Hashable, Sendable {
    /// The value, or the mean of the values; `nil` where there is none.
    public var value: Double?
    /// The sample standard deviation (n − 1) of the values; `nil` of fewer than two.
    public var deviation: Double?
    /// How many values there are.
    public var count: Int

    /// The mean of `values`, summed in order.
    public init(_ values: [Double]) {
      count = values.count
      guard !values.isEmpty else { return }
      let mean = values.reduce(0, +) / Double(values.count)
      value = mean
      guard values.count > 1 else { return }
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      deviation = (squares / Double(values.count - 1)).squareRoot()
    }
  }

  public struct Column: Hashable, Sendable {
    public var name: String
    /// Whether more is better; `nil` where neither is, and nothing is marked as best.
    public var higherIsBetter: Bool?

    public init(_ name: String, higherIsBetter: Bool?) {
      self.name = name
      self.higherIsBetter = higherIsBetter
    }
  }

  public struct Row: Hashable, Sendable {
    public var label: String
    /// One for each column.
    public var cells: [Cell]

    public init(_ label: String, _ cells: [Cell]) {
      self.label = label
      self.cells = cells
    }
  }

  /// What the labels of the rows are: "method".
  public var rowHeader: String
  public var columns: [Column]
  public var rows: [Row]
  /// Decimals of a number in a text.
  public var digits: Int

  public init(rowHeader: String, columns: [Column], rows: [Row], digits: Int = 3) {
    precondition(rows.allSatisfy { $0.cells.count == columns.count }, "a row of another length")
    self.rowHeader = rowHeader
    self.columns = columns
    self.rows = rows
    self.digits = digits
  }

  /// The cell as people read it: `0.164`, `0.164 ± 0.012`, with `(n = 2)` where `count` differs
  /// from the row's, `–` where there is no value.
  public func text(row: Int, column: Int) -> String {
    let cell = rows[row].cells[column]
    guard let value = cell.value else { return "–" }
    var text = decimal(value)
    if let deviation = cell.deviation { text += " ± " + decimal(deviation) }
    if cell.count != count(ofRow: row) { text += " (n = \(cell.count))" }
    return text
  }

  /// The greatest count among a row's cells.
  func count(ofRow row: Int) -> Int { rows[row].cells.map(\.count).max() ?? 0 }

  /// Whether the texts need a column that says of how many values each mean is.
  var showsCounts: Bool { rows.indices.contains { count(ofRow: $0) > 1 } }

  /// Whether a cell is the best of its column, as far as the digits shown can tell; none is where
  /// all are equal.
  func isBest(row: Int, column: Int) -> Bool {
    guard let higher = columns[column].higherIsBetter, let value = rows[row].cells[column].value
    else { return false }
    let values = rows.compactMap { $0.cells[column].value }
    guard let best = higher ? values.max() : values.min(), Set(values.map(decimal)).count > 1 else {
      return false
    }
    return decimal(value) == decimal(best)
  }

  private func decimal(_ value: Double) -> String {
    let text = String(format: "%.\(digits)f", value)
    // No "-0.000".
    return text.hasPrefix("-") && !text.contains { $0 >= "1" && $0 <= "9" }
      ? String(text.dropFirst()) : text
  }
}

extension Table {
  /// CSV with full precision: a column for each metric and, where means are of several values, its
  /// `_sd` and `_n`.
  public var csv: String {
    var header = [rowHeader]
    for column in columns {
      header.append(column.name)
      if showsCounts { header += [column.name + "_sd", column.name + "_n"] }
    }
    let lines = rows.map { row in
      var line = [row.label]
      for cell in row.cells {
        line.append(cell.value.map { "\($0)" } ?? "")
        if showsCounts { line += [cell.deviation.map { "\($0)" } ?? "", "\(cell.count)"] }
      }
      return line
    }
    return CSVFile(columns: header, rows: lines).text
  }

  /// A Markdown table, the best of each column in bold, an arrow where the better lies.
  public var markdown: String {
    func escaped(_ text: String) -> String {
      var out = ""
      for character in text {
        switch character {
        case "\\", "|", "*", "_", "`", "<", "[", "]": out += "\\" + String(character)
        case _ where character.isNewline: out += " "
        default: out.append(character)
        }
      }
      return out
    }
    let header =
      [escaped(rowHeader)]
      + columns.map { column in
        let arrow = column.higherIsBetter.map { $0 ? " ↑" : " ↓" } ?? ""
        return escaped(column.name) + arrow
      } + (showsCounts ? ["n"] : [])
    let rule = ["---"] + Array(repeating: "---:", count: header.count - 1)
    let body = rows.indices.map { row in
      [escaped(rows[row].label)]
        + columns.indices.map { column in
          let text = text(row: row, column: column)
          return isBest(row: row, column: column) ? "**\(text)**" : text
        } + (showsCounts ? ["\(count(ofRow: row))"] : [])
    }
    return ([header, rule] + body).map { "| \($0.joined(separator: " | ")) |\n" }.joined()
  }

  /// A LaTeX `tabular` with the rules of booktabs, the best of each column in bold.
  public var latex: String {
    func escaped(_ text: String) -> String {
      var out = ""
      for character in text {
        switch character {
        case "&", "%", "$", "#", "_", "{", "}": out += "\\" + String(character)
        case "~": out += "\\textasciitilde{}"
        case "^": out += "\\textasciicircum{}"
        case "\\": out += "\\textbackslash{}"
        case _ where character.isNewline: out += " "
        default: out.append(character)
        }
      }
      return out
    }
    let header =
      [escaped(rowHeader)]
      + columns.map { column in
        let arrow = column.higherIsBetter.map { $0 ? " $\\uparrow$" : " $\\downarrow$" } ?? ""
        return escaped(column.name) + arrow
      } + (showsCounts ? ["$n$"] : [])
    let body = rows.indices.map { row in
      [escaped(rows[row].label)]
        + columns.indices.map { column in
          let text = text(row: row, column: column)
            .replacingOccurrences(of: "±", with: "$\\pm$")
            .replacingOccurrences(of: "–", with: "--")
          return isBest(row: row, column: column) ? "\\textbf{\(text)}" : text
        } + (showsCounts ? ["\(count(ofRow: row))"] : [])
    }
    func line(_ cells: [String]) -> String { "  \(cells.joined(separator: " & ")) \\\\\n" }
    return """
      % needs \\usepackage{booktabs}
      \\begin{tabular}{l\(String(repeating: "r", count: header.count - 1))}
        \\toprule
      \(line(header))  \\midrule
      \(body.map(line).joined())  \\bottomrule
      \\end{tabular}

      """
  }
}
