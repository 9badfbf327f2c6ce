/// A panel for each column of a table, a bar from 0 for each row, with ± a standard deviation where a
/// cell is the mean of several values.
public struct BarChart: Hashable, Sendable {
  public var table: Table
  /// Of the columns; their directions are the table's.
  public var titles: [AxisTitle]
  /// Of the rows.
  public var colours: [Palette]
  public var width: FigureWidth
  /// Below the panels.
  public var note: String

  public init(
    _ table: Table, titles: [AxisTitle], colours: [Palette], width: FigureWidth = .page,
    note: String = ""
  ) {
    precondition(
      titles.count == table.columns.count && colours.count == table.rows.count,
      "a title a column and a colour a row")
    self.table = table
    self.titles = titles
    self.colours = colours
    self.width = width
    self.note = note
  }

  /// Draws it as SVG: equal charts give equal bytes, on one version of gnuplot.
  ///
  /// - Throws: `ChartError` where gnuplot is not there, or cannot draw it
  public func draw(to path: String) throws(ChartError) { try Gnuplot.draw(script(), to: path) }

  // MARK: The script

  /// Of the axes, in pixels.
  private static let axesHeight = 150.0
  private static let longestLabel = 20

  func script() -> String {
    let columns = width == .page ? 4 : 2
    let labels = table.rows.map { BarChart.shortened($0.label) }
    let room = ChartPage.letter * Double(labels.map(\.count).max() ?? 0)
    // Turned by 45 degrees they need as much height as width, and the first one room at its left.
    let isTurned =
      room > Double(width.pixels) / Double(min(columns, titles.count)) / Double(labels.count) - 12
    let below = isTurned ? room * 0.71 + 20 : 28
    let left = isTurned ? max(42, room * 0.71 - 10) : 42
    let page = ChartPage(
      panels: titles.count, columns: columns, width: width,
      rowHeight: BarChart.axesHeight + 46 + below, note: note)
    let settings = [
      "set style fill solid noborder",
      "set xtics \(isTurned ? "rotate by 45 right" : "norotate")",
      "set xrange [0.4:\(Double(labels.count) + 0.6)]",
    ]
    return page.script(settings) { index in
      page.margins(ofPanel: index, .init(left: left, right: 10, top: 46, bottom: below))
        + script(ofPanel: index, labels, onWidth: page.panelWidth, left: left)
    }
  }

  private func script(
    ofPanel index: Int, _ labels: [String], onWidth width: Double, left: Double
  ) -> [String] {
    let cells = table.rows.map { $0.cells[index] }
    let ends = cells.flatMap { cell in
      cell.value.map { [$0 - (cell.deviation ?? 0), $0 + (cell.deviation ?? 0)] } ?? []
    }
    // The zero of every bar is in sight.
    var (low, high) = (min(0, ends.min() ?? 0), max(0, ends.max() ?? 0))
    if low == high { high = 1 }
    let margin = 0.05 * (high - low)
    if low < 0 { low -= margin }
    if high > 0 { high += margin }

    let title = titles[index]
    let inset = -(left - 6) / max(40, width - left - 10)
    var lines = [
      "set label \(quoted(title.quantity)) at graph \(inset), graph 1 offset 0,1.6 left",
      "set label \(quoted(title.direction)) at graph \(inset), graph 1 offset 0,0.7 left "
        + "\(ChartPage.smallFont) textcolor rgb '\(ChartPage.dimInk)'",
      "set yrange [\(low):\(high)]",
      "set xtics scale 0 ("
        + labels.enumerated().map { "\(quoted($1)) \($0 + 1)" }.joined(separator: ", ") + ")",
    ]
    let bars = cells.enumerated().compactMap { row, cell in
      cell.value.map { (row: row, value: $0, deviation: cell.deviation) }
    }
    for (row, cell) in cells.enumerated() where cell.value == nil {
      lines.append(
        "set label 'none' at first \(row + 1), first 0 offset 0,0.6 center \(ChartPage.smallFont) "
          + "textcolor rgb '\(ChartPage.dimInk)'")
    }
    var plots = low < 0 ? ["0 with lines linewidth 1 linecolor rgb '#444444' notitle"] : []
    for bar in bars {
      plots.append(
        "'-' using 1:2:(0.7) with boxes linecolor rgb '\(colours[bar.row].hex)' notitle")
    }
    let errors = bars.filter { $0.deviation != nil }
    if !errors.isEmpty {
      plots.append(
        "'-' using 1:2:(0):3 with \(Gnuplot.errorBar) linecolor rgb '\(ChartPage.ink)' notitle")
    }
    guard !plots.isEmpty else { return lines + ["plot NaN notitle"] }
    lines.append("plot \(plots.joined(separator: ", "))")
    for bar in bars { lines += ["\(bar.row + 1) \(bar.value)", "e"] }
    for bar in errors {
      let deviation = bar.deviation ?? 0
      lines.append("\(bar.row + 1) \(bar.value - deviation) \(2 * deviation)")
    }
    if !errors.isEmpty { lines.append("e") }
    return lines
  }

  private static func shortened(_ label: String) -> String {
    label.count <= longestLabel ? label : label.prefix(longestLabel - 1) + "…"
  }
}
