internal import Pictures
internal import StageKit

/// Draws frames with what is known of them, and the legend that explains it.
struct OverlayPainter {
  let set: FrameSet
  let annotations: ScanAnnotations
  /// Of the most salient place, 0 to 1.
  let opacity: Double

  static let background = Colour(0x121416)
  static let bright = Colour(0xECEAE4)
  static let dim = Colour(0x9A9FA5)
  private static let edge = Colour.black.opacity(0.75)
  /// Of Okabe and Ito's palette, which all kinds of colour vision tell apart.
  private static let landmarkColour = Colour(0x56B4E9)
  private static let truthColour = Colour(0xF0E442)
  private static let colours = ColourMap.amber

  /// [height, width] of a frame whose longer side has `side` pixels, with the proportions that the
  /// video's picture has.
  func size(side: Int) -> (height: Int, width: Int) {
    let (height, width) = (set.geometry.crop[2], set.geometry.crop[3])
    let longer = Double(max(height, width))
    func pixels(_ length: Int) -> Int {
      max(1, Int((Double(length * side) / longer).rounded()))
    }
    return (pixels(height), pixels(width))
  }

  // MARK: Frames

  func drawPlain(_ frame: Int, on canvas: Canvas, in place: Rectangle) {
    let image = set.frames.withRow(frame) {
      Image(grey: $0, height: set.height, width: set.width)
    }
    canvas.image(image, in: place)
  }

  /// - Throws: `StageFailure` where the frame's map is no density
  func draw(_ frame: Int, on canvas: Canvas, in place: Rectangle) throws {
    drawPlain(frame, on: canvas, in: place)
    if let values = try annotations.saliency(atFrame: frame), let maps = annotations.maps {
      let image = Image(
        values: values, grid: maps.grid, size: [Int(place.height), Int(place.width)],
        colours: OverlayPainter.colours, opacity: opacity)
      canvas.image(image, in: place)
    }
    // Marks grow with the picture, and stay legible in a small one.
    let unit = max(0.75, max(place.width, place.height) / 320)
    canvas.clipped(to: place) {
      for structure in annotations.structures(atFrame: frame) {
        drawStructure(at: place.point(x: structure.x, y: structure.y), unit, on: canvas)
      }
      for landmark in annotations.landmarks(atFrame: frame) {
        drawLandmark(at: place.point(x: landmark.x, y: landmark.y), unit, on: canvas)
      }
      drawTrail(annotations.gazeTrail(atFrame: frame), in: place, unit, on: canvas)
      if let gaze = annotations.gaze(atFrame: frame) {
        drawGaze(at: place.point(x: gaze.x, y: gaze.y), unit, on: canvas)
      }
    }
  }

  private func drawLandmark(at place: Point, _ unit: Double, on canvas: Canvas) {
    let pen = Pen(
      OverlayPainter.landmarkColour, width: 1.75 * unit, edge: OverlayPainter.edge,
      edgeWidth: 0.75 * unit)
    canvas.ring(at: place, radius: 6 * unit, pen)
  }

  private func drawGaze(at place: Point, _ unit: Double, on canvas: Canvas) {
    let pen = Pen(
      .white, width: 2 * unit, edge: OverlayPainter.edge, edgeWidth: 0.75 * unit)
    canvas.plus(at: place, arm: 7 * unit, pen)
  }

  /// All edges come first, or each line's would lie over the one before.
  private func drawTrail(
    _ lines: [ScanAnnotations.TrailLine], in place: Rectangle, _ unit: Double, on canvas: Canvas
  ) {
    for (colour, width) in [(Colour.black.opacity(0.45), 3.0), (Colour.white.opacity(0.9), 1.5)] {
      for line in lines {
        let points = [line.from, line.to].map { place.point(x: $0.x, y: $0.y) }
        let pen = Pen(colour.opacity(colour.opacity * (1 - line.age)), width: width * unit)
        canvas.line(points, pen)
      }
    }
  }

  private func drawStructure(at place: Point, _ unit: Double, on canvas: Canvas) {
    canvas.dot(
      at: place, radius: 2.25 * unit, OverlayPainter.truthColour, edge: OverlayPainter.edge)
  }

  // MARK: Words

  /// Which frame of the video it is, and when it is shown.
  func caption(_ frame: Int) -> String {
    "frame \(set.sourceFrames[frame]) · \(OverlayPainter.decimal(set.times[frame], 2)) s"
  }

  /// What the legend has to explain.
  var legend: [Legend.Entry] {
    var entries: [Legend.Entry] = []
    if annotations.maps != nil {
      entries.append(
        .init("saliency, 0 to the frame's maximum", width: 64) { canvas, place in
          canvas.fill(place, Colour(0x3A3D40))
          canvas.colourBar(OverlayPainter.colours, opacity: opacity, in: place)
        })
    }
    func mark(_ text: String, _ draw: @escaping (Point, Double, Canvas) -> Void) {
      entries.append(
        .init(text, width: 14) { canvas, place in draw(place.point(x: 0.5, y: 0.5), 1, canvas) })
    }
    if annotations.hasLandmarks { mark("landmark") { drawLandmark(at: $0, $1, on: $2) } }
    if annotations.hasGaze { mark("gaze, last 0.4 s") { drawGaze(at: $0, $1, on: $2) } }
    if annotations.hasTruth { mark("true structure") { drawStructure(at: $0, $1, on: $2) } }
    return entries
  }

  /// A number with a fixed count of decimals, whatever the locale.
  static func decimal(_ number: Double, _ digits: Int) -> String {
    let factor = (0..<digits).reduce(1) { power, _ in power * 10 }
    let scaled = Int((abs(number) * Double(factor)).rounded())
    let fraction = String(scaled % factor)
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(number < 0 && scaled > 0 ? "−" : "")\(scaled / factor).\(zeros)\(fraction)"
  }
}

/// Samples with their names, side by side in as many lines as they need.
struct Legend {
  struct Entry {
    var text: String
    /// Of the sample, in pixels.
    var width: Double
    var draw: (Canvas, Rectangle) -> Void

    init(_ text: String, width: Double, draw: @escaping (Canvas, Rectangle) -> Void) {
      self.text = text
      self.width = width
      self.draw = draw
    }
  }

  static let lineHeight = 22.0
  private let style: TextStyle
  private static let sampleGap = 7.0
  private static let entryGap = 22.0
  /// Where each entry's sample begins, relative to the legend.
  private var places: [(entry: Entry, x: Double, line: Int)] = []
  private(set) var lines = 0

  init(
    _ entries: [Entry], width: Double, ink: Colour = OverlayPainter.dim,
    measuredBy canvas: Canvas
  ) {
    style = TextStyle(size: 12, colour: ink)
    var x = 0.0
    for entry in entries {
      let length = entry.width + Legend.sampleGap + canvas.width(of: entry.text, style)
      if lines == 0 || x + length > width {
        lines += 1
        x = 0
      }
      places.append((entry, x, lines - 1))
      x += length + Legend.entryGap
    }
  }

  var height: Double { Double(lines) * Legend.lineHeight }

  func draw(on canvas: Canvas, at corner: Point) {
    for (entry, x, line) in places {
      let middle = corner.y + (Double(line) + 0.5) * Legend.lineHeight
      let sample = Rectangle(x: corner.x + x, y: middle - 4, width: entry.width, height: 8)
      entry.draw(canvas, sample)
      canvas.text(
        entry.text, at: Point(x: sample.maxX + Legend.sampleGap, y: middle + 4), style)
    }
  }
}
