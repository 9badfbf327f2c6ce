import Foundation
import StageKit
import TestKit
import Testing

@Suite struct SaliencyStageTests {
  @Test("every n-th frame gets a map that sums to 1, and keeps its index and time")
  func maps() async throws {
    let bench = try AnalysisBench()
    let frames = try bench.frames(count: 7)
    let events = try await bench.run(
      "saliency", options: ["every": 3, "grid": [14, 18]], inputs: ["frames": .one(path: frames)])
    let file = try SafetensorsFile(path: bench.path("maps"))
    let maps = try file.tensor("maps", of: Float.self, rank: 3)
    #expect(maps.shape == [3, 14, 18])
    #expect(try file.tensor("frame_index", of: Int64.self).array == [0, 3, 6])
    #expect(try file.tensor("times", of: Double.self).array == [0, 0.1, 0.2])
    for map in 0..<3 {
      let sum = maps.withRow(map) { $0.reduce(0) { $0 + Double($1) } }
      #expect(abs(sum - 1) < 1e-5)
    }
    #expect(events.contains { $0.event == .progress && $0.done == 3 && $0.total == 3 })
  }

  @Test("the bytes are the same for any number of processors")
  func threads() async throws {
    let bench = try AnalysisBench()
    let input = ["frames": JobInput.one(path: try bench.frames(count: 9))]
    try await bench.run("saliency", inputs: input, cpus: 1)
    let one = try Data(contentsOf: URL(fileURLWithPath: bench.path("maps")))
    try await bench.run("saliency", inputs: input, cpus: 3)
    #expect(try Data(contentsOf: URL(fileURLWithPath: bench.path("maps"))) == one)
  }

  @Test("no frames give no maps; a missing tensor and lost times are errors that name the file")
  func badInput() async throws {
    let bench = try AnalysisBench()
    let none = try bench.frames(count: 0)
    try await bench.run("saliency", inputs: ["frames": .one(path: none)])
    let maps = try SafetensorsFile(path: bench.path("maps")).tensor("maps", of: Float.self)
    #expect(maps.shape == [0, 28, 36])

    let path = bench.scratch.path + "/odd.safetensors"
    try SafetensorsWriter.write(
      [
        .init("times", [0.0], shape: [1]),
        .init("frames", [UInt8](repeating: 1, count: 8), shape: [2, 2, 2]),
      ],
      to: path)
    await #expect(throws: AnalysisBench.Failure(description: "'\(path)' has 2 frames and 1 times"))
    {
      try await bench.run("saliency", inputs: ["frames": .one(path: path)])
    }
    await #expect {
      try await bench.run(
        "saliency", options: ["grid": [28, 1_000_000]], inputs: ["frames": .one(path: none)])
    } throws: { "\($0)".contains("expected at most 1024 each") }
    try SafetensorsWriter.write([.init("frame", [UInt8(1)], shape: [1, 1, 1])], to: path)
    await #expect(
      throws: AnalysisBench.Failure(
        description: "'\(path)': has no tensor 'frames'; did you mean 'frame'?")
    ) {
      try await bench.run("saliency", inputs: ["frames": .one(path: path)])
    }
  }
}

@Suite("saliency by a network", .serialized) struct NetworkSaliencyTests {
  /// A model of frames of [40, 48] pixels.
  private func model(_ bench: GazeBench) async throws -> String {
    try await bench.train(bench.films(2, frames: 8), ["epochs": 1])
    return try bench.bench.keep("model", as: "model.safetensors")
  }

  private func frames(_ bench: GazeBench, _ id: String = "new", count: Int = 37) throws -> String {
    try bench.film(id, frames: count).frames
  }

  private func failure(_ body: () async throws -> Void) async -> String {
    do { try await body() } catch { return "\(error)" }
    return "no error"
  }

  private func sources(_ bench: GazeBench, _ paths: [String]) throws -> String {
    let digest = Digest(of: Data()).hex
    return try bench.bench.scratch.write(
      IndexFile(columns: JobLayout.sourceColumns, rows: paths.map { [$0, digest, "1", $0] }).text,
      to: "sources.tsv")
  }

