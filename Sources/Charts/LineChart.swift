/// Panels of lines beside each other, for print.
///
/// Lines are columns of a table, so that the data beside a figure are what it shows.
public struct LineChart: Hashable, Sendable {
  /// A column over the chart's column `x`; empty cells are left out.
  public struct Line: Hashable, Sendable {
    public var column: String
    /// Stands at the line's end.
    public var label: String
    public var colour: Palette
    public var isDashed: Bool

    public init(_ column: String, label: String, colour: Palette, isDashed: Bool = false) {
      self.column = column
      self.label = label
      self.colour = colour
      self.isDashed = isDashed
    }
  }

  /// A horizontal line, such as the level of chance.
  public struct Level: Hashable, Sendable {
    public var value: Double
    public var label: String

    public init(_ value: Double, label: String) {
      self.value = value
      self.label = label
    }
  }

  public struct Panel: Hashable, Sendable {
    /// What the vertical axis shows, its unit, and which direction is better.
    public var title: String
    public var lines: [Line]
    public var levels: [Level]
    /// Of the vertical axis; from 0, or below, as far as there are values where it is `nil`.
    public var range: ClosedRange<Double>?
    /// Stands in its middle where there is nothing to show.
    public var note: String

    public init(
      title: String, lines: [Line], levels: [Level] = [], range: ClosedRange<Double>? = nil,
      note: String = "no values"
    ) {
      self.title = title
      self.lines = lines
      self.levels = levels
      self.range = range
      self.note = note
    }
  }

  public var data: CSVFile
  /// The column of the horizontal axis, and its title.
  public var x: String
  public var panels: [Panel]
  public var width: FigureWidth
  /// Below the panels.
  public var note: String

  public init(
    _ data: CSVFile, x: String, panels: [Panel], width: FigureWidth = .page, note: String = ""
  ) {
    self.data = data
    self.x = x
    self.panels = panels
    self.width = width
    self.note = note
  }

  /// Draws it as SVG: equal charts give equal bytes, on one version of gnuplot.
  ///
  /// - Throws: `ChartError` where a column is missing, a cell is no number, or gnuplot is not there
  public func draw(to path: String) throws { try Gnuplot.draw(script(), to: path) }

  // MARK: The script

  /// Nearest distance of two labels, as a share of a panel's height.
  private static let labelDistance = 0.075

  private var page: ChartPage {
    ChartPage(
      panels: panels.count, columns: width == .page ? 3 : 1, width: width, rowHeight: 260,
      note: note)
  }

  /// What gnuplot draws it from; it names no file.
  func script() throws -> String {
    let page = page
    return try page.script(["set xlabel \(quoted(x)) offset 0,0.6"]) {
      try script(ofPanel: $0, on: page)
    }
  }

