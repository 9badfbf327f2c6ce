internal import Analysis
internal import Charts
internal import Foundation
internal import Learning
internal import StageKit

/// Trains Saliency-VAM to predict where somebody looks, and scores it on patients held out.
///
/// Reads `FrameSet`s, `FixationFile`s and a `RolesFile` for the groups; writes a `SaliencyModel`.
/// Source: Droste et al. (2019), sections 2 and 3. Ours: `window`, each 4th frame in place of each 8th,
/// the split by groups, the augmentation's details (`GazeBatches`); see docs/saliency.md.
struct SaliencyTrainStage: Stage {
  enum Course: String, CaseIterable {
    case steps
    case cosine
  }

  static let kind = "saliency_train"
  static let version = 3
  static let summary = "Trains a network to predict where a viewer looks"
  static let frames = Input(
    "frames", "frames", many: true, help: "frames u8 [T, H, W], all of one size")
  static let fixations = Input(
    "fixations", "fixations", many: true,
    help: "TSV: frame, x, y, bridged; an item for each of 'frames'")
  static let roles = Input(
    "roles", "roles", optional: true, help: "TSV: item, group, …; without it each item is a group")
  static let model = Output(
    "model", "model", help: "weights f32 as SaliencyVAM names them; width, groups, size in metadata"
  )
  static let scores = Output(
    "scores", "scores",
    help: "kld, nss, auc_judd, cc, sim on held-out groups; the same as static.… and "
      + "spectral_residual.…")
  static let curves = Output(
    "curves", "curves", help: "CSV: epoch, steps, rate, training_loss, held_out_loss")
  static let inputs = [frames, fixations, roles]
  static let outputs = [model, scores, curves]

  private let every: Int
  private let window: Int
  private let sigma: Double
  private let width: Double
  private let groups: Int
  private let rotation: Double
  private let epochs: Int
  private let batch: Int
  private let rate: Double
  private let course: Course
  private let warmUp: Int
  private let decay: Double
  private let seed: Int
  private let threads: Int
  private let precision: Precision
  private let validation: Double
  private let average: Flip.Average
  private let checkpointEvery: Int
  private let weights: String?

  init(options: inout OptionReader) throws(Diagnostic) {
    every = try options.integer(
      "every", in: 1..., default: 4, unit: "frames", help: "train on each n-th frame; the paper's 8"
    )
    window = try options.integer(
      "window", in: 0..., default: 15, unit: "frames",
      help: "points of up to so many frames of the video before and after count too")
    sigma = try options.number(
      "sigma", from: FixationMap.leastSigma, to: 100, default: 1.5, unit: "cells",
      help: "of the Gaussian at each point, on the grid of the maps (an eighth of the frames)")
    width = try options.number(
      "width", from: 1.0 / 64, to: 2, default: 0.25,
      help: "multiplies the numbers of channels of the paper's network")
    groups = try options.integer(
      "groups", in: 1..., default: 16,
      help: "of the 3x3 convolutions; a divisor of 64 · width channels")
    rotation = try options.number(
      "rotation", from: 0, to: 180, default: 0, unit: "degrees",
      help: "frames are turned by up to so much to either side; the paper turns none")
    epochs = try options.integer(
      "epochs", in: 1..., default: 8, unit: "epochs", help: "passes over the frames")
    course = try options.choice(
      "course", default: .steps,
      help: "the rate: steps, a tenth of it in the last quarter of the epochs, as in the paper; "
        + "cosine, falling to 0 along half a cosine")
    warmUp = try options.integer(
      "warm_up", in: 0..., default: 0, unit: "steps", help: "in which the rate grows linearly")
    batch = try options.integer(
      "batch", in: 1..., default: 32, unit: "frames", help: "how many frames a step sees")
    rate = try options.number(
      "rate", from: 1e-6, to: 10, default: 0.1, help: "learning rate of gradient descent")
    decay = try options.number(
      "decay", from: 0, to: 1, default: 1e-4, help: "weight decay of gradient descent")
    seed = try options.integer(
      "seed", in: 0..., default: 0, help: "initial weights, held-out groups, order, augmentation")
    threads = try options.threads()
    precision = try options.precision()
    validation = try options.number(
      "validation", from: 0.01, to: 0.9, default: 0.25,
      help: "share of the groups that are held out, at least one")
    average = try options.average(of: "the maps that are scored, as those that 'saliency' predicts")
    checkpointEvery = try options.integer(
      "checkpoint_every", in: 1..., default: 50, unit: "steps",
      help: "from one checkpoint to the next")
    weights = try options.filesIfGiven(
      "weights", help: "a safetensors file of the network, which is scored and not trained further")
  }

