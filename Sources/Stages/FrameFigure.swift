internal import Charts
internal import Foundation
internal import Pictures
internal import StageKit

/// A frame as it is, and beside it with its saliency, landmarks and gaze: white paper, 300 dpi.
struct FrameFigure {
  private let painter: OverlayPainter
  private let frame: Int
  private let item: String
  private let width: FigureWidth
  private let landmarks: [Landmark]

  /// - Parameters:
  ///   - item: of the frames; the one with the frame of most landmarks where it is empty
  ///   - frame: its index; the one with most landmarks, the first of equals, where it is `nil`
  /// - Throws: `StageFailure` naming the option, item or file that is wrong
  init(item: String, frame: Int?, width: FigureWidth, in context: StageContext) throws {
    let entries = try context.entries(FigureStage.frames)
    guard !entries.isEmpty else {
      throw StageFailure("chart 'frame' needs the input 'frames'")
    }
    func files(_ input: Input) throws -> [String: String] {
      Dictionary(try context.entries(input).map { ($0.id, $0.path) }) { first, _ in first }
    }
    let landmarkFiles = try files(FigureStage.landmarks)
    guard item.isEmpty || entries.contains(where: { $0.id == item }) else {
      throw StageFailure(
        "option 'item' is '\(item)', which no frames are of"
          + Suggestion.clause(for: item, among: entries.map(\.id)))
    }
    var best: (entry: StageContext.Entry, frame: Int, landmarks: [Landmark])?
    for entry in entries where item.isEmpty || entry.id == item {
      let found = try landmarkFiles[entry.id].map { try LandmarkFile.read($0) } ?? []
      let byFrame = Dictionary(grouping: found, by: \.frame)
      let own = frame ?? byFrame.keys.sorted().max { byFrame[$0]!.count < byFrame[$1]!.count } ?? 0
      let most = byFrame[own] ?? []
      if best == nil || most.count > best!.landmarks.count { best = (entry, own, most) }
    }
    let (entry, chosen, landmarks) = best!
    let set = try FrameSet(path: entry.path)
    guard chosen < set.count else {
      throw StageFailure("'\(set.path)' has \(set.count) frames; option 'frame' asks for \(chosen)")
    }
    let annotations = try ScanAnnotations(
      of: set,
      ScanAnnotations.Paths(
        maps: files(FigureStage.maps)[entry.id], landmarks: landmarkFiles[entry.id],
        fixations: files(FigureStage.fixations)[entry.id]))
    painter = OverlayPainter(set: set, annotations: annotations, opacity: 0.75)
    self.frame = chosen
    self.item = entry.id
    self.width = width
    self.landmarks = landmarks
  }

  private static let gap = 12.0
  /// Of the legend, whose marks are wider than their places.
  private static let inset = 4.0
  private static let captionStyle = TextStyle(size: 10.7, colour: Colour(0x666666))

  /// Writes both pictures.
  ///
  /// - Returns: the frame's landmarks, as CSV
  /// - Throws: `PictureError`, or `StageFailure` where a map is no density
  func write(svg: String, png: String) throws -> String {
    let page = Double(width.pixels)
    let panel = (page - FrameFigure.gap) / 2
    let shape = painter.size(side: 1000)
    let height = (panel * Double(shape.height) / Double(shape.width)).rounded()
    let legend = Legend(
      painter.legend, width: page - 2 * FrameFigure.inset, ink: Colour(0x222222),
      measuredBy: try Canvas(width: 1, height: 1, background: .white))
    let scale = Double(SVGConverter.dotsPerInch) / 96
    let canvas = try Canvas(
      width: Int(page), height: Int(height + 24 + legend.height), scale: scale, background: .white)
    painter.drawPlain(frame, on: canvas, in: Rectangle(x: 0, y: 0, width: panel, height: height))
    try painter.draw(
      frame, on: canvas,
      in: Rectangle(x: panel + FrameFigure.gap, y: 0, width: panel, height: height))
    canvas.text(
      [item, painter.caption(frame)].filter { !$0.isEmpty }.joined(separator: " · "),
      at: Point(x: 0, y: height + 15), FrameFigure.captionStyle, maximumWidth: page)
    legend.draw(on: canvas, at: Point(x: FrameFigure.inset, y: height + 22))
    try canvas.writePNG(to: png)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: png)).base64EncodedString()
    let size = "width=\"\(canvas.width)\" height=\"\(canvas.height)\""
    try writeText(
      """
      <?xml version="1.0" encoding="utf-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" \(size)>
      <image \(size) xlink:href="data:image/png;base64,\(bytes)"/>
      </svg>

      """, to: svg)
    return LandmarkFile.text(landmarks)
  }
}
