import Analysis
import Foundation
import Learning
import StageKit
import TestKit
import Testing

@testable import Stages

@Suite("batches of gaze") struct GazeBatchesTests {
  private func samples(every: Int = 1, window: Int = 0) throws -> GazeSamples {
    let bench = try GazeBench()
    let film = try bench.film("film", frames: 12)
    return try GazeSamples(
      frames: [("film", film.frames)],
      fixations: [("film", film.fixations)], groups: ["film": "p"],
      every: every, window: window)
  }

  private func batches(_ samples: GazeSamples, seed: Int = 0) -> GazeBatches {
    GazeBatches(
      samples: samples, seed: seed, size: 4,
      target: FixationMap(height: 20, width: 24, sigma: 0.5), rotation: 30)
  }

  @Test("a window adds the points of the frames around, and no others")
  func window() throws {
    let own = try samples().samples
    let wide = try samples(every: 4, window: 2).samples
    #expect(wide.map(\.frame) == [0, 4, 8])
    for sample in wide {
      let around = own.filter { abs($0.frame - sample.frame) <= 2 }
      #expect(sample.points == around.flatMap(\.points))
    }
    #expect(wide.map(\.points.count) == [3, 5, 5])
  }

  @Test("a batch follows from seed and step, its frames have mean 0 and variance 1, its maps sum 1")
  func batch() throws {
    let all = try samples(window: 3)
    let batches = batches(all)
    #expect(batches.stepsPerEpoch == 3)
    for step in [0, 2, 3, 40] {
      let batch = try batches.batch(at: step)
      #expect(try batches.batch(at: step).values == batch.values)
      #expect(try self.batches(all, seed: 1).batch(at: step).values != batch.values)
      for frame in 0..<4 {
        let pixels = batch.values[frame * 1920..<(frame + 1) * 1920].map { Double($0) }
        let mean = pixels.reduce(0, +) / 1920
        #expect(abs(mean) < 1e-4)
        #expect(abs(pixels.reduce(0) { $0 + $1 * $1 } / 1920 - 1) < 1e-3)
        let map = batch.targets[frame * 480..<(frame + 1) * 480]
        #expect(abs(map.reduce(0) { $0 + Double($1) } - 1) < 1e-5)
      }
    }
  }

  @Test("each epoch sees every frame once, in another order")
  func epochs() throws {
    // Single frames, told apart by their maps, would be changed at random: the order itself is asked.
    let batches = batches(try samples())
    let orders = (0..<3).map { batches.order(ofEpoch: $0) }
    #expect(orders.allSatisfy { $0.sorted() == Array(0..<12) })
    #expect(Set(orders).count == 3)
  }

  /// The disc is the brightest thing in a picture without squares.
  @Test("points move with the picture through crops, flips and turns", arguments: [0, 30, 180])
  func pointsFollow(rotation: Double) throws {
    let (height, width) = (40, 48)
    let folder = try Scratch()
    var pixels = [UInt8](repeating: 10, count: height * width)
    for y in 27..<30 { for x in 11..<14 { pixels[y * width + x] = 250 } }
    let path = folder.path + "/one.safetensors"
    try SafetensorsWriter.write(
      [.init("times", [0.0], shape: [1]), .init("frames", pixels, shape: [1, height, width])],
      to: path)
    let gaze = try folder.write(
      "frame\tx\ty\tbridged\n0\t\(12.5 / 48)\t\(28.5 / 40)\t0\n", to: "one.tsv")
    let samples = try GazeSamples(
      frames: [("one", path)],
      fixations: [("one", gaze)], groups: [:], every: 1, window: 0)
    let batches = GazeBatches(
      samples: samples, seed: 3, size: 16,
      target: FixationMap(height: height, width: width, sigma: 1), rotation: rotation)
    let batch = try batches.batch(at: 0)
    var places: Set<Int> = []
    for frame in 0..<16 {
      let range = frame * 1920..<(frame + 1) * 1920
      func middle(_ values: ArraySlice<Float>) -> (x: Double, y: Double) {
        // Of what is near the maximum.
        let (top, low) = (values.max() ?? 0, values.min() ?? 0)
        let bright = values.indices.filter { values[$0] > low + 0.5 * (top - low) }
        let cells = bright.map { $0 - values.startIndex }
        return (
          cells.reduce(0) { $0 + Double($1 % width) } / Double(cells.count),
          cells.reduce(0) { $0 + Double($1 / width) } / Double(cells.count)
        )
      }
      let (seen, map) = (middle(batch.values[range]), middle(batch.targets[range]))
      #expect(abs(seen.x - map.x) < 0.8 && abs(seen.y - map.y) < 0.8, "\(seen) \(map)")
      places.insert(Int(map.x))
    }
    #expect(places.contains { $0 > 24 } && places.contains { $0 < 24 }, "flipped and not")
  }
}
