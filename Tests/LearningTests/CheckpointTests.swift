import Foundation
import Learning
import StageKit
import TestKit
import Testing

extension LearningTests {
  @Suite("checkpoints") struct CheckpointTests {
    private let scratch: Scratch
    private let path: String
    private let bytes: Data

    init() throws {
      scratch = try Scratch()
      path = scratch.path + "/checkpoint.safetensors"
      var training = TinyTraining()
      training.options.checkpoint = path
      training.options.steps = 3
      _ = try training.run()
      bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// What a training says that finds this file.
    private func refusal(
      _ training: TinyTraining = TinyTraining(), of data: Data? = nil
    ) throws -> String? {
      if let data { try data.write(to: URL(fileURLWithPath: path)) }
      var training = training
      training.options.checkpoint = path
      return message { _ = try training.run() }
    }

    @Test("a file of weights, momentum, statistics and counters under the names of the parameters")
    func content() throws {
      let file = try SafetensorsFile(path: path)
      let names = Set(file.entries.map(\.name))
      #expect(
        names.isSuperset(of: [
          "conv1.weight", "conv1.weight.velocity", "norm1.running_mean", "norm1.running_var",
          "fc.bias.velocity",
        ]))
      #expect(!names.contains("norm1.running_mean.velocity"))
      #expect(try file.tensor("norm2.num_batches_tracked", of: Int64.self).array == [3])
      #expect(file.metadata["position"]?.contains("\"step\":3") == true)
      #expect(file.metadata["settings"]?.contains("\"seed\":\"3\"") == true)
      #expect(try file.tensor("conv1.weight.velocity", of: Float.self).array.contains { $0 != 0 })
    }

    @Test("other settings are refused, and all that differ are named")
    func otherSettings() throws {
      let end = "; remove it to start from the beginning"
      let start = "checkpoint '\(path)': belongs to another training: "
      var training = TinyTraining(source: BrightHalves(seed: 4), threads: 1)
      #expect(
        try refusal(training) == start + "seed is 3 there and 4 here, threads is 2 there and 1 here"
          + end)
      training = TinyTraining(rate: 0.2)
      training.options.settings = ["augment": "flip"]
      #expect(
        try refusal(training) == start + "augment is not set there and flip here,"
          + " rate is 0.1 there and 0.2 here" + end)
      #expect(
        try refusal(TinyTraining(source: BrightHalves(size: 4))) == start
          + "batch is [6, 1, 8, 8] there and [4, 1, 8, 8] here" + end)
      training = TinyTraining()
      training.options.steps = 2
      #expect(
        try refusal(training) == "the checkpoint has 3 steps behind it; the training has 2")
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
    }

    @Test("another network is refused, and the first tensor that differs is named")
    func otherNetwork() throws {
      let start = "checkpoint '\(path)': "
      #expect(
        try #require(try refusal(TinyTraining(width: 7))).hasPrefix(
          start + "'conv1.weight' is F32 [5, 1, 3, 3]; the network has F32 [7, 1, 3, 3]"))
      let more = TinyTraining(extraLayer: { try BatchNorm("norm3", 6) })
      #expect(
        try #require(try refusal(more)).hasPrefix(
          start + "has no tensor 'norm3.num_batches_tracked'")
      )
      // Their roles swapped: the file knows a tensor that the network does not.
      var training = more
      training.options.steps = 3
      training.options.checkpoint = path
      try FileManager.default.removeItem(atPath: path)
      _ = try training.run()
      #expect(
        try #require(try refusal()).hasPrefix(start + "the network has no 'norm3.bias'"))
    }

    @Test("a file that is cut short anywhere is refused, and nothing of it is used")
    func truncated() throws {
      var lengths = [0, 1, 7, 8, 9, 100, bytes.count / 2, bytes.count - 33, bytes.count - 1]
      lengths += (0..<12).map { _ in Int.random(in: 0..<bytes.count) }
      for length in lengths {
        let text = try #require(
          try refusal(of: bytes.prefix(length)), "\(length) of \(bytes.count) bytes were taken")
        #expect(text.hasPrefix("checkpoint '\(path)': "), "\(length) bytes: \(text)")
        #expect(text.hasSuffix("; remove it to start from the beginning"), "\(text)")
      }
    }

    @Test("a changed byte is refused wherever it is")
    func changed() throws {
      var places = [0, 8, 9, bytes.count - 1, bytes.count - 32, bytes.count - 33]
      places += (0..<60).map { _ in Int.random(in: 0..<bytes.count) }
      for place in places {
        var damaged = bytes
        damaged[damaged.startIndex + place] ^= 1 << UInt8.random(in: 0..<8)
        let text = try #require(try refusal(of: damaged), "a changed byte \(place) was taken")
        #expect(text.hasPrefix("checkpoint '\(path)': "), "byte \(place): \(text)")
      }
    }

    @Test("what is no checkpoint is refused")
    func foreign() throws {
      #expect(
        try refusal(of: Data("not a checkpoint".utf8))?.contains("no safetensors file") == true)
      try SafetensorsWriter.write(
        [.init("frames", [UInt8](repeating: 0, count: 8), shape: [2, 2, 2])], to: path)
      #expect(
        try refusal() == "checkpoint '\(path)': its format is none; expected 'fathom checkpoint 2';"
          + " remove it to start from the beginning")
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      #expect(try refusal()?.contains("is not a regular file") == true)
    }

    @Test("a folder that is not there is refused before the first step")
    func noFolder() throws {
      var training = TinyTraining()
      training.options.checkpoint = scratch.path + "/nowhere/checkpoint.safetensors"
      var steps = 0
      let text = message { _ = try training.run { if case .step = $0 { steps += 1 } } }
      #expect(text?.hasPrefix("checkpoint '\(scratch.path)/nowhere/checkpoint.safetensors") == true)
      #expect(text?.hasSuffix("cannot be written: No such file or directory") == true)
      #expect(steps == 0)
    }
  }
}
