import Foundation
import PictureKit
import StageKit
import Stages
import TestKit
import Testing

@Suite("overlay")
struct OverlayStageTests {
  /// Where the first frame of a sheet and the two frames of a clip begin.
  private static let cell = (x: 24, y: 86)
  private static let panels = (left: 16, right: 424, y: 44)

  private func isGrey(_ pixel: [Int], _ level: Int, within tolerance: Int = 1) -> Bool {
    pixel.allSatisfy { abs($0 - level) <= tolerance }
  }

  /// Amber: much red, less green, least blue.
  private func isTinted(_ pixel: [Int]) -> Bool {
    pixel[0] > pixel[1] + 20 && pixel[1] > pixel[2] + 20
  }

  @Test("a map's highest cell is tinted, far cells keep their grey, of odd sizes too")
  func tint() async throws {
    for (height, width) in [(56, 72), (113, 145)] {
      let overlay = try OverlayBench()
      let side = width == 72 ? 720 : 725
      let drawn = try await overlay.draw(
        [
          "frames": try overlay.frames([60], height: height, width: width),
          "maps": try overlay.maps(frames: [0], peaks: [(3, 5)]),
        ], ["sheet_side": .integer(side)])
      let tall = Double(height * side) / Double(width)
      func pixel(_ row: Double, _ column: Double) -> [Int] {
        drawn.sheet.pixel(
          x: Self.cell.x + Int((column + 0.5) / 9 * Double(side)),
          y: Self.cell.y + Int((row + 0.5) / 7 * tall))
      }
      #expect(isTinted(pixel(3, 5)))
      for (row, column) in [(1.0, 5.0), (5, 5), (3, 3), (3, 7), (0, 0)] {
        #expect(isGrey(pixel(row, column), 60), "\(row), \(column)")
      }
    }
  }

