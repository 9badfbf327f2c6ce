internal import CSelfSupervision
internal import Foundation
internal import Learning

/// Makes the pixels of clips.
///
/// A rendered pixel is the bilinear mean of the four pixels of the file about its place, black (before
/// tones) beyond the frame; where a map shrinks by s ≥ 1.5, of means over k x k pixels, k = round(s).
/// Tones are exact for the 256 levels of the file and linear between them. Blur is a Gaussian cut at
/// three standard deviations, mirrored at the border as torchvision's `gaussian_blur`. Speckle is a
/// hash of (noise, place), so that equal plans give equal pixels.
public struct Renderer: Sendable {
  /// [height, width] of a frame, in pixels.
  public let size: [Int]
  public let channels: Int

  /// - Parameter channels: 1, or 3 that are all alike
  /// - Throws: `LearningError` where a size is not positive or channels are others
  public init(size: [Int], channels: Int = 1) throws {
    guard size.count == 2, size.allSatisfy({ (1...4096).contains($0) }), [1, 3].contains(channels)
    else {
      throw LearningError(
        .badSetting,
        "frames of size \(size) with \(channels) channels; expected [height, width] of 1 to 4096"
          + " pixels and 1 or 3 channels")
    }
    self.size = size
    self.channels = channels
  }

  /// Appends a clip, `[channels, t, height, width]`, of mean 0 and variance 1; one without any
  /// contrast becomes 0.
  ///
  /// - Throws: `LearningError` where a frame is not in the file, a number not finite, or the cells no
  ///   cells of the clip
  public func append(_ plan: ClipPlan, of scan: Scan, to values: inout [Float]) throws {
    let count = channels * plan.frames.count * area
    values += try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      try render(plan, of: scan, into: buffer)
      filled = count
    }
  }

  var area: Int { size[0] * size[1] }

  /// How far from a rectangle's edge a window keeps whose pixels show nothing beyond it, in pixels of
  /// the file.
  ///
  /// - Parameter shrink: from a rendered pixel to the next, in pixels of the file
  static func margin(shrinking shrink: Double) -> Double {
    // Of a rendered pixel half a step lies in the window, which is k / 2 - .25 at least; its two means
    // reach over 1.5 k - .5 from its centre.
    shrink < 1.5 ? 0.5 : shrink.rounded() - 0.25
  }

  /// - Parameter values: room for the clip's values and no more
  func render(
    _ plan: ClipPlan, of scan: Scan, into values: UnsafeMutableBufferPointer<Float>
  ) throws {
    try check(plan, of: scan)
    let block = plan.frames.count * area
    guard block > 0, let start = values.baseAddress else { return }
    let room = Room(of: scan, size: size)
    for (index, frame) in plan.frames.enumerated() {
      room.render(frame, of: scan, into: start + index * area)
    }
    cssl_normalise(Int64(block), start)
    if let cells = plan.cells {
      cells.move(UnsafeMutableBufferPointer(start: start, count: block), [plan.frames.count] + size)
    }
    for channel in 1..<max(channels, 1) {
      (start + channel * block).update(from: start, count: block)
    }
  }

  private func check(_ plan: ClipPlan, of scan: Scan) throws {
    for frame in plan.frames {
      guard (0..<scan.frames.frames).contains(frame.index) else {
        throw LearningError(
          .badShape,
          "scan '\(scan.id)' has \(scan.frames.frames) frames; a clip wants number \(frame.index)")
      }
      guard frame.geometry.isUsable, frame.tone.isUsable else {
        throw LearningError(
          .notFinite,
          "a frame of scan '\(scan.id)' has the geometry \(frame.geometry) and the tones"
            + " \(frame.tone); expected finite numbers, a gamma above 0, no negative blur")
      }
    }
    if let cells = plan.cells, !cells.fits([plan.frames.count] + size) {
      throw LearningError(
        .badShape,
        "cells of a grid \(cells.grid) from \(cells.sources.count) places in a clip of"
          + " \([plan.frames.count] + size); expected one place in the grid for each cell")
    }
  }
}

/// What rendering one clip needs to hold meanwhile.
private final class Room {
  private let size: [Int]
  private let sums: UnsafeMutablePointer<UInt16>
  private let rows: UnsafeMutablePointer<Float>
  private var tones: (of: Tone, table: [Float])?

  init(of scan: Scan, size: [Int]) {
    self.size = size
    var frame = cssl_frame(
      pixels: nil, height: Int32(scan.frames.height), width: Int32(scan.frames.width))
    sums = .allocate(capacity: Int(cssl_room(&frame)))
    rows = .allocate(capacity: size[0] * size[1] + size[1] + 2 * max(size[0], size[1]))
  }

