/// How wide a figure is in print.
public enum FigureWidth: String, Hashable, Sendable, CaseIterable {
  /// 88 mm: a column of a journal.
  case column
  /// 180 mm: both columns.
  case page

  /// At 96 pixels an inch.
  public var pixels: Int { self == .column ? 333 : 680 }
}

/// The page that panels stand on, at 96 pixels an inch, and what every chart tells gnuplot: letters
/// of 9 pt, axes of 0.5 pt at the left and below alone.
struct ChartPage {
  /// Room around the axes of a panel, in pixels.
  struct Insets {
    var left: Double
    var right: Double
    var top: Double
    var bottom: Double
  }

  /// About the width of a letter, and of one in a note, in pixels.
  static let letter = 7.0
  static let smallLetter = 6.2
  /// The line height of a note of 8 pt, in pixels.
  private static let noteLine = 14.0
  static let smallFont = "font 'DejaVu Sans,10.7'"
  static let ink = "#222222"
  static let dimInk = "#666666"

  let panels: Int
  /// Panels side by side.
  let columns: Int
  let width: Double
  /// Of a row of panels.
  let rowHeight: Double
  private let note: [String]

  /// - Parameters:
  ///   - columns: panels side by side at most; rows are filled evenly
  ///   - note: below the panels: what marks mean, how many values stand behind them
  init(panels: Int, columns: Int, width: FigureWidth, rowHeight: Double, note: String = "") {
    self.panels = panels
    let rows = max(1, (panels + columns - 1) / columns)
    self.columns = max(1, (panels + rows - 1) / rows)
    self.width = Double(width.pixels)
    self.rowHeight = rowHeight
    self.note = ChartPage.lines(
      of: note, letters: Int((Double(width.pixels) - 16) / ChartPage.smallLetter))
  }

  private var rows: Int { max(1, (panels + columns - 1) / columns) }
  private var noteHeight: Double {
    note.isEmpty ? 0 : Double(note.count) * ChartPage.noteLine + 8
  }
  var height: Double { Double(rows) * rowHeight + noteHeight }
  var panelWidth: Double { width / Double(columns) }

  /// The whole script.
  ///
  /// - Parameters:
  ///   - settings: for all panels
  ///   - panel: draws one, its place being set
  func script(_ settings: [String], panel: (Int) throws -> [String]) rethrows -> String {
    var lines = [
      "set encoding utf8",
      "set terminal svg size \(Int(width)),\(Int(height)) noenhanced "
        + "font 'DejaVu Sans,12' linewidth 0.67 background rgb 'white'",
      "set border 3 linewidth 1 linecolor rgb '#444444'",
      "set grid ytics linetype 1 linewidth 1 linecolor rgb '#dddddd'",
      "set format '%g'",
      "unset key",
    ]
    lines += settings + ["set multiplot"]
    for index in 0..<panels {
      lines += [
        "unset label", "set tics nomirror out scale 0.5 textcolor rgb '\(ChartPage.ink)'",
      ]
      if index == 0 { lines += noteLabels }
      lines += try panel(index)
    }
    return (lines + ["unset multiplot"]).joined(separator: "\n") + "\n"
  }

  private var noteLabels: [String] {
    note.enumerated().map { index, line in
      let y = noteHeight - 12 - Double(index) * ChartPage.noteLine
      return "set label \(quoted(line)) at screen \(8 / width), screen \(y / height) left "
        + "\(ChartPage.smallFont) textcolor rgb '\(ChartPage.dimInk)'"
    }
  }

  /// Width and height of a panel's axes, in pixels.
  func size(_ insets: Insets) -> (width: Double, height: Double) {
    (
      max(40, panelWidth - insets.left - insets.right),
      max(40, rowHeight - insets.top - insets.bottom)
    )
  }

  /// Where a panel begins, in pixels from the page's left and bottom.
  func left(ofPanel index: Int) -> Double { Double(index % columns) * panelWidth }
  func bottom(ofPanel index: Int) -> Double {
    noteHeight + Double(rows - 1 - index / columns) * rowHeight
  }

  /// Where a panel's axes stand.
  func margins(ofPanel index: Int, _ insets: Insets) -> [String] {
    let size = size(insets)
    let (left, bottom) = (
      self.left(ofPanel: index) + insets.left, self.bottom(ofPanel: index) + insets.bottom
    )
    return [
      "set lmargin at screen \(left / width)",
      "set rmargin at screen \((left + size.width) / width)",
      "set bmargin at screen \(bottom / height)",
      "set tmargin at screen \((bottom + size.height) / height)",
    ]
  }

  /// A text in lines of so many letters, cut between words.
  static func lines(of text: String, letters: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= letters {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}

/// A text of a script: nothing in single quotes has a meaning but the quote itself.
func quoted(_ text: String) -> String {
  let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
  return "'\(line.replacing("'", with: "''"))'"
}

/// What an axis shows.
public struct AxisTitle: Hashable, Sendable {
  public var name: String
  /// `nil` where it has none.
  public var unit: String?
  /// Whether more is better; `nil` where neither is.
  public var higherIsBetter: Bool?

  public init(_ name: String, unit: String? = nil, higherIsBetter: Bool? = nil) {
    self.name = name
    self.unit = unit
    self.higherIsBetter = higherIsBetter
  }

  /// "Inertia (feature²)"
  var quantity: String { unit.map { "\(name) (\($0))" } ?? name }
  /// "lower is better"; empty where neither is.
  var direction: String { higherIsBetter.map { $0 ? "higher is better" : "lower is better" } ?? "" }

  /// "Compactness, lower is better"
  public var text: String { direction.isEmpty ? quantity : "\(quantity), \(direction)" }
}
