import Foundation
import TestKit
import Testing
import Video

/// The grey frames of a whole file.
func greyFrames(
  _ path: String, _ format: GreyFormat, damage: VideoReader.Damage = .error
) throws -> (frames: [[UInt8]], times: [Double]) {
  let reader = try VideoReader(path: path, damage: damage)
  let scaler = GreyScaler(format)
  var frames: [[UInt8]] = []
  var times: [Double] = []
  while try reader.next() {
    try reader.withGreyFrame(scaler) { frames.append(Array($0)) }
    times.append(reader.timeSeconds)
  }
  return (frames, times)
}

/// A file of Tests/Goldens/video.
func golden(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Goldens/video/\(name)").path(percentEncoded: false)
}

@Suite("Reading videos")
struct VideoReaderTests {
  static let small = GreyFormat(height: 36, width: 40)

  @Test(
    "grey frames are ffmpeg's within one level, for any codec, pixel format and range",
    arguments: [
      "h264.mp4", "mpeg2.mpeg", "mjpeg.avi", "rgb.mkv", "ten_bit.mkv", "palette.png",
    ])
  func pixels(clip: String) throws {
    let (frames, _) = try greyFrames(golden(clip), Self.small)
    try expectClose(frames, "\(clip).bicubic.grey")
  }

  @Test("the area filter and a crop at odd places give ffmpeg's pixels too")
  func areaAndCrop() throws {
    let area = GreyFormat(height: 36, width: 40, scaler: .area)
    try expectClose(try greyFrames(golden("h264.mp4"), area).frames, "h264.mp4.area.grey")
    let crop = GreyFormat(
      height: 36, width: 40, crop: Crop(top: 5, left: 7, height: 25, width: 33))
    try expectClose(try greyFrames(golden("h264.mp4"), crop).frames, "h264.mp4.crop.grey")
  }

  @Test("frames come in order of presentation with their times, and the file says what it is")
  func timesAndInfo() throws {
    let (_, times) = try greyFrames(golden("h264.mp4"), Self.small)
    #expect(times.count == 6)
    for (index, time) in times.enumerated() { #expect(isClose(time, Double(index) / 25)) }
    let info = try VideoReader(path: golden("h264.mp4")).info
    #expect(info.codec == "h264")
    #expect((info.height, info.width) == (48, 64))
    #expect(info.framesPerSecond == 25)
    #expect(info.announcedFrames == 6)
    #expect(info.pixelFormat == "yuv420p")
  }

  @Test("a program stream whose clock does not start at zero starts at zero seconds")
  func clock() throws {
    #expect(try greyFrames(golden("mpeg2.mpeg"), Self.small).times.first == 0)
  }

  @Test(
    "a name that looks like an address or a sequence is a file name",
    arguments: [
      "http:a.mp4", "a b'\"c.mp4", "line\nbreak.mp4", "über%03d.mp4", "-", "no-extension",
    ])
  func names(name: String) throws {
    let scratch = try Scratch()
    let path = scratch.path + "/" + name
    try FileManager.default.copyItem(atPath: golden("h264.mp4"), toPath: path)
    #expect(try greyFrames(path, Self.small).frames.count == 6)
  }

  private static let realClipsFolder = ProcessInfo.processInfo.environment["FATHOM_TEST_CLIPS"]

  @Test(
    "real clips have as many frames as their index says", .enabled(if: realClipsFolder != nil))
  func realClips() throws {
    let folder = try #require(Self.realClipsFolder)
    let index = try String(contentsOfFile: folder + "/index.tsv", encoding: .utf8)
    for row in index.split(separator: "\n").dropFirst().map({ $0.split(separator: "\t") }) {
      let reader = try VideoReader(path: "\(folder)/\(row[0])")
      while try reader.next() {}
      #expect(reader.framesRead == Int(row[3]), "\(row[0])")
    }
  }

  private func expectClose(_ frames: [[UInt8]], _ name: String) throws {
    let expected = try Data(contentsOf: URL(fileURLWithPath: golden(name)))
    let found = frames.flatMap { $0 }
    try #require(found.count == expected.count)
    let worst = zip(found, expected).map { abs(Int($0) - Int($1)) }.max() ?? 0
    #expect(worst <= 1)
    // Guards against a golden without contrast, which any scaler would meet.
    #expect(Int(expected.max() ?? 0) - Int(expected.min() ?? 0) > 150)
  }
}

@Suite("Bad videos")
struct BadVideoTests {
  private static let small = VideoReaderTests.small

