import Foundation
import Glibc
import PictureKit
import TestKit
import Testing
import Video

@Suite("Writing videos")
struct VideoWriterTests {
  /// Smooth moving bands that a lossy codec carries well, over the whole range.
  private static let frames: [[UInt8]] = (0..<5).map { frame in
    (0..<48 * 64).map { pixel in
      let phase = Double(pixel % 64) / 64 + Double(pixel / 64) / 48 + Double(frame) / 20
      return UInt8((127.5 + 127.5 * sin(2 * .pi * phase)).rounded())
    }
  }

  private func write(_ codec: VideoWriter.Codec, to path: String) throws {
    let writer = try VideoWriter(
      path: path, codec: codec, height: 48, width: 64, framesPerSecond: 25)
    for frame in Self.frames { try writer.append(frame) }
    try writer.finish()
  }

  @Test(
    "what is written is read back: the frames, their times and the full range",
    arguments: VideoWriter.Codec.allCases)
  func roundTrip(codec: VideoWriter.Codec) throws {
    let scratch = try Scratch()
    let path = scratch.path + "/clip"
    try write(codec, to: path)
    let (frames, times) = try greyFrames(path, GreyFormat(height: 48, width: 64))
    #expect(frames.count == Self.frames.count)
    #expect(isClose(times.last ?? 0, 4.0 / 25, absolute: 1e-3))
    for (found, expected) in zip(frames, Self.frames) {
      let differences = zip(found, expected).map { abs(Int($0) - Int($1)) }
      if codec == .ffv1 {
        #expect(differences.allSatisfy { $0 == 0 })
      } else {
        #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 3)
      }
    }
    #expect(frames.joined().max() ?? 0 > 245)
    #expect(frames.joined().min() ?? 255 < 10)
  }

  @Test("the same frames are the same bytes", arguments: VideoWriter.Codec.allCases)
  func deterministic(codec: VideoWriter.Codec) throws {
    let scratch = try Scratch()
    try write(codec, to: scratch.path + "/a")
    try write(codec, to: scratch.path + "/b")
    let first = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/a"))
    #expect(first == (try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/b"))))
  }

  /// libx264's mbtree did, on processors with AVX-512: 'VideoWriter' says so.
  @Test("bytes do not hang on what memory held before", arguments: VideoWriter.Codec.allCases)
  func ignoresStaleMemory(codec: VideoWriter.Codec) throws {
    let scratch = try Scratch()
    let texture = (0..<240 * 320).map { UInt8(truncatingIfNeeded: ($0 * 2_654_435_761) >> 13) }
    // Swift's Glibc lacks <malloc.h>: M_PERTURB is -6.
    let mallopt = unsafeBitCast(
      try #require(dlsym(nil, "mallopt")), to: (@convention(c) (Int32, Int32) -> Int32).self)
    var files: [Data] = []
    for fill in [Int32(1), 85, 254] {
      let path = "\(scratch.path)/\(fill)"
      // glibc fills what it hands out with the complement of this byte.
      #expect(mallopt(-6, fill) == 1)
      defer { _ = mallopt(-6, 0) }
      let writer = try VideoWriter(
        path: path, codec: codec, height: 224, width: 288, framesPerSecond: 25)
      for frame in 0..<16 {
        try writer.append(
          (0..<224).flatMap { row in
            let start = (row + frame) * 320 + frame * 2
            return texture[start..<start + 288]
          })
      }
      try writer.finish()
      files.append(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
    let counts = files.map { file in files.count { $0 == file } }
    #expect(counts == [3, 3, 3])
  }

  /// Quarters of pure and mixed colours, even though chroma has half the size.
  private static let quarters: [[UInt8]] = [
    [255, 0, 0], [0, 128, 255], [230, 159, 0], [255, 255, 255],
  ]

  private func writeColours(_ codec: VideoWriter.Codec, to path: String) throws {
    let writer = try VideoWriter(
      path: path, codec: codec, height: 48, width: 64, framesPerSecond: 25, pixels: .colour)
    var frame: [UInt8] = []
    for row in 0..<48 {
      for column in 0..<64 { frame += Self.quarters[row / 24 * 2 + column / 32] }
    }
    for _ in 0..<3 { try writer.append(frame) }
    try writer.finish()
  }

  @Test(
    "colours come back from libav's decoder, in a pixel format that browsers play",
    arguments: VideoWriter.Codec.allCases)
  func colours(codec: VideoWriter.Codec) throws {
    let scratch = try Scratch()
    let path = scratch.path + "/clip"
    try writeColours(codec, to: path)
    let video = try ColourVideo(path: path)
    #expect(video.frames.count == 3)
    #expect((video.height, video.width, video.framesPerSecond) == (48, 64, 25))
    let format = [VideoWriter.Codec.mjpeg: "yuvj420p", .ffv1: "bgr0"][codec] ?? "yuv420p"
    #expect(video.pixelFormat == format)
    for (place, colour) in zip([(16, 12), (48, 12), (16, 36), (48, 36)], Self.quarters) {
      let found = video.pixel(2, x: place.0, y: place.1)
      let tolerance = codec == .ffv1 ? 0 : 6
      #expect(
        zip(found, colour).allSatisfy { abs($0 - Int($1)) <= tolerance }, "\(found), not \(colour)")
    }
  }

  @Test("luma is that of ITU-R BT.601", arguments: VideoWriter.Codec.allCases)
  func luma(codec: VideoWriter.Codec) throws {
    let scratch = try Scratch()
    try writeColours(codec, to: scratch.path + "/clip")
    let (frames, _) = try greyFrames(scratch.path + "/clip", GreyFormat(height: 48, width: 64))
    for (place, colour) in zip([(16, 12), (48, 12), (16, 36), (48, 36)], Self.quarters) {
      let parts = colour.map { Double($0) }
      let expected = 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2]
      let found = Double(frames[2][place.1 * 64 + place.0])
      #expect(isClose(found, expected, absolute: 3), "\(found), not \(expected)")
    }
  }

  @Test("the same colours are the same bytes", arguments: VideoWriter.Codec.allCases)
  func deterministicColours(codec: VideoWriter.Codec) throws {
    let scratch = try Scratch()
    try writeColours(codec, to: scratch.path + "/a")
    try writeColours(codec, to: scratch.path + "/b")
    let first = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/a"))
    #expect(first == (try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/b"))))
  }

  @Test("sizes and rates that cannot be written are refused, and so is a folder that is not there")
  func badSettings() throws {
    let scratch = try Scratch()
    func code(_ path: String, _ codec: VideoWriter.Codec, _ height: Int, _ rate: Int) -> String? {
      let error = #expect(throws: VideoError.self) {
        try VideoWriter(
          path: path, codec: codec, height: height, width: 64, framesPerSecond: rate)
      }
      return error?.code.rawValue
    }
    #expect(code(scratch.path + "/a", .h264, 47, 25) == "badSettings")
    #expect(code(scratch.path + "/a", .h264, 0, 25) == "badSettings")
    #expect(code(scratch.path + "/a", .mpeg2, 48, 7) == "badSettings")
    #expect(code(scratch.path + "/a", .mjpeg, 48, 0) == "badSettings")
    #expect(code(scratch.path + "/none/a", .mjpeg, 48, 25) == "unwritable")
  }

  @Test("a full disk is an error")
  func fullDisk() throws {
    #expect(throws: VideoError.self) { try write(.ffv1, to: "/dev/full") }
  }
}