  func run(in context: StageContext) async throws {
    let all = try readSamples(in: context)
    let (training, held) = try split(all)
    context.log(
      "\(training.samples.count) frames of \(training.groups.count) groups to train on, "
        + "\(held.samples.count) of \(held.groups.count) held out")
    let model = try model(ofFrames: all.size, in: context)
    let backend = try OneDNNBackend(threads: threads)
    let type = try precision.resolved(on: backend)
    let grid = SaliencyVAM.grid(ofFrames: all.size)
    let target = FixationMap(height: grid[0], width: grid[1], sigma: sigma)
    let judge = try SaliencyEvaluation(
      on: held,
      by: SaliencyPredictor(
        model.network, size: all.size, batch: min(batch, held.samples.count), type: type,
        on: backend), target: target)
    var epochs: [TrainingEvent.Epoch] = []
    if weights == nil {
      let batches = GazeBatches(
        samples: training, seed: seed, size: batch, target: target, rotation: rotation)
      let trainer = try trainer(
        of: model.network, on: batches, type: type, backend: backend, context)
      epochs = try train(
        trainer, steps: self.epochs * batches.stepsPerEpoch, judge: judge, in: context)
    }
    try write(epochs, to: context.path(SaliencyTrainStage.curves))
    let metrics = try judge.scores(averaging: Flip.of(average), against: training)
    context.log(comparison(of: metrics))
    try Scores(metrics).write(to: SaliencyTrainStage.scores, in: context)
    try model.save(to: context.path(SaliencyTrainStage.model), options: description)
  }

  private func model(ofFrames size: [Int], in context: StageContext) throws -> SaliencyModel {
    guard let weights else {
      return try SaliencyModel(width: width, groups: groups, size: size, seed: seed)
    }
    let model = try SaliencyModel(path: context.weightsFile(weights))
    try model.check(frameSize: size, of: "frames")
    return model
  }

  // MARK: Data

  private func readSamples(in context: StageContext) throws -> GazeSamples {
    var groups: [String: String] = [:]
    if context.has(SaliencyTrainStage.roles) {
      let file = try RolesFile(path: context.path(SaliencyTrainStage.roles))
      for entry in file.entries { groups[entry.item] = entry.group }
    }
    return try GazeSamples(
      frames: context.entries(SaliencyTrainStage.frames).map { ($0.id, $0.path) },
      fixations: context.entries(SaliencyTrainStage.fixations).map { ($0.id, $0.path) },
      groups: groups, every: every, window: window)
  }

  private func split(_ samples: GazeSamples) throws -> (training: GazeSamples, held: GazeSamples) {
    let groups = samples.groups
    guard groups.count >= 2 else {
      throw StageFailure(
        "all frames that somebody looked at are of one group, '\(groups.first ?? "")'; expected at "
          + "least two, of which one is held out")
    }
    var random = CounterRandom(
      seed: seed, kind: SaliencyTrainStage.kind, item: "", purpose: "held-out groups")
    let wanted = Int((Double(groups.count) * validation).rounded())
    let held = Set(
      groups.shuffled(using: &random).prefix(min(max(1, wanted), groups.count - 1)))
    return (samples.of(Set(groups).subtracting(held)), samples.of(held))
  }

  // MARK: Training

  private func trainer(
    of network: SaliencyVAM, on batches: GazeBatches, type: ElementType,
    backend: OneDNNBackend, _ context: StageContext
  ) throws -> Trainer<GazeBatches> {
    let training = try Training(
      backbone: network.backbone, heads: [network.head],
      shape: [batch, 1] + batches.samples.size, type: type, on: backend)
    let descent = try GradientDescent(
      network.parameters, .init(momentum: 0.9, decay: Float(decay)), on: backend)
    let (stepsPerEpoch, cells) = (
      batches.stepsPerEpoch, batches.target.height * batches.target.width
    )
    try FileManager.default.createDirectory(
      atPath: context.checkpointFolder, withIntermediateDirectories: true)
    return try Trainer(
      training, on: batches, by: descent,
      schedule: schedule(stepsPerEpoch: stepsPerEpoch),
      options: .init(
        steps: epochs * stepsPerEpoch, stepsPerEpoch: stepsPerEpoch,
        checkpoint: context.checkpointFolder + "/training.safetensors",
        checkpointEvery: checkpointEvery)
    ) { results, targets in
      Verdict(try mapDivergence(results[0], targets: targets, cells: cells))
    }
  }

