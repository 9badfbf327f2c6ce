import Foundation
import Learning
import StageKit
import TestKit
import Testing

extension LearningTests {
  @Suite("clips from files of frames") struct FrameFileTests {
    private let scratch: Scratch
    private let path: String

    /// Seven frames of 5 x 6; each pixel tells its place.
    init() throws {
      scratch = try Scratch()
      path = scratch.path + "/frames.safetensors"
      let pixels = (0..<7 * 5 * 6).map { UInt8($0) }
      try SafetensorsWriter.write(
        [
          .init("times", [Double](repeating: 0, count: 7), shape: [7]),
          .init("frames", pixels, shape: [7, 5, 6]),
        ],
        to: path)
    }

    @Test("start, stride and crop take the right pixels, 0 to 1")
    func pixels() throws {
      let file = try FrameFile(path: path)
      #expect(file.frames == 7 && file.height == 5 && file.width == 6)
      var values: [Float] = [-1]
      try file.append(
        .init(start: 1, frames: 3, stride: 2, top: 1, left: 2, height: 2, width: 3), to: &values)
      var expected: [Float] = [-1]
      for frame in [1, 3, 5] {
        for y in 1...2 {
          for x in 2...4 { expected.append(Float(frame * 30 + y * 6 + x) / 255) }
        }
      }
      #expect(values == expected)
    }

    @Test("three channels are the same one three times")
    func channels() throws {
      let cut = FrameFile.Cut(start: 0, frames: 7, height: 5, width: 6)
      var (grey, colour) = ([Float](), [Float]())
      try FrameFile(path: path).append(cut, to: &grey)
      try FrameFile(path: path).append(cut, channels: 3, to: &colour)
      #expect(grey.count == 210)
      #expect(colour == grey + grey + grey)
    }

    @Test(
      "a clip that is not inside is refused",
      arguments: [
        FrameFile.Cut(start: -1, frames: 1, height: 5, width: 6),
        .init(start: 7, frames: 1, height: 5, width: 6),
        .init(start: 0, frames: 8, height: 5, width: 6),
        .init(start: 1, frames: 4, stride: 2, height: 6, width: 6),
        .init(start: 1, frames: 3, stride: 3, height: 5, width: 6),
        .init(start: 0, frames: 2, stride: 0, height: 5, width: 6),
        .init(start: 0, frames: 3, stride: .max, height: 5, width: 6),
        .init(start: 0, frames: 0, height: 5, width: 6),
        .init(start: 0, frames: 1, top: 1, height: 5, width: 6),
        .init(start: 0, frames: 1, left: 4, height: 5, width: 3),
        .init(start: 0, frames: 1, left: .max, height: 5, width: .max),
      ])
    func outside(cut: FrameFile.Cut) throws {
      var values: [Float] = []
      let text = message { try FrameFile(path: path).append(cut, to: &values) }
      #expect(
        text?.hasPrefix("'\(path)' has 7 frames of 5 x 6; a clip of \(cut.frames) frames") == true)
      #expect(values.isEmpty)
    }

    @Test("files without frames are refused with what was expected")
    func noFrames() throws {
      #expect(
        message { _ = try FrameFile(path: path, tensor: "times") }
          == "frames '\(path)': tensor 'times' is F64; expected U8")
      #expect(
        message { _ = try FrameFile(path: path, tensor: "frame") }?.contains(
          "has no tensor 'frame'")
          == true)
      #expect(
        message { _ = try FrameFile(path: path + "x") }?.contains("No such file") == true)
      try SafetensorsWriter.write([.init("frames", [UInt8](), shape: [0, 5, 6])], to: path)
      var values: [Float] = []
      let cut = FrameFile.Cut(start: 0, frames: 1, height: 5, width: 6)
      #expect(message { try FrameFile(path: path).append(cut, to: &values) } != nil)
    }
  }
}
