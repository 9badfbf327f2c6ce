/// What one answer is wanted for: one clip, or several pieces that are encoded one by one.
public struct Sample: Hashable, Sendable {
  /// Index of the scan in its set.
  public var scan: Int
  /// The frames of the scan that the clips were drawn from, a run without a freeze.
  public var segment: Range<Int>
  /// The class of the segment, where the scans have labels.
  public var label: Int?
  /// One for each piece; each is a row of the batch.
  public var clips: [ClipPlan]

  public init(scan: Int, segment: Range<Int>, label: Int? = nil, clips: [ClipPlan]) {
    self.scan = scan
    self.segment = segment
    self.label = label
    self.clips = clips
  }
}

/// One clip before it has pixels: what a renderer makes of which frames.
public struct ClipPlan: Hashable, Sendable {
  public var frames: [FramePlan]
  /// Where the cells of a grid over the rendered clip come from; `nil` leaves them where they are.
  public var cells: CellOrder?

  public init(frames: [FramePlan], cells: CellOrder? = nil) {
    self.frames = frames
    self.cells = cells
  }

  /// The frames around one that is in the middle; those of the run's ends stand for what lies beyond.
  ///
  /// - Parameters:
  ///   - count: of frames
  ///   - run: that the frame lies in
  public init(around frame: Int, count: Int, in run: Range<Int>, geometry: Affine) {
    self.init(
      frames: (0..<count).map { number in
        let wanted = frame - count / 2 + number
        return FramePlan(
          index: min(max(wanted, run.lowerBound), run.upperBound - 1), geometry: geometry)
      })
  }
}

/// One frame of a clip: which it is, where its pixels come from and what becomes of their tones.
public struct FramePlan: Hashable, Sendable {
  /// Index of the frame in its file.
  public var index: Int
  public var geometry: Affine
  public var tone: Tone

  public init(index: Int, geometry: Affine = .identity, tone: Tone = Tone()) {
    self.index = index
    self.geometry = geometry
    self.tone = tone
  }
}

/// From a place in a rendered frame to the place in the file's frame, both in pixels, the centre of
/// the first pixel at (0, 0): y' = yy·y + yx·x + y0, x' = xy·y + xx·x + x0.
public struct Affine: Hashable, Sendable {
  public var yy: Double
  public var yx: Double
  public var y0: Double
  public var xy: Double
  public var xx: Double
  public var x0: Double

  public init(
    yy: Double = 1, yx: Double = 0, y0: Double = 0, xy: Double = 0, xx: Double = 1, x0: Double = 0
  ) {
    (self.yy, self.yx, self.y0) = (yy, yx, y0)
    (self.xy, self.xx, self.x0) = (xy, xx, x0)
  }

  public static let identity = Affine()

  public func callAsFunction(y: Double, x: Double) -> (y: Double, x: Double) {
    (yy * y + yx * x + y0, xy * y + xx * x + x0)
  }

  /// A rectangle of the file's frame, [top, left, height, width] in pixels, brought to a rendered frame
  /// of `size` [height, width].
  public static func showing(_ window: [Double], at size: [Int]) -> Affine {
    let (down, across) = (window[2] / Double(size[0]), window[3] / Double(size[1]))
    return Affine(
      yy: down, y0: window[0] + (down - 1) / 2, xx: across, x0: window[1] + (across - 1) / 2)
  }

  /// First `inner`, then this.
  public func after(_ inner: Affine) -> Affine {
    Affine(
      yy: yy * inner.yy + yx * inner.xy, yx: yy * inner.yx + yx * inner.xx,
      y0: yy * inner.y0 + yx * inner.x0 + y0,
      xy: xy * inner.yy + xx * inner.xy, xx: xy * inner.yx + xx * inner.xx,
      x0: xy * inner.y0 + xx * inner.x0 + x0)
  }
}

/// What becomes of a frame's tones, black 0 and white 1: v^gamma, times `contrast` about the grey
/// .5, plus `brightness`, cut to 0...1; then blur, then speckle.
public struct Tone: Hashable, Sendable {
  public var gamma = 1.0
  public var brightness = 0.0
  public var contrast = 1.0
  /// Standard deviation of a Gaussian, in pixels of the rendered frame; 0 is none.
  public var blur = 0.0
  /// Standard deviation of a factor about 1 on each pixel; 0 is none.
  public var speckle = 0.0
  /// Decides the speckle.
  public var noise: UInt64 = 0

  public init() {}
}

/// Cells of a grid `[t, h, w]` over a clip in another order; sizes need be no multiples of the grid's:
/// what is left over at the ends stays in its place.
public struct CellOrder: Hashable, Sendable {
  public var grid: [Int]
  /// Of each cell, in row-major order, which cell it shows.
  public var sources: [Int]

  public init(grid: [Int], sources: [Int]) {
    self.grid = grid
    self.sources = sources
  }
}
