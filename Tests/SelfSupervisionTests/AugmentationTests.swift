import Foundation
import Learning
import SelfSupervision
import StageKit
import TestKit
import Testing

@Suite struct AugmentationTests {
  private static let size = [20, 30]

  /// One sample of a scan, varied.
  private static func varied(
    _ options: Value, _ scan: Scan, seed: Int = 0, frames: Int = 4, pieces: Int = 1,
    size: [Int] = AugmentationTests.size
  ) throws -> Sample {
    var sample = Sample(
      scan: 0, segment: 0..<scan.frames.frames,
      clips: (0..<pieces).map { _ in
        ClipPlan(frames: (0..<frames).map { FramePlan(index: $0 % scan.frames.frames) })
      })
    var random = CounterRandom(seed: seed, kind: "test", item: "", purpose: "augmentation")
    let augmentation: Augmentation = try made(options)
    augmentation.apply(to: &sample, in: scan, size: size, using: &random)
    return sample
  }

  private static func with(_ options: Value) -> Value {
    guard case .map(let changes) = options, case .map(let pairs) = still else { return options }
    return .map(pairs.filter { pair in !changes.contains { $0.key == pair.key } } + changes)
  }

  private static func scans() throws -> Scans {
    try Scans([.init(frames: 4, height: 60, width: 80) { noise($0, $1, $2) }])
  }

  /// Of a window: its sides in the scan's pixels, its centre, its turn in degrees and whether it is
  /// mirrored.
  private struct Shown {
    var height: Double
    var width: Double
    var centre: (y: Double, x: Double)
    var degrees: Double
    var isMirrored: Bool

    init(_ frame: FramePlan, size: [Int] = AugmentationTests.size) {
      let map = frame.geometry
      height = hypot(map.yy, map.xy) * Double(size[0])
      width = hypot(map.yx, map.xx) * Double(size[1])
      centre = map(y: Double(size[0] - 1) / 2, x: Double(size[1] - 1) / 2)
      degrees = atan2(-map.xy, map.yy) * 180 / .pi
      isMirrored = map.yy * map.xx - map.yx * map.xy < 0
    }
  }

  @Test("with everything off it is the largest window of the rendered sides in the frame's middle")
  func still_() throws {
    let scans = try Self.scans()
    // 60 x 80 holds a window of 2 : 3 of 53.3 x 80, at any place along the height.
    for seed in 0..<10 {
      let sample = try Self.varied(still, scans[0], seed: seed)
      let shown = Shown(sample.clips[0].frames[0])
      #expect(isClose(shown.height, 80 * 2 / 3.0) && isClose(shown.width, 80))
      #expect(isClose(shown.centre.x, 39.5) && abs(shown.centre.y - 29.5) <= 3.34)
      #expect(shown.degrees == 0 && !shown.isMirrored)
      for frame in sample.clips[0].frames {
        #expect(frame.geometry == sample.clips[0].frames[0].geometry)
        var tone = frame.tone
        tone.noise = 0
        #expect(tone == Tone())
      }
    }
    // Pixel for pixel where the size is the frame's.
    let same = try Self.varied(still, scans[0], size: [60, 80]).clips[0].frames[0].geometry
    for (a, b) in [
      (same.yy, 1), (same.yx, 0), (same.y0, 0), (same.xy, 0), (same.xx, 1), (same.x0, 0),
    ] as [(Double, Double)] {
      #expect(isClose(a, b, absolute: 1e-12))
    }
  }

  @Test("sides are as large as 'scale' says and as wide as 'aspect' allows")
  func window() throws {
    let scans = try Self.scans()
    var (scales, ratios): ([Double], [Double]) = ([], [])
    for seed in 0..<200 {
      let cut = Shown(
        try Self.varied(Self.with(["scale": [0.4, 0.8]]), scans[0], seed: seed).clips[0].frames[0])
      #expect(isClose(cut.width / cut.height, 1.5))
      #expect(abs(cut.centre.y - 29.5) <= 30 - cut.height / 2 + 1e-9)
      #expect(abs(cut.centre.x - 39.5) <= 40 - cut.width / 2 + 1e-9)
      scales.append(cut.width / 80)
      let stretched = Shown(
        try Self.varied(Self.with(["aspect": 0.25]), scans[0], seed: seed).clips[0].frames[0])
      ratios.append(stretched.width / stretched.height / 1.5)
    }
    for (numbers, low, high) in [(scales, 0.4, 0.8), (ratios, 0.8, 1.25)] {
      let (least, most) = (numbers.min() ?? 0, numbers.max() ?? 0)
      #expect(least >= low - 1e-9 && least < low + 0.02)
      #expect(most <= high + 1e-9 && most > high - 0.02)
    }
    #expect(isClose(scales.reduce(0, +) / 200, 0.6, absolute: 0.025))
  }

