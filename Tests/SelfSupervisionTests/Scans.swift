import Foundation
import Learning
import SelfSupervision
import StageKit
import TestKit

/// Scans of pixels that tests make up, in a folder of their own.
final class Scans: Sendable {
  let set: ScanSet
  private let scratch: Scratch

  /// One scan of pixels that a function gives.
  struct Recipe {
    var frames: Int
    var height = 32
    var width = 32
    var segments: [Scan.Segment]?
    var inside: [Int]?
    /// Grey level of (frame, y, x).
    var pixel: (Int, Int, Int) -> Int
  }

  init(_ recipes: [Recipe], classes: [String] = []) throws {
    let scratch = try Scratch()
    let scans = try recipes.enumerated().map { index, recipe in
      let path = "\(scratch.path)/\(index).safetensors"
      let writer = try SafetensorsWriter(
        path: path,
        tensors: [.init("frames", .u8, rows: recipe.frames, of: [recipe.height, recipe.width])])
      for frame in 0..<recipe.frames {
        let pixels = (0..<recipe.height).flatMap { y in
          (0..<recipe.width).map { UInt8(clamping: recipe.pixel(frame, y, $0)) }
        }
        try writer.append(pixels)
      }
      try writer.finish()
      return Scan(
        id: "scan\(index)", group: "patient\(index)", frames: try FrameFile(path: path),
        segments: recipe.segments ?? [.init(0..<recipe.frames)],
        inside: recipe.inside ?? [0, 0, recipe.height, recipe.width])
    }
    set = try ScanSet(scans, classes: classes)
    self.scratch = scratch
  }

  subscript(index: Int) -> Scan { self.set.scans[index] }
}

/// Grey levels without any pattern, the same on every machine.
func noise(_ numbers: Int...) -> Int {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for number in numbers {
    hash = (hash ^ UInt64(bitPattern: Int64(number))) &* 0x9e37_79b9_7f4a_7c15
    hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
    hash ^= hash >> 29
  }
  return Int(hash >> 40 & 255)
}

/// A group of options as YAML would give it.
func made<Group: OptionMap>(_ value: Value) throws -> Group {
  var reader = OptionReader(["group": value])
  return try reader.record("group", help: "")
}

/// What an augmentation does when it is to do nothing but cut the whole frame.
let still: Value = [
  "scale": [1, 1], "aspect": 0, "flip": 0, "rotation": 0, "gamma": 0, "contrast": 0,
  "brightness": 0,
]

/// A method, with presets.
func method(_ value: Value) throws -> SelfSupervision.Method {
  var reader = OptionReader(["task": value])
  return try reader.record("task", presets: Method.presets, help: "")
}
