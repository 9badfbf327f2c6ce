import Foundation
import StageKit
import Stages
import TestKit
import Testing
import Video

@Suite("import of DICOM cines")
struct DICOMCinesTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func golden(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Goldens/dicom/\(name).dcm").path(percentEncoded: false)
  }

  private func run(
    _ files: [(id: String, path: String)], _ options: [String: Value] = [:]
  ) async throws -> WholeStageRun {
    try await WholeStageRun(
      "import", options: options.merging(["path": "clips"]) { first, _ in first }, sources: files,
      scratch: scratch, collectionPorts: ["videos"])
  }

  @Test(
    "a cine becomes a video of its frames under its own id, beside videos that stay where they are")
  func beside() async throws {
    let video = try scratch.write("video", to: "b.mp4")
    let run = try await run([
      ("x/a.dcm", golden("jpeg")), ("b.mp4", video), ("x/C.DCM", golden("grey")),
      ("x/none", golden("rle")),
    ])
    #expect(run.failure == nil)
    #expect(run.order["videos"] == ["b.mp4", "x/C.DCM", "x/a.dcm"])
    #expect(run.collections["videos"]?["b.mp4"] == Digest(of: Array("video".utf8)).hex)
    let jpeg = try VideoReader(path: #require(run.collections["videos"]?["x/a.dcm"]))
    #expect(jpeg.info.codec == "mjpeg")
    let grey = try VideoReader(path: #require(run.collections["videos"]?["x/C.DCM"]))
    #expect(grey.info.codec == "ffv1")
    let logs = try WholeStageRun.events(run.layout).filter { $0.event == .log }
    #expect(logs.first?.message?.hasPrefix("'x/C.DCM' says that text is burnt") == true)
  }

  @Test("files without an extension, or with a UID's, are DICOM where a pattern selects them")
  func withoutExtension() async throws {
    let run = try await run(
      [("a/IM0001", golden("rle")), ("a/1.2.840.17", golden("grey"))], ["pattern": ["a/*"]])
    #expect(run.failure == nil)
    for id in ["a/IM0001", "a/1.2.840.17"] {
      #expect(try VideoReader(path: #require(run.collections["videos"]?[id])).info.codec == "ffv1")
    }
  }

  @Test("nothing that names the patient reaches a file of the job, its events and errors included")
  func secrets() async throws {
    let names = ["grey", "jpeg", "rle", "palette", "planar", "jpeg_lossless"]
    let whole = try await run(names.map { ("\($0).dcm", golden($0)) })
    #expect(whole.failure == nil)
    let bad = ["truncated", "no_pixels", "jpeg_cut_stream", "mpeg4", "private"]
    for name in bad {
      #expect(try await run([("\(name).dcm", golden(name))]).failure != nil)
    }
    var searched = 0
    let files = try FileManager.default.subpathsOfDirectory(atPath: scratch.path)
    for file in files.map({ URL(fileURLWithPath: scratch.path + "/" + $0) }) {
      guard let data = try? Data(contentsOf: file) else { continue }
      searched += 1
      for secret in ["Testperson", "Gwendolyn", "PID-4711", "19570404", "ACC-99", "Nowhere"] {
        #expect(data.range(of: Data(secret.utf8)) == nil, "\(file.path) holds \(secret)")
      }
    }
    #expect(searched > names.count + bad.count)
  }

  @Test(
    "a file that cannot be read fails with its name, the reason and a way out",
    arguments: [
      ("no_pixels", "is a DICOM file without pixels"), ("mpeg4", "transfer syntax"),
      ("truncated", "the file ends before"),
    ])
  func bad(name: String, reason: String) async throws {
    let failure = try await run([("\(name).dcm", golden(name))]).failure ?? ""
    #expect(failure.contains("\(name).dcm'") && failure.contains(reason), "\(failure)")
    #expect(failure.contains("leave it out with 'pattern'"))
  }

  @Test("frames of a cine can have labels; one that cannot be read is left out where asked")
  func labelled() async throws {
    let labels = try scratch.write(
      "path\tfirst\tlast\tlabel\tgroup\na.dcm\t0\t1\tFEMUR\tp1\nb.dcm\t0\t0\tLIPS\tp2\n",
      to: "l.tsv")
    let files = [
      ("a.dcm", golden("jpeg")), ("b.dcm", golden("truncated")), ("labels.tsv", labels),
    ]
    let strict = try await run(files, ["labels": "labels.tsv"])
    #expect(strict.failure?.contains("b.dcm") == true)
    let run = try await run(files, ["labels": "labels.tsv", "on_problem": "skip"])
    #expect(run.failure == nil)
    #expect(run.order["videos"] == ["a.dcm"])
    let path = run.layout.output("info")
    let info = try String(contentsOfFile: path, encoding: .utf8)
    // The place of the project is no part of the bytes.
    #expect(info.contains("\"reason\":\"'b.dcm': the file ends before"), "\(info)")
    let beyond = try scratch.write(
      "path\tfirst\tlast\tlabel\tgroup\na.dcm\t0\t999\tFEMUR\tp1\n", to: "m.tsv")
    let tooFar = try await self.run(
      [("a.dcm", golden("jpeg")), ("labels.tsv", beyond)], ["labels": "labels.tsv"])
    #expect(tooFar.failure?.contains("line 2") == true)
  }
}
