import DICOM
import Foundation
import TestKit
import Testing
import Video

/// A file of Tests/Goldens/dicom.
func golden(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Goldens/dicom/\(name)").path(percentEncoded: false)
}

@Suite("DICOM cines as Matroska files")
struct RemuxTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private struct Cine {
    var info: VideoInfo
    var frames: [[UInt8]] = []
    var times: [Double] = []
  }

  private func remuxed(_ name: String) throws -> (cine: Cine, notes: [String], path: String) {
    let path = scratch.path + "/\(name).mkv"
    let result = try remuxDICOM(from: golden("\(name).dcm"), to: path)
    let reader = try VideoReader(path: path)
    let scaler = GreyScaler(GreyFormat(height: reader.info.height, width: reader.info.width))
    var cine = Cine(info: reader.info)
    while try reader.next() {
      try reader.withGreyFrame(scaler) { cine.frames.append(Array($0)) }
      cine.times.append(reader.timeSeconds)
    }
    #expect(cine.frames.count == result.frames)
    return (cine, result.notes, path)
  }

  @Test(
    "frames without loss have the grey levels that pydicom reads",
    arguments: [
      "grey", "rle", "planar", "big_endian", "shared_chroma", "palette", "jpeg2000", "jpeg_ls",
      "jpeg_ls_lines",
      "jpeg_lossless",
    ])
  func lossless(name: String) throws {
    let (cine, _, _) = try remuxed(name)
    #expect(cine.info.codec == "ffv1")
    let expected = try [UInt8](Data(contentsOf: URL(fileURLWithPath: golden("\(name).grey"))))
    #expect(Array(cine.frames.joined()) == expected)
  }

  @Test(
    "JPEG is copied, whatever its fragments, and means the grey levels that libjpeg reads",
    arguments: [("jpeg", "jpeg"), ("jpeg_no_table", "jpeg"), ("jpeg_rgb", "jpeg_rgb")])
  func jpeg(name: String, expected: String) throws {
    let (cine, _, _) = try remuxed(name)
    #expect(cine.info.codec == "mjpeg")
    try expectClose(cine.frames, expected)
  }

  @Test("a crop of red, green and blue in planes shows the part of the whole")
  func crop() throws {
    let (cine, _, path) = try remuxed("jpeg_rgb")
    let reader = try VideoReader(path: path)
    let scaler = GreyScaler(
      GreyFormat(height: 20, width: 30, crop: Crop(top: 7, left: 9, height: 20, width: 30)))
    _ = try reader.next()
    let part = try reader.withGreyFrame(scaler) { Array($0) }
    let whole = (7..<27).flatMap { cine.frames[0][$0 * 64 + 9..<$0 * 64 + 39] }
    #expect(zip(part, whole).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
  }

  @Test("JPEG whose black is white is decoded, since no player would know")
  func inverse() throws {
    let (cine, _, _) = try remuxed("jpeg_inverse")
    #expect(cine.info.codec == "ffv1")
    try expectClose(cine.frames, "jpeg_inverse")
  }

  /// Two decoders of JPEG agree within a level or two of their rounding.
  private func expectClose(_ frames: [[UInt8]], _ name: String) throws {
    let expected = try [UInt8](Data(contentsOf: URL(fileURLWithPath: golden("\(name).grey"))))
    let found = Array(frames.joined())
    try #require(found.count == expected.count)
    let differences = zip(found, expected).map { abs(Int($0) - Int($1)) }
    #expect((differences.max() ?? 0) <= 2)
    #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 0.3)
  }

  @Test("times come from the frame time, the vector of frame times or the cine rate")
  func times() throws {
    func expect(_ name: String, _ expected: [Double]) throws {
      let times = try remuxed(name).cine.times
      #expect(times.count == expected.count)
      #expect(zip(times, expected).allSatisfy { isClose($0, $1, absolute: 0.0005) }, "\(times)")
    }
    try expect("grey", [0, 0.04, 0.08, 0.12, 0.16, 0.2])
    try expect("jpeg", [0, 0.03, 0.08, 0.12])
    try expect("jpeg_rgb", [0, 0.05])
    #expect(try remuxed("grey").cine.info.framesPerSecond == 25)
    let (cine, notes, _) = try remuxed("planar")
    #expect(isClose(cine.times[1], 0.04, absolute: 0.0005))
    #expect(notes.first?.contains("nothing of its frame rate") == true)
  }

  @Test("the calibration is that of the largest region of 2D tissue, [y, x]")
  func calibration() throws {
    let (cine, notes, _) = try remuxed("grey")
    let found = try #require(cine.info.millimetresPerPixel)
    #expect(isClose(found[0], 0.456) && isClose(found[1], 0.123))
    #expect(notes.contains { $0.contains("text is burnt into its pixels") })
    #expect(try remuxed("jpeg").cine.info.millimetresPerPixel == nil)
  }

  @Test("equal files give equal bytes, and no byte of them names the patient")
  func privateBytes() throws {
    let secrets = [
      "Testperson", "Gwendolyn", "4711", "19570404", "Hospital", "20190203", "ACC-99", "1.2.3.4.5",
    ]
    for name in ["grey", "jpeg", "rle", "palette", "jpeg2000"] {
      let first = try Data(contentsOf: URL(fileURLWithPath: try remuxed(name).path))
      #expect(first == (try Data(contentsOf: URL(fileURLWithPath: try remuxed(name).path))))
      for secret in secrets {
        #expect(first.range(of: Data(secret.utf8)) == nil, "\(name) holds \(secret)")
      }
    }
    // What the test looks for is there to be found: in the data set, and in a JPEG's comment.
    let source = try Data(contentsOf: URL(fileURLWithPath: golden("jpeg.dcm")))
    for secret in secrets { #expect(source.range(of: Data(secret.utf8)) != nil) }
    let name = Data("Testperson".utf8)
    let inDataSet = try #require(source.range(of: name))
    #expect(source[inDataSet.upperBound...].range(of: name) != nil)
  }

  @Test(
    "what cannot be read says which file, what is wrong and what was expected",
    arguments: [
      ("no_pixels", DICOMError.Code.noPixels, "is a DICOM file without pixels; expected a cine"),
      ("truncated", .truncated, "the file ends before its data set does"),
      (
        "too_few", .truncated,
        "its pixel data have 7380 bytes; 60 frames of 30x41 pixels need 73800"
      ),
      ("jpeg_truncated", .truncated, "the file ends before its data set does"),
      ("jpeg_cut_stream", .truncated, "frame 3: its JPEG stream ends before the picture does"),
      ("mpeg4", .unsupported, "transfer syntax 1.2.840.10008.1.2.4.102 is not read; expected"),
      ("private", .unsupported, "transfer syntax 1.2.826.0.1.3680043.9.9999.1 is not read"),
      ("sixteen", .unsupported, "its samples have 16 bits in 16; expected 8 unsigned bits in 8"),
      ("jpeg_ls_samples", .unsupported, "frame 0: is JPEG-LS interleaved by sample"),
      ("make.py", .unreadable, "is no DICOM file"), ("none", .unreadable, "is no DICOM file"),
    ])
  func badFiles(name: String, code: DICOMError.Code, message: String) throws {
    let path = golden(name.contains(".") ? name : "\(name).dcm")
    let target = scratch.path + "/out.mkv"
    let error = #expect(throws: DICOMError.self) { try remuxDICOM(from: path, to: target) }
    #expect(error?.code == code, "\(error.map { "\($0)" } ?? "")")
    #expect(error?.description.hasPrefix("'\(path)': ") == true)
    #expect(error?.description.contains(message) == true, "\(error.map { "\($0)" } ?? "")")
    #expect(error?.description.contains("Testperson") == false)
  }

  @Test("a file cut anywhere is an error and never a crash")
  func cutAnywhere() throws {
    for name in ["grey", "jpeg", "rle", "palette"] {
      let whole = try Data(contentsOf: URL(fileURLWithPath: golden("\(name).dcm")))
      for length in stride(from: 0, to: whole.count - 64, by: 97) {
        let path = try cut(whole, to: length)
        #expect(throws: DICOMError.self, "\(name) cut to \(length)") {
          try remuxDICOM(from: path, to: scratch.path + "/out.mkv")
        }
      }
    }
  }

  @Test("an announced number of frames that no memory holds is refused before it is believed")
  func manyFrames() throws {
    for (name, frames) in [("grey", "6 "), ("jpeg", "4 ")] {
      var bytes = try Data(contentsOf: URL(fileURLWithPath: golden("\(name).dcm")))
      let tag = Data(
        [0x28, 0x00, 0x08, 0x00] + Array("IS".utf8) + [0x02, 0x00] + Array(frames.utf8))
      let place = try #require(bytes.range(of: tag))
      let announced = Array("2000000000".utf8)
      bytes.replaceSubrange(
        place, with: Data([0x28, 0x00, 0x08, 0x00] + Array("IS".utf8) + [10, 0] + announced))
      let error = #expect(throws: DICOMError.self) {
        try remuxDICOM(from: try cut(bytes, to: bytes.count), to: scratch.path + "/out.mkv")
      }
      #expect(error?.code == .truncated)
    }
  }

  private func cut(_ whole: Data, to length: Int) throws -> String {
    let path = scratch.path + "/cut.dcm"
    try whole.prefix(length).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test("a damaged file is read or refused, and never a crash")
  func damagedAnywhere() throws {
    for name in ["jpeg", "rle", "jpeg_lossless"] {
      let whole = try Data(contentsOf: URL(fileURLWithPath: golden("\(name).dcm")))
      for place in stride(from: 132, to: whole.count, by: 53) {
        var damaged = whole
        damaged[place] ^= 0x5A
        let path = try cut(damaged, to: damaged.count)
        do {
          _ = try remuxDICOM(from: path, to: scratch.path + "/out.mkv")
        } catch let error as DICOMError {
          #expect(error.path == path)
        } catch let error as VideoError {
          #expect([path, scratch.path + "/out.mkv"].contains(error.path))
        }
      }
    }
  }
}