  deinit {
    sums.deallocate()
    rows.deallocate()
  }

  func render(_ plan: FramePlan, of scan: Scan, into values: UnsafeMutablePointer<Float>) {
    let (height, width) = (Int32(size[0]), Int32(size[1]))
    let geometry = plan.geometry
    var map = cssl_map(
      yy: geometry.yy, yx: geometry.yx, y0: geometry.y0, xy: geometry.xy, xx: geometry.xx,
      x0: geometry.x0)
    let table = table(of: plan.tone)
    scan.frames.withFrame(plan.index) { pixels in
      var frame = cssl_frame(
        pixels: pixels.baseAddress, height: Int32(scan.frames.height),
        width: Int32(scan.frames.width))
      cssl_sample(&frame, &map, height, width, table, sums, values)
    }
    let taps = gaussian(deviation: plan.tone.blur, radius: min(size[0], size[1]) - 1)
    if taps.count > 1 {
      cssl_blur(height, width, taps, Int32(taps.count - 1), rows, values)
    }
    if plan.tone.speckle > 0 {
      cssl_speckle(height * width, plan.tone.noise, Float(plan.tone.speckle), values)
    }
  }

  /// `nil` where tones stay as they are.
  private func table(of tone: Tone) -> [Float]? {
    if tone.gamma == 1, tone.contrast == 1, tone.brightness == 0 { return nil }
    if let tones, tones.of.gamma == tone.gamma, tones.of.contrast == tone.contrast,
      tones.of.brightness == tone.brightness
    {
      return tones.table
    }
    let table = (0...256).map { level in
      // Of 0 the logarithm is infinite, and its power 0 again.
      let value = exp(tone.gamma * log(Double(min(level, 255)) / 255))
      return Float(min(1, max(0, (value - 0.5) * tone.contrast + 0.5 + tone.brightness)))
    }
    tones = (tone, table)
    return table
  }
}

/// The weights of the middle and of one side, of sum 1 over both sides; the middle alone where there
/// is nothing to do.
private func gaussian(deviation: Double, radius: Int) -> [Float] {
  let radius = min(radius, Int((3 * deviation).rounded(.up)))
  guard radius > 0 else { return [1] }
  let weights = (0...radius).map { exp(-0.5 * (Double($0) / deviation) * (Double($0) / deviation)) }
  let sum = 2 * weights.reduce(0, +) - weights[0]
  return weights.map { Float($0 / sum) }
}

extension Affine {
  fileprivate var isUsable: Bool {
    // Far beyond any frame, and far from what overflows.
    [yy, yx, y0, xy, xx, x0].allSatisfy { abs($0) < 1e6 }
  }
}

extension Tone {
  fileprivate var isUsable: Bool {
    gamma > 0 && gamma.isFinite && contrast.isFinite && brightness.isFinite
      && (0...100).contains(blur) && speckle >= 0 && speckle.isFinite
  }
}

extension CellOrder {
  fileprivate func fits(_ shape: [Int]) -> Bool {
    guard grid.count == 3, zip(grid, shape).allSatisfy({ (1...$1).contains($0) }) else {
      return false
    }
    let count = grid.reduce(1, *)
    return sources.count == count && sources.allSatisfy { (0..<count).contains($0) }
  }

  /// - Parameter shape: `[t, h, w]` of the values
  fileprivate func move(_ values: UnsafeMutableBufferPointer<Float>, _ shape: [Int]) {
    guard let target = values.baseAddress else { return }
    let cell = zip(shape, grid).map { $0 / $1 }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: values.count) { copy in
      guard let source = copy.baseAddress else { return }
      source.initialize(from: target, count: values.count)
      func corner(_ index: Int) -> (t: Int, y: Int, x: Int) {
        (
          index / (grid[1] * grid[2]) * cell[0], index / grid[2] % grid[1] * cell[1],
          index % grid[2] * cell[2]
        )
      }
      for (index, shown) in sources.enumerated() where index != shown {
        let (to, from) = (corner(index), corner(shown))
        for t in 0..<cell[0] {
          for y in 0..<cell[1] {
            let (a, b) = (
              ((to.t + t) * shape[1] + to.y + y) * shape[2] + to.x,
              ((from.t + t) * shape[1] + from.y + y) * shape[2] + from.x
            )
            (target + a).update(from: source + b, count: cell[2])
          }
        }
      }
    }
  }
}
