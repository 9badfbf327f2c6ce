import Foundation
import Learning
import StageKit
import TestKit
import Testing

@testable import Stages

@Suite("pretrain", .serialized) struct PretrainStageTests {
  @Test("a pretext is learnt, far above chance on groups held out")
  func learns() async throws {
    let bench = try PretrainBench()
    let events = try await bench.train(
      ["frames": bench.films(6)], ["steps": 40, "evaluate_every": 10])
    let scores = try bench.scores()
    #expect(scores["chance"] == 0.25)
    #expect(try #require(scores["accuracy"]) >= 0.5)
    #expect(scores["steps"] == 40)
    #expect(!events.contains { $0.message?.hasPrefix("warning: accuracy") == true })
    #expect(try bench.curve("step") == [10, 20, 30, 40])
    #expect(try bench.curve("rate") == [0.05, 0.05, 0.05, 0.005])
    let losses = try bench.curve("held_out_loss")
    #expect(losses[3] < losses[0])
    #expect(scores["loss"] == losses[3])
    #expect(try bench.curve("held_out_accuracy")[3] == scores["accuracy"])
    let chart = try bench.bench.text("chart")
    for text in ["Loss", "Accuracy", "chance", "held out", "training"] {
      #expect(chart.contains(text), "\(text)")
    }
    #expect(events.contains { $0.name == "clips_per_second" })
    #expect(events.contains { $0.name == "accuracy" && $0.split == "held_out" && $0.step == 40 })
  }

  @Test("equal inputs give equal bytes; another seed gives others")
  func determinism() async throws {
    let bench = try PretrainBench()
    let frames = try bench.films(3)
    var seen: [[Data]] = []
    for seed in [0, 0, 1] {
      try await bench.train(["frames": frames], ["seed": .integer(seed)])
      seen.append(try bench.outputs())
    }
    #expect(seen[0] == seen[1])
    #expect(zip(seen[0], seen[2]).allSatisfy { $0 != $1 })
  }

  @Test("a preset and its parts written out are the same training")
  func expansion() async throws {
    let bench = try PretrainBench()
    let frames = try bench.films(3)
    try await bench.train(["frames": frames])
    let short = try bench.outputs()
    let method = try SafetensorsFile(path: bench.bench.path("model")).metadata["method"] ?? ""
    let parts = try JSONDecoder().decode(Value.self, from: Data(method.utf8))
    #expect(parts["pretext"] == nil)
    try await bench.train(["frames": frames], ["task": parts])
    #expect(try bench.outputs() == short)
  }

  @Test(
    "the model is the backbone alone, under torchvision's names, and says what extraction needs")
  func modelFile() async throws {
    let bench = try PretrainBench()
    try await bench.train(["frames": bench.films(3)], ["width": 0.25, "seed": 3])
    let path = bench.bench.path("model")
    let file = try SafetensorsFile(path: path)
    let expected = [
      "network": "r3d_18", "width": "0.25", "se": "true", "dilate": "true", "grid": "8",
      "clip": "2", "size": "16,16", "seed": "3", "steps": "4",
      "normalisation": "zero mean and unit variance of each clip",
    ]
    for (key, value) in expected { #expect(file.metadata[key] == value, "\(key)") }
    #expect(try file.entry("stem.0.weight").shape == [16, 1, 3, 7, 7])
    #expect(try file.entry("layer4.1.conv2.1.running_var").shape == [128])
    #expect(try file.tensor("stem.1.num_batches_tracked", of: Int64.self).array == [4])
    #expect(!file.entries.contains { $0.name.hasPrefix("head") || $0.name.hasPrefix("fc") })
    let model = try VideoModel(path: path)
    #expect(model.shape == .init(width: 0.25, excites: true, dilates: true))
    #expect(model.clip == 2)
    #expect(model.size == [16, 16])
    #expect(model.network.features == 128)
  }

  @Test("a network can read grey as three channels, and its file is read as one for grey")
  func channels() async throws {
    let bench = try PretrainBench()
    let frames = try bench.films(3)
    try await bench.train(["frames": frames], ["channels": 3])
    let path = bench.bench.path("model")
    #expect(try SafetensorsFile(path: path).entry("stem.0.weight").shape == [8, 3, 3, 7, 7])
    let weights = try #require(try bench.weights()["stem.0.weight"])
    let network = try VideoModel(path: path).network
    let read = try #require(network.parameters.first { $0.name == "stem.0.weight" })
    let area = 3 * 7 * 7
    for (index, value) in try read.values().enumerated() {
      let first = index / area * 3 * area + index % area
      let sum = weights[first] + weights[first + area] + weights[first + 2 * area]
      #expect(abs(value - sum) < 1e-6)
    }
    #expect(await bench.failure(["frames": frames], ["channels": 2]).contains("1 (grey) or 3"))
  }

  @Test("none takes no step: the seed's initial weights are the model, and all outputs say so")
  func none() async throws {
    let bench = try PretrainBench()
    let task: Value = ["pretext": "none"]
    let events = try await bench.train(["frames": bench.films(1)], ["task": task, "seed": 5])
    #expect(!events.contains { $0.event == .progress })
    #expect(
      try bench.bench.text("curves")
        == "step,rate,training_loss,training_accuracy,held_out_loss,held_out_accuracy\n")
    #expect(try bench.scores()["steps"] == 0)
    #expect(try Scores(path: bench.bench.path("scores")).metrics[0].value == nil)
    #expect(try bench.bench.text("chart").contains("nothing was trained"))
    let initial = try bench.weights()
    let fresh = try VideoModel(
      .init(width: 0.125, excites: true, dilates: true), channels: 1, clip: 2, size: [16, 16],
      seed: 5)
    for parameter in fresh.network.parameters {
      #expect(try parameter.values() == initial[parameter.name], "\(parameter.name)")
    }
    // What a training begins with: without a step to speak of, all but the statistics are these.
    try await bench.train(
      ["frames": bench.films(3)],
      ["seed": 5, "rate": 1e-6, "steps": 1, "evaluate_every": 1, "decay": 0])
    let trained = try bench.weights()
    for (name, values) in initial where !name.contains("running_") {
      let other = try #require(trained[name])
      #expect(zip(values, other).allSatisfy { abs($0 - $1) < 1e-4 }, "\(name)")
    }
  }

