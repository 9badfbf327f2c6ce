import Foundation
import StageKit
import TestKit
import Testing
import Video

@testable import Stages

@Suite("decode: fan, overlays, segments")
struct FramePlanTests {
  private let bench: AnalysisBench
  private let scene = SectorScene()

  init() throws { bench = try AnalysisBench() }

  /// Each number is a frame's time in the scene; equal ones are equal pictures.
  private func clip(
    _ times: [Int], codec: VideoWriter.Codec = .ffv1, letters: Bool = true
  ) throws -> String {
    let path = "\(bench.scratch.path)/clip.\(codec.fileExtension)"
    let writer = try VideoWriter(
      path: path, codec: codec, height: scene.height, width: scene.width, framesPerSecond: 25)
    for time in times { try writer.append(scene.frame(time, letters: letters)) }
    try writer.finish()
    return path
  }

  private func decode(
    _ path: String, _ options: [String: Value]
  ) async throws -> (set: FrameSet, info: Value, logs: [String]) {
    let size: Value = [.integer(scene.height), .integer(scene.width)]
    let events = try await bench.run(
      "decode", options: options.merging(["size": size]) { old, _ in old },
      inputs: ["video": .one(path: path)])
    let set = try FrameSet(path: bench.keep("frames", as: "frames-\(UUID().uuidString)"))
    let info = try JSONDecoder().decode(Value.self, from: Data(bench.text("info").utf8))
    return (set, info, events.filter { $0.event == .log }.compactMap(\.message))
  }

  private func pixels(_ set: FrameSet, _ frame: Int) -> [UInt8] {
    set.frames.withRow(frame) { Array($0) }
  }