  @Test("turns to either side, flips as often as asked")
  func turnsAndFlips() throws {
    let scans = try Self.scans()
    var degrees: [Double] = []
    var (mirrored, upright) = (0, 0)
    for seed in 0..<400 {
      let turned = try Self.varied(Self.with(["rotation": 10]), scans[0], seed: seed)
      degrees.append(Shown(turned.clips[0].frames[0]).degrees)
      let flipped = try Self.varied(Self.with(["flip": 0.25]), scans[0], seed: seed)
      let first = flipped.clips[0].frames[0].geometry
      #expect(flipped.clips[0].frames.allSatisfy { $0.geometry == first })
      if first.xx < 0 { mirrored += 1 }
      if first.yy > 0 { upright += 1 }
    }
    let (least, most) = (degrees.min() ?? 0, degrees.max() ?? 0)
    #expect(least >= -10 && least < -9.8 && most <= 10 && most > 9.8)
    // Four standard deviations of 400 draws.
    #expect(abs(mirrored - 100) < 35 && upright == 400)
    let always = try Self.varied(Self.with(["flip": 1, "flip_vertical": 1]), scans[0])
    #expect(always.clips[0].frames[0].geometry.xx < 0 && always.clips[0].frames[0].geometry.yy < 0)
    // Mirrored pixels are those of the other side.
    let wide = Self.with(["flip": 1])
    let map = try Self.varied(wide, scans[0], size: [60, 80]).clips[0].frames[0].geometry
    #expect(isClose(map(y: 3, x: 0).x, 79) && isClose(map(y: 3, x: 79).x, 0, absolute: 1e-9))
  }

  @Test(
    "jitter shifts each frame by itself, by so many 80ths of the window, and stays in the frame")
  func jitter() throws {
    let scans = try Self.scans()
    var shifts: [Double] = []
    for seed in 0..<50 {
      let sample = try Self.varied(Self.with(["jitter": 5]), scans[0], seed: seed, pieces: 2)
      let shown = sample.clips.flatMap(\.frames).map { Shown($0) }
      #expect(Set(shown.map(\.centre.x)).count == 8)
      for one in shown {
        #expect(isClose(one.height, shown[0].height) && isClose(one.width, shown[0].width))
        #expect(abs(one.centre.y - 29.5) <= 30 - one.height / 2 + 1e-9)
        #expect(abs(one.centre.x - 39.5) <= 40 - one.width / 2 + 1e-9)
        shifts.append((one.centre.x - shown[0].centre.x) / one.width * 80)
        shifts.append((one.centre.y - shown[0].centre.y) / one.height * 80)
      }
    }
    #expect(shifts.allSatisfy { abs($0) <= 10 + 1e-9 })
    #expect((shifts.max() ?? 0) > 8.5 && (shifts.min() ?? 0) < -8.5)
    let none = try Self.varied(Self.with([:]), scans[0]).clips[0].frames
    #expect(Set(none.map(\.geometry)).count == 1)
  }

  @Test("windows inside the fan show nothing outside, however they are turned and shifted")
  func insideFan() throws {
    // Grey inside, all sorts outside: a clip from inside has no contrast at all.
    let inside = [13, 17, 30, 41]
    let scans = try Scans([
      .init(frames: 4, height: 60, width: 80, inside: inside) { frame, y, x in
        (13..<43).contains(y) && (17..<58).contains(x) ? 120 : noise(frame, y, x)
      }
    ])
    let options: Value = [
      "inside_fan": true, "rotation": 180, "jitter": 8, "aspect": 0.4, "scale": [0.2, 1],
      "brightness": 0, "gamma": 0, "contrast": 0,
    ]
    var outside = 0
    for seed in 0..<100 {
      // Enlarged, about as it is, and shrunk.
      for size in [[50, 70], [20, 30], [7, 7]] {
        var values: [Float] = []
        let clip = try Self.varied(options, scans[0], seed: seed, size: size).clips[0]
        try Renderer(size: size).append(clip, of: scans[0], to: &values)
        #expect(values.allSatisfy { $0 == 0 })
      }
      let open = Self.with(["rotation": 180])
      var values: [Float] = []
      let clip = try Self.varied(open, scans[0], seed: seed).clips[0]
      try Renderer(size: Self.size).append(clip, of: scans[0], to: &values)
      if values.contains(where: { $0 != 0 }) { outside += 1 }
    }
    #expect(outside == 100)
  }

