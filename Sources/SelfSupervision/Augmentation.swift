internal import Foundation
internal import Learning
public import StageKit

/// How clips are varied before a transform is done to them.
///
/// A window of the frame is cut, turned, flipped and brought to the rendered size; then its tones
/// are changed. The window is that of all frames of a sample but for `jitter`; it has the sides' ratio
/// of the rendered frame but for `aspect`, so that nothing else is stretched. Numbers are drawn
/// evenly, factors evenly in their logarithm.
///
/// Defaults: turns, aspect and ±25 % of gamma and tones are those of `paper.md` sections 1 and 5; blur
/// and speckle are off.
public struct Augmentation: OptionMap, Hashable, Sendable {
  /// Which frames have tones of their own.
  public enum Extent: String, CaseIterable, Sendable {
    case clip, frame
  }

  /// Windows lie inside the fan, so that its outline gives nothing away.
  public let staysInFan: Bool
  /// Of a window's side, relative to the largest that fits; in any order.
  public let scale: [Double]
  /// Largest relative change of a window's width to its height.
  public let aspect: Double
  /// Largest shift of a frame's window along each axis, in 1/80 of the window's side.
  public let jitter: Double
  /// Probability that left and right change places.
  public let flip: Double
  /// Probability that top and bottom change places.
  public let verticalFlip: Double
  /// Largest turn to either side, in degrees.
  public let rotation: Double
  /// Exponents lie between 1 / (1 + gamma) and 1 + gamma.
  public let gamma: Double
  /// Factors about mid-grey lie between 1 / (1 + contrast) and 1 + contrast.
  public let contrast: Double
  /// Largest shift, black to white being 1.
  public let brightness: Double
  /// Largest standard deviation, in pixels of the rendered frame.
  public let blur: Double
  /// Largest standard deviation of the factor on each pixel.
  public let speckle: Double
  public let extent: Extent
  /// All copies of a draw are varied alike.
  public let isShared: Bool

  public init(options: inout OptionReader) throws(Diagnostic) {
    staysInFan = try options.boolean(
      "inside_fan", default: false,
      help: "cut windows whose pixels all lie in the fan, turned ones too")
    scale = try options.numbers(
      "scale", count: 2, from: 0.05, to: 1, default: [0.7, 1],
      help: "smallest and largest side of a window, relative to the largest that fits")
    aspect = try options.number(
      "aspect", from: 0, to: 1, default: 0.1,
      help: "largest relative change of a window's width to its height")
    jitter = try options.number(
      "jitter", from: 0, to: 40, default: 0, unit: "pixels",
      help: "largest shift of each frame by itself, along each axis, of a window of 80 x 80")
    flip = try options.number(
      "flip", from: 0, to: 1, default: 0.5, help: "probability that left becomes right")
    verticalFlip = try options.number(
      "flip_vertical", from: 0, to: 1, default: 0, help: "probability that top becomes bottom")
    rotation = try options.number(
      "rotation", from: 0, to: 180, default: 10, unit: "degrees",
      help: "largest turn to either side")
    gamma = try options.number(
      "gamma", from: 0, to: 4, default: 0.25,
      help: "largest relative change of the exponent of grey values, 1")
    contrast = try options.number(
      "contrast", from: 0, to: 4, default: 0.25,
      help: "largest relative change of differences from mid-grey")
    brightness = try options.number(
      "brightness", from: 0, to: 1, default: 0.125,
      help: "largest shift of grey values, black to white being 1")
    blur = try options.number(
      "blur", from: 0, to: 5, default: 0, unit: "pixels",
      help: "largest standard deviation of a Gaussian over the rendered frame")
    speckle = try options.number(
      "speckle", from: 0, to: 1, default: 0,
      help: "largest standard deviation of a random factor about 1 on each pixel")
    extent = try options.choice(
      "per", default: .clip, help: "tones are drawn once for all frames, or for each by itself")
    isShared = try options.boolean(
      "shared", default: true, help: "all copies of a draw are varied alike")
  }

  /// Sets geometry and tones of every frame; equal generators give equal edits.
  ///
  /// - Parameters:
  ///   - scan: that the sample is from
  ///   - size: [height, width] of the rendered frame, in pixels
  ///   - reach: how much further than the window its transforms show something, at least 1
  public func apply(
    to sample: inout Sample, in scan: Scan, size: [Int], reach: Double = 1,
    using random: inout CounterRandom
  ) {
    let window = Window(of: self, in: scan, size: size, reach: reach, using: &random)
    let shared = tone(using: &random)
    for clip in sample.clips.indices {
      for frame in sample.clips[clip].frames.indices {
        // Each number is drawn whether it is wanted or not: one option leaves the others' draws alone.
        let shift = (y: random.uniform(-jitter, jitter), x: random.uniform(-jitter, jitter))
        var tone = tone(using: &random)
        if extent == .clip { tone = shared }
        tone.noise = random.next()
        sample.clips[clip].frames[frame].geometry = window.geometry(
          shiftedBy: (y: shift.y / 80, x: shift.x / 80))
        sample.clips[clip].frames[frame].tone = tone
      }
    }
  }

