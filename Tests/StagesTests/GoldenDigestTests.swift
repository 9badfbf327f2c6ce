import Analysis
import Foundation
import StageKit
import Stages
import TestKit
import Testing

/// Each kind's bytes on small inputs, one kind's output being the next one's input.
///
/// A digest that changed needs a new version of its kind: then FATHOM_RECORD_GOLDENS=1 writes the
/// file anew. Bytes may differ between types of processors; the file has rows for each that was
/// recorded.
@Suite("Golden output digests")
struct GoldenDigestTests {
  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/stages/digests.tsv")
    .path(percentEncoded: false)

  @Test("equal inputs give the bytes that are on record, unless the kind has a new version")
  func digests() async throws {
    let found = try await chain()
    // The same bytes again, with another number of processors.
    #expect(try await chain(cpus: 2) == found)
    #expect(Set(found.map(\.kind)) == Set(allStages.map { $0.kind }), "a kind has no golden digest")

    let recording = ProcessInfo.processInfo.environment["FATHOM_RECORD_GOLDENS"] == "1"
    let text = (try? String(contentsOfFile: Self.file, encoding: .utf8)) ?? ""
    var table =
      IndexFile(text: text)
      ?? IndexFile(columns: ["processor", "kind", "version", "output", "sha256"])
    let here = matrixKernels
    if recording {
      table.rows.removeAll { $0[0] == here }
      table.rows += found.map { [here, $0.kind, "\($0.version)", $0.output, $0.digest.hex] }
      table.rows.sort { $0.lexicographicallyPrecedes($1) }
      try table.text.write(toFile: Self.file, atomically: true, encoding: .utf8)
    }
    try #require(!table.rows.isEmpty, "the file of golden digests is missing")
    for row in table.rows where row[0] == here {
      let now = found.first { $0.kind == row[1] && $0.output == row[3] }
      guard let now, "\(now.version)" == row[2] else { continue }
      #expect(
        now.digest.hex == row[4],
        "'\(row[3])' of kind '\(row[1])' has other bytes: give the kind a new version")
    }
  }

  private struct Output: Hashable {
    var kind: String
    var version: Int
    var output: String
    var digest: Digest
  }

  private func chain(cpus: Int = 1) async throws -> [Output] {
    let bench = try AnalysisBench()
    var found: [Output] = []

    func run(
      _ kind: String, _ options: [String: Value] = [:], _ inputs: [String: JobInput] = [:],
      keeping ports: [String], sources: String? = nil
    ) async throws -> [String: String] {
      try await bench.run(kind, options: options, inputs: inputs, sources: sources, cpus: cpus)
      var kept: [String: String] = [:]
      for port in ports {
        let name = "\(kind)-\(port)"
        kept[port] = try bench.keep(port, as: name)
        let version = allStages.first { $0.kind == kind }?.version ?? 0
        found.append(
          Output(
            kind: kind, version: version, output: port,
            digest: try Self.digest(bench.scratch.path + "/" + name)))
      }
      return kept
    }

    let clip = URL(fileURLWithPath: Self.file).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "video/h264.mp4").path(percentEncoded: false)
    let digest = try Self.digest(clip)
    let clipBytes = try Data(contentsOf: URL(fileURLWithPath: clip)).count
    let sources = try bench.scratch.write(
      IndexFile(
        columns: JobLayout.sourceColumns,
        rows: [["a/h264.mp4", digest.hex, String(clipBytes), clip]]
      ).text,
      to: "sources.tsv")
    _ = try await run(
      "import", ["path": "clips", "labels": "folder"], keeping: ["info", "labels"],
      sources: sources)
    // The bytes of the videos are the encoder's; the labels are ours.
    _ = try await run(
      "moving_shapes", ["clips": 2, "frames": 2, "size": [32, 48]], keeping: ["labels"])
    let decoded = try await run(
      "decode", ["size": [56, 72]], ["video": .one(path: clip)], keeping: ["frames", "info"])
    let frames = decoded["frames"] ?? ""
    let maps = try await run(
      "saliency", ["method": "spectral_residual", "grid": [14, 18]],
      ["frames": .one(path: frames)], keeping: ["maps"])
    let landmarks = try await run(
      "landmarks", [:], ["maps": .one(path: maps["maps"] ?? "")], keeping: ["landmarks"])
    let features = try await run(
      "extract", ["features": "pixels", "patch": [8, 8]],
      ["frames": .one(path: frames), "landmarks": .one(path: landmarks["landmarks"] ?? "")],
      keeping: ["features"])
    let collection = try bench.many("item", [("a", features["features"] ?? "")])
    let clustered = try await run(
      "kmeans", ["clusters": 2], ["features": collection], keeping: ["clusters", "scores"])
    let scored = try await run(
      "metrics", [:],
      ["features": collection, "clusters": .one(path: clustered["clusters"] ?? "")],
      keeping: ["scores"])
    _ = try await run(
      "table", ["columns": ["silhouette", "compactness"]],
      ["scores": .one(path: scored["scores"] ?? "")],
      keeping: ["csv", "markdown", "latex", "cells"])
    // The bytes of the clip are the encoder's; the sheet is ours.
    let overlay = OverlayBench(bench)
    _ = try await run(
      "overlay", ["frames": 2, "sheet_side": 96, "clip_side": 96, "title": "p07/scan.mp4"],
      try overlay.everything().mapValues { .one(path: $0) }, keeping: ["sheet"])
    return found
  }

  /// Of a file; of a folder, of its files' paths and digests.
  private static func digest(_ path: String) throws -> Digest {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { return Digest(of: try Data(contentsOf: URL(fileURLWithPath: path))) }
    var encoder = CanonicalEncoder()
    for name in try FileManager.default.subpathsOfDirectory(atPath: path).sorted() {
      let file = path + "/" + name
      guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder),
        !isFolder.boolValue
      else { continue }
      encoder.encode(name)
      encoder.encode(Digest(of: try Data(contentsOf: URL(fileURLWithPath: file))))
    }
    return encoder.digest
  }
}
