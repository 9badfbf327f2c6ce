import Foundation
import Learning
import SelfSupervision
import TestKit
import Testing

/// Pixels of plans. A clip is normalised as a whole, so a frame with half of it black and half of it
/// white stands in each as a ruler: by it the other frames' values are known.
@Suite struct RendererTests {
  private struct Goldens: Decodable {
    struct Frame: Decodable {
      var map: [Double]?
      var deviation: Double?
      var values: [Double]
    }
    var sampled: [Frame]
    var shrunk: [Frame]
    var blurred: [Frame]
    var antialiased: [Double]
    var aliased: [Double]

    init() throws {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Goldens/clips/goldens.json")
      self = try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
    }
  }

  /// Frame 0 is what is looked at, frame 1 the ruler: black on top, white below.
  private static func scans(
    height: Int = 24, width: Int = 30, _ pixel: @escaping (Int, Int) -> Int = { noise(0, $0, $1) }
  ) throws -> Scans {
    try Scans([
      .init(frames: 2, height: height, width: width) { frame, y, x in
        frame == 0 ? pixel(y, x) : y < height / 2 ? 0 : 255
      }
    ])
  }

  /// Values of a frame in 0...1, before the clip was normalised.
  private static func raw(
    _ frame: FramePlan, of scan: Scan, size: [Int]
  ) throws -> [Double] {
    var ruler = FramePlan(index: 1)
    // The first rendered row shows black, the last white.
    ruler.geometry = Affine(
      yy: Double(scan.frames.height - 1) / Double(size[0] - 1), xx: 0)
    var values: [Float] = []
    try Renderer(size: size).append(ClipPlan(frames: [frame, ruler]), of: scan, to: &values)
    let area = size[0] * size[1]
    let (black, white) = (Double(values[area]), Double(values[2 * area - 1]))
    return values.prefix(area).map { (Double($0) - black) / (white - black) }
  }

  private static func map(_ numbers: [Double]) -> Affine {
    Affine(
      yy: numbers[0], yx: numbers[1], y0: numbers[2], xy: numbers[3], xx: numbers[4],
      x0: numbers[5])
  }

  private static func worst(_ found: [Double], _ expected: [Double]) -> Double {
    found.count == expected.count
      ? zip(found, expected).map { abs($0 - $1) }.max() ?? 0 : .infinity
  }

