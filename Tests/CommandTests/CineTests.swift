import Foundation
import StageKit
import TestKit
import Testing

/// Through the command: DICOM cines in, frames out, and nothing that names the patient.
@Suite("DICOM cines", .aFewAtATime)
struct CineTests {
  private static let pipeline = """
    stages:
      cines: { uses: import, with: { path: in, pattern: ["**/*.dcm", "**/IM*"], on_problem: skip } }
      decode: { uses: decode, each: video, in: { video: cines.videos }, with: { size: [32, 32] } }

    """
  /// What `Tests/Goldens/dicom/make.py` says of the patient in every file.
  private static let secrets = [
    "Testperson", "Gwendolyn", "PID-4711", "19570404", "ACC-99", "Nowhere",
  ]
  private static let good = [
    "x/jpeg.dcm": "jpeg", "x/grey.dcm": "grey", "rle.dcm": "rle", "IM0001": "palette",
  ]
  private static let bad = ["no_pixels", "mpeg4", "private", "truncated", "jpeg_cut_stream"]

  private func project() throws -> Workbench {
    let bench = try Workbench(Self.pipeline)
    for (path, name) in Self.good { try bench.write(golden("dicom/\(name).dcm"), to: "in/\(path)") }
    return bench
  }

  /// Files below the scratch folder, the imported ones left out, that hold one of the words.
  private func files(
    of bench: Workbench, with words: [String]
  ) throws -> (found: [String], searched: Int) {
    let root = bench.scratch.path
    let wanted = words.flatMap { [Data($0.utf8), $0.data(using: .utf16LittleEndian) ?? Data()] }
    var (found, searched): ([String], Int) = ([], 0)
    for path in try FileManager.default.subpathsOfDirectory(atPath: root)
    where !path.hasPrefix("project/in/") {
      guard let data = try? Data(contentsOf: URL(fileURLWithPath: "\(root)/\(path)")) else {
        continue
      }
      searched += 1
      if wanted.contains(where: { data.range(of: $0) != nil }) { found.append(path) }
    }
    return (found, searched)
  }

  @Test("become frames; the patient's name reaches no file of the store, the database or a log")
  func secrets() async throws {
    let bench = try project()
    for name in Self.bad { try bench.write(golden("dicom/\(name).dcm"), to: "in/bad/\(name).dcm") }
    let outcome = try await bench.run(expecting: ["cines", "decode"])
    let frames = try bench.contents(of: "Artifacts/latest/p/decode/frames")
    #expect(Set(frames.keys).isSuperset(of: Self.good.keys))
    let info = try bench.latest("decode/info/x/grey.dcm")
    #expect(info.contains("\"source_mm_per_pixel\":[0.456,0.123]"), "\(info)")
    for name in Self.bad {
      #expect(outcome.errors.contains("left out 'bad/\(name).dcm': 'bad/\(name).dcm': "))
    }
    for secret in Self.secrets {
      #expect(!(outcome.errors + outcome.output).contains(secret))
      // It is there to be found.
      #expect(try golden("dicom/grey.dcm").range(of: Data(secret.utf8)) != nil, "\(secret)")
    }
    let (found, searched) = try files(of: bench, with: Self.secrets)
    #expect(found == [])
    #expect(searched > 20)
    // So is what the store holds: the search sees its objects.
    let control = try files(of: bench, with: ["MM_PER_PIXEL"]).found
    #expect(control.contains { $0.contains("/objects/") })
  }

  @Test("come out the same wherever the project lies, also what was left out")
  func place() async throws {
    var infos: Set<String> = []
    for folder in ["project", "another project"] {
      let bench = try Workbench(Self.pipeline, folder: folder)
      for name in ["grey", "truncated", "mpeg4"] {
        try bench.write(golden("dicom/\(name).dcm"), to: "in/\(name).dcm")
      }
      try await bench.run("cines", expecting: ["cines"])
      infos.insert(try bench.latest("cines/info"))
    }
    #expect(infos.count == 1)
    #expect(infos.allSatisfy { $0.contains("truncated.dcm': the file ends before") })
  }

  @Test(
    "that cannot be read fail with file, reason and a way out",
    arguments: [
      ("no_pixels", "is a DICOM file without pixels; expected a cine"),
      ("mpeg4", "its transfer syntax 1.2.840.10008.1.2.4.102 is not read; expected"),
      ("private", "its transfer syntax 1.2.826.0.1.3680043.9.9999.1 is not read; expected"),
      ("truncated", "the file ends before its data set does"),
      ("jpeg_cut_stream", "frame 3: its JPEG stream ends before the picture does"),
    ])
  func bad(name: String, reason: String) async throws {
    let bench = try project()
    try bench.edit("on_problem: skip", to: "on_problem: error")
    try bench.write(golden("dicom/\(name).dcm"), to: "in/bad/\(name).dcm")
    let outcome = try await bench.run(failing: 1)
    #expect(
      outcome.errors.contains("failed  cines: 'bad/\(name).dcm': \(reason)"), "\(outcome.errors)")
    #expect(outcome.errors.contains("leave it out with 'pattern'"))
    #expect(try await bench.decisions() == ["cines": "failed", "decode": "skipped"])
  }
}
