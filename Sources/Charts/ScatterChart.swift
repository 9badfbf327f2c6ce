internal import Foundation

/// Panels of points, in groups: clusters with their centres, or one number against another.
public struct ScatterChart: Hashable, Sendable {
  public struct Point: Hashable, Sendable {
    public var x: Double
    public var y: Double
    /// Half the length of its error bars; `nil` without.
    public var xDeviation: Double?
    public var yDeviation: Double?

    public init(x: Double, y: Double, xDeviation: Double? = nil, yDeviation: Double? = nil) {
      self.x = x
      self.y = y
      self.xDeviation = xDeviation
      self.yDeviation = yDeviation
    }
  }

  /// Filled, so that opacity tells how many lie in one place; the numbers are gnuplot's.
  public enum Mark: Int, Hashable, Sendable, CaseIterable {
    case circle = 7
    case square = 5
    case triangle = 9
    case diamond = 13
  }

  public struct Group: Hashable, Sendable {
    /// Beside its centre, or else its first point; empty for none.
    public var label: String
    public var points: [Point]
    /// Drawn as a cross.
    public var centre: Point?
    public var colour: Palette
    public var mark: Mark

    public init(
      _ label: String, _ points: [Point], centre: Point? = nil, colour: Palette,
      mark: Mark = .circle
    ) {
      self.label = label
      self.points = points
      self.centre = centre
      self.colour = colour
      self.mark = mark
    }
  }

  public struct Axes: Hashable, Sendable {
    public var x: AxisTitle
    public var y: AxisTitle

    public init(x: AxisTitle, y: AxisTitle) {
      self.x = x
      self.y = y
    }
  }

  public struct Panel: Hashable, Sendable {
    public var title: String
    public var groups: [Group]
    /// `nil` where positions mean nothing but nearness: one scale for both, without numbers, and
    /// points of 40 % opacity.
    public var axes: Axes?

    public init(_ title: String, _ groups: [Group], axes: Axes? = nil) {
      self.title = title
      self.groups = groups
      self.axes = axes
    }
  }

  public var panels: [Panel]
  public var width: FigureWidth
  /// Below the panels.
  public var note: String

  public init(_ panels: [Panel], width: FigureWidth = .page, note: String = "") {
    self.panels = panels
    self.width = width
    self.note = note
  }

  /// Draws it as SVG: equal charts give equal bytes, on one version of gnuplot.
  ///
  /// - Throws: `ChartError` where gnuplot is not there, or cannot draw it
  public func draw(to path: String) throws(ChartError) { try Gnuplot.draw(script(), to: path) }

  // MARK: The script

  /// Half the arm of a centre's cross, in pixels.
  private static let arm = 4.0
  /// Height of a label's line, in pixels.
  private static let line = 14.0

  func script() -> String {
    let hasAxes = panels.contains { $0.axes != nil }
    let insets = ChartPage.Insets(
      left: hasAxes ? 62 : 12, right: hasAxes ? 18 : 12, top: hasAxes ? 16 : 26,
      bottom: hasAxes ? 54 : 12)
    // As high as wide, as far as the axes go.
    let columns = width == .page ? 3 : (panels.count > 1 && !hasAxes ? 2 : 1)
    let layout = ChartPage(panels: panels.count, columns: columns, width: width, rowHeight: 0)
    let side = min(300, layout.panelWidth - insets.left - insets.right)
    let page = ChartPage(
      panels: panels.count, columns: columns, width: width,
      rowHeight: side * (hasAxes ? 0.85 : 1) + insets.top + insets.bottom, note: note)
    return page.script(["set xtics norotate"]) { index in
      page.margins(ofPanel: index, insets) + script(ofPanel: panels[index], page.size(insets))
    }
  }