  @Test("a mask blackens what is outside the fan and leaves the inside as it is")
  func mask() async throws {
    let path = try clip(Array(0..<12))
    let plain = try await decode(path, [:]).set
    let (set, info, _) = try await decode(path, ["fan": "mask"])
    let (before, after) = (pixels(plain, 3), pixels(set, 3))
    for pixel in scene.lettersOutside { #expect(after[pixel] == 0) }
    let inside = before.indices.filter(scene.isInFan)
    let same = inside.count { before[$0] == after[$0] }
    #expect(Double(same) / Double(inside.count) > 0.97)
    #expect(set.geometry.crop == [0, 0, scene.height, scene.width])
    let share = Double(inside.count) / Double(before.count)
    guard case .number(let found)? = info["fan_share"] else { return #expect(Bool(false)) }
    #expect(isClose(found, share, relative: 0.04))
  }

  @Test("the square of the geometry lies inside the fan and is nearly as large as can be")
  func square() async throws {
    let set = try await decode(try clip(Array(0..<12)), ["fan": "mask"]).set
    let square = try #require(set.geometry.square)
    for row in square[0]..<square[0] + square[2] {
      for column in [square[1] + 2, square[1] + square[2] - 3] where row > square[0] + 2 {
        #expect(scene.isInFan(row * scene.width + column))
      }
    }
    // Of a sector with its corner on top: its upper corners lie on the sides, the lower on the arc.
    let best = (1...scene.height).last { side in
      (0..<scene.height - side).contains { top in
        [top, top + side - 1].allSatisfy { row in
          scene.isInFan(row * scene.width + (scene.width - side) / 2)
            && scene.isInFan(row * scene.width + (scene.width + side) / 2 - 1)
        }
      }
    }
    #expect(abs(square[2] - (best ?? 0)) <= 4)
    #expect(try await decode(try clip([0, 1]), [:]).set.geometry.square == nil)
  }

  @Test("a crop shows the fan's box in the shape of the frames, and the geometry leads there")
  func crop() async throws {
    let (set, info, _) = try await decode(
      try clip(Array(0..<12)), ["fan": "crop", "size": [80, 92]])
    let crop = set.geometry.crop
    #expect(abs(crop[2] * 92 - crop[3] * 80) <= 92, "a part of the frames' shape: \(crop)")
    #expect(abs(crop[0] - 4) <= 3 && abs(crop[2] - Int(scene.radius) - 1) <= 6)
    #expect(info["crop"] == .list(crop.map(Value.integer)))
    // The arc's lowest point, in shares of the video, lies at the lower end of the frames.
    let place = set.geometry.place(x: 0.5, y: (4 + scene.radius) / Double(scene.height))
    #expect(isClose(place.x, 0.5, absolute: 0.02) && isClose(place.y, 1, absolute: 0.04))
    // Cropped by hand first, the fan is looked for there.
    let half = try await decode(
      try clip(Array(0..<12)), ["fan": "crop", "size": [80, 80], "crop": [0, 0, 160, 112]])
    #expect(half.set.geometry.crop[1] + half.set.geometry.crop[3] <= 112)
  }

  @Test(
    "letters over the grain go, through a lossy codec too",
    arguments: [.ffv1, .h264] as [VideoWriter.Codec])
  func overlays(codec: VideoWriter.Codec) async throws {
    let path = try clip(Array(0..<24), codec: codec)
    let (set, info, _) = try await decode(path, ["overlays": "remove"])
    let frame = pixels(set, 12)
    func mean(_ pixels: Set<Int>) -> Double {
      Double(pixels.reduce(0) { $0 + Int(frame[$1]) }) / Double(pixels.count)
    }
    // The letters were 230; the grain's mean is 80.
    #expect(abs(mean(scene.lettersInside) - 80) < 12)
    #expect(mean(scene.lettersOutside) == 0)
    guard case .integer(let drawn)? = info["overlay_pixels"] else { return #expect(Bool(false)) }
    #expect(drawn > scene.lettersInside.count + scene.lettersOutside.count)
  }

  @Test("a mark of a dark colour, as dark in luma as the grain, is found by its colour")
  func coloured() async throws {
    let path = bench.scratch.path + "/blue.mkv"
    let writer = try VideoWriter(
      path: path, codec: .ffv1, height: scene.height, width: scene.width, framesPerSecond: 25,
      pixels: .colour)
    for time in 0..<12 {
      let grey = scene.frame(time, letters: false)
      try writer.append(
        grey.indices.flatMap {
          scene.lettersInside.contains($0) ? [0, 0, 250] : [grey[$0], grey[$0], grey[$0]]
        })
    }
    try writer.finish()
    let (plain, _, _) = try await decode(path, [:])
    let (clean, info, _) = try await decode(path, ["overlays": "remove"])
    func mean(_ set: FrameSet) -> Double {
      let frame = pixels(set, 6)
      return Double(scene.lettersInside.reduce(0) { $0 + Int(frame[$1]) })
        / Double(scene.lettersInside.count)
    }
    #expect(mean(plain) < 40 && abs(mean(clean) - 80) < 12)
    guard case .integer(let drawn)? = info["overlay_pixels"] else { return #expect(Bool(false)) }
    #expect(drawn >= scene.lettersInside.count)
  }

  @Test("a clip that does not move keeps its overlays, and says so")
  func nothingMoves() async throws {
    let path = try clip(Array(repeating: 0, count: 8))
    let (set, info, logs) = try await decode(path, ["overlays": "remove", "freeze_frames": 3])
    #expect(pixels(set, 5) == scene.frame(0))
    #expect(logs.first?.contains("does not move") == true)
    #expect(info["overlay_pixels"] == .null)
    #expect(set.segments == [0..<1])
    #expect(info["frozen_frames"] == 7)
  }

  @Test(
    "segments are cut from runs between freezes, which a lossy codec does not hide",
    arguments: [.ffv1, .h264, .mpeg2] as [VideoWriter.Codec])
  func segments(codec: VideoWriter.Codec) async throws {
    // 20 moving, frozen for 10 more, 13 moving of which two are doubled.
    let times =
      Array(0..<20) + Array(repeating: 19, count: 10)
      + [30, 31, 31, 32, 33, 34, 34, 35, 36, 37, 38, 39, 40]
    let path = try clip(times, codec: codec)
    // A moving frame of this grain differs by 20 levels; MPEG-2 gives a frozen one 1 or 2.
    let options: [String: Value] = codec == .mpeg2 ? ["freeze_threshold": 4] : [:]
    func decode(_ path: String, _ more: [String: Value]) async throws -> (
      set: FrameSet, info: Value
    ) {
      let (set, info, _) = try await self.decode(path, options.merging(more) { $1 })
      return (set, info)
    }
    let whole = try await decode(path, [:])
    #expect(whole.set.segments == [0..<20, 30..<43])
    #expect(whole.info["frozen_frames"] == 10)
    let cut = try await decode(path, ["segment": 8, "fan": "mask"])
    #expect(cut.set.segments == [0..<8, 8..<16, 30..<38])
    #expect(cut.info["segments"] == 3)
    let strict = try await decode(path, ["freeze_frames": 1, "segment": 4])
    #expect(strict.set.segments.allSatisfy { !$0.contains(32) && !$0.contains(36) })
  }

  @Test("equal inputs give equal bytes with everything switched on")
  func deterministic() async throws {
    let path = try clip(Array(0..<10), codec: .h264)
    let options: [String: Value] = ["fan": "crop", "overlays": "remove", "segment": 4]
    let first = try Data(contentsOf: URL(fileURLWithPath: try await decode(path, options).set.path))
    let second = try await decode(path, options).set.path
    #expect(first == (try Data(contentsOf: URL(fileURLWithPath: second))))
  }

  @Test("a DICOM file's calibration becomes millimetres per pixel of the frames")
  func calibration() async throws {
    let dicom = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Goldens/dicom/grey.dcm")
      .path(percentEncoded: false)
    let imported = try await WholeStageRun(
      "import", options: ["path": "x"], sources: [("a.dcm", dicom)], scratch: bench.scratch,
      collectionPorts: ["videos"])
    let video = try #require(imported.collections["videos"]?["a.dcm"])
    let (set, info, _) = try await decode(video, ["size": [60, 41]])
    #expect(set.count == 6)
    guard case .list(let values)? = info["mm_per_pixel"], case .number(let y)? = values.first,
      case .number(let x)? = values.last
    else { return #expect(Bool(false)) }
    #expect(isClose(y, 0.456 / 2) && isClose(x, 0.123))
    #expect(try await decode(try clip([0, 1]), [:]).info["mm_per_pixel"] == .null)
  }
}