  @Test("a landmark's ring is around the centre of its place in the grid, within a pixel")
  func ring() async throws {
    let overlay = try OverlayBench()
    let drawn = try await overlay.draw(
      [
        "frames": try overlay.frames([60]),
        "landmarks": try overlay.landmarks([(0, 3, 5), (0, 1.25, 2.5)]),
      ], ["sheet_side": 720])
    // 80 pixels a cell; the ring's radius is 13.5 pixels at this size.
    for (x, y) in [(5.5 * 80, 3.5 * 80), (3.0 * 80, 1.75 * 80)] {
      let (x, y) = (Self.cell.x + Int(x), Self.cell.y + Int(y))
      for (dx, dy) in [(13, 0), (-14, 0), (0, 13), (0, -14)] {
        let found = drawn.sheet.pixel(x: x + dx, y: y + dy)
        #expect(
          zip(found, [0x56, 0xB4, 0xE9]).allSatisfy { abs($0 - $1) < 12 },
          "\(found) at \(dx), \(dy)")
      }
      #expect(isGrey(drawn.sheet.pixel(x: x, y: y), 60))
      #expect(isGrey(drawn.sheet.pixel(x: x + 18, y: y), 60))
    }
  }

  @Test("gaze and truth are shares of the video's picture, of which the frames show a part")
  func geometry() async throws {
    let overlay = try OverlayBench()
    let frames = try overlay.frames(
      [60], metadata: ["source_size": "200,300", "crop": "40,60,112,144"], sourceFrames: [7])
    // (0.5, 0.5) is pixel (150, 100) of the video: 90/144 and 60/112 of the frames.
    let (x, y) = (Self.cell.x + 450, Self.cell.y + 300)
    let gaze = try await overlay.draw(
      ["frames": frames, "fixations": try overlay.fixations([(6, 0.9, 0.9), (7, 0.5, 0.5)])],
      ["sheet_side": 720])
    #expect(gaze.sheet.pixel(x: x, y: y) == [255, 255, 255])
    #expect(gaze.sheet.pixel(x: x + 12, y: y) == [255, 255, 255])
    #expect(isGrey(gaze.sheet.pixel(x: x + 30, y: y), 60))
    let truth = try await overlay.draw(
      ["frames": frames, "truth": try overlay.truth([(6, 0.3, 0.3), (7, 0.5, 0.5), (7, 0, 0)])],
      ["sheet_side": 720])
    #expect(truth.sheet.pixel(x: x, y: y) == [0xF0, 0xE4, 0x42])
    #expect(isGrey(truth.sheet.pixel(x: x + 9, y: y), 60))
    // (0.3, 0.3) would be at (150, 100) of the sheet's frame, were it this frame's.
    #expect(isGrey(truth.sheet.pixel(x: Self.cell.x + 150, y: Self.cell.y + 100), 60))
  }

  @Test("the gaze has a trail over what is known of the last 0.4 s, with no line across a gap")
  func trail() async throws {
    let overlay = try OverlayBench()
    for (before, isLit) in [(5, true), (4, false), (0, false)] {
      let drawn = try await overlay.draw(
        [
          "frames": try overlay.frames([60], sourceFrames: [10]),
          "fixations": try overlay.fixations(
            [(0, 0.5, 0.1), (4, 0.5, 0.1), (5, 0.2, 0.5), (10, 0.8, 0.5)].filter {
              $0.0 == 10 || $0.0 == before
            }),
        ], ["sheet_side": 720])
      let middle = drawn.sheet.pixel(x: Self.cell.x + 360, y: Self.cell.y + 280)
      let above = drawn.sheet.pixel(x: Self.cell.x + 468, y: Self.cell.y + 168)
      #expect(isGrey(above, 60))
      #expect((middle[0] > 200) == isLit, "\(before): \(middle)")
      #expect(drawn.sheet.pixel(x: Self.cell.x + 576, y: Self.cell.y + 280) == [255, 255, 255])
    }
  }

  @Test("a caption changes pixels in its own lines alone")
  func captions() async throws {
    let overlay = try OverlayBench()
    let frames = try overlay.frames([60])
    func sheet(_ label: String) async throws -> ColourVideo {
      try await overlay.draw(
        ["frames": frames, "labels": try overlay.labels([(0, 0, label)])]
      ).sheet
    }
    let (first, second) = (try await sheet("Femur"), try await sheet("3VT"))
    #expect((first.height, first.width) == (second.height, second.width))
    let changed = (0..<first.height * first.width).filter {
      first.frames[0][$0 * 3..<$0 * 3 + 3] != second.frames[0][$0 * 3..<$0 * 3 + 3]
    }
    let rows = changed.map { $0 / first.width }
    let columns = changed.map { $0 % first.width }
    #expect(try #require(rows.min()) >= Self.cell.y + 56)
    #expect(try #require(rows.max()) < Self.cell.y + 56 + 22)
    #expect(try #require(columns.min()) >= Self.cell.x)
    #expect(try #require(columns.max()) < Self.cell.x + 72)
  }

  @Test("the clip has plain frames on the left, drawn ones on the right, each with the newest map")
  func clip() async throws {
    let overlay = try OverlayBench()
    let drawn = try await overlay.draw(
      [
        "frames": try overlay.frames([60, 80, 100, 120, 140]),
        "maps": try overlay.maps(frames: [0, 3], peaks: [(3, 1), (3, 7)]),
      ], ["clip_side": 360, "from": 0, "opacity": 1])
    #expect(drawn.clip.codec == "h264")
    #expect(drawn.clip.pixelFormat == "yuv420p")
    #expect(drawn.clip.framesPerSecond == 25)
    #expect((drawn.clip.width, drawn.clip.height % 2) == (2 * 360 + 12 + 32, 0))
    #expect(drawn.clip.frames.count == 5)
    let right = 16 + 360 + 12
    for (frame, level) in [60, 80, 100, 120, 140].enumerated() {
      func pixel(_ panel: Int, _ column: Int) -> [Int] {
        drawn.clip.pixel(frame, x: panel + column * 40 + 20, y: Self.panels.y + 140)
      }
      #expect(isGrey(pixel(Self.panels.left, 1), level, within: 4))
      #expect(isGrey(pixel(Self.panels.left, 7), level, within: 4))
      #expect(isTinted(pixel(right, frame < 3 ? 1 : 7)), "frame \(frame)")
      #expect(isGrey(pixel(right, frame < 3 ? 7 : 1), level, within: 4), "frame \(frame)")
    }
  }

  @Test("length, rate and start of the clip are as asked for; frames last as long as in the scan")
  func clipTimes() async throws {
    let overlay = try OverlayBench()
    let levels = (0..<50).map { UInt8(20 + 4 * $0) }
    let drawn = try await overlay.draw(
      ["frames": try overlay.frames(levels)], ["from": 0.4, "seconds": 1, "fps": 10])
    #expect(drawn.clip.framesPerSecond == 10)
    #expect(drawn.clip.frames.count == 10)
    for (tick, frame) in (0..<10).map({ ($0, 10 + 5 * $0 / 2) }) {
      let found = drawn.clip.pixel(tick, x: Self.panels.left + 30, y: Self.panels.y + 30)
      #expect(isGrey(found, Int(levels[frame]), within: 4), "tick \(tick): \(found)")
    }
    let rest = try await overlay.draw(
      ["frames": try overlay.frames(levels)], ["from": 1.6, "seconds": 6])
    #expect(rest.clip.frames.count == 10)
  }

  @Test("unless told where, the clip begins where most moves")
  func eventful() async throws {
    let overlay = try OverlayBench()
    let levels = (0..<40).map { frame in (20..<25).contains(frame) ? UInt8(frame % 2 * 99) : 50 }
    let drawn = try await overlay.draw(
      ["frames": try overlay.frames(levels)], ["seconds": 0.32])
    #expect(drawn.clip.frames.count == 8)
    let dark = (0..<8).filter {
      drawn.clip.pixel($0, x: Self.panels.left + 30, y: Self.panels.y + 30)[0] < 20
    }
    #expect(dark.count == 3)
  }

  @Test("the sheet's frames are spread evenly, and every run of a label has one")
  func chosen() async throws {
    let overlay = try OverlayBench()
    let frames = try overlay.frames((0..<24).map { UInt8(10 + 10 * $0) })
    func levels(_ inputs: [String: String], _ count: Int) async throws -> [Int] {
      let drawn = try await overlay.draw(
        inputs.merging(["frames": frames]) { $1 }, ["frames": .integer(count), "columns": 12])
      return (0..<count).map {
        (drawn.sheet.pixel(x: Self.cell.x + $0 * (72 + 16) + 30, y: Self.cell.y + 30)[0] - 10) / 10
      }
    }
    #expect(try await levels([:], 4) == [3, 9, 15, 21])
    let labels = try overlay.labels([(0, 1, "a"), (2, 17, "b"), (18, 19, "a"), (20, 23, "c")])
    #expect(try await levels(["labels": labels], 4) == [1, 10, 19, 22])
    #expect(try await levels(["labels": labels], 6) == [1, 4, 10, 15, 19, 22])
    #expect(try await levels(["labels": labels], 2) == [10, 22])
    let tied = try overlay.labels([(0, 4, "a"), (5, 6, "b"), (7, 11, "c"), (12, 16, "d")])
    #expect(try await levels(["labels": tied], 2) == [2, 20])
    let maps = try overlay.maps(
      frames: [0, 8, 16], peaks: [(0, 0), (0, 0), (0, 0)])
    #expect(try await levels(["maps": maps], 2) == [0, 16])
  }

  @Test("any of the optional inputs may be missing")
  func combinations() async throws {
    let overlay = try OverlayBench()
    let all = try overlay.everything()
    let optional = all.keys.filter { $0 != "frames" }.sorted()
    var seen = Set<Data>()
    for set in 0..<32 {
      let chosen = ["frames"] + optional.indices.filter { set >> $0 & 1 == 1 }.map { optional[$0] }
      let inputs = all.filter { chosen.contains($0.key) }
      seen.insert(try await overlay.draw(inputs, ["frames": 2]).sheetBytes)
    }
    #expect(seen.count == 32)
  }

  @Test("equal inputs make equal bytes")
  func deterministic() async throws {
    let overlay = try OverlayBench()
    let inputs = try overlay.everything()
    let (first, second) = (try await overlay.draw(inputs), try await overlay.draw(inputs))
    #expect(first.sheetBytes == second.sheetBytes)
    #expect(first.clipBytes == second.clipBytes)
  }

  @Test(
    "frames of any size are drawn with the proportions of the video's picture",
    arguments: [(1, 1), (57, 73), (3, 500), (500, 3)])
  func sizes(height: Int, width: Int) async throws {
    let overlay = try OverlayBench()
    let drawn = try await overlay.draw([
      "frames": try overlay.frames([200], height: height, width: width)
    ])
    #expect((drawn.clip.width % 2, drawn.clip.height % 2) == (0, 0))
    let wide = try await overlay.draw([
      "frames": try overlay.frames(
        [200], height: height, width: width, metadata: ["source_size": "36,72"])
    ])
    #expect(isGrey(wide.sheet.pixel(x: Self.cell.x + 70, y: Self.cell.y + 34), 200))
    #expect(!isGrey(wide.sheet.pixel(x: Self.cell.x + 70, y: Self.cell.y + 37), 200))
  }

  @Test("a long title is shortened: it does not widen the sheet or leave it")
  func longTitle() async throws {
    let overlay = try OverlayBench()
    let frames = try overlay.frames([60])
    let plain = try await overlay.draw(["frames": frames], ["title": "p07"])
    let long = try await overlay.draw(
      ["frames": frames], ["title": .string(String(repeating: "scans/é", count: 90))])
    #expect(long.sheet.width == plain.sheet.width)
    for y in 0..<Self.cell.y {
      for x in Array(0..<20) + Array(long.sheet.width - 20..<long.sheet.width) {
        #expect(long.sheet.pixel(x: x, y: y) == plain.sheet.pixel(x: x, y: y))
      }
    }
  }

  @Test("what does not belong together is refused in words that name the file")
  func refused() async throws {
    let overlay = try OverlayBench()
    let frames = try overlay.frames([60, 90])
    func refusal(_ inputs: [String: String], _ options: [String: Value] = [:]) async -> String {
      let all = ["frames": frames].merging(inputs) { $1 }
      return await overlay.failure(all, options) ?? "no failure"
    }
    func expect(_ found: String, _ words: String) {
      #expect(found.contains(words), "\(found)")
    }
    expect(await refusal(["frames": try overlay.frames([])]), "has no frames; expected at least")
    expect(
      await refusal(["frames": try overlay.frames([1, 2], times: [1, 0.5])]),
      "frame 1 at 0.5 s, after 1.0 s; expected times that do not fall")
    expect(
      await refusal(["frames": try overlay.frames([1], times: [.nan])]),
      "times that are not finite")
    expect(
      await refusal(["frames": try overlay.frames([1, 2], times: [0, 1e300])]),
      "times that are not finite")
    expect(
      await refusal(["maps": try overlay.maps(frames: [2], peaks: [(0, 0)])]),
      "is for frame 2; '\(frames)' has 2 frames: they are of another scan")
    expect(
      await refusal(["maps": try overlay.maps(frames: [1], peaks: [(0, 0)], times: [0.5])]),
      "is for frame 1 at 0.5 s, which '\(frames)' has at 0.04 s: they are of another scan")
    expect(
      await refusal(["maps": try overlay.maps(frames: [1, 0], peaks: [(0, 0), (0, 0)])]),
      "is for frame 0, after one for 1; expected rising frames")
    expect(
      await refusal([
        "maps": try overlay.maps(
          frames: [0], peaks: [(0, 0)], metadata: ["source_size": "56,72", "crop": "1,2,30,40"])
      ]), "shows the part [1, 2, 30, 40] of a picture of [56, 72] pixels, the frames of")
    for peak in [Float.nan, -1, .infinity] {
      expect(
        await refusal(["maps": try overlay.maps(frames: [0], peaks: [(0, 0)], peak: peak)]),
        "map 0 of")
    }
    expect(
      await refusal([
        "maps": try overlay.maps(frames: [0], peaks: [(0, 0)], grid: [7, 8]),
        "landmarks": try overlay.landmarks([(0, 3, 5)]),
      ]), "is on a grid of [7, 9] cells")
    expect(
      await refusal(["landmarks": try overlay.landmarks([(2, 3, 5)])]),
      "they are of another scan")
    expect(await refusal([:], ["from": 3]), "option 'from' is 3.0 s; the scan ends at 0.08 s")
    expect(await refusal([:], ["fps": 5000]), "change 'clip_side' or 'fps'")
  }
}
