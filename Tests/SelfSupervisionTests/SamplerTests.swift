import Learning
import SelfSupervision
import StageKit
import TestKit
import Testing

/// Which frames samples are drawn from, seen through the plans of batches.
@Suite struct SamplerTests {
  private static func batches(
    _ sampler: Value, _ scans: Scans, clip: Int = 4, batch: Int = 8, seed: Int = 0
  ) throws -> MethodBatches {
    try MethodBatches(
      method(["sampler": sampler, "objectives": []]), of: scans.set, clip: clip, size: [8, 8],
      batch: batch, seed: seed, purpose: "training")
  }

  private static func samples(_ batches: MethodBatches, steps: Int) throws -> [Sample] {
    try (0..<steps).flatMap { try batches.samples(at: $0).0 }
  }

  private static func still(
    _ segments: [Scan.Segment], frames: Int = 60
  ) -> Scans.Recipe {
    .init(frames: frames, height: 2, width: 2, segments: segments) { _, _, _ in 0 }
  }

  @Test("pieces follow each other with a gap, frames with a stride, all of one segment")
  func frames() throws {
    let scans = try Scans([Self.still([.init(3..<40), .init(45..<60)])])
    let batches = try Self.batches(
      ["frames": 3, "stride": 2, "pieces": 2, "gap": 4, "copies": 2], scans)
    // Two spans of 5 and a gap of 4.
    for sample in try Self.samples(batches, steps: 20) {
      let start = sample.clips[0].frames[0].index
      #expect(
        sample.clips.map { $0.frames.map { $0.index - start } } == [[0, 2, 4], [9, 11, 13]])
      #expect(sample.segment.contains(start) && sample.segment.contains(start + 13))
    }
    let first = try batches.samples(at: 0).0
    #expect(first.count == 8)
    for draw in stride(from: 0, to: 8, by: 2) { #expect(first[draw] == first[draw + 1]) }
  }

  @Test("copies apart begin at places of their own in one segment")
  func apart() throws {
    let scans = try Scans([Self.still([.init(0..<30), .init(30..<60)])])
    let samples = try Self.samples(
      Self.batches(["copies": 4, "apart": true], scans), steps: 10)
    var different = 0
    for draw in stride(from: 0, to: samples.count, by: 4) {
      let copies = samples[draw..<draw + 4]
      #expect(Set(copies.map(\.segment)).count == 1)
      different += Set(copies.map { $0.clips[0].frames[0].index }).count > 1 ? 1 : 0
    }
    #expect(different == 20)
  }

