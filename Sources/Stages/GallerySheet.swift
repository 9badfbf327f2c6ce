internal import Pictures
internal import StageKit

/// The patches of one cluster: those nearest its centroid and those farthest from it.
struct GallerySheet {
  struct Cell {
    var patch: Image
    var structure: String
    var caption: String
  }

  let title: String
  /// Below the title, dimmer.
  let lines: [String]
  let sections: [(title: String, cells: [Cell])]
  /// In a row.
  let columns: Int
  /// Of a patch's longer side, in pixels.
  let side: Int

  private static let margin = 24.0
  private static let line = 19.0
  private static let leastWidth = 640
  private static let titleStyle = TextStyle(
    size: 18, colour: OverlayPainter.bright, weight: .bold)
  private static let headStyle = TextStyle(
    size: 13, colour: OverlayPainter.bright, weight: .bold)
  private static let labelStyle = TextStyle(size: 12, colour: OverlayPainter.bright)
  private static let captionStyle = TextStyle(size: 11, colour: OverlayPainter.dim)

  /// - Throws: `PictureError`
  func write(to path: String) throws(PictureError) {
    let margin = GallerySheet.margin
    let layouts = sections.map { section in
      section.cells.first.map { cell in
        let scale = Double(side) / Double(max(cell.patch.width, cell.patch.height))
        return SheetLayout(
          cells: section.cells.count, columns: columns,
          cellWidth: max(1, Int((Double(cell.patch.width) * scale).rounded())),
          cellHeight: max(1, Int((Double(cell.patch.height) * scale).rounded())),
          captionHeight: 50, gap: 12)
      }
    }
    let width = max(GallerySheet.leastWidth, layouts.compactMap { $0?.width }.max() ?? 0)
    let top = margin + 24 + Double(lines.count) * GallerySheet.line + 8
    let bottom = layouts.reduce(top) { $0 + 30 + Double($1?.height ?? 20) }
    let canvas = try Canvas(
      width: width + 2 * Int(margin), height: Int(bottom + margin),
      background: OverlayPainter.background)
    func write(_ text: String, _ x: Double, _ y: Double, _ style: TextStyle, _ room: Double) {
      canvas.text(text, at: Point(x: x, y: y), style, maximumWidth: room)
    }
    write(title, margin, margin + 18, GallerySheet.titleStyle, Double(width))
    for (index, text) in lines.enumerated() {
      let y = margin + 40 + Double(index) * GallerySheet.line
      write(text, margin, y, GallerySheet.labelStyle, Double(width))
    }
    var y = top
    for (section, layout) in zip(sections, layouts) {
      write(section.title, margin, y + 18, GallerySheet.headStyle, Double(width))
      y += 30
      guard let layout else {
        write("none", margin, y + 12, GallerySheet.captionStyle, Double(width))
        y += 20
        continue
      }
      for (index, cell) in section.cells.enumerated() {
        canvas.image(cell.patch, in: layout.picture(index).moved(x: margin, y: y))
        let caption = layout.caption(index).moved(x: margin, y: y)
        write(
          cell.structure, caption.x, caption.y + 15, GallerySheet.labelStyle, caption.width)
        for (line, text) in cell.caption.split(separator: "\n").enumerated() {
          write(
            String(text), caption.x, caption.y + 29 + 14 * Double(line),
            GallerySheet.captionStyle, caption.width)
        }
      }
      y += Double(layout.height)
    }
    try canvas.writePNG(to: path)
  }
}
