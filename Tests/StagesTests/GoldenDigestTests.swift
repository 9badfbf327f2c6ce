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

  /// oneDNN chooses the order of its sums by the processor's caches too: trainings have equal bytes on
  /// one type of processor alone, which their own tests look at.
  private static let trained: Set = ["saliency_train"]

  @Test("equal inputs give the bytes that are on record, unless the kind has a new version")
  func digests() async throws {
    let found = try await chain()
    // The same bytes again, with another number of processors.
    #expect(try await chain(cpus: 2) == found)
    let kinds = Set(found.map(\.kind)).union(GoldenDigestTests.trained)
    #expect(kinds == Set(allStages.map { $0.kind }), "a kind has no golden digest")

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
    let files = [
      ("a/h264.gaze.csv", "path,time,x,y\na/h264.mp4,0,0.25,0.5\na/h264.mp4,0.05,,\n"),
      ("labels.tsv", "path\tfirst\tlast\tlabel\na/h264.mp4\t0\t1\theart\n"),
    ]
    let sources = try bench.scratch.write(
      IndexFile(
        columns: JobLayout.sourceColumns,
        rows: try
          ([("a/h264.mp4", clip)]
          + files.map { ($0, try bench.scratch.write($1, to: "clips/\($0)")) }).map { id, path in
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            return [id, Digest(of: data).hex, String(data.count), path]
          }
      ).text,
      to: "sources.tsv")
    _ = try await run(
      "import", ["path": "clips", "labels": "labels.tsv", "gaze": ["**/*.csv"]],
      keeping: ["info", "labels", "gaze"], sources: sources)
    let scans =
      SplitBench.patients(12, classes: ["heart"])
      + SplitBench.patients(
        20, classes: ["femur", "heart"])[12...]
    let roles = try await run(
      "split", ["patients": ["pretrain": 8, "downstream": 6, "test": 5], "seed": 1],
      ["labels": try SplitBench(bench).labels(scans)], keeping: ["roles", "info"])
    _ = try await run(
      "select", ["role": "downstream", "fold_not": 2],
      [
        "items": try bench.many("item", scans.map { ($0.item, clip) }),
        "roles": .one(path: roles["roles"] ?? ""),
      ], keeping: ["items.tsv"])
    // The bytes of the videos are the encoder's; the labels are ours.
    _ = try await run(
      "moving_shapes", ["clips": 2, "frames": 2, "size": [32, 48]], keeping: ["labels"])
    _ = try await run(
      "simulate",
      [
        "patients": 1, "frames": 4, "size": [32, 48], "lines": 32, "samples": 96, "density": 1,
        "codec": "ffv1",
      ], keeping: ["labels", "gaze", "truth"])
    let decoded = try await run(
      "decode", ["size": [56, 72]], ["video": .one(path: clip)], keeping: ["frames", "info"])
    let frames = decoded["frames"] ?? ""
    let maps = try await run(
      "saliency", ["method": "spectral_residual", "grid": [14, 18]],
      ["frames": .one(path: frames)], keeping: ["maps"])
    let landmarks = try await run(
      "landmarks", [:], ["maps": .one(path: maps["maps"] ?? "")], keeping: ["landmarks"])
    // Without a step: the bytes of initial weights are those of any processor with these kernels.
    let pretrained = try await run(
      "pretrain", ["task": ["pretext": "none"], "width": 0.0625, "clip": 4],
      ["frames": try bench.many("item", [("a", frames)])], keeping: ["model", "scores", "curves"])
    // Votes are far enough apart for any processor; a fine-tuning's bytes would not be.
    let classes = try ["p", "q"].map {
      try bench.scratch.write(
        "first\tlast\tlabel\tgroup\n0\t3\theart\t\($0)\n4\t99\tfemur\t\($0)\n", to: "\($0).tsv")
    }
    let folds = try bench.scratch.write(
      "item\tgroup\trole\tfold\na\tp\tdownstream\t0\nb\tq\tdownstream\t1\n", to: "folds.tsv")
    _ = try await run(
      "downstream", ["mode": "knn", "voters": 1, "fold": 0, "clip": 2, "size": [16, 16]],
      [
        "frames": try bench.many("item", [("a", frames), ("b", frames)]),
        "labels": try bench.many("item", [("a", classes[0]), ("b", classes[1])]),
        "roles": .one(path: folds), "model": .one(path: pretrained["model"] ?? ""),
      ], keeping: ["scores", "predictions", "confusion", "classes", "curves"])
    let gaze = try bench.scratch.write(Self.gaze, to: "gaze.tsv")
    _ = try await run(
      "gaze", ["grid": [14, 18], "every": 2],
      ["gaze": .one(path: gaze), "frames": .one(path: frames)],
      keeping: ["fixations", "maps", "scores"])
    let truth = try bench.scratch.write(
      "frame\tlabel\tstructure\tx\ty\tlong_axis\n0\tFemur\tshaft\t0.5\t0.5\t0.5\n"
        + "0\tFemur\thead\t0.25\t0.5\t0.5\n3\tFemur\tshaft\t0.75\t0.25\t0.5\n",
      to: "truth.tsv")
    _ = try await run(
      "landmark_scores", [:],
      [
        "landmarks": try bench.many("item", [("a", landmarks["landmarks"] ?? "")]),
        "truth": try bench.many("item", [("a", truth)]),
      ], keeping: ["scores", "table"])
    let features = try await run(
      "extract", ["features": "pixels", "patch": [8, 8]],
      [
        "frames": .one(path: frames), "landmarks": .one(path: landmarks["landmarks"] ?? ""),
        "truth": .one(path: truth),
        "labels": .one(path: try bench.scratch.write("label\tgroup\nFemur\tp1\n", to: "label.tsv")),
      ], keeping: ["features"])
    let collection = try bench.many("item", [("a", features["features"] ?? "")])
    let clustered = try await run(
      "kmeans", ["clusters": 2], ["features": collection],
      keeping: ["clusters", "scores", "curve"])
    let scored = try await run(
      "metrics", [:],
      ["features": collection, "clusters": .one(path: clustered["clusters"] ?? "")],
      keeping: ["scores"])
    _ = try await run(
      "tsne", ["perplexity": 1, "iterations": 100],
      ["features": collection, "clusters": .one(path: clustered["clusters"] ?? "")],
      keeping: ["embedding", "scores"])
    _ = try await run(
      "table", ["columns": ["silhouette", "compactness"]],
      ["scores": .one(path: scored["scores"] ?? "")],
      keeping: ["csv", "markdown", "latex", "cells"])
    // The bytes of the pictures are gnuplot's and librsvg's.
    _ = try await run(
      "figure", ["chart": "bars", "columns": ["silhouette", "compactness"]],
      ["scores": .one(path: scored["scores"] ?? "")], keeping: ["data"])
    _ = try await run(
      "gallery", ["count": 2, "patch": [16, 16]],
      [
        "frames": try bench.many("item", [("a", frames)]), "features": collection,
        "clusters": .one(path: clustered["clusters"] ?? ""),
      ], keeping: ["sheets", "data"])
    let sensitive = try await run(
      "sensitivity", ["clusters": [2]], ["features": collection], keeping: ["values", "curves"])
    _ = try await run(
      "ranking", ["clusters": 2],
      [
        "values": try bench.many(
          "method", [("a", sensitive["values"] ?? ""), ("b", sensitive["values"] ?? "")])
      ], keeping: ["csv", "markdown", "latex", "cells", "means"])
    let compared = try bench.many(
      "method", [("a", scored["scores"] ?? ""), ("b", scored["scores"] ?? "")])
    _ = try await run(
      "agreement", ["columns": ["silhouette"], "against": ["compactness"]],
      ["metrics": compared, "downstream": compared], keeping: ["scores", "table"])
    // The bytes of the clip are the encoder's; the sheet is ours.
    let overlay = OverlayBench(bench)
    _ = try await run(
      "overlay", ["frames": 2, "sheet_side": 96, "clip_side": 96, "title": "p07/scan.mp4"],
      try overlay.everything().mapValues { .one(path: $0) }, keeping: ["sheet"])
    return found
  }

  /// Both eyes of six frames, one of which is lost.
  private static let gaze = GazeStageTests.gaze(
    (0..<24).map { row in
      let (frame, isLeft) = (row / 4, row % 2 == 0)
      return [
        "\(frame)", "\(Double(row / 2) / 60)", isLeft ? "left" : "right",
        "\(0.3 + 0.01 * Double(row % 5))", "\(0.6 - 0.02 * Double(row % 3))",
        frame == 2 ? "0" : "1",
      ]
    })

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