  @Test("maps sum to 1 on an eighth of the frames, in the same bytes for any number of processors")
  func maps() async throws {
    let bench = try GazeBench()
    let (model, frames) = (try await model(bench), try frames(bench))
    let inputs = ["frames": JobInput.one(path: frames), "model": .one(path: model)]
    var seen: [Data] = []
    for cpus in [1, 3] {
      try await bench.bench.run("saliency", options: ["method": "vam"], inputs: inputs, cpus: cpus)
      seen.append(try bench.bytes("maps"))
    }
    #expect(seen[0] == seen[1])
    let set = try SafetensorsFile(path: bench.bench.path("maps"))
    let maps = try set.tensor("maps", of: Float.self, rank: 3)
    #expect(maps.shape == [37, 5, 6])
    for map in 0..<37 {
      #expect(abs(maps.withRow(map) { $0.reduce(0) { $0 + Double($1) } } - 1) < 1e-5)
    }
    #expect(set.metadata["method"] == "vam")
    #expect(set.metadata["precision"] == "float32")
    #expect(maps.withRow(0) { Array($0) } != maps.withRow(36) { Array($0) })
  }

  /// The maps of a film, and of the same film mirrored and upside down, mean by hand.
  @Test(
    "the mean of maps is that over the flipped copies of each frame",
    arguments: [("mirrored", [[], [2]]), ("flips", [[], [2], [1], [1, 2]])])
  func average(name: String, copies: [[Int]]) async throws {
    let bench = try GazeBench()
    let (model, film) = (try await model(bench), try frames(bench, count: 5))
    func maps(_ path: String, _ average: String) async throws -> [[Float]] {
      try await bench.bench.run(
        "saliency", options: ["method": "vam", "average": .string(average)],
        inputs: ["frames": .one(path: path), "model": .one(path: model)], cpus: 2)
      let set = try SafetensorsFile(path: bench.bench.path("maps"))
      #expect(set.metadata["average"] == (average == "none" ? nil : average))
      let maps = try set.tensor("maps", of: Float.self, rank: 3)
      return (0..<5).map { maps.withRow($0) { Array($0) } }
    }
    func flipped<Value>(_ values: [Value], _ axes: [Int], _ height: Int, _ width: Int) -> [Value] {
      (0..<height * width).map { cell in
        let (row, column) = (cell / width, cell % width)
        return values[
          (axes.contains(1) ? height - 1 - row : row) * width
            + (axes.contains(2) ? width - 1 - column : column)]
      }
    }
    let frames = try SafetensorsFile(path: film).tensor("frames", of: UInt8.self, rank: 3)
    var mean = [[Double]](repeating: [Double](repeating: 0, count: 30), count: 5)
    for axes in copies {
      let path = bench.bench.scratch.path + "/flipped.safetensors"
      let pixels = (0..<5).flatMap { index in
        frames.withRow(index) { flipped(Array($0), axes, 40, 48) }
      }
      try SafetensorsWriter.write(
        [
          .init("times", (0..<5).map { Double($0) }, shape: [5]),
          .init("frames", pixels, shape: [5, 40, 48]),
        ], to: path)
      for (frame, map) in try await maps(path, "none").enumerated() {
        for (cell, value) in flipped(map, axes, 5, 6).enumerated() {
          mean[frame][cell] += Double(value) / Double(copies.count)
        }
      }
    }
    for (own, expected) in zip(try await maps(film, name), mean) {
      #expect(zip(own, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 })
    }
  }

  @Test("a frame's map does not depend on the frames beside it")
  func alone() async throws {
    let bench = try GazeBench()
    let (model, frames) = (try await model(bench), try frames(bench))
    let inputs = ["frames": JobInput.one(path: frames), "model": .one(path: model)]
    func maps(_ every: Int) async throws -> MappedTensor<Float> {
      try await bench.bench.run(
        "saliency", options: ["method": "vam", "every": .integer(every)], inputs: inputs)
      let path = try bench.bench.keep("maps", as: "maps-\(every)")
      return try SafetensorsFile(path: path).tensor("maps", of: Float.self, rank: 3)
    }
    let (all, some) = (try await maps(1), try await maps(9))
    #expect(some.shape[0] == 5)
    for index in 0..<5 {
      #expect(some.withRow(index) { Array($0) } == all.withRow(9 * index) { Array($0) })
    }
  }

  @Test("a file of the user serves as well as the input, with or without metadata")
  func weights() async throws {
    let bench = try GazeBench()
    let (model, frames) = (try await model(bench), try frames(bench))
    try await bench.bench.run(
      "saliency", options: ["method": "vam"],
      inputs: ["frames": .one(path: frames), "model": .one(path: model)])
    let expected = try bench.bytes("maps")
    // As Python's save_file writes it: weights alone.
    let file = try SafetensorsFile(path: model)
    let plain = bench.bench.scratch.path + "/plain.safetensors"
    try SafetensorsWriter.write(
      file.entries.map { entry in
        entry.type == .i64
          ? .init(entry.name, try file.tensor(entry.name, of: Int64.self).array, shape: entry.shape)
          : .init(entry.name, try file.tensor(entry.name, of: Float.self).array, shape: entry.shape)
      }, to: plain)
    for path in [model, plain] {
      try await bench.bench.run(
        "saliency", options: ["method": "vam", "weights": .string(path)],
        inputs: ["frames": .one(path: frames)], sources: try sources(bench, [path]))
      #expect(try bench.bytes("maps") == expected)
    }
  }

