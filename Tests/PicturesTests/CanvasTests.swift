import Foundation
import PictureKit
import Pictures
import TestKit
import Testing

@Suite("Drawing pictures")
struct CanvasTests {
  private static let white = TextStyle(size: 12, colour: .white)

  private func canvas(_ width: Int = 60, _ height: Int = 40) throws -> Canvas {
    try Canvas(width: width, height: height, background: .black)
  }

  /// [red, green, blue] of a pixel.
  private func pixel(_ canvas: Canvas, x: Int, y: Int) -> [Int] {
    let start = (y * canvas.width + x) * 3
    return canvas.rgb[start..<start + 3].map { Int($0) }
  }

  /// The pixels that are not black: leftmost, topmost, rightmost, lowest.
  private func extent(_ canvas: Canvas) -> [Int]? {
    let (rgb, width) = (canvas.rgb, canvas.width)
    let lit = (0..<width * canvas.height).filter { rgb[$0 * 3..<$0 * 3 + 3].contains { $0 > 0 } }
    guard let top = lit.first, let bottom = lit.last else { return nil }
    let columns = lit.map { $0 % width }
    return [columns.min()!, top / width, columns.max()!, bottom / width]
  }

  @Test("a PNG holds the canvas' pixels, as another decoder reads them")
  func png() throws {
    let canvas = try canvas(7, 5)
    canvas.fill(Rectangle(x: 1, y: 2, width: 3, height: 2), Colour(0xE69F00))
    canvas.fill(Rectangle(x: 2, y: 3, width: 4, height: 2), Colour(0x56B4E9, opacity: 0.5))
    let scratch = try Scratch()
    try canvas.writePNG(to: scratch.path + "/a.png")
    let read = try ColourVideo(path: scratch.path + "/a.png")
    #expect((read.height, read.width) == (5, 7))
    #expect(read.frames == [canvas.rgb])
    #expect(read.pixel(x: 1, y: 2) == [0xE6, 0x9F, 0])
    #expect(read.pixel(x: 0, y: 0) == [0, 0, 0])
    // Half of 0x56, 0xB4, 0xE9 over black, to the nearest.
    #expect(zip(read.pixel(x: 5, y: 4), [43, 90, 117]).allSatisfy { abs($0 - $1) <= 1 })
  }

  @Test("an image of the canvas' own size keeps its pixels; a larger one is smooth between them")
  func greyImage() throws {
    let grey: [UInt8] = (0..<60 * 40).map { UInt8($0 * 7 % 251) }
    let canvas = try canvas()
    let whole = Rectangle(x: 0, y: 0, width: 60, height: 40)
    canvas.image(Image(grey: grey, height: 40, width: 60), in: whole)
    #expect(canvas.rgb == grey.flatMap { [$0, $0, $0] })

    canvas.image(Image(grey: [0, 200], height: 1, width: 2), in: whole)
    let row = (0..<60).map { pixel(canvas, x: $0, y: 20)[0] }
    #expect(row == row.sorted())
    #expect(row[0] == 0 && row[59] == 200)
    #expect(abs(row[29] + row[30] - 200) <= 6)
  }

