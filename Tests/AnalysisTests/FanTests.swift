import Analysis
import TestKit
import Testing

@Suite("Fans, overlays and freezes")
struct FanTests {
  private static func maps(of frames: [[UInt8]], height: Int, width: Int) throws -> TemporalMaps {
    var sample = TemporalSample(height: height, width: width)
    for frame in frames { sample.offer { frame } }
    return try #require(sample.maps())
  }

  private static func maps(
    of scene: SectorScene, frames: Int = 20, letters: Bool = true, stillness: Int = 0
  ) throws -> TemporalMaps {
    try maps(
      of: (0..<frames).map { scene.frame($0, letters: letters, stillness: stillness) },
      height: scene.height, width: scene.width)
  }

  private static func whole(_ scene: SectorScene) -> PixelBox {
    PixelBox(top: 0, left: 0, height: scene.height, width: scene.width)
  }

  // MARK: Sampling

  @Test("a sample is the same whatever was asked before, spread evenly, and bounded")
  func sample() {
    for length in [1, 2, 31, 32, 33, 64, 65, 1000] {
      var sample = TemporalSample(height: 1, width: 1, capacity: 8)
      var taken: [Int] = []
      for frame in 0..<length {
        sample.offer {
          taken.append(frame)
          return [UInt8(frame % 251)]
        }
      }
      #expect(sample.count <= 8 && sample.count >= min(length, 4))
      // Frames that are not kept are not asked for, but for those that were kept for a while.
      #expect(taken.count <= 8 + 4 * max(0, Int.bitWidth - (length / 8).leadingZeroBitCount))
    }
  }

  @Test("levels over time are those of sorted frames, without a tenth at each end")
  func levels() throws {
    var state: UInt32 = 7
    func next() -> UInt8 {
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
    for count in 1...32 {
      let frames = (0..<count).map { _ in (0..<6).map { _ in next() } }
      let maps = try Self.maps(of: frames, height: 2, width: 3)
      for pixel in 0..<6 {
        let sorted = frames.map { $0[pixel] }.sorted()
        #expect(maps.low[pixel] == sorted[count / 10])
        #expect(maps.median[pixel] == sorted[count / 2])
        #expect(maps.high[pixel] == sorted[count - 1 - count / 10])
      }
    }
  }

  // MARK: Fans

  @Test("the fan is the sector where something moves, without the text beside it")
  func sector() throws {
    let scene = SectorScene()
    let region = try #require(fan(of: Self.maps(of: scene)))
    let found = region.map(height: scene.height, width: scene.width, showing: Self.whole(scene))
    let truth = (0..<scene.height * scene.width).map(scene.isInFan)
    let both = zip(found.bits, truth).count { $0 && $1 }
    let either = zip(found.bits, truth).count { $0 || $1 }
    #expect(Double(both) / Double(either) > 0.96)
    for pixel in scene.lettersOutside { #expect(!found.bits[pixel]) }
  }

  @Test(
    "a dim far field that hardly changes belongs to the fan; a clip that stands still has one too")
  func dim() throws {
    let scene = SectorScene()
    func dimmed(_ time: Int) -> [UInt8] {
      scene.frame(time, letters: false).enumerated().map { pixel, level in
        guard scene.isInFan(pixel), pixel / scene.width > scene.height / 2 else { return level }
        return 8 + UInt8((pixel + time) % 2)
      }
    }
    let frames = (0..<12).map(dimmed)
    for frames in [frames, Array(repeating: scene.frame(0, letters: false), count: 3)] {
      let maps = try Self.maps(of: frames, height: scene.height, width: scene.width)
      let box = try #require(fan(of: maps)).box
      #expect(abs(box.top - 4) <= 4)
      #expect(abs(box.top + box.height - 4 - Int(scene.radius)) <= 4)
    }
  }

  @Test("black has no fan")
  func black() throws {
    let maps = try Self.maps(
      of: Array(repeating: Array(repeating: 0, count: 100), count: 3), height: 10, width: 10)
    #expect(fan(of: maps) == nil)
    #expect(!maps.hasMotion)
  }

  @Test("a fan's picture may be cropped and scaled")
  func scaled() throws {
    let scene = SectorScene()
    let region = try #require(fan(of: Self.maps(of: scene)))
    let box = region.box
    let whole = region.map(height: scene.height, width: scene.width, showing: Self.whole(scene))
    let twice = region.map(height: 2 * box.height, width: 2 * box.width, showing: box)
    for row in 0..<box.height {
      for column in 0..<box.width {
        let corners = [0, 1].flatMap { y in
          [0, 1].map { twice.bits[(2 * row + y) * 2 * box.width + 2 * column + $0] }
        }
        let pixel = whole.bits[(box.top + row) * scene.width + box.left + column]
        if Set(corners).count == 1 { #expect(corners[0] == pixel) }
      }
    }
  }

  @Test("a box grows to a shape around its middle, as far as the picture reaches")
  func boxes() {
    let box = PixelBox(top: 10, left: 40, height: 20, width: 20)
    #expect(
      box.extended(toShapeOf: [20, 30], within: [100, 100])
        == PixelBox(top: 10, left: 35, height: 20, width: 30))
    #expect(
      box.extended(toShapeOf: [3, 1], within: [100, 100])
        == PixelBox(top: 0, left: 40, height: 60, width: 20))
    #expect(
      box.extended(toShapeOf: [10, 100], within: [100, 90])
        == PixelBox(top: 10, left: 0, height: 20, width: 90))
  }