  @Test("pixels between pixels are those of PyTorch's grid_sample, black outside")
  func sampled() throws {
    let scans = try Self.scans()
    for golden in try Goldens().sampled {
      let frame = FramePlan(index: 0, geometry: Self.map(try #require(golden.map)))
      let found = try Self.raw(frame, of: scans[0], size: [9, 11])
      #expect(Self.worst(found, golden.values) < 2e-5)
    }
  }

  @Test("a map that shrinks reads means of whole pixels, as PyTorch's avg_pool2d and grid_sample")
  func shrunk() throws {
    let scans = try Self.scans(height: 96, width: 120)
    for golden in try Goldens().shrunk {
      let frame = FramePlan(index: 0, geometry: Self.map(try #require(golden.map)))
      let found = try Self.raw(frame, of: scans[0], size: [24, 30])
      #expect(Self.worst(found, golden.values) < 2e-5)
    }
  }

  @Test(
    "what shrinks is close to an anti-aliased resize of torchvision, which single pixels are not")
  func antialiased() throws {
    let scans = try Self.scans(height: 96, width: 120)
    let goldens = try Goldens()
    let frame = FramePlan(index: 0, geometry: Affine(yy: 4, y0: 1.5, xx: 4, x0: 1.5))
    let found = try Self.raw(frame, of: scans[0], size: [24, 30])
    #expect(correlation(found, goldens.antialiased) > 0.85)
    #expect(correlation(goldens.aliased, goldens.antialiased) < 0.65)
  }

  @Test("blur is torchvision's gaussian_blur")
  func blurred() throws {
    let scans = try Self.scans()
    for golden in try Goldens().blurred {
      var frame = FramePlan(index: 0)
      frame.tone.blur = try #require(golden.deviation)
      let found = try Self.raw(frame, of: scans[0], size: [24, 30])
      #expect(Self.worst(found, golden.values) < 2e-5)
    }
    // As far as the frame goes, where it is smaller than the Gaussian.
    var frame = FramePlan(index: 0)
    frame.tone.blur = 3
    #expect(try Self.raw(frame, of: scans[0], size: [2, 2]).allSatisfy { (0...1).contains($0) })
  }

  @Test("gamma, contrast and brightness of all 256 levels, by their formulas")
  func tones() throws {
    let scans = try Self.scans(height: 16, width: 16) { $0 * 16 + $1 }
    for (gamma, contrast, brightness) in [
      (1.0, 1.0, 0.0), (0.5, 1, 0), (2.2, 1, 0), (1, 0.4, 0), (1, 3, 0), (1, 1, 0.3), (1, 1, -0.4),
      (1.3, 1.2, -0.1),
    ] {
      var frame = FramePlan(index: 0)
      (frame.tone.gamma, frame.tone.contrast) = (gamma, contrast)
      frame.tone.brightness = brightness
      let expected = (0..<256).map { level in
        min(1, max(0, (pow(Double(level) / 255, gamma) - 0.5) * contrast + 0.5 + brightness))
      }
      let found = try Self.raw(frame, of: scans[0], size: [16, 16])
      #expect(Self.worst(found, expected) < 2e-5)
    }
  }

  @Test("beyond the frame it is as black as black pixels are, whatever becomes of tones")
  func outside() throws {
    let scans = try Self.scans { _, _ in 0 }
    var frame = FramePlan(index: 0, geometry: Affine(y0: -5, x0: 25))
    frame.tone.brightness = 0.25
    #expect(
      try Self.raw(frame, of: scans[0], size: [24, 30]).allSatisfy { abs($0 - 0.25) < 1e-5 })
    frame.geometry.y0 = 500
    #expect(
      try Self.raw(frame, of: scans[0], size: [24, 30]).allSatisfy { abs($0 - 0.25) < 1e-5 })
  }

  @Test("speckle is a factor of mean 1 and the deviation asked for, another on each pixel")
  func speckle() throws {
    let scans = try Self.scans(height: 64, width: 64) { _, _ in 102 }
    func factors(_ noise: UInt64) throws -> [Double] {
      var frame = FramePlan(index: 0)
      (frame.tone.speckle, frame.tone.noise) = (0.2, noise)
      return try Self.raw(frame, of: scans[0], size: [64, 64]).map { $0 / 0.4 }
    }
    let found = try factors(7)
    let count = Double(found.count)
    let mean = found.reduce(0, +) / count
    let deviation = (found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    // Four standard errors of 4096 numbers of deviation .2.
    #expect(abs(mean - 1) < 0.0125)
    #expect(abs(deviation - 0.2) < 0.009)
    #expect(abs(correlation(Array(found.dropLast()), Array(found.dropFirst()))) < 0.0625)
    #expect(abs(correlation(Array(found.dropLast(64)), Array(found.dropFirst(64)))) < 0.0625)
    #expect(try factors(7) == found)
    #expect(abs(correlation(try factors(8), found)) < 0.0625)
    #expect(abs(correlation(try factors(7 | 1 << 32), found)) < 0.0625)
  }

  @Test("cells change places, and what is left over stays")
  func cells() throws {
    let scans = try Scans([
      .init(frames: 3, height: 5, width: 7) { frame, y, x in frame * 70 + y * 10 + x }
    ])
    let frames = (0..<3).map { FramePlan(index: $0) }
    let renderer = try Renderer(size: [5, 7])
    func values(_ cells: CellOrder?) throws -> [Float] {
      var values: [Float] = []
      try renderer.append(ClipPlan(frames: frames, cells: cells), of: scans[0], to: &values)
      return values
    }
    let plain = try values(nil)
    // Cells of 1 x 2 x 3: 3 x 2 x 2 of them, with a row and a column left over.
    let sources = [7, 1, 2, 3, 4, 0, 6, 5, 11, 9, 10, 8]
    let moved = try values(CellOrder(grid: [3, 2, 2], sources: sources))
    for t in 0..<3 {
      for y in 0..<5 {
        for x in 0..<7 {
          var from = (t, y, x)
          if y < 4, x < 6 {
            let source = sources[t * 4 + y / 2 * 2 + x / 3]
            from = (source / 4, source / 2 % 2 * 2 + y % 2, source % 2 * 3 + x % 3)
          }
          #expect(moved[(t * 5 + y) * 7 + x] == plain[(from.0 * 5 + from.1) * 7 + from.2])
        }
      }
    }
  }

  @Test("a clip without contrast is 0")
  func flat() throws {
    let scans = try Scans([.init(frames: 2) { _, _, _ in 90 }])
    var values: [Float] = [1]
    try Renderer(size: [6, 6], channels: 3).append(
      ClipPlan(frames: [FramePlan(index: 0), FramePlan(index: 1)]), of: scans[0], to: &values)
    #expect(values == [1] + [Float](repeating: 0, count: 3 * 2 * 36))
  }

  @Test("what cannot be rendered is refused with the numbers")
  func refused() throws {
    let scans = try Self.scans()
    let renderer = try Renderer(size: [4, 4])
    func refusal(_ plan: ClipPlan) -> String {
      var values: [Float] = []
      do {
        try renderer.append(plan, of: scans[0], to: &values)
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(
      refusal(ClipPlan(frames: [FramePlan(index: 2)]))
        == "scan 'scan0' has 2 frames; a clip wants number 2")
    #expect(refusal(ClipPlan(frames: [FramePlan(index: -1)])).contains("number -1"))
    #expect(
      refusal(ClipPlan(frames: [FramePlan(index: 0, geometry: Affine(y0: .nan))]))
        .contains("finite"))
    #expect(
      refusal(ClipPlan(frames: [FramePlan(index: 0, geometry: Affine(x0: 1e9))]))
        .contains("finite"))
    var frame = FramePlan(index: 0)
    frame.tone.gamma = 0
    #expect(refusal(ClipPlan(frames: [frame])).contains("gamma above 0"))
    let plain = [FramePlan(index: 0)]
    for cells in [
      CellOrder(grid: [2, 1, 1], sources: [0, 1]), CellOrder(grid: [1, 2, 2], sources: [0, 1, 2]),
      CellOrder(grid: [1, 2, 1], sources: [0, 2]), CellOrder(grid: [0, 2, 1], sources: []),
    ] {
      #expect(refusal(ClipPlan(frames: plain, cells: cells)).contains("cells of a grid"))
    }
    #expect(throws: LearningError.self) { try Renderer(size: [0, 4]) }
    #expect(throws: LearningError.self) { try Renderer(size: [4]) }
    #expect(throws: LearningError.self) { try Renderer(size: [4, 4], channels: 2) }
  }
}

/// Pearson's.
func correlation(_ a: [Double], _ b: [Double]) -> Double {
  let (meanA, meanB) = (a.reduce(0, +) / Double(a.count), b.reduce(0, +) / Double(b.count))
  let (x, y) = (a.map { $0 - meanA }, b.map { $0 - meanB })
  func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
  return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
}