  @Test("a grid's highest cell is tinted by as much as the opacity says, an empty one not at all")
  func tint() throws {
    let canvas = try canvas(40, 20)
    let whole = Rectangle(x: 0, y: 0, width: 40, height: 20)
    let values: [Float] = [0, 0, 0, 1, 0, 0, 0, 0]
    let image = Image(
      values: values, grid: [2, 4], size: [20, 40], colours: .amber, opacity: 0.5)
    canvas.image(image, in: whole)
    let end = ColourMap.amber.colour(1)
    let expected = [end.red, end.green, end.blue].map { Int(($0 * 0.5 * 255).rounded()) }
    // The cell of row 0, column 3 has its centre at (35, 5).
    let found = pixel(canvas, x: 36, y: 3)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1 }, "\(found), not \(expected)")
    #expect(pixel(canvas, x: 4, y: 4) == [0, 0, 0])
    #expect(pixel(canvas, x: 36, y: 16) == [0, 0, 0])
  }

  @Test("rings, dots and crosses are where they were asked for, within a pixel")
  func marks() throws {
    let ring = try canvas()
    ring.ring(at: Point(x: 30, y: 20), radius: 8, Pen(.white, width: 2))
    #expect(extent(ring) == [21, 11, 38, 28])
    #expect(pixel(ring, x: 30, y: 20) == [0, 0, 0])
    #expect(pixel(ring, x: 37, y: 20)[0] > 200)
    let dot = try canvas()
    dot.dot(at: Point(x: 10, y: 10), radius: 3, .white, edge: Colour(0xFF0000))
    #expect(extent(dot) == [6, 6, 13, 13])
    #expect(pixel(dot, x: 10, y: 10) == [255, 255, 255])
    let plus = try canvas()
    plus.plus(at: Point(x: 30.5, y: 20.5), arm: 5, Pen(.white, width: 1))
    #expect(pixel(plus, x: 26, y: 20)[0] == 255 && pixel(plus, x: 30, y: 24)[0] == 255)
    #expect(pixel(plus, x: 28, y: 18) == [0, 0, 0])
    let clipped = try canvas()
    clipped.clipped(to: Rectangle(x: 0, y: 0, width: 30, height: 40)) {
      clipped.line([Point(x: 5, y: 20), Point(x: 55, y: 20)], Pen(.white, width: 4))
    }
    #expect(extent(clipped)?[2] == 29)
    clipped.line([], Pen(.white, width: 4))
  }

  @Test("text lies on its baseline, left, centred and right, and is as wide as it says")
  func text() throws {
    for align in [Canvas.Alignment.left, .centre, .right] {
      let canvas = try canvas(200, 40)
      let width = canvas.width(of: "HHHH", Self.white)
      canvas.text("HHHH", at: Point(x: 100, y: 30), Self.white, align: align)
      let found = try #require(extent(canvas))
      let left = 100 - (align == .left ? 0 : align == .centre ? width / 2 : width)
      #expect(abs(Double(found[0]) - left) < 2.5)
      #expect(abs(Double(found[2]) - (left + width)) < 2.5)
      #expect(found[3] == 29)
      #expect((20...22).contains(found[1]))
    }
  }

  @Test(
    "a text too long for its room keeps beginning and end around an ellipsis",
    arguments: [10, 40, 90, 250])
  func ellipsis(room: Double) throws {
    let canvas = try canvas(400, 40)
    let long = String(repeating: "scan/", count: 30) + "p07.mp4"
    canvas.text(long, at: Point(x: 0, y: 30), Self.white, maximumWidth: room)
    if let found = extent(canvas) { #expect(Double(found[2]) <= room + 1) }
    let whole = try self.canvas(400, 40)
    whole.text("p07", at: Point(x: 0, y: 30), Self.white, maximumWidth: 100)
    let free = try self.canvas(400, 40)
    free.text("p07", at: Point(x: 0, y: 30), Self.white)
    #expect(whole.rgb == free.rgb)
  }

  @Test("any text can be drawn: none, line breaks, controls, scripts that the font lacks")
  func anyText() throws {
    let canvas = try canvas()
    for text in ["", "\n\u{0}\u{1B}", "胎児", "é\u{301}", "👶"] {
      canvas.text(text, at: Point(x: 0, y: 30), Self.white, maximumWidth: 30)
    }
    let blank = try self.canvas()
    blank.text("", at: Point(x: 0, y: 30), Self.white)
    #expect(extent(blank) == nil)
  }

  @Test("the same calls make the same bytes")
  func deterministic() throws {
    let scratch = try Scratch()
    func draw(_ name: String) throws -> Data {
      let canvas = try canvas(120, 40)
      canvas.colourBar(.amber, opacity: 0.7, in: Rectangle(x: 5, y: 5, width: 90, height: 9))
      canvas.text("frame 12", at: Point(x: 5, y: 30), Self.white)
      canvas.ring(at: Point(x: 99.3, y: 20.1), radius: 7, Pen(.white, width: 1.5, edge: .black))
      try canvas.writePNG(to: scratch.path + "/" + name)
      return try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/" + name))
    }
    #expect(try draw("a.png") == draw("b.png"))
  }

  @Test("sizes without a surface, and files that cannot be written, are errors")
  func refused() throws {
    for (width, height) in [(0, 5), (5, 0), (40_000, 5)] {
      let error = #expect(throws: PictureError.self) {
        try Canvas(width: width, height: height, background: .black)
      }
      #expect(error?.code == .badSize)
    }
    for path in ["/dev/full", "/nowhere/a.png"] {
      let error = #expect(throws: PictureError.self) { try canvas().writePNG(to: path) }
      #expect(error?.code == .unwritable, "\(path)")
    }
  }

  @Test("cells of a sheet lie in rows, apart by the gap, each above its caption")
  func layout() {
    let layout = SheetLayout(
      cells: 5, columns: 3, cellWidth: 10, cellHeight: 8, captionHeight: 4, gap: 2)
    #expect((layout.rows, layout.width, layout.height) == (2, 34, 26))
    #expect(layout.picture(4) == Rectangle(x: 12, y: 14, width: 10, height: 8))
    #expect(layout.caption(4) == Rectangle(x: 12, y: 22, width: 10, height: 4))
    let single = SheetLayout(
      cells: 1, columns: 3, cellWidth: 10, cellHeight: 8, captionHeight: 4, gap: 2)
    #expect((single.width, single.height) == (10, 12))
  }
}
