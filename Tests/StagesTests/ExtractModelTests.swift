import Foundation
import StageKit
import TestKit
import Testing

@testable import Stages

/// Features of a network, on the files of `Tests/Goldens/features`; see the script there.
@Suite("extract of a model", .serialized) struct ExtractModelTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/features").path(percentEncoded: false)
  static let frames = folder + "/frames.safetensors"
  static let model = folder + "/model.safetensors"
  /// Frame, row and column of a grid [6, 8]; two share a frame.
  static let places = [(0, 0, 0), (4, 2, 3), (4, 5, 7), (5, 3, 1), (8, 1, 6)]

  private func landmarks(_ bench: AnalysisBench, _ places: [(Int, Int, Int)] = places) throws
    -> String
  {
    let landmarks = places.map { frame, row, column in
      Landmark(
        frame: frame, time: Double(frame) / 30, row: row, column: column, grid: [6, 8],
        y: Double(row), x: Double(column), saliency: 0.5, sourceFrame: frame,
        sourceX: (Double(column) + 0.5) / 8, sourceY: (Double(row) + 0.5) / 6, sourceSize: [48, 64])
    }
    return try bench.scratch.write(LandmarkFile.text(landmarks), to: "landmarks.csv")
  }

  private func inputs(
    _ bench: AnalysisBench, _ places: [(Int, Int, Int)] = places, model: String? = model
  ) throws -> [String: JobInput] {
    var inputs = [
      "frames": JobInput.one(path: Self.frames),
      "landmarks": .one(path: try landmarks(bench, places)),
    ]
    inputs["model"] = model.map { .one(path: $0) }
    return inputs
  }

  private func features(_ bench: AnalysisBench) throws -> MappedTensor<Float> {
    try SafetensorsFile(path: bench.path("features") + "/features.safetensors")
      .tensor("features", of: Float.self, rank: 2)
  }

  private func bytes(_ bench: AnalysisBench) throws -> [Data] {
    try ["features.safetensors", "index.csv"].map {
      try Data(contentsOf: URL(fileURLWithPath: bench.path("features") + "/" + $0))
    }
  }

  @Test(
    "features are PyTorch's: layer by name, batch norm folded, mean over time, linear between cells",
    arguments: [
      ("layer4", [:] as [String: Value]),
      ("coarse", ["size": [24, 32]]),
      ("layer2", ["layer": "layer2", "temporal": "static", "clip": 3]),
      ("stem", ["layer": "stem", "clip": 1, "size": [24, 32]]),
    ])
  func goldens(name: String, options: [String: Value]) async throws {
    let bench = try AnalysisBench()
    try await bench.run("extract", options: options, inputs: try inputs(bench))
    let expected = try SafetensorsFile(path: Self.folder + "/expected.safetensors")
      .tensor(name, of: Float.self, rank: 2)
    let found = try features(bench)
    #expect(found.shape == expected.shape)
    let size = expected.array.map(abs).max() ?? 0
    for (value, other) in zip(found.array, expected.array) {
      #expect(abs(value - other) <= 2e-5 * size, "\(value) for \(other)")
    }
  }

  @Test("bytes are the same for any number of processors")
  func processors() async throws {
    let bench = try AnalysisBench()
    var seen: Set<[Data]> = []
    for cpus in 1...3 {
      try await bench.run("extract", inputs: try inputs(bench), cpus: cpus)
      seen.insert(try bytes(bench))
    }
    #expect(seen.count == 1)
  }

  @Test("a landmark's row depends on nothing but its own frames")
  func alone() async throws {
    let bench = try AnalysisBench()
    try await bench.run("extract", inputs: try inputs(bench))
    let all = try features(bench)
    let rows = (0..<5).map { row in all.withRow(row) { Array($0) } }
    for (index, place) in Self.places.enumerated() {
      try await bench.run("extract", inputs: try inputs(bench, [place]))
      #expect(try features(bench).array == rows[index])
    }
  }

  @Test("without landmarks there are no rows, of the layer's length")
  func none() async throws {
    let bench = try AnalysisBench()
    try await bench.run("extract", inputs: try inputs(bench, []))
    #expect(try features(bench).shape == [0, 12])
  }

  @Test("the index names the nearest structure within 10 % of the long axis, and the frame's label")
  func index() async throws {
    let bench = try AnalysisBench()
    var inputs = try inputs(bench)
    // Landmark 1 is at (0.4375, 0.4167): 0.05 and 0.02 of the height away; 3 at (0.1875, 0.5833).
    inputs["truth"] = .one(
      path: try bench.scratch.write(
        "frame\tlabel\tstructure\tx\ty\tlong_axis\n4\tFemur\tshaft\t0.4375\t0.4667\t0.6\n"
          + "4\tFemur\thead\t0.4375\t0.4367\t0.6\n5\tFemur\thead\t0.1875\t0.6533\t0.6\n",
        to: "truth.tsv"))
    inputs["labels"] = .one(
      path: try bench.scratch.write(
        "first\tlast\tlabel\tgroup\n4\t6\tFemur, left\tp1\n", to: "labels.tsv"))
    try await bench.run("extract", inputs: inputs)
    let table = try TextTable(path: bench.path("features") + "/index.csv", isCommaSeparated: true)
    func column(_ name: String) throws -> [String] {
      let place = try table.column(name)
      return table.rows.map { $0[place] }
    }
    #expect(try column("structure") == ["", "head", "", "", ""])
    #expect(try column("class") == ["", "Femur, left", "Femur, left", "Femur, left", ""])
    #expect(try column("saliency") == Array(repeating: "0.5", count: 5))
    try await bench.run("extract", options: ["within": 0.2], inputs: inputs)
    let wide = try TextTable(path: bench.path("features") + "/index.csv", isCommaSeparated: true)
    #expect(try wide.rows.map { $0[try wide.column("structure")] } == ["", "head", "", "head", ""])
  }

  @Test("a clip stays in its run of frames without a freeze")
  func runs() throws {
    let bench = try AnalysisBench()
    let path = bench.scratch.path + "/runs.safetensors"
    try SafetensorsWriter.write(
      [
        .init("frames", [UInt8](repeating: 0, count: 40), shape: [10, 2, 2]),
        .init("times", (0..<10).map { Double($0) }, shape: [10]),
        .init("segments", [1, 3, 6, 3] as [Int64], shape: [2, 2]),
      ], to: path)
    let set = try FrameSet(path: path)
    #expect(
      (0..<10).map { set.run(of: $0) } == [
        0..<1, 1..<4, 1..<4, 1..<4, 4..<6, 4..<6, 6..<9, 6..<9, 6..<9, 9..<10,
      ])
  }

  @Test("a missing model, one too many, another network and a layer that is not there are refused")
  func refusals() async throws {
    let bench = try AnalysisBench()
    func failure(_ options: [String: Value], _ inputs: [String: JobInput]) async -> String {
      do { try await bench.run("extract", options: options, inputs: inputs) } catch {
        return "\(error)"
      }
      return "no error"
    }
    #expect(
      await failure([:], try inputs(bench, model: nil)).contains(
        "expected the input 'model' connected to pretrain, or the option 'features: pixels'"))
    #expect(
      await failure(["features": "pixels"], try inputs(bench)).contains(
        "the input 'model' is connected, and features are pixels"))
    #expect(
      await failure([:], try inputs(bench, model: Self.frames)).contains("has no 'stem.0.weight'"))
    #expect(await failure(["layer": "layr4"], try inputs(bench)).contains("layer4"))
    #expect(
      await failure(["size": [5000, 64]], try inputs(bench)).contains("expected at most 4096"))
    let plain = bench.scratch.path + "/plain.safetensors"
    let file = try SafetensorsFile(path: Self.model)
    try SafetensorsWriter.write(
      file.entries.map { entry in
        entry.type == .i64
          ? .init(entry.name, try file.tensor(entry.name, of: Int64.self).array, shape: entry.shape)
          : .init(entry.name, try file.tensor(entry.name, of: Float.self).array, shape: entry.shape)
      }, metadata: ["width": "0.0234375"], to: plain)
    #expect(
      await failure([:], try inputs(bench, model: plain)).contains("expected the option 'clip'"))
  }
}