  @Test("neither model nor weights, both, and a folder are refused")
  func whichModel() async throws {
    let bench = try GazeBench()
    let (model, frames) = (try await model(bench), try frames(bench))
    let input = ["frames": JobInput.one(path: frames)]
    let both = input.merging(["model": .one(path: model)]) { $1 }
    let one = try sources(bench, [model])
    func run(_ options: [String: Value], _ inputs: [String: JobInput], _ sources: String?) async
      -> String
    {
      await failure {
        try await bench.bench.run("saliency", options: options, inputs: inputs, sources: sources)
      }
    }
    #expect(
      await run(["method": "vam"], input, nil)
        == "method vam needs a network: connect the input 'model' to saliency_train, or name a "
        + "safetensors file in the option 'weights'")
    #expect(
      await run(["method": "vam", "weights": "w"], both, one)
        == "both the input 'model' and the option 'weights' ('w') are given; expected one")
    #expect(
      await run(["method": "vam", "weights": "w"], input, try sources(bench, [model, frames]))
        == "option 'weights' names 'w', which holds 2 files; expected one safetensors file")
    #expect(
      await run(["weights": "w"], input, one).hasPrefix(
        "option 'weights' is given, and method is spectral_residual"))
    #expect(
      await run(["method": "vam", "grid": [14, 18]], both, nil)
        == "option 'grid' is [14, 18], and the network's maps of frames of [40, 48] pixels are "
        + "[5, 6]; leave it out")
  }

  @Test("frames of another size are refused with both sizes")
  func otherSize() async throws {
    var bench = try GazeBench()
    let model = try await model(bench)
    bench.width = 56
    let frames = try frames(bench)
    #expect(
      await failure {
        try await bench.bench.run(
          "saliency", options: ["method": "vam"],
          inputs: ["frames": .one(path: frames), "model": .one(path: model)])
      }
        == "'\(frames)' has frames of [40, 56] pixels, and the model was trained on [40, 48]; decode "
        + "with size [40, 48], or train on frames of [40, 56]")
  }

  @Test("a missing or an extra tensor is named, and so is another network")
  func badModels() async throws {
    let bench = try GazeBench()
    let (model, frames) = (try await model(bench), try frames(bench))
    let file = try SafetensorsFile(path: model)
    typealias Named = (name: String, value: SafetensorsWriter.TensorValue)
    let tensors: [Named] = try file.entries.map { entry in
      (
        entry.name,
        entry.type == .i64
          ? .init(entry.name, try file.tensor(entry.name, of: Int64.self).array, shape: entry.shape)
          : .init(entry.name, try file.tensor(entry.name, of: Float.self).array, shape: entry.shape)
      )
    }
    func failure(_ tensors: [Named], _ metadata: [String: String] = [:]) async throws
      -> String
    {
      let path = bench.bench.scratch.path + "/bad.safetensors"
      try SafetensorsWriter.write(tensors.map(\.value), metadata: metadata, to: path)
      return await self.failure {
        try await bench.bench.run(
          "saliency", options: ["method": "vam"],
          inputs: ["frames": .one(path: frames), "model": .one(path: path)])
      }
    }
    #expect(
      try await failure(tensors.filter { $0.name != "layer3.0.bn1.weight" })
        .hasSuffix("'layer3.0.bn1.weight' is missing; expected F32 [32]"))
    #expect(
      try await failure(tensors + [("fc.bias", .init("fc.bias", [Float(1)], shape: [1]))])
        .hasSuffix("'fc.bias' F32 [1] is not part of the network"))
    #expect(
      try await failure(tensors.filter { $0.name != "conv1.weight" })
        .contains("has no tensor 'conv1.weight'"))
    #expect(
      try await failure(tensors, ["network": "resnet3d"])
        .contains("holds the network 'resnet3d'; expected 'saliency_vam'"))
    #expect(
      try await failure(tensors, ["width": "wide"]).contains(
        "has 'wide' as width; expected a number")
    )
  }
}