  private func schedule(stepsPerEpoch: Int) throws -> Schedule {
    let total = epochs * stepsPerEpoch
    return try Schedule(
      rate: rate,
      course: course == .cosine
        ? .cosine(total: total, floor: 0)
        // Two of the paper's eight epochs.
        : .steps(at: [total - epochs / 4 * stepsPerEpoch], factor: 0.1),
      warmUp: warmUp)
  }

  /// From the first step or a checkpoint to the last one.
  ///
  /// - Throws: `StageFailure` where it was stopped before
  private func train(
    _ trainer: Trainer<GazeBatches>, steps: Int, judge: SaliencyEvaluation,
    in context: StageContext
  ) throws -> [TrainingEvent.Epoch] {
    let end = try trainer.run(
      shouldStop: { context.shouldStop }, evaluate: { ["held_out": try judge.loss()] },
      report: { report($0, of: steps, in: context) })
    guard end.isComplete else {
      throw StageFailure(
        "stopped after \(end.steps) of \(steps) steps; run it again to take it up from there")
    }
    let share = Int((end.time.waitingShare * 1000).rounded())
    context.log("kernels waited for batches \(share / 10).\(share % 10) % of the training's time")
    return end.epochs
  }

  private func report(_ event: TrainingEvent, of steps: Int, in context: StageContext) {
    switch event {
    case .step(let step): context.progress(step.step + 1, of: steps, unit: "steps")
    case .epoch(let epoch):
      context.metric(
        "loss", epoch.loss, split: "training", step: epoch.steps, unit: "nat", direction: "lower")
      if let loss = epoch.evaluation["held_out"] {
        context.metric(
          "loss", loss, split: "held_out", step: epoch.steps, unit: "nat", direction: "lower")
      }
    case .checkpoint: break
    }
  }

  private func write(_ epochs: [TrainingEvent.Epoch], to path: String) throws {
    let rows = try epochs.map { epoch in
      let schedule = try schedule(stepsPerEpoch: epoch.steps / (epoch.epoch + 1))
      let rate = schedule.rate(at: epoch.steps - 1)
      return [
        "\(epoch.epoch)", "\(epoch.steps)", "\(rate)", "\(epoch.loss)",
        "\(epoch.evaluation["held_out"] ?? .nan)",
      ]
    }
    let table = CSVFile(
      columns: ["epoch", "steps", "rate", "training_loss", "held_out_loss"], rows: rows)
    try writeText(table.text, to: path)
  }

  // MARK: Results

  /// "beats the static map on kld, nss, …".
  private func comparison(of metrics: [Scores.Metric]) -> String {
    let values = Dictionary(metrics.map { ($0.name, $0) }) { first, _ in first }
    let own = metrics.filter { !$0.name.contains(".") }
    let lines = ["static", "spectral_residual"].map { baseline in
      let better = own.filter { metric in
        guard let value = metric.value, let other = values["\(baseline).\(metric.name)"]?.value
        else { return false }
        return metric.direction == .lower ? value < other : value > other
      }
      return "better than \(baseline) on \(better.count) of \(own.count) scores"
        + (better.isEmpty ? "" : " (\(better.map(\.name).joined(separator: ", ")))")
    }
    let shown = own.map { "\($0.name) \($0.value.map { "\($0)" } ?? "not defined")" }
    return "held out: \(shown.joined(separator: ", ")); \(lines.joined(separator: "; "))"
  }

  private var description: Value {
    .map([
      .init("every", .integer(every)), .init("window", .integer(window)),
      .init("sigma", .number(sigma)), .init("rotation", .number(rotation)),
      .init("course", .string(course.rawValue)), .init("warm_up", .integer(warmUp)),
      .init("epochs", .integer(epochs)),
      .init("batch", .integer(batch)), .init("rate", .number(rate)),
      .init("decay", .number(decay)), .init("seed", .integer(seed)),
      .init("threads", .integer(threads)), .init("precision", .string(precision.rawValue)),
      .init("validation", .number(validation)),
    ])
  }
}