  private func script(
    ofPanel panel: Panel, _ size: (width: Double, height: Double)
  ) -> [String] {
    let frame = Frame(of: panel, size)
    var lines = [
      "unset arrow",
      "set xrange [\(frame.x.lowerBound):\(frame.x.upperBound)]",
      "set yrange [\(frame.y.lowerBound):\(frame.y.upperBound)]",
      "set label \(quoted(panel.title)) at graph 0, graph 1 offset 0,0.9 left",
    ]
    if let axes = panel.axes {
      lines += [
        "set xlabel \(quoted(axes.x.text)) offset 0,0.3",
        "set ylabel \(quoted(axes.y.text)) offset 0.8,0",
        // About as many numbers as there is room for.
        "set xtics \(Frame.step(frame.x, frame.width, each: 50))",
        "set ytics \(Frame.step(frame.y, frame.height, each: 26))",
      ]
    } else {
      lines += ["unset tics", "unset xlabel", "unset ylabel", "unset border"]
    }
    lines += labels(of: panel, in: frame)
    let groups = panel.groups.filter { !$0.points.isEmpty }
    guard !groups.isEmpty else {
      return lines + [
        "set label 'no values' at graph 0.5, graph 0.5 center", "unset tics", "plot NaN notitle",
      ]
    }
    for group in groups { lines += cross(of: group, in: frame) }
    lines.append("plot " + plots(of: groups, isMap: panel.axes == nil))
    for group in groups {
      for isX in [true, false] where ScatterChart.hasErrors(group, isX) {
        lines += group.points.compactMap { point in
          (isX ? point.xDeviation : point.yDeviation).map {
            isX
              ? "\(point.x - $0) \(point.y) \(2 * $0) 0"
              : "\(point.x) \(point.y - $0) 0 \(2 * $0)"
          }
        }
        lines.append("e")
      }
    }
    for group in groups { lines += group.points.map { "\($0.x) \($0.y)" } + ["e"] }
    return lines
  }

  private static func hasErrors(_ group: Group, _ isX: Bool) -> Bool {
    group.points.contains { (isX ? $0.xDeviation : $0.yDeviation) != nil }
  }

  /// Error bars first: points lie over all of them.
  private func plots(of groups: [Group], isMap: Bool) -> String {
    var plots: [String] = []
    for group in groups {
      for isX in [true, false] where ScatterChart.hasErrors(group, isX) {
        plots.append(
          "'-' using 1:2:3:4 with \(Gnuplot.errorBar) linecolor rgb '\(group.colour.hex)' notitle")
      }
    }
    for group in groups {
      // The first two digits are transparency.
      let colour = "#\(isMap ? "99" : "00")\(group.colour.hex.dropFirst())"
      plots.append(
        "'-' using 1:2 with points pointtype \(group.mark.rawValue) "
          + "pointsize \(isMap ? 0.45 : 1) linecolor rgb '\(colour)' notitle")
    }
    return plots.joined(separator: ", ")
  }

  /// A white edge keeps it apart from any points below it.
  private func cross(of group: Group, in frame: Frame) -> [String] {
    guard let centre = group.centre else { return [] }
    let place = frame.pixel(centre)
    return [("#ffffff", 7.0, 1.5), (group.colour.hex, 3.0, 0)].flatMap { colour, width, more in
      [1.0, -1.0].map { slope in
        let arm = ScatterChart.arm + more
        let from = frame.share(x: place.x - arm, y: place.y - slope * arm)
        let to = frame.share(x: place.x + arm, y: place.y + slope * arm)
        return "set arrow from \(from) to \(to) nohead front linewidth \(width) "
          + "linecolor rgb '\(colour)'"
      }
    }
  }

  private func labels(of panel: Panel, in frame: Frame) -> [String] {
    let groups = panel.groups.filter { !$0.label.isEmpty && !$0.points.isEmpty }
    let anchors = groups.map { frame.pixel($0.centre ?? $0.points[0]) }
    let placed = LabelPlacement.place(
      groups.map { (ChartPage.letter * Double($0.label.count), ScatterChart.line) },
      at: anchors, clearance: ScatterChart.arm + 3,
      avoiding: groups.flatMap { $0.points.flatMap(frame.errorBars) },
      within: (frame.width, frame.height))
    let leaders = zip(groups, zip(anchors, placed)).compactMap { group, ends in
      panel.axes == nil ? nil : leader(to: ends.0, from: ends.1, of: group, in: frame)
    }
    return leaders
      + zip(groups, placed).map { group, place in
        // Its baseline's height is the middle of the line.
        "set label \(quoted(group.label)) at \(frame.share(x: place.x, y: place.y)) left front "
          + "textcolor rgb '\(ChartPage.ink)'" + (panel.axes == nil ? " boxed" : "")
      }
  }

