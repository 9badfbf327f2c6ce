import Foundation
import StageKit
import TestKit
import Testing

@Suite("Safetensors")
struct SafetensorsTests {
  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/safetensors/golden.safetensors")
    .path(percentEncoded: false)
  private static let note = "a \"quoted\" line\nand süß"

  @Test("a file written by the Python package is read, every type and the metadata")
  func readsGolden() throws {
    let file = try SafetensorsFile(path: Self.golden)
    #expect(file.metadata == ["note": Self.note])
    #expect(file.entries.map(\.name) == ["index", "times", "features", "frames"])
    #expect(try file.tensor("times", of: Double.self, rank: 1).array == [0, 0.04, 0.08])
    #expect(try file.tensor("index", of: Int64.self).array == [-1, 2])
    #expect(try file.tensor("features", of: Float.self).array == [1.5, -2.25, 3e-5, 4])
    let frames = try file.tensor("frames", of: UInt8.self, rank: 3)
    #expect(frames.shape == [3, 2, 5])
    #expect(frames.withRow(1) { Array($0) } == Array(10..<20))
  }

  @Test("the same tensors written by us are the same bytes as the Python package's")
  func writesGolden() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/ours"
    try SafetensorsWriter.write(
      [
        .init("index", [-1, 2] as [Int64], shape: [1, 2]),
        .init("times", [0, 0.04, 0.08], shape: [3]),
        .init("features", [1.5, -2.25, 3e-5, 4] as [Float], shape: [2, 2]),
        .init("frames", [UInt8](0..<30), shape: [3, 2, 5]),
      ], metadata: ["note": Self.note], to: path)
    let ours = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(ours == (try Data(contentsOf: URL(fileURLWithPath: Self.golden))))
  }

  @Test("rows that were not counted beforehand are read back, aligned or not")
  func streamed() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/streamed"
    let writer = try SafetensorsWriter(
      path: path,
      tensors: [.init("frames", .u8, rows: nil, of: [3]), .init("times", .f64, rows: nil)])
    for frame in 0..<5 { try writer.append([UInt8](repeating: UInt8(frame), count: 3)) }
    writer.next()
    try writer.append([0, 0.5, 1, 1.5, 2])
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    let frames = try file.tensor("frames", of: UInt8.self)
    #expect(frames.shape == [5, 3])
    #expect(frames.withRow(4) { Array($0) } == [4, 4, 4])
    #expect(try file.tensor("times", of: Double.self).array == [0, 0.5, 1, 1.5, 2])
  }

  @Test("a scalar has the shape [] and one element")
  func scalar() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/scalar"
    let writer = try SafetensorsWriter(
      path: path, tensors: [.init("count", .i64, shape: []), .init("times", .f32, shape: [2])])
    try writer.append([7] as [Int64])
    writer.next()
    try writer.append([0.5, 1] as [Float])
    try writer.finish()
    let file = try SafetensorsFile(path: path)
    #expect(file.entries.map(\.shape) == [[], [2]])
    #expect(try file.tensor("count", of: Int64.self, rank: 0).array == [7])
    #expect(try file.tensor("times", of: Float.self).array == [0.5, 1])
  }

  @Test("a tensor of no rows is allowed")
  func empty() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/empty"
    try SafetensorsWriter.write([.init("none", [Float](), shape: [0, 4])], to: path)
    let none = try SafetensorsFile(path: path).tensor("none", of: Float.self)
    #expect(none.shape == [0, 4])
    #expect(none.array == [])
  }

  @Test("a missing tensor, a wrong type and a wrong rank are named")
  func wrongUse() throws {
    let file = try SafetensorsFile(path: Self.golden)
    let missing = #expect(throws: SafetensorsError.self) {
      try file.tensor("frame", of: UInt8.self)
    }
    #expect(missing?.code == .missingTensor)
    #expect(missing?.message == "has no tensor 'frame'; did you mean 'frames'?")
    let type = #expect(throws: SafetensorsError.self) { try file.tensor("frames", of: Float.self) }
    #expect(type?.code == .wrongType)
    #expect(type?.message == "tensor 'frames' is U8; expected F32")
    let rank = #expect(throws: SafetensorsError.self) {
      try file.tensor("times", of: Double.self, rank: 3)
    }
    #expect(rank?.code == .wrongShape)
  }

  @Test(
    "a broken header is refused with its reason",
    arguments: [
      ("not json", SafetensorsError.Code.badHeader),
      ("[]", .badHeader),
      (#"{"a":{"dtype":"U9","shape":[4],"data_offsets":[0,4]}}"#, .badHeader),
      (#"{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}"#, .badHeader),
      (#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}"#, .badHeader),
      (#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}"#, .badHeader),
      (#"{"a":{"dtype":"U8","shape":[4611686018427387904,8],"data_offsets":[0,4]}}"#, .badHeader),
      (#"{"__metadata__":{"a":1}}"#, .badHeader),
      (
        #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"#
          + #""b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#, .badOffsets
      ),
      (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}"#, .badOffsets),
      (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, .badOffsets),
      (#"{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}"#, .truncated),
    ])
  func brokenHeader(json: String, code: SafetensorsError.Code) throws {
    let scratch = try Scratch()
    let path = scratch.path + "/broken"
    var data = withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { Data($0) }
    data += Data(json.utf8) + Data([1, 2, 3, 4])
    try data.write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    #expect(error?.code == code, "\(error?.description ?? "")")
    #expect(error?.path == path)
  }

  @Test("every shorter version of a file is refused, and so are a folder and nothing at all")
  func truncated() throws {
    let scratch = try Scratch()
    let whole = try Data(contentsOf: URL(fileURLWithPath: Self.golden))
    let path = scratch.path + "/short"
    for length in [0, 7, 8, 100, 312, whole.count - 1] {
      try whole.prefix(length).write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
      #expect(error?.code == .truncated)
    }
    for path in [scratch.path, scratch.path + "/nothing", "/dev/full"] {
      let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
      #expect(error?.code == .system)
    }
  }

  @Test("a full disk is an error and not a short file that looks whole")
  func fullDisk() throws {
    let error = #expect(throws: SafetensorsError.self) {
      try SafetensorsWriter.write([.init("a", [1.0], shape: [1])], to: "/dev/full")
    }
    #expect(error?.description == "'/dev/full': cannot be written: No space left on device")
  }
}