  private func tone(using random: inout CounterRandom) -> Tone {
    var tone = Tone()
    tone.gamma = factor(gamma, using: &random)
    tone.contrast = factor(contrast, using: &random)
    tone.brightness = random.uniform(-brightness, brightness)
    tone.blur = random.uniform(0, blur)
    tone.speckle = random.uniform(0, speckle)
    return tone
  }
}

/// Between 1 / (1 + change) and 1 + change.
private func factor(_ change: Double, using random: inout CounterRandom) -> Double {
  pow(1 + change, random.uniform(-1, 1))
}

/// The part of a scan's frames that becomes a rendered frame.
private struct Window {
  private let size: (height: Double, width: Double)
  /// Pixels of the scan's frames.
  private let height: Double
  private let width: Double
  /// The centre's place, that of the first pixel's centre being (0, 0).
  private let y: Double
  private let x: Double
  private let cosine: Double
  private let sine: Double
  /// -1 where flipped.
  private let down: Double
  private let across: Double

  /// The draws' order is fixed: turn, aspect, scale, place, flips.
  init(
    of augmentation: Augmentation, in scan: Scan, size: [Int], reach: Double,
    using random: inout CounterRandom
  ) {
    self.size = (Double(size[0]), Double(size[1]))
    let angle = random.uniform(-augmentation.rotation, augmentation.rotation) * .pi / 180
    (cosine, sine) = (cos(angle), sin(angle))
    let stretch = factor(augmentation.aspect, using: &random).squareRoot()
    let (tall, wide) = (self.size.height / stretch, self.size.width * stretch)
    let scale = random.uniform(augmentation.scale.min() ?? 1, augmentation.scale.max() ?? 1)
    // A turned window leaves a frame, whose corners are black as a fan's surroundings; never a fan.
    let isInFan = augmentation.staysInFan
    let turn = isInFan ? (abs(cosine), abs(sine)) : (1, 0)
    let (growth, shifts) = (isInFan ? reach : 1, augmentation.jitter / 40)
    let need = (
      y: (turn.0 * tall + turn.1 * wide) * growth + shifts * tall,
      x: (turn.0 * wide + turn.1 * tall) * growth + shifts * wide
    )
    func fit(_ bounds: Bounds) -> Double {
      min(bounds.height / need.y, bounds.width / need.x) * scale
    }
    var bounds = Bounds(of: scan.frames)
    if isInFan {
      let largest = fit(Bounds(of: scan.inside, margin: 0.5)) * growth
      bounds = Bounds(of: scan.inside, margin: Renderer.margin(shrinking: largest))
    }
    let factor = fit(bounds)
    (height, width) = (tall * factor, wide * factor)
    y = bounds.top + need.y * factor / 2 + random.uniform() * (bounds.height - need.y * factor)
    x = bounds.left + need.x * factor / 2 + random.uniform() * (bounds.width - need.x * factor)
    across = random.uniform() < augmentation.flip ? -1 : 1
    down = random.uniform() < augmentation.verticalFlip ? -1 : 1
  }

  /// - Parameter shift: of the window, relative to its sides
  func geometry(shiftedBy shift: (y: Double, x: Double)) -> Affine {
    let (perRow, perColumn) = (down * height / size.height, across * width / size.width)
    let turned = Affine(
      yy: cosine * perRow, yx: sine * perColumn, y0: y + shift.y * height,
      xy: -sine * perRow, xx: cosine * perColumn, x0: x + shift.x * width)
    return turned.after(Affine(y0: -(size.height - 1) / 2, x0: -(size.width - 1) / 2))
  }
}

/// What windows lie in, as places of the scan's frames.
private struct Bounds {
  let top: Double
  let left: Double
  let height: Double
  let width: Double

  /// The whole frame.
  init(of frames: FrameFile) {
    (top, left) = (-0.5, -0.5)
    (height, width) = (Double(frames.height), Double(frames.width))
  }

  /// - Parameters:
  ///   - rectangle: [top, left, height, width], in pixels
  ///   - margin: left out on each side, in pixels
  init(of rectangle: [Int], margin: Double) {
    top = Double(rectangle[0]) - 0.5 + margin
    left = Double(rectangle[1]) - 0.5 + margin
    height = max(0, Double(rectangle[2]) - 2 * margin)
    width = max(0, Double(rectangle[3]) - 2 * margin)
  }
}
