internal import CCairo
internal import Foundation

/// How text looks.
public struct TextStyle: Hashable, Sendable {
  public enum Weight: Hashable, Sendable { case regular, bold }

  /// Height of the font in pixels: a line needs about 1.2 times as much.
  public var size: Double
  public var colour: Colour
  public var weight: Weight

  public init(size: Double, colour: Colour, weight: Weight = .regular) {
    self.size = size
    self.colour = colour
    self.weight = weight
  }
}

/// How a line looks; an edge of another colour lets it stand out from any ground.
public struct Pen: Hashable, Sendable {
  public var colour: Colour
  /// Pixels.
  public var width: Double
  public var edge: Colour?
  /// Pixels on each side of the line.
  public var edgeWidth: Double

  public init(_ colour: Colour, width: Double, edge: Colour? = nil, edgeWidth: Double = 1) {
    self.colour = colour
    self.width = width
    self.edge = edge
    self.edgeWidth = edgeWidth
  }
}

/// An opaque picture that is drawn on: rectangles, images, rings, dots, crosses, lines and text.
///
/// Equal calls give equal bytes: nothing of the machine's fonts or settings is asked.
public final class Canvas {
  public enum Alignment: Hashable, Sendable { case left, centre, right }

  public let width: Int
  public let height: Int
  /// Of the file, in pixels.
  private let rows: Int
  private let columns: Int
  private let surface: OpaquePointer
  private let context: OpaquePointer
  private let faces: [TextStyle.Weight: Typeface]