  @Test("segments are drawn as often as they are long, places in them evenly, both ends included")
  func lengths() throws {
    let scans = try Scans([
      Self.still([.init(0..<10), .init(20..<50)]), Self.still([.init(0..<20)]),
    ])
    let starts = try Self.samples(Self.batches([:], scans, batch: 60), steps: 100)
      .map { ($0.scan, $0.segment.lowerBound, $0.clips[0].frames[0].index) }
    var counts: [[Int]: Int] = [:]
    for (scan, segment, _) in starts { counts[[scan, segment], default: 0] += 1 }
    // Expected 1000, 3000, 2000 of 6000; chi-square with 2 degrees stays below 13.8 but once in 1000.
    let squares = [([0, 0], 1000.0), ([0, 20], 3000), ([1, 0], 2000)].map { key, expected in
      let difference = Double(counts[key] ?? 0) - expected
      return difference * difference / expected
    }
    #expect(squares.reduce(0, +) < 13.8)
    // 27 places of the segment 20..<50 for clips of 4 frames.
    var places = [Int](repeating: 0, count: 27)
    for (scan, segment, start) in starts where scan == 0 && segment == 20 {
      places[start - 20] += 1
    }
    let expected = Double(places.reduce(0, +)) / 27
    // 26 degrees: below 54.1 but once in 1000.
    #expect(
      places.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected } < 54.1)
    #expect(places[0] > 0 && places[26] > 0)
  }

  @Test("with motion, places are as likely as much moves after them")
  func motion() throws {
    // Frames 0 to 19 change by 1 each, 20 to 39 not at all, 40 to 59 by 3.
    let scans = try Scans([
      .init(
        frames: 60, height: 9, width: 3, segments: [.init(0..<20), .init(20..<40), .init(40..<60)]
      ) {
        frame, _, _ in frame < 20 ? frame : frame < 40 ? 20 : (frame - 40) * 3
      }
    ])
    let samples = try Self.samples(Self.batches(["motion": true], scans, batch: 40), steps: 50)
    var counts: [Int: Int] = [:]
    for sample in samples { counts[sample.segment.lowerBound, default: 0] += 1 }
    #expect(counts[20] == nil)
    // A quarter and three quarters of 2000; four standard deviations are 77.
    #expect(abs((counts[0] ?? 0) - 500) < 77)
  }

  @Test("with motion, inside a segment too; where nothing moves, lengths decide")
  func motionInside() throws {
    // Only from frame 30 to 31 something moves: clips of 4 frames that show it begin at 28 to 30.
    let scans = try Scans([
      .init(frames: 60, height: 9, width: 3) { frame, _, _ in frame <= 30 ? 0 : 50 }
    ])
    let starts = try Self.samples(Self.batches(["motion": true], scans), steps: 20)
      .map { $0.clips[0].frames[0].index }
    #expect(Set(starts) == [28, 29, 30])
    let still = try Scans([Self.still([.init(0..<6), .init(20..<60)])])
    let found = Set(
      try Self.samples(Self.batches(["motion": true], still), steps: 20).map(\.segment))
    #expect(found == [0..<6, 20..<60])
    // Samples of one frame: what comes next moves.
    let single = try Self.samples(
      Self.batches(["motion": true, "frames": 1], scans), steps: 5
    ).map { $0.clips[0].frames[0].index }
    #expect(Set(single) == [30])
  }

  @Test("balanced: every class once in each block of draws")
  func balanced() throws {
    let scans = try Scans(
      [
        Self.still([.init(0..<40, label: 0), .init(40..<46, label: 1), .init(46..<60)]),
        Self.still([.init(0..<8, label: 2), .init(8..<10, label: 1)]),
      ], classes: ["head", "femur", "spine", "lips"])
    let batches = try Self.batches(["balanced": true, "copies": 2], scans, batch: 6)
    var orders: Set<[Int?]> = []
    for step in 0..<30 {
      let labels = try batches.samples(at: step).0.map(\.label)
      #expect(stride(from: 0, to: 6, by: 2).allSatisfy { labels[$0] == labels[$0 + 1] })
      let order = stride(from: 0, to: 6, by: 2).map { labels[$0] }
      #expect(Set(order) == [0, 1, 2])
      orders.insert(order)
    }
    #expect(orders.count == 6)
    // The segment of two frames of class 1.
    #expect(batches.segmentsLeftOut == 1)
    #expect(throws: LearningError.self) {
      try Self.batches(["balanced": true], Scans([Self.still([.init(0..<60)])]))
    }
  }

  @Test("segments too short are left out; where all are, the error says by how much")
  func tooShort() throws {
    let scans = try Scans([Self.still([.init(0..<10), .init(10..<13), .init(20..<30)])])
    let batches = try Self.batches(["stride": 3], scans)
    #expect(batches.segmentsLeftOut == 1)
    // Ten frames hold exactly one clip of 4 with stride 3.
    for sample in try Self.samples(batches, steps: 5) {
      #expect(sample.clips[0].frames[0].index == sample.segment.lowerBound)
    }
    let error = #expect(throws: LearningError.self) {
      try Self.batches(["stride": 3, "pieces": 2, "gap": 1], scans)
    }
    #expect(error?.message.contains("reaches over 21 frames") == true)
    #expect(error?.message.contains("the longest of 3 segments has 10") == true)
    let none = #expect(throws: LearningError.self) {
      try Self.batches([:], Scans([Self.still([])]))
    }
    #expect(none?.message == "1 scans have no segment to draw clips from")
    #expect(throws: LearningError.self) {
      try Self.batches(["frames": 3, "stride": .integer(.max)], scans)
    }
  }
}
