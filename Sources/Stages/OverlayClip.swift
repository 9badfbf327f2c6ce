internal import Pictures
internal import StageKit
internal import Video

/// A short video of a scan: the frames as they are on the left, with what is known of them on the
/// right.
struct OverlayClip {
  let painter: OverlayPainter
  let title: String
  /// Of the longer side of a frame, in pixels.
  let side: Int
  /// Where the clip begins, in seconds of the scan; where most moves if `nil`.
  let from: Double?
  let seconds: Double
  /// Of the clip; the scan's own rate if `nil`.
  let framesPerSecond: Int?

  private static let margin = 16
  private static let gap = 12
  private static let titleHeight = 28
  private static let captionHeight = 24
  private static let legendGap = 8
  private static let titleStyle = TextStyle(
    size: 15, colour: OverlayPainter.bright, weight: .bold)
  private static let labelStyle = TextStyle(size: 13, colour: OverlayPainter.bright)
  private static let captionStyle = TextStyle(size: 12, colour: OverlayPainter.dim)

  /// - Throws: `PictureError`, `VideoError`, or `StageFailure` where a map is no density
  func write(to path: String, _ progress: (Int, Int) -> Void) throws {
    let panel = painter.size(side: side)
    let margin = OverlayClip.margin
    // No panel is so narrow that the words below it have no room.
    let content = max(2 * panel.width + OverlayClip.gap, 480)
    let legend = Legend(
      painter.legend, width: Double(content),
      measuredBy: try Canvas(width: 1, height: 1, background: .black))
    let top = margin + OverlayClip.titleHeight
    let captionTop = top + panel.height
    let legendTop = captionTop + OverlayClip.captionHeight + OverlayClip.legendGap
    let bottom = legend.lines == 0 ? captionTop + OverlayClip.captionHeight : legendTop
    let canvas = try Canvas(
      width: even(content + 2 * margin), height: even(bottom + Int(legend.height) + margin),
      background: OverlayPainter.background)
    let corner = Point(x: Double(margin), y: Double(margin))
    canvas.text(
      title, at: Point(x: corner.x, y: corner.y + 15), OverlayClip.titleStyle,
      maximumWidth: Double(content))
    legend.draw(on: canvas, at: Point(x: corner.x, y: Double(legendTop)))

    let rate = framesPerSecond ?? ownRate
    let frames = frames(rate: rate)
    let left = Rectangle(
      x: corner.x, y: Double(top), width: Double(panel.width), height: Double(panel.height))
    let right = left.moved(x: Double(content - panel.width), y: 0)
    let caption = Rectangle(
      x: corner.x, y: Double(captionTop), width: Double(content),
      height: Double(OverlayClip.captionHeight))
    let writer = try VideoWriter(
      path: path, codec: .h264, height: canvas.height, width: canvas.width, framesPerSecond: rate,
      pixels: .colour)
    for (index, frame) in frames.enumerated() {
      if index == 0 || frames[index - 1] != frame {
        painter.drawPlain(frame, on: canvas, in: left)
        try painter.draw(frame, on: canvas, in: right)
        draw(caption, of: frame, on: canvas)
      }
      try writer.append(canvas.rgb)
      progress(index + 1, frames.count)
    }
    try writer.finish()
  }

  private func draw(_ place: Rectangle, of frame: Int, on canvas: Canvas) {
    canvas.fill(place, OverlayPainter.background)
    let words = painter.caption(frame)
    let line = place.y + 18
    canvas.text(words, at: Point(x: place.maxX, y: line), OverlayClip.captionStyle, align: .right)
    guard painter.annotations.hasLabels else { return }
    let room = place.width - canvas.width(of: words, OverlayClip.captionStyle) - 16
    canvas.text(
      painter.annotations.label(atFrame: frame) ?? "no label", at: Point(x: place.x, y: line),
      OverlayClip.labelStyle, maximumWidth: room)
  }

  /// Whole frames per second nearest to the scan's own, in what players show well.
  private var ownRate: Int { Int((1 / painter.set.secondsPerFrame).rounded().clamped(to: 5...60)) }

  /// The newest frame at each tick of the clip.
  private func frames(rate: Int) -> [Int] {
    let set = painter.set
    let end = set.times[set.count - 1] + set.secondsPerFrame
    let start = from ?? FrameChoice.eventfulStart(of: set, seconds: seconds)
    let ticks = max(1, Int((min(seconds, end - start) * Double(rate)).rounded()))
    return (0..<ticks).map { tick in
      // The tolerance is for time stamps that the container rounded to its own ticks.
      newest(at: start + Double(tick) / Double(rate) + 1e-3, in: set.times) { $0 } ?? 0
    }
  }

  /// H.264 with chroma of half the size has no odd sides.
  private func even(_ length: Int) -> Int { length + length % 2 }
}

extension Double {
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    min(max(self, range.lowerBound), range.upperBound)
  }
}