  /// - Parameters:
  ///   - width: pixels, 1 to 32767
  ///   - height: pixels, 1 to 32767
  ///   - scale: how many pixels of the file each pixel of the canvas has: 300 / 96 for print
  /// - Throws: `PictureError`: `badSize`, `noFont`, `outOfMemory`
  public init(
    width: Int, height: Int, scale: Double = 1, background: Colour
  ) throws(PictureError) {
    let (fileWidth, fileHeight) = (
      Int((Double(width) * scale).rounded()), Int((Double(height) * scale).rounded())
    )
    guard (1...32767).contains(fileWidth), (1...32767).contains(fileHeight) else {
      throw PictureError(
        .badSize, "a picture of \(fileWidth)x\(fileHeight) pixels; expected 1 to 32767 a side")
    }
    faces = [.regular: try Typeface.of(.regular), .bold: try Typeface.of(.bold)]
    guard
      let surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, Int32(fileWidth), Int32(fileHeight)),
      cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS, let context = cairo_create(surface)
    else { throw PictureError(.outOfMemory, "no memory for \(fileWidth)x\(fileHeight) pixels") }
    self.width = width
    self.height = height
    self.surface = surface
    self.context = context
    rows = fileHeight
    columns = fileWidth
    cairo_scale(context, scale, scale)
    let options = cairo_font_options_create()
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE)
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF)
    cairo_set_font_options(context, options)
    cairo_font_options_destroy(options)
    fill(Rectangle(x: 0, y: 0, width: Double(width), height: Double(height)), background)
  }

  deinit {
    cairo_destroy(context)
    cairo_surface_destroy(surface)
  }

  // MARK: Shapes

  /// Covers a rectangle, given in pixels, with a colour.
  public func fill(_ rectangle: Rectangle, _ colour: Colour) {
    cairo_rectangle(context, rectangle.x, rectangle.y, rectangle.width, rectangle.height)
    set(colour)
    cairo_fill(context)
  }

  /// An open circle.
  public func ring(at centre: Point, radius: Double, _ pen: Pen) {
    stroke(pen) { cairo_arc(context, centre.x, centre.y, radius, 0, 2 * .pi) }
  }

  /// A filled circle.
  public func dot(at centre: Point, radius: Double, _ colour: Colour, edge: Colour? = nil) {
    for (radius, colour) in [(radius + 1, edge), (radius, colour)] {
      guard let colour else { continue }
      cairo_new_sub_path(context)
      cairo_arc(context, centre.x, centre.y, radius, 0, 2 * .pi)
      set(colour)
      cairo_fill(context)
    }
  }

  /// An upright cross.
  public func plus(at centre: Point, arm: Double, _ pen: Pen) {
    stroke(pen) {
      for (x, y) in [(arm, 0.0), (0.0, arm)] {
        cairo_move_to(context, centre.x - x, centre.y - y)
        cairo_line_to(context, centre.x + x, centre.y + y)
      }
    }
  }

  /// Joins points, given in pixels, by straight lines.
  public func line(_ points: [Point], _ pen: Pen) {
    guard let first = points.first else { return }
    stroke(pen) {
      cairo_move_to(context, first.x, first.y)
      for point in points.dropFirst() { cairo_line_to(context, point.x, point.y) }
    }
  }

  /// Lets `body` draw inside the rectangle alone.
  public func clipped(to rectangle: Rectangle, _ body: () throws -> Void) rethrows {
    cairo_save(context)
    defer { cairo_restore(context) }
    cairo_rectangle(context, rectangle.x, rectangle.y, rectangle.width, rectangle.height)
    cairo_clip(context)
    try body()
  }

  /// Scales an image into the rectangle; between pixels it is interpolated.
  public func image(_ image: Image, in rectangle: Rectangle) {
    let source = cairo_image_surface_create(
      CAIRO_FORMAT_ARGB32, Int32(image.width), Int32(image.height))
    defer { cairo_surface_destroy(source) }
    guard let bytes = cairo_image_surface_get_data(source) else { return }
    let stride = Int(cairo_image_surface_get_stride(source))
    image.pixels.withUnsafeBytes { pixels in
      for row in 0..<image.height {
        let from = UnsafeRawBufferPointer(
          rebasing: pixels[row * image.width * 4..<(row + 1) * image.width * 4])
        UnsafeMutableRawPointer(bytes + row * stride).copyMemory(
          from: from.baseAddress!, byteCount: from.count)
      }
    }
    cairo_surface_mark_dirty(source)
    clipped(to: rectangle) {
      cairo_translate(context, rectangle.x, rectangle.y)
      cairo_scale(
        context, rectangle.width / Double(image.width), rectangle.height / Double(image.height))
      cairo_set_source_surface(context, source, 0, 0)
      cairo_pattern_set_filter(cairo_get_source(context), CAIRO_FILTER_GOOD)
      cairo_pattern_set_extend(cairo_get_source(context), CAIRO_EXTEND_PAD)
      cairo_paint(context)
    }
  }

  /// The colours of 0 to 1 from left to right, as opaque as `Image(values:…)` makes them.
  public func colourBar(_ colours: ColourMap, opacity: Double, in rectangle: Rectangle) {
    let values = (0..<256).map { Float($0) / 255 }
    image(
      Image(values: values, grid: [1, 256], size: [1, 256], colours: colours, opacity: opacity),
      in: rectangle)
  }

  // MARK: Text

  /// Writes one line.
  ///
  /// - Parameters:
  ///   - place: on the baseline: the text's left end, middle or right end
  ///   - maximumWidth: pixels; a longer text loses its middle to an ellipsis
  public func text(
    _ text: String, at place: Point, _ style: TextStyle, align: Alignment = .left,
    maximumWidth: Double = .infinity
  ) {
    let text = shortened(text, style, to: maximumWidth)
    let width = self.width(of: text, style)
    let shift =
      switch align {
      case .left: 0.0
      case .centre: width / 2
      case .right: width
      }
    set(style.colour)
    cairo_move_to(context, place.x - shift, place.y)
    cairo_show_text(context, text)
    cairo_new_path(context)
  }

  /// How far one line of text reaches, in pixels.
  public func width(of text: String, _ style: TextStyle) -> Double {
    cairo_set_font_face(context, faces[style.weight]?.face)
    cairo_set_font_size(context, style.size)
    var extents = cairo_text_extents_t()
    cairo_text_extents(context, Canvas.printable(text), &extents)
    return extents.x_advance
  }

  /// The text with as much of its beginning and end as fits, the same of both.
  func shortened(_ text: String, _ style: TextStyle, to maximumWidth: Double) -> String {
    let text = Canvas.printable(text)
    guard width(of: text, style) > maximumWidth else { return text }
    var (fitting, tooLong) = (0, text.count)
    func cut(_ kept: Int) -> String {
      String(text.prefix((kept + 1) / 2)) + "…" + String(text.suffix(kept / 2))
    }
    while tooLong - fitting > 1 {
      let middle = (fitting + tooLong) / 2
      if width(of: cut(middle), style) <= maximumWidth {
        fitting = middle
      } else {
        tooLong = middle
      }
    }
    return cut(fitting)
  }

  /// Line breaks and other controls would end or garble the line.
  private static func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
  }

  // MARK: Results

  /// `[height, width, 3]`: red, green and blue, row by row.
  public var rgb: [UInt8] {
    cairo_surface_flush(surface)
    guard let bytes = cairo_image_surface_get_data(surface) else { return [] }
    let stride = Int(cairo_image_surface_get_stride(surface))
    return Array(unsafeUninitializedCapacity: rows * columns * 3) { buffer, count in
      for row in 0..<rows {
        let line = UnsafeRawPointer(bytes + row * stride)
        for column in 0..<columns {
          let pixel = line.load(fromByteOffset: column * 4, as: UInt32.self)
          buffer[count] = UInt8(pixel >> 16 & 255)
          buffer[count + 1] = UInt8(pixel >> 8 & 255)
          buffer[count + 2] = UInt8(pixel & 255)
          count += 3
        }
      }
    }
  }

  /// - Throws: `PictureError`: `unwritable`, `outOfMemory`
  public func writePNG(to path: String) throws(PictureError) {
    let status = cairo_surface_write_to_png(surface, path)
    guard status == CAIRO_STATUS_SUCCESS else { throw PictureError(status, path: path) }
  }

  private func stroke(_ pen: Pen, _ path: () -> Void) {
    cairo_new_path(context)
    path()
    cairo_set_line_cap(context, CAIRO_LINE_CAP_ROUND)
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND)
    if let edge = pen.edge {
      set(edge)
      cairo_set_line_width(context, pen.width + 2 * pen.edgeWidth)
      cairo_stroke_preserve(context)
    }
    set(pen.colour)
    cairo_set_line_width(context, pen.width)
    cairo_stroke(context)
  }

  private func set(_ colour: Colour) {
    cairo_set_source_rgba(context, colour.red, colour.green, colour.blue, colour.opacity)
  }
}
