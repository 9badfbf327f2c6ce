internal import Foundation

/// Panels of shares by row and column, as squares that are the darker the larger: confusion matrices.
public struct ShareChart: Hashable, Sendable {
  public struct Panel: Hashable, Sendable {
    public var title: String
    /// 0 to 1, `[row][column]`; the first row is on top, and one of nothing is `nil`.
    public var shares: [[Double]?]

    public init(_ title: String, _ shares: [[Double]?]) {
      self.title = title
      self.shares = shares
    }
  }

  public var panels: [Panel]
  public var rows: [String]
  public var columns: [String]
  /// What rows and columns are.
  public var rowTitle: String
  public var columnTitle: String
  public var width: FigureWidth
  public var note: String

  /// - Parameters:
  ///   - rowTitle: what the rows are; `columnTitle` of the columns
  ///   - note: below the panels
  public init(
    _ panels: [Panel], rows: [String], rowTitle: String, columns: [String], columnTitle: String,
    width: FigureWidth = .page, note: String = ""
  ) {
    self.panels = panels
    self.rows = rows
    self.columns = columns
    self.rowTitle = rowTitle
    self.columnTitle = columnTitle
    self.width = width
    self.note = note
  }

  /// Draws it as SVG: equal charts give equal bytes, on one version of gnuplot.
  ///
  /// - Throws: `ChartError` where shares are not as many as rows and columns, or beyond 0...1, or
  ///   gnuplot is not there
  public func draw(to path: String) throws(ChartError) { try Gnuplot.draw(script(), to: path) }

  // MARK: The script

  private static let smallestLetter = 5.2
  private static let smallestFont = "font 'DejaVu Sans,8.7'"
  /// Below it a square has no number: it is as good as white.
  private static let least = 0.005

  private var page: ChartPage {
    let columns = width == .page ? 2 : 1
    let side = Double(width.pixels) / Double(min(columns, max(1, panels.count)))
    return ChartPage(
      panels: panels.count, columns: columns, width: width,
      rowHeight: min(side, 420) + names(self.columns) - names(rows) + 20, note: note)
  }

  /// The room of the longest name.
  private func names(_ names: [String]) -> Double {
    Double(names.map(\.count).max() ?? 0) * ShareChart.smallestLetter + 8
  }

  /// What gnuplot draws it from; it names no file.
  func script() throws(ChartError) -> String {
    for panel in panels {
      let fits =
        panel.shares.count == rows.count
        && panel.shares.allSatisfy { line in
          line.map { $0.count == columns.count && $0.allSatisfy { (0...1).contains($0) } } ?? true
        }
      guard fits else {
        throw ChartError(
          "the shares of '\(panel.title)' are no numbers of 0 to 1 for \(rows.count) rows and "
            + "\(columns.count) columns")
      }
    }
    let page = page
    return page.script(["unset grid", "set style fill solid noborder"]) {
      script(ofPanel: $0, on: page)
    }
  }

  private func script(ofPanel index: Int, on page: ChartPage) -> [String] {
    let panel = panels[index]
    var lines = page.margins(
      ofPanel: index,
      .init(left: 22 + names(rows), right: 10, top: 26, bottom: 22 + names(columns)))
    func tics(_ names: [String]) -> String {
      names.enumerated().map { "\(quoted($1)) \($0)" }.joined(separator: ", ")
    }
    lines += [
      "set xrange [-0.5:\(Double(columns.count) - 0.5)]",
      "set yrange [\(Double(rows.count) - 0.5):-0.5]",
      "set tics scale 0 \(ShareChart.smallestFont)",
      "set xtics rotate by 90 right (\(tics(columns)))",
      "set ytics (\(tics(rows)))",
      "set label \(quoted(panel.title)) at graph 0, graph 1.04 left",
      "set label \(quoted(columnTitle)) at graph 0.5, screen \(bottom(ofPanel: index, page)) center "
        + "\(ChartPage.smallFont)",
      "set label \(quoted(rowTitle)) at screen \(left(ofPanel: index, page)), graph 0.5 center "
        + "rotate by 90 \(ChartPage.smallFont)",
      "$panel\(index) << EOD",
    ]
    var numbers: [String] = []
    for (row, shares) in panel.shares.enumerated() {
      for column in columns.indices {
        let share = shares?[column]
        lines.append("\(column) \(row) \(ShareChart.colour(share))")
        guard let share, share >= ShareChart.least else { continue }
        numbers.append(
          "set label '\(Int((share * 100).rounded()))' at \(column),\(row) center front "
            + "font 'DejaVu Sans,7.5' textcolor rgb '\(share > 0.5 ? "#ffffff" : ChartPage.ink)'")
      }
    }
    lines.append("EOD")
    return lines + numbers + [
      "plot $panel\(index) using 1:2:(0.5):(0.5):3 with boxxyerror linecolor rgb variable notitle"
    ]
  }

  private func bottom(ofPanel index: Int, _ page: ChartPage) -> Double {
    (page.bottom(ofPanel: index) + 10) / page.height
  }

  private func left(ofPanel index: Int, _ page: ChartPage) -> Double {
    (page.left(ofPanel: index) + 8) / page.width
  }

  /// From white to the palette's blue; grey of nothing.
  private static func colour(_ share: Double?) -> Int {
    guard let share else { return 0xeeeeee }
    func mix(_ end: Double) -> Int { Int((255 + (end - 255) * share).rounded()) }
    return mix(0) << 16 | mix(0x72) << 8 | mix(0xb2)
  }
}
