internal import Pictures
internal import StageKit

/// Frames of a scan side by side, with a title, captions and a legend.
struct ContactSheet {
  let painter: OverlayPainter
  let title: String
  /// Frames in the sheet at most, and in a row.
  let frames: Int
  let columns: Int
  /// Of the longer side of a frame, in pixels.
  let side: Int

  private static let margin = 24
  private static let titleHeight = 62
  private static let legendGap = 14
  /// A narrow sheet still has room for its title.
  private static let leastWidth = 480
  private static let titleStyle = TextStyle(
    size: 18, colour: OverlayPainter.bright, weight: .bold)
  private static let labelStyle = TextStyle(size: 13, colour: OverlayPainter.bright)
  private static let captionStyle = TextStyle(size: 12, colour: OverlayPainter.dim)

  /// - Throws: `PictureError`, or `StageFailure` where a map is no density
  func write(to path: String, _ progress: (Int, Int) -> Void) throws {
    let chosen = choose()
    let hasLabels = painter.annotations.hasLabels
    let cell = painter.size(side: side)
    let layout = SheetLayout(
      cells: chosen.count, columns: columns, cellWidth: cell.width, cellHeight: cell.height,
      captionHeight: hasLabels ? 40 : 22, gap: 16)
    let margin = Double(ContactSheet.margin)
    let content = max(layout.width, ContactSheet.leastWidth)
    let legend = Legend(
      painter.legend, width: Double(content),
      measuredBy: try Canvas(width: 1, height: 1, background: .black))
    let top = ContactSheet.margin + ContactSheet.titleHeight
    let bottom = top + layout.height
    let legendHeight = legend.lines == 0 ? 0 : ContactSheet.legendGap + Int(legend.height)
    let canvas = try Canvas(
      width: content + 2 * ContactSheet.margin, height: bottom + legendHeight + ContactSheet.margin,
      background: OverlayPainter.background)
    canvas.text(
      title, at: Point(x: margin, y: margin + 18), ContactSheet.titleStyle,
      maximumWidth: Double(content))
    canvas.text(
      summary, at: Point(x: margin, y: margin + 40), ContactSheet.captionStyle,
      maximumWidth: Double(content))
    for (index, frame) in chosen.enumerated() {
      let picture = layout.picture(index).moved(x: margin, y: Double(top))
      let caption = layout.caption(index).moved(x: margin, y: Double(top))
      try painter.draw(frame, on: canvas, in: picture)
      var line = caption.y + 17
      if hasLabels {
        canvas.text(
          painter.annotations.label(atFrame: frame) ?? "no label", at: Point(x: caption.x, y: line),
          ContactSheet.labelStyle, maximumWidth: caption.width)
        line += 17
      }
      canvas.text(
        painter.caption(frame), at: Point(x: caption.x, y: line), ContactSheet.captionStyle,
        maximumWidth: caption.width)
      progress(index + 1, chosen.count)
    }
    legend.draw(on: canvas, at: Point(x: margin, y: Double(bottom + ContactSheet.legendGap)))
    try canvas.writePNG(to: path)
  }

  /// The frames with maps of their own where there are enough of them, else all.
  private func choose() -> [Int] {
    let mapped = painter.annotations.maps?.frameIndex ?? []
    let candidates = mapped.count >= frames ? mapped : Array(0..<painter.set.count)
    let labels = candidates.map { painter.annotations.label(atFrame: $0) }
    return FrameChoice.spread(frames, over: labels).map { candidates[$0] }
  }

  private var summary: String {
    let set = painter.set
    let seconds = set.times[set.count - 1] - set.times[0] + set.secondsPerFrame
    let frames = set.count == 1 ? "1 frame" : "\(set.count) frames"
    return "\(frames) · \(OverlayPainter.decimal(seconds, 1)) s"
  }
}
