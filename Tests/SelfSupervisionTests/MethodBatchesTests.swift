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

  @Test("every class once in each block; the copies of a draw differ while there are enough")
  func evenAnswers() throws {
    let scans = try Self.scans()
    for (angles, copies, batch): (Value, Int, Int) in [
      ([0, 90, 180, 270], 1, 6), ([0, 90, 180, 270], 4, 8), ([0, 90, 180, 270], 3, 6),
      ([0, 90, 180], 2, 4), ([0, 180], 4, 4),
    ] {
      let batches = try Self.batches(
        [
          "sampler": ["copies": .integer(copies)],
          "objectives": [["transform": ["name": "rotation", "angles": angles]]],
        ], scans, batch: batch)
      let classes = angles.count
      let answers = try (0..<60).flatMap { try batches.samples(at: $0).1[0] }.map(\.index)
      var orders: Set<[Int?]> = []
      for block in stride(from: 0, to: answers.count, by: classes) {
        let order = Array(answers[block..<block + classes])
        #expect(Set(order).count == classes)
        orders.insert(order)
      }
      #expect(orders.count == (1...classes).reduce(1, *))
      for draw in stride(from: 0, to: answers.count, by: copies) {
        #expect(Set(answers[draw..<draw + copies]).count == min(copies, classes))
      }
    }
  }

  @Test("copies of a draw are varied alike, or each by itself")
  func shared() throws {
    let scans = try Self.scans()
    for isShared in [true, false] {
      let batches = try Self.batches(
        [
          "sampler": ["copies": 2], "augment": ["shared": .bool(isShared), "speckle": 0.1],
          "objectives": [],
        ], scans)
      let batch = try batches.batch(at: 0)
      let samples = try batches.samples(at: 0).0
      let row = batch.values.count / 4
      for draw in [0, 2] {
        #expect((samples[draw] == samples[draw + 1]) == isShared)
        let (a, b) = (
          batch.values[draw * row..<(draw + 1) * row],
          batch.values[(draw + 1) * row..<(draw + 2) * row]
        )
        #expect(a.elementsEqual(b) == isShared)
      }
      #expect(samples[0].clips != samples[2].clips)
    }
  }

  @Test("what transforms show stays inside the fan too")
  func transformsInsideFan() throws {
    let scans = try Scans([
      .init(frames: 20, height: 48, width: 60, inside: [9, 11, 30, 33]) { frame, y, x in
        (9..<39).contains(y) && (11..<44).contains(x) ? 120 : noise(frame, y, x)
      }
    ])
    let affine: Value = [
      "transform": ["name": "affine", "angle": 60, "scale": 0.3, "shift": 0.2],
      "loss": "mean_squared_error",
    ]
    for size in [[12, 16], [40, 50], [5, 5]] {
      let batches = try Self.batches(
        ["augment": ["inside_fan": true, "jitter": 3], "objectives": [affine]], scans, size: size)
      for step in 0..<20 {
        #expect(try batches.batch(at: step).values.allSatisfy { $0 == 0 })
      }
    }
    let rotation = try Self.batches(["pretext": "rotation"], scans)
    #expect(try rotation.batch(at: 0).values.allSatisfy { $0 == 0 })
  }

  @Test("batches made at the same time on several threads are those made one by one")
  func threads() async throws {
    let scans = try Self.scans()
    let batches = try Self.batches(["pretext": "rotation", "augment": ["blur": 1]], scans)
    let alone = try (0..<6).map { try batches.batch(at: $0).values }
    let together = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
      for step in 0..<6 {
        group.addTask { (step, try batches.batch(at: step).values) }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    for step in 0..<6 { #expect(together[step] == alone[step]) }
  }

  @Test("what does not fit is refused, with what to do")
  func refused() throws {
    let scans = try Self.scans()
    func message(_ make: () throws -> MethodBatches) -> String {
      do {
        _ = try make()
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(
      message { try Self.batches(["pretext": "rotation"], scans, batch: 6) }
        .contains("draws of 4 copies; take a multiple of 4"))
    #expect(message { try Self.batches(Self.plain, scans, batch: 0) }.contains("0 samples"))
    #expect(message { try Self.batches(Self.plain, scans, size: [8]) }.contains("[8]"))
    #expect(message { try Self.batches(Self.plain, scans, channels: 2) }.contains("2 channels"))
    let outside = try Scans([.init(frames: 9, inside: [20, 0, 13, 10]) { _, _, _ in 0 }])
    #expect(
      message {
        try Self.batches(["augment": ["inside_fan": true], "objectives": []], outside)
      }.contains("inside the fan of scan 'scan0' is [20, 0, 13, 10]"))
  }
}

extension Value {
  fileprivate var count: Int { if case .list(let elements) = self { elements.count } else { 0 } }
}

extension Answer {
  fileprivate var index: Int? { if case .index(let index) = self { index } else { nil } }
}