  /// A thin line between a mark and its label, where that found no place beside it.
  private func leader(
    to mark: LabelPlacement.Pixel, from place: LabelPlacement.Pixel, of group: Group,
    in frame: Frame
  ) -> String? {
    let width = ChartPage.letter * Double(group.label.count)
    let x = min(max(mark.x, place.x), place.x + width)
    let y = min(max(mark.y, place.y - ScatterChart.line / 2), place.y + ScatterChart.line / 2)
    let distance = hypot(x - mark.x, y - mark.y)
    guard distance > ScatterChart.arm + 6 else { return nil }
    return
      "set arrow from \(frame.share(x: mark.x, y: mark.y)) to \(frame.share(x: x, y: y)) nohead "
      + "back linewidth 1 linecolor rgb '\(group.colour.hex)'"
  }

  /// The axes of a panel: from values to pixels.
  private struct Frame {
    let x: ClosedRange<Double>
    let y: ClosedRange<Double>
    let width: Double
    let height: Double

    init(of panel: Panel, _ size: (width: Double, height: Double)) {
      (width, height) = size
      let points = panel.groups.flatMap { $0.points + ($0.centre.map { [$0] } ?? []) }
      var x = Frame.range(points.map { ($0.x, $0.xDeviation ?? 0) })
      var y = Frame.range(points.map { ($0.y, $0.yDeviation ?? 0) })
      if panel.axes == nil {
        let scale = max(
          (x.upperBound - x.lowerBound) / width, (y.upperBound - y.lowerBound) / height)
        x = Frame.around(x, scale * width)
        y = Frame.around(y, scale * height)
      }
      (self.x, self.y) = (x, y)
    }

    /// Of values and what is to be seen around them, with a margin of 8 %.
    private static func range(_ values: [(value: Double, around: Double)]) -> ClosedRange<Double> {
      let low = values.map { $0.value - $0.around }.min() ?? 0
      let high = values.map { $0.value + $0.around }.max() ?? 1
      let margin = high > low ? 0.08 * (high - low) : max(abs(high), 1) * 0.5
      return low - margin...high + margin
    }

    private static func around(
      _ range: ClosedRange<Double>, _ length: Double
    ) -> ClosedRange<Double> {
      let middle = (range.lowerBound + range.upperBound) / 2
      return middle - length / 2...middle + length / 2
    }

    /// From the lower left corner of the axes.
    func pixel(_ point: Point) -> (x: Double, y: Double) {
      (
        (point.x - x.lowerBound) / (x.upperBound - x.lowerBound) * width,
        (point.y - y.lowerBound) / (y.upperBound - y.lowerBound) * height
      )
    }

    /// What a point's error bars cover.
    func errorBars(_ point: Point) -> [LabelPlacement.Box] {
      let place = pixel(point)
      let far = pixel(
        Point(x: point.x + (point.xDeviation ?? 0), y: point.y + (point.yDeviation ?? 0)))
      let (x, y) = (far.x - place.x, far.y - place.y)
      return [
        .init(left: place.x - x, bottom: place.y - 3, width: 2 * x, height: 6),
        .init(left: place.x - 3, bottom: place.y - y, width: 6, height: 2 * y),
      ]
    }

    /// Between the numbers of an axis, each of which needs so many pixels.
    static func step(_ range: ClosedRange<Double>, _ length: Double, each pixels: Double) -> Double
    {
      let least = (range.upperBound - range.lowerBound) / max(1, length / pixels)
      let power = pow(10, floor(log10(least)))
      return ([1, 2, 5].first { $0 * power >= least } ?? 10) * power
    }

    func share(x: Double, y: Double) -> String { "graph \(x / width), graph \(y / height)" }
  }
}