  private func refusal(_ path: String, damage: VideoReader.Damage = .error) -> VideoError? {
    let error = #expect(throws: VideoError.self) {
      try greyFrames(path, Self.small, damage: damage)
    }
    #expect(error?.path == path)
    #expect(error?.description.contains(path) == true)
    return error
  }

  @Test("what is missing, a folder or empty is refused as such")
  func unreadable() throws {
    let scratch = try Scratch()
    let missing = refusal(scratch.path + "/nothing.mp4")
    #expect(missing?.code == .unreadable)
    #expect(missing?.message == "cannot be read: No such file or directory")
    #expect(refusal(scratch.path)?.message == "is not a regular file")
    #expect(refusal(try scratch.write("", to: "empty.mp4"))?.code == .empty)
  }

  @Test("text and noise are no videos")
  func notMedia() throws {
    let scratch = try Scratch()
    let text = String(repeating: "this is no video\n", count: 100)
    #expect(refusal(try scratch.write(text, to: "text"))?.code == .notMedia)
    #expect(refusal(try scratch.write("#EXTM3U\nhttp://localhost/a.ts\n", to: "list"))?.code != nil)
  }

  @Test("sound alone, and sound with a cover picture, have no video stream")
  func audioOnly() throws {
    let audio = refusal(golden("audio.mp4"))
    #expect(audio?.code == .noVideo)
    #expect(audio?.message == "has no video stream; it holds audio (aac)")
    #expect(refusal(golden("cover.mp3"))?.code == .noVideo)
  }

  @Test("a container without frames is refused")
  func noFrames() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/none.avi"
    let writer = try VideoWriter(
      path: path, codec: .mjpeg, height: 16, width: 16, framesPerSecond: 25)
    try writer.finish()
    let error = refusal(path)
    #expect(error?.code == .noFrames || error?.code == .notMedia)
  }

  @Test("a file cut short fails at the frame where it ends, or keeps the frames before")
  func truncated() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/short.avi"
    let whole = try Data(contentsOf: URL(fileURLWithPath: golden("mjpeg.avi")))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
    let error = refusal(path)
    #expect(error?.code == .corrupt || error?.code == .truncated)
    let frame = try #require(error?.frame)
    #expect((1..<5).contains(frame))
    #expect(error?.description.contains("frame \(frame): ") == true)
    let kept = try greyFrames(path, Self.small, damage: .stop).frames
    #expect(kept.count == frame)
    let full = try greyFrames(golden("mjpeg.avi"), Self.small).frames
    #expect(kept == Array(full.prefix(frame)))
  }

  @Test("damage inside a frame fails there, stops there, or is concealed and listed")
  func damaged() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/damaged.mkv"
    var frames: [[UInt8]] = []
    for frame in 0..<8 {
      let shift = frame * 31
      frames.append((0..<1024).map { UInt8(truncatingIfNeeded: $0 * 7 + shift) })
    }
    let writer = try VideoWriter(
      path: path, codec: .ffv1, height: 32, width: 32, framesPerSecond: 25)
    for frame in frames { try writer.append(frame) }
    try writer.finish()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count / 2] ^= 0x40
    try bytes.write(to: URL(fileURLWithPath: path))
    let error = refusal(path)
    #expect(error?.code == .corrupt)
    let frame = try #require(error?.frame)
    #expect((1..<7).contains(frame))
    let format = GreyFormat(height: 32, width: 32)
    #expect(try greyFrames(path, format, damage: .stop).frames == Array(frames.prefix(frame)))
    let reader = try VideoReader(path: path, damage: .conceal)
    while try reader.next() {}
    #expect(reader.framesRead == 8)
    #expect(reader.damages.first?.frame == frame)
  }

  @Test("a crop that leaves the picture names both")
  func badCrop() throws {
    let crop = Crop(top: 40, left: 0, height: 20, width: 10)
    let error = #expect(throws: VideoError.self) {
      try greyFrames(golden("h264.mp4"), GreyFormat(height: 8, width: 8, crop: crop))
    }
    #expect(error?.code == .badCrop)
    #expect(
      error?.message == "the crop (top 40, left 0, 20 high, 10 wide) leaves the picture, "
        + "which is 48 high and 64 wide")
  }
}
