import Foundation
import Learning
import SelfSupervision
import StageKit
import TestKit
import Testing

/// Each paper's measure against answers that need no understanding: scans that hold one cue and
/// nothing else, and a rule that reads it. Without the measure the rule solves the pretext; with it, as
/// the preset has it, it does no better than guessing.
@Suite struct ShortcutTests {
  /// Share of samples whose class a rule finds.
  ///
  /// - Parameter rule: from the rendered frames of a sample and the classes' names to a class
  private static func accuracy(
    _ value: Value, of scans: Scans, clip: Int, size: Int, samples: Int = 200,
    _ rule: (_ frames: [[Float]], _ classes: [String]) -> Int
  ) throws -> Double {
    let method = try method(value)
    guard case .classes(let classes) = method.objectives[0].transform.target else { return 0 }
    let batches = try MethodBatches(
      method, of: scans.set, clip: clip, size: [size, size], batch: 8, seed: 0, purpose: "training")
    let area = size * size
    var right = 0
    for step in 0..<samples / 8 {
      let batch = try batches.batch(at: step)
      let row = batch.values.count / 8
      for (sample, answer) in batch.targets.answers[0].enumerated() {
        let frames = stride(from: sample * row, to: (sample + 1) * row, by: area).map {
          Array(batch.values[$0..<$0 + area])
        }
        if .index(rule(frames, classes)) == answer { right += 1 }
      }
    }
    return Double(right) / Double(samples)
  }

  /// Four standard deviations above what guessing is worth.
  private static func guessing(_ classes: Int, samples: Int = 200) -> Double {
    let chance = 1 / Double(classes)
    return chance + 4 * (chance * (1 - chance) / Double(samples)).squareRoot()
  }

  /// Measure: Jing et al. (2018), a square crop; the cue here is the fan of a convex probe.
  @Test("rotation: the fan's outline says which way is up, unless windows lie inside the fan")
  func rotation() throws {
    // A fan of 64 degrees from an apex above the frame, full of noise that looks alike from all sides.
    let scans = try Scans([
      .init(frames: 300, height: 64, width: 64, inside: [20, 16, 32, 32]) { frame, y, x in
        let (down, across) = (Double(y) + 30, Double(x) - 31.5)
        let isInFan = abs(atan2(across, down)) < 0.56 && (36...92).contains(hypot(down, across))
        return isInFan ? 60 + noise(frame, y, x) / 2 : 0
      }
    ])
    // A fan's lower part is the wider one: to where the middle of the light lies, down was turned.
    func rule(_ frames: [[Float]], _ classes: [String]) -> Int {
      let size = Int(Double(frames[0].count).squareRoot())
      var (down, right): (Float, Float) = (0, 0)
      for frame in frames {
        for (pixel, value) in frame.enumerated() {
          down += value * (Float(pixel / size) - Float(size - 1) / 2)
          right += value * (Float(pixel % size) - Float(size - 1) / 2)
        }
      }
      let sides = [down, -right, -down, right]
      return sides.indices.max { sides[$0] < sides[$1] } ?? 0
    }
    // One frame and one copy of each draw, so that samples are independent; windows of about the whole
    // frame.
    let without = try Self.accuracy(
      [
        "pretext": "rotation", "sampler": ["copies": 1, "frames": 1],
        "augment": ["inside_fan": false, "scale": [0.9, 1]],
      ], of: scans, clip: 1, size: 20, rule)
    let with = try Self.accuracy(
      [
        "pretext": "rotation", "sampler": ["copies": 1, "frames": 1],
        "augment": ["scale": [0.9, 1]],
      ], of: scans, clip: 1, size: 20, rule)
    #expect(without > 0.65)
    #expect(with < Self.guessing(4))
  }

