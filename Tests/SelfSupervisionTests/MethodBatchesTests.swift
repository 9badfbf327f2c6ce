import Learning
import SelfSupervision
import StageKit
import TestKit
import Testing

@Suite struct MethodBatchesTests {
  private static let plain: Value = ["objectives": []]

  private static func scans() throws -> Scans {
    try Scans([
      .init(frames: 40) { noise($0, $1, $2) }, .init(frames: 12) { noise($0 + 100, $1, $2) },
    ])
  }

  private static func batches(
    _ value: Value, _ scans: Scans, batch: Int = 4, seed: Int = 0, purpose: String = "training",
    size: [Int] = [12, 12], channels: Int = 1
  ) throws -> MethodBatches {
    try MethodBatches(
      method(value), of: scans.set, clip: 4, size: size, channels: channels, batch: batch,
      seed: seed, purpose: purpose)
  }

  @Test("equal seed and step give equal batches, others others")
  func equalBatches() throws {
    let scans = try Self.scans()
    let value: Value = ["augment": ["speckle": 0.2, "blur": 1], "pretext": "rotation"]
    let batches = try Self.batches(value, scans)
    let first = try batches.batch(at: 3)
    #expect(try batches.batch(at: 3).values == first.values)
    let again = try Self.batches(value, scans)
    _ = try again.batch(at: 0)
    let second = try again.batch(at: 3)
    #expect(second.values == first.values)
    #expect(second.targets.answers == first.targets.answers)
    #expect(try batches.batch(at: 4).values != first.values)
    #expect(try Self.batches(value, scans, seed: 1).batch(at: 3).values != first.values)
    #expect(
      try Self.batches(value, scans, purpose: "validation").batch(at: 3).values != first.values)
  }

  @Test("a batch has the shape that it says, and clips of mean 0 and variance 1")
  func shape() throws {
    let scans = try Self.scans()
    let batches = try Self.batches(
      ["sampler": ["pieces": 2, "gap": 1], "objectives": [["transform": "rotation"]]], scans,
      channels: 3)
    #expect(batches.shape == [8, 3, 4, 12, 12])
    let batch = try batches.batch(at: 0)
    #expect(batch.values.count == batches.shape.reduce(1, *))
    #expect(batch.targets.answers.map(\.count) == [8])
    #expect(batch.targets.draws == [[0, 0, 1, 1, 2, 2, 3, 3]])
    let row = 4 * 12 * 12
    for start in stride(from: 0, to: batch.values.count, by: row) {
      let clip = batch.values[start..<start + row].map(Double.init)
      let mean = clip.reduce(0, +) / Double(row)
      #expect(abs(mean) < 1e-5)
      #expect(abs(clip.reduce(0) { $0 + $1 * $1 } / Double(row) - 1) < 1e-4)
    }
    // Channels are alike.
    #expect(batch.values[0..<row] == batch.values[row..<2 * row])
    #expect(batch.values[0..<row] == batch.values[2 * row..<3 * row])
  }
}