  private func script(ofPanel index: Int, on page: ChartPage) throws -> [String] {
    let panel = panels[index]
    let curves = try panel.lines.map { ($0, try points(of: $0)) }
    let values = curves.flatMap { $0.1.map(\.y) } + panel.levels.map(\.value)
    let range = panel.range ?? min(0, values.min() ?? 0)...LineChart.top(of: values)
    let labels = panel.lines.map(\.label) + panel.levels.map(\.label)
    let last = curves.flatMap { $0.1.map(\.x) }.max() ?? 1
    let room = 10 + ChartPage.letter * Double(labels.map(\.count).max() ?? 0)
    let left = 42.0
    let titles = panels.map {
      ChartPage.lines(of: $0.title, letters: Int((page.panelWidth - left) / ChartPage.letter))
    }
    let further = (titles.map(\.count).max() ?? 1) - 1
    var lines = page.margins(
      ofPanel: index,
      .init(
        left: left, right: min(room, page.panelWidth - 102), top: 34 + 15 * Double(further),
        bottom: 48))
    lines += [
      "set xrange [0:\(last > 0 ? last : 1)]",
      "set yrange [\(range.lowerBound):\(range.upperBound)]",
    ]
    lines += titles[index].enumerated().map { number, text in
      "set label \(quoted(text)) at graph 0, graph 1.1 left offset 0,"
        + "\(titles[index].count - 1 - number)"
    }
    guard !curves.allSatisfy({ $0.1.isEmpty }) else {
      lines.append("set label \(quoted(panel.note)) at graph 0.5, graph 0.5 center")
      return lines + ["unset tics", "plot NaN notitle"]
    }
    lines += endLabels(curves, panel.levels, range)
    var plots = panel.levels.map {
      "\($0.value) with lines dashtype 3 linewidth 2 linecolor rgb '#666666' "
        + "notitle"
    }
    for (place, (line, points)) in curves.enumerated() where !points.isEmpty {
      let name = "$panel\(index)line\(place)"
      lines.append("\(name) << EOD")
      lines += points.map { "\($0.x) \($0.y)" } + ["EOD"]
      plots.append(
        "\(name) using 1:2 with linespoints linewidth 3 pointtype \(line.isDashed ? 5 : 7) "
          + "pointsize 0.3 dashtype \(line.isDashed ? 2 : 1) linecolor rgb '\(line.colour.hex)' "
          + "notitle")
    }
    return lines + ["plot \(plots.joined(separator: ", "))"]
  }

  private static func top(of values: [Double]) -> Double {
    let top = values.max() ?? 1
    return top > 0 ? top * 1.05 : 1
  }

  /// Labels at the ends of lines, moved apart where they would meet.
  private func endLabels(
    _ curves: [(Line, [(x: Double, y: Double)])], _ levels: [Level], _ range: ClosedRange<Double>
  ) -> [String] {
    let span = range.upperBound - range.lowerBound
    func share(_ value: Double) -> Double { min(1, max(0, (value - range.lowerBound) / span)) }
    var labels = levels.map { (text: $0.label, colour: "#666666", height: share($0.value)) }
    for (line, points) in curves {
      guard let end = points.last else { continue }
      labels.append((line.label, line.colour.hex, share(end.y)))
    }
    labels.sort { ($0.height, $0.text) < ($1.height, $1.text) }
    let heights = LineChart.apart(labels.map(\.height), by: LineChart.labelDistance)
    return zip(labels, heights).map { label, height in
      "set label \(quoted(label.text)) at graph 1.03, graph \(height) left "
        + "textcolor rgb '\(label.colour)'"
    }
  }

  /// Ascending heights, moved up and then down from 1 as little as this simple way allows.
  static func apart(_ heights: [Double], by distance: Double) -> [Double] {
    var heights = heights
    for index in heights.indices.dropFirst() {
      heights[index] = max(heights[index], heights[index - 1] + distance)
    }
    var limit = 1.0
    for index in heights.indices.reversed() {
      heights[index] = min(heights[index], limit)
      limit = heights[index] - distance
    }
    return heights
  }

  private func points(of line: Line) throws -> [(x: Double, y: Double)] {
    let (first, second) = (try data.place(of: x), try data.place(of: line.column))
    return try data.rows.compactMap { row in
      guard !row[first].isEmpty, !row[second].isEmpty else { return nil }
      guard let x = Double(row[first]), let y = Double(row[second]), x.isFinite, y.isFinite else {
        throw ChartError(
          "a chart of '\(line.column)' over '\(self.x)' has the cells '\(row[second])' and "
            + "'\(row[first])'; expected finite numbers, or nothing")
      }
      return (x, y)
    }
  }
}

extension CSVFile {
  /// Where the column is that a chart shows.
  fileprivate func place(of name: String) throws -> Int {
    guard let place = columns.firstIndex(of: name) else {
      throw ChartError(
        "a chart shows the column '\(name)'; its data have \(columns.joined(separator: ", "))")
    }
    return place
  }
}