  @Test("supervised learns the labels, segment by segment, and opens no scan of 'frames'")
  func supervised() async throws {
    let bench = try PretrainBench()
    let (labelled, labels) = try bench.labelledFilms(4)
    let missing = try bench.bench.many("item", [("p9/a", "/nonexistent")])
    try await bench.train(
      ["frames": missing, "labelled": labelled, "labels": labels],
      ["task": ["pretext": "supervised"], "steps": 30, "evaluate_every": 15])
    let scores = try bench.scores()
    #expect(scores["chance"] == 0.5)
    #expect(try #require(scores["accuracy"]) > 0.9)
  }

  @Test("a pretext opens no scan of 'labelled'")
  func labelledIsNotOpened() async throws {
    let bench = try PretrainBench()
    let missing = try bench.bench.many("item", [("p9/a", "/nonexistent")])
    try await bench.train(["frames": bench.films(2), "labelled": missing])
  }

  @Test("where guessing does as well, the stage warns")
  func chance() async throws {
    let bench = try PretrainBench()
    let events = try await bench.train(
      ["frames": bench.films(3)], ["rate": 1e-6, "steps": 2, "evaluate_every": 2])
    let warning = events.compactMap(\.message).first { $0.hasPrefix("warning: accuracy") }
    #expect(
      try #require(warning).contains("which guessing reaches too (25.0 % right on average)"),
      "\(warning ?? "")")
  }

  @Test("training goes on from another model's weights, or a file's, without its head")
  func initialWeights() async throws {
    let bench = try PretrainBench()
    let frames = try bench.films(3)
    try await bench.train(["frames": frames], ["steps": 20, "evaluate_every": 10])
    let first = try bench.bench.keep("model", as: "first.safetensors")
    let expected = try bench.weights(first)
    let none: [String: Value] = ["task": ["pretext": "none"]]
    try await bench.train(["frames": frames, "init": .one(path: first)], none)
    #expect(try bench.weights() == expected)

    let withHead = bench.bench.scratch.path + "/head.safetensors"
    let classifier = try Linear("fc", 64, 7, deviation: 0.01, initializer: Initializer(seed: 0))
    try Chain([VideoModel(path: first).network, classifier]).save(to: withHead)
    try await bench.train(
      ["frames": frames], none.merging(["weights": "w"]) { $1 },
      sources: bench.sources("w", withHead))
    #expect(try bench.weights() == expected)
    // Its head is new, its features are not.
    try await bench.train(["frames": frames, "init": .one(path: first)])
    let begun = try bench.curve("training_loss")[0]
    try await bench.train(["frames": frames])
    #expect(try begun < bench.curve("training_loss")[0])
  }

  @Test("kept are the last weights, or those of the least held-out loss")
  func keeps() async throws {
    let bench = try PretrainBench()
    let frames = try bench.films(3)
    let options: [String: Value] = ["steps": 12, "evaluate_every": 2, "rate": 0.4]
    try await bench.train(["frames": frames], options)
    let (last, losses) = (try bench.weights(), try bench.curve("held_out_loss"))
    #expect(try bench.scores()["steps"] == 12)
    let least = try #require(losses.indices.min { losses[$0] < losses[$1] })
    try #require(least < losses.count - 1, "the last point is the best: \(losses)")
    try await bench.train(["frames": frames], options.merging(["keep": "best"]) { $1 })
    #expect(try bench.curve("held_out_loss") == losses)
    #expect(try bench.scores()["loss"] == losses[least])
    #expect(try bench.scores()["steps"] == Double(2 * (least + 1)))
    #expect(try bench.weights() != last)
    #expect(
      try SafetensorsFile(path: bench.bench.path("model")).metadata["steps"] == "\(2 * (least + 1))"
    )
  }
}