  /// Measure: Lee et al. (2017), ±5 px a frame; the cue is what frames in register share pixel
  /// by pixel.
  @Test("sorting: pixels in register put frames in order, unless each frame is shifted by itself")
  func sorting() throws {
    // A texture that stands still while each of its pixels wanders a little by itself.
    let (frames, size) = (60, 40)
    var walk = (0..<size * size).map { 64 + noise(7, $0) / 2 }
    var levels: [[Int]] = []
    for frame in 0..<frames {
      for pixel in walk.indices { walk[pixel] += noise(frame, pixel, 1) % 7 - 3 }
      levels.append(walk)
    }
    let fixed = levels
    let scans = try Scans([
      .init(frames: frames, height: size, width: size) { frame, y, x in fixed[frame][y * size + x] }
    ])
    // The order in which frames differ least from the one before. Time has no arrow here, so of two
    // classes that are one another's played backwards the rule finds one: at best 8 of 12.
    func rule(_ frames: [[Float]], _ classes: [String]) -> Int {
      var distances = [[Float]](repeating: [0, 0, 0, 0], count: 4)
      for a in 0..<4 {
        for b in 0..<a {
          for (x, y) in zip(frames[a], frames[b]) { distances[a][b] += (x - y) * (x - y) }
          distances[b][a] = distances[a][b]
        }
      }
      func length(_ order: [Int]) -> Float {
        // Where each frame of the true order is shown.
        let shown = order.indices.compactMap { order.firstIndex(of: $0) }
        return zip(shown, shown.dropFirst()).reduce(0) { $0 + distances[$1.0][$1.1] }
      }
      let lengths = classes.map { name in
        let order = name.compactMap { $0.wholeNumberValue.map { $0 - 1 } }
        return min(length(order), length(order.reversed()))
      }
      return lengths.indices.min { lengths[$0] < lengths[$1] } ?? 0
    }
    let without = try Self.accuracy(
      ["pretext": "sequence_sorting", "augment": ["jitter": 0]], of: scans, clip: 4, size: 20, rule)
    let with = try Self.accuracy(
      ["pretext": "sequence_sorting"], of: scans, clip: 4, size: 20, rule)
    #expect(without > 0.55)
    #expect(with < Self.guessing(12))
  }

  /// Measure: Wang et al. (2020), photometric jitter a frame; the cue is a steady drift of tones, as
  /// of a gain that is turned up: a clock.
  @Test("pace: a steady drift of tones tells the pace, unless each frame has tones of its own")
  func pace() throws {
    // A still texture that grows lighter by a quarter of a grey level each frame.
    let scans = try Scans([
      .init(frames: 200, height: 32, width: 32) { frame, y, x in
        let texture = 80 + 30 * sin(0.9 * Double(y)) * sin(0.9 * Double(x))
        return Int(texture + Double(frame) / 4 + Double(noise(y, x)) / 256)
      }
    ])
    // The drift, by least squares, relative to the texture's contrast of 15.
    func rule(_ frames: [[Float]], _ classes: [String]) -> Int {
      let means = frames.map { Double($0.reduce(0, +)) / Double($0.count) }
      let contrast =
        zip(frames, means).map { frame, mean in
          (frame.reduce(0) { $0 + pow(Double($1) - mean, 2) } / Double(frame.count)).squareRoot()
        }.reduce(0, +) / Double(frames.count)
      let middle = Double(frames.count - 1) / 2
      let squares = frames.indices.reduce(0) { $0 + pow(Double($1) - middle, 2) }
      let slope = means.indices.reduce(0) { $0 + (Double($1) - middle) * means[$1] } / squares
      return min(3, max(0, Int((slope / contrast * 15 / 0.25).rounded()) - 1))
    }
    let without = try Self.accuracy(
      ["pretext": "pace", "augment": ["per": "clip"]], of: scans, clip: 8, size: 32, rule)
    let with = try Self.accuracy(["pretext": "pace"], of: scans, clip: 8, size: 32, rule)
    #expect(without > 0.65)
    #expect(with < Self.guessing(4))
  }
}