  @Test("the largest square is as large as the largest of all, and in the middle")
  func square() {
    var state: UInt64 = 1
    for _ in 0..<30 {
      let map = BinaryMap(height: 9, width: 11) { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 60 < 13
      }
      var best = 0
      for top in 0..<9 {
        for left in 0..<11 {
          for side in 1...min(9 - top, 11 - left)
          where (top..<top + side).allSatisfy({ row in
            (left..<left + side).allSatisfy { map.bits[row * 11 + $0] }
          }) { best = max(best, side) }
        }
      }
      let found = largestSquare(in: map)
      #expect(found?[2] == best)
      if let found {
        for row in found[0]..<found[0] + best {
          for column in found[1]..<found[1] + best { #expect(map.bits[row * 11 + column]) }
        }
      }
    }
    #expect(largestSquare(in: BinaryMap(height: 4, width: 9) { _ in true }) == [0, 2, 4])
    #expect(largestSquare(in: BinaryMap(height: 2, width: 2) { _ in false }) == nil)
  }

  // MARK: Overlays

  @Test("letters that stand still over what moves are found, all of them and little else")
  func letters() throws {
    let scene = SectorScene()
    let maps = try Self.maps(of: scene)
    let inFan = BinaryMap(height: scene.height, width: scene.width, scene.isInFan)
    let found = try #require(overlays(in: maps, fan: inFan))
    for pixel in scene.lettersInside.union(scene.lettersOutside) { #expect(found.bits[pixel]) }
    // The letters with their margin fill no more than a box around them.
    #expect(found.bits.indices.count { found.bits[$0] && scene.isInFan($0) } <= 41 * 15)
  }

  @Test("tissue that hardly moves is not taken for drawn, and a still clip is not judged")
  func still() throws {
    let scene = SectorScene()
    let inFan = BinaryMap(height: scene.height, width: scene.width, scene.isInFan)
    let calm = try Self.maps(of: scene, letters: false, stillness: 90)
    #expect(try #require(overlays(in: calm, fan: inFan)).count == 0)
    let frozen = try Self.maps(
      of: Array(repeating: scene.frame(0), count: 9), height: scene.height, width: scene.width)
    #expect(overlays(in: frozen, fan: inFan) == nil)
  }

  @Test("what is drawn is filled from around it, and what lies outside becomes black")
  func cleaning() {
    let fan = BinaryMap(height: 5, width: 8) { $0 % 8 < 6 }
    let drawn = BinaryMap(height: 5, width: 8) { [9, 10, 11, 18, 15].contains($0) }
    let frame = (0..<40).map { pixel -> UInt8 in
      drawn.bits[pixel] ? 255 : UInt8(10 * (pixel % 8))
    }
    var kept = frame
    FrameCleaner(fan: fan, masks: false, drawn: drawn).clean(&kept)
    // Column 7 lies outside: its drawn pixel turns black, the rest of it stays.
    #expect(kept[15] == 0 && kept[23] == 70)
    // The neighbours of pixel 9 that are known: columns 0, 0, 0, 1, 1, 2 and so on.
    #expect(kept[9] == UInt8((0 + 10 + 20 + 0 + 0 + 10 + 3) / 6))
    #expect((10...40).contains(kept[10]) && (15...40).contains(kept[18]))
    for pixel in 0..<40 where !drawn.bits[pixel] { #expect(kept[pixel] == frame[pixel]) }
    var masked = frame
    FrameCleaner(fan: fan, masks: true, drawn: nil).clean(&masked)
    for pixel in 0..<40 { #expect(masked[pixel] == (fan.bits[pixel] ? frame[pixel] : 0)) }
    #expect(FrameCleaner(fan: fan, masks: false, drawn: nil).changesNothing)
    var covered = frame
    FrameCleaner(fan: nil, masks: false, drawn: BinaryMap(height: 5, width: 8) { _ in true })
      .clean(&covered)
    #expect(covered == frame)
  }

  // MARK: Freezes

  private func detector(_ levels: [UInt8], threshold: Double = 0.5) -> FreezeDetector {
    var detector = FreezeDetector(threshold: threshold, pixels: 6000)
    for level in levels {
      [UInt8](repeating: level, count: 6000).withUnsafeBufferPointer { detector.append($0) }
    }
    return detector
  }

  @Test("a frame is still where it differs less than the threshold on average")
  func stillness() {
    #expect(detector([5, 5, 6, 5, 5]).isStill == [false, true, false, false, true])
    #expect(detector([5, 6, 7], threshold: 1.5).isStill == [false, true, true])
    #expect(detector([0, 255, 0]).isStill == [false, false, false])
    #expect(detector([]).movingRuns(least: 1) == [])
  }

  @Test("freezes end runs; single still frames do not")
  func runs() {
    let levels: [UInt8] = [1, 2, 2, 3, 4, 4, 4, 4, 5, 6, 6, 6, 6]
    #expect(detector(levels).movingRuns(least: 3) == [0..<5, 8..<10])
    #expect(detector(levels).movingRuns(least: 1) == [0..<2, 3..<5, 8..<10])
    #expect(detector(levels).movingRuns(least: 4) == [0..<13])
    #expect(detector([7, 7, 7, 7]).movingRuns(least: 2) == [0..<1])
  }

  @Test("segments have one length and stay within runs")
  func cutting() {
    #expect(segments(of: [0..<5, 8..<10, 20..<28], length: 4) == [0..<4, 20..<24, 24..<28])
    #expect(segments(of: [0..<5, 8..<10], length: nil) == [0..<5, 8..<10])
    #expect(segments(of: [], length: 3) == [])
  }
}