  @Test("the largest window inside the fan is as large as the fan allows")
  func largestInside() throws {
    let scans = try Scans([
      .init(frames: 1, height: 60, width: 80, inside: [10, 20, 31, 41]) { noise($0, $1, $2) }
    ])
    let shown = Shown(
      try Self.varied(Self.with(["inside_fan": true]), scans[0], size: [30, 40]).clips[0].frames[0],
      size: [30, 40])
    #expect(isClose(shown.height, 30) && isClose(shown.width, 40))
    #expect(isClose(shown.centre.y, 25) && isClose(shown.centre.x, 40))
  }

  @Test("tones lie in their ranges, once for all frames or for each by itself")
  func tones() throws {
    let scans = try Self.scans()
    let ranges: Value = [
      "gamma": 0.5, "contrast": 0.25, "brightness": 0.2, "blur": 1.5, "speckle": 0.1,
    ]
    var tones: [Tone] = []
    for seed in 0..<100 {
      for extent in ["clip", "frame"] {
        guard case .map(let pairs) = ranges else { return }
        let options = Value.map(pairs + [.init("per", .string(extent))])
        let frames = try Self.varied(options, scans[0], seed: seed, frames: 3, pieces: 2)
          .clips.flatMap(\.frames)
        #expect(Set(frames.map(\.tone.noise)).count == 6)
        for count in [
          Set(frames.map(\.tone.gamma)).count, Set(frames.map(\.tone.contrast)).count,
          Set(frames.map(\.tone.brightness)).count, Set(frames.map(\.tone.blur)).count,
          Set(frames.map(\.tone.speckle)).count,
        ] {
          #expect(count == (extent == "clip" ? 1 : 6))
        }
        tones += frames.map(\.tone)
      }
    }
    func covers(_ path: KeyPath<Tone, Double>, _ low: Double, _ high: Double) -> Bool {
      let (least, most) = (
        tones.map { $0[keyPath: path] }.min(), tones.map { $0[keyPath: path] }.max()
      )
      guard let least, let most else { return false }
      let slack = (high - low) * 0.02
      return least >= low && least < low + slack && most <= high && most > high - slack
    }
    #expect(covers(\.gamma, 1 / 1.5, 1.5))
    #expect(covers(\.contrast, 0.8, 1.25))
    #expect(covers(\.brightness, -0.2, 0.2))
    #expect(covers(\.blur, 0, 1.5))
    #expect(covers(\.speckle, 0, 0.1))
    // Evenly in the logarithm: half of the exponents lie below 1.
    #expect(abs(tones.count { $0.gamma < 1 } - tones.count / 2) < tones.count / 10)
  }

  @Test("one option leaves the draws of the others alone")
  func independent() throws {
    let scans = try Self.scans()
    let plain = try Self.varied([:], scans[0]).clips[0].frames
    let more = try Self.varied(["jitter": 0, "speckle": 0.3, "brightness": 0], scans[0])
      .clips[0].frames
    for (a, b) in zip(plain, more) {
      #expect(a.geometry == b.geometry)
      #expect(a.tone.gamma == b.tone.gamma && a.tone.noise == b.tone.noise)
      #expect(b.tone.brightness == 0 && b.tone.speckle > 0)
    }
  }

  @Test("options out of range are found before anything runs")
  func ranges() throws {
    var reader = OptionReader.recorder
    let _: Augmentation = try reader.record("augment", default: [:], help: "")
    let declaration = try #require(reader.declarations.first)
    for wrong: Value in [
      ["flip": 1.5], ["flip_vertical": -0.1], ["rotation": 181], ["scale": [0.5]],
      ["scale": [0.5, 1.2]], ["scale": [0, 1]], ["aspect": -0.1], ["jitter": 41], ["gamma": -1],
      ["brightness": 2], ["contrast": -0.5], ["blur": 9], ["speckle": 2], ["per": "pixel"],
      ["inside_fan": "yes"], ["colour": 1],
    ] {
      #expect(throws: OptionDeclaration.Problem.self) { try declaration.canonical(wrong) }
    }
    #expect(throws: Never.self) { try declaration.canonical(["scale": [1, 0.5], "per": "frame"]) }
  }
}
