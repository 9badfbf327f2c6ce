import Foundation
import TestKit
import Testing
import Video

@Suite("Writing Matroska files picture by picture")
struct MatroskaWriterTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private static let pictures: [[UInt8]] = (0..<4).map { (picture: Int) -> [UInt8] in
    (0..<63).map { (pixel: Int) -> UInt8 in UInt8(truncatingIfNeeded: pixel * 37 + picture * 11) }
  }

  private func write(_ name: String, times: [Double]) throws -> String {
    let path = scratch.path + "/" + name
    let writer = try MatroskaWriter(
      path: path, track: .grey, height: 7, width: 9, framesPerSecond: 30,
      millimetresPerPixel: [0.25, 0.5])
    for (picture, time) in zip(Self.pictures, times) {
      try writer.append(picture, atSeconds: time, lastingSeconds: 1.0 / 30)
    }
    try writer.finish()
    return path
  }

  @Test("grey pictures of any size come back as they are, at their times, with the calibration")
  func roundTrip() throws {
    let path = try write("a.mkv", times: [0, 0.0333, 0.0667, 0.2])
    let (frames, times) = try greyFrames(path, GreyFormat(height: 7, width: 9))
    #expect(frames == Self.pictures)
    #expect(zip(times, [0, 0.033, 0.067, 0.2]).allSatisfy { isClose($0, $1, absolute: 1e-6) })
    let info = try VideoReader(path: path).info
    #expect(info.millimetresPerPixel == [0.25, 0.5])
    #expect(info.framesPerSecond.map { isClose($0, 30, relative: 1e-4) } == true)
    #expect(try VideoReader(path: golden("h264.mp4")).info.millimetresPerPixel == nil)
  }

  @Test("pictures at one time follow each other by a millisecond, and equal ones give equal bytes")
  func order() throws {
    let path = try write("a.mkv", times: [0, 0, 0.0004, 0.1])
    #expect(
      try greyFrames(path, GreyFormat(height: 7, width: 9)).times == [0, 0.001, 0.002, 0.1])
    let again = try write("b.mkv", times: [0, 0, 0.0004, 0.1])
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: again))))
    #expect(bytes.range(of: Data("Lavf5".utf8)) == nil)
  }

  @Test("sizes and places that cannot be written are refused")
  func bad() {
    let size = #expect(throws: VideoError.self) {
      try MatroskaWriter(
        path: scratch.path + "/a", track: .grey, height: 0, width: 9, framesPerSecond: nil)
    }
    #expect(size?.code == .badSettings)
    let place = #expect(throws: VideoError.self) {
      try MatroskaWriter(
        path: scratch.path + "/no/a", track: .jpeg, height: 7, width: 9, framesPerSecond: nil)
    }
    #expect(place?.code == .unwritable)
  }

  @Test("bytes that are no picture are an error with the frame's number")
  func noPicture() throws {
    for codec in [PictureDecoder.Codec.jpeg, .jpegLS, .jpeg2000] {
      let decoder = try PictureDecoder(codec, path: "here")
      for bytes in [[], [0xFF], (0..<200).map { UInt8($0) }] as [[UInt8]] {
        let error = #expect(throws: VideoError.self) { try decoder.decode(bytes, number: 3) }
        #expect(error?.code == .corrupt && error?.frame == 3)
      }
    }
  }
}
