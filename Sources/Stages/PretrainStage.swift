internal import Charts
internal import Foundation
internal import Learning
internal import SelfSupervision
internal import StageKit

/// Trains a network by a pretext task, or on labels, and says how well it does on groups held out.
///
/// Reads `FrameSet`s, for `supervised` `LabelFile`s too, and a `RolesFile` for guards and groups;
/// writes a `VideoModel`, the backbone alone. See docs/pretraining.md.
/// Source: Droste et al. (2019), section 3, for the recipe; the methods name their own.
struct PretrainStage: Stage {
  static let kind = "pretrain"
  static let version = 2
  static let summary = "Trains a video network without labels, by a pretext task"
  static let frames = Input(
    "frames", "frames", many: true, help: "frames u8 [T, H, W], all of one size")
  static let labelled = Input(
    "labelled", "frames", many: true, optional: true,
    help: "frames of scans with labels, in place of 'frames' for methods that learn from labels")
  static let labels = Input(
    "labels", "labels", many: true, optional: true,
    help: "TSV: label, group, …; an item for each of 'labelled'; without 'roles' the groups of all "
      + "scans")
  static let roles = Input(
    "roles", "roles", optional: true,
    help: "TSV: item, group, role, …; scans of test and downstream are refused")
  static let initial = Input(
    "init", "model", optional: true, help: "a model to begin with, in place of random weights")
  static let model = Output(
    "model", "model",
    help: "weights f32 of the backbone as torchvision names them; network, clip, method in metadata"
  )
  static let scores = Output(
    "scores", "scores", help: "loss and accuracy on held-out groups, chance, steps")
  static let curves = Output(
    "curves", "curves",
    help: "CSV: step, rate, training_loss, training_accuracy, held_out_loss, held_out_accuracy, …")
  static let chart = Output(
    "chart", "figure", fileExtension: "svg", help: "loss and accuracy over steps, SVG")
  static let inputs = [frames, labelled, labels, roles, initial]
  static let outputs = [model, scores, curves, chart]

  private let method: Method
  /// The same as data, written out.
  private let task: Value
  private let shape: VideoModel.Shape
  private let channels: Int
  private let clip: Int
  private let size: [Int]?
  private let recipe: TrainingRecipe
  private let interval: Int
  private let seed: Int
  private let threads: Int
  private let precision: Precision
  private let validation: Double
  private let validationSamples: Int
  private let kept: Pretraining.Kept
  private let weights: String?

  init(options: inout OptionReader) throws(Diagnostic) {
    method = try options.record(
      "task", of: Method.self, presets: Method.presets,
      help: "what the network learns to recognise: a pretext by its short name, or its parts")
    task = options.canonicalValues["task"] ?? .map([])
    shape = VideoModel.Shape(
      width: try options.number(
        "width", from: 1.0 / 64, to: 2, default: 0.25,
        help: "multiplies the numbers of channels of the network; the paper's 1"),
      excites: try options.boolean(
        "se", default: true, help: "squeeze-and-excitation in each block, as in Saliency-VAM"),
      dilates: try options.boolean(
        "dilate", default: true,
        help: "the last layer has a cell for 8 pixels, not 16, as the grid of saliency"))
    channels = try options.integer(
      "channels", in: 1...3, default: 1,
      help: "1, or 3: the network reads grey three times, as weights for colour expect")
    guard channels != 2 else {
      throw options.problem("channels", "is 2; expected 1 (grey) or 3 (as colour)")
    }
    clip = try options.integer(
      "clip", in: 1..., default: 8, unit: "frames",
      help: "that the network sees at once, unless the task says so; the paper's 16")
    size = try options.integersIfGiven(
      "size", count: 2, in: 16..., unit: "pixels",
      help:
        "[height, width] of the clips; else a square as high and wide as the frames' shorter side")
    // Rate .1, momentum .9, decay 1e-4, batch 32, 8 epochs, a tenth of the rate in the last two.
    // Source: Droste et al. (2019), section 3.
    let steps = try options.integer(
      "steps", in: 1..., default: 300, unit: "steps",
      help: "of gradient descent, the last quarter at a tenth of the rate; the paper's group: 8 "
        + "passes over the frames in batches of 32, the last two at a tenth")
    recipe = try TrainingRecipe(
      options: &options, standard: .init(rate: 0.1, decay: 1e-4, drops: [0.75]), steps: steps)
    interval = try options.integer(
      "evaluate_every", in: 1..., default: 50, unit: "steps",
      help: "from one point of the curves to the next; divides 'steps'")
    seed = try options.integer(
      "seed", in: 0..., default: 0, help: "initial weights, clips, augmentation")
    threads = try options.threads()
    precision = try options.precision()
    validation = try options.number(
      "validation", from: 0.01, to: 0.9, default: 0.25,
      help: "share of the groups that are held out, at least one; the same for all tasks and seeds")
    validationSamples = try options.integer(
      "validation_samples", in: 1..., default: 128, unit: "samples",
      help: "of held-out groups behind each point of the curves; rounded up to whole batches")
    kept = try options.choice(
      "keep", default: .last, help: "weights of the last step, or of the least held-out loss")
    weights = try options.filesIfGiven(
      "weights",
      help: "a safetensors file to begin with, torchvision's names; a head is left out")
    guard recipe.steps % min(interval, recipe.steps) == 0 else {
      throw options.problem(
        "evaluate_every",
        "is \(interval); expected a divisor of 'steps', \(recipe.steps), so that the curves end with "
          + "the last step")
    }
  }

  func run(in context: StageContext) async throws {
    // Known now, not after hours.
    try Gnuplot.require()
    let roles = try self.roles(in: context)
    let size = try clipSize(in: context)
    var model = try VideoModel(
      shape, channels: channels, clip: method.sampler.frames ?? clip, size: size, seed: seed)
    try takeWeights(&model, in: context)
    let (curves, seen) =
      method.objectives.isEmpty
      ? (PretrainCurves(points: [], kept: nil), VideoModel.Seen())
      : try train(model.network, size: size, roles: roles, in: context)
    if method.objectives.isEmpty { context.log("the task asks for nothing: no step is taken") }
    try curves.table.text.write(
      toFile: context.path(PretrainStage.curves), atomically: false, encoding: .utf8)
    try curves.chart.draw(to: context.path(PretrainStage.chart))
    try Scores(curves.scores).write(to: PretrainStage.scores, in: context)
    for warning in curves.warnings { context.log(warning) }
    try model.save(
      to: context.path(PretrainStage.model), method: task, seed: seed,
      steps: curves.kept?.steps ?? 0, afterSeeing: seen)
  }

  // MARK: What it begins with

  private func roles(in context: StageContext) throws -> RolesFile? {
    guard context.has(PretrainStage.roles) else { return nil }
    let roles = try RolesFile(path: context.path(PretrainStage.roles))
    try ScanListing.refuseMeasured(
      [PretrainStage.frames, PretrainStage.labelled], by: roles, in: context)
    return roles
  }

  /// The port that the method learns from.
  private var source: Input { method.readsLabels ? PretrainStage.labelled : PretrainStage.frames }

  private func clipSize(in context: StageContext) throws -> [Int] {
    if let size { return size }
    guard let first = try context.entries(source).first else {
      throw StageFailure(
        "'\(source.name)' has no scans, whose size the clips would have; set 'size'")
    }
    let frames = try FrameSet(path: first.path)
    let side = min(frames.height, frames.width)
    return [side, side]
  }

  private func takeWeights(_ model: inout VideoModel, in context: StageContext) throws {
    switch (weights, context.has(PretrainStage.initial)) {
    case (nil, false): break
    case (nil, true): try model.takeWeights(from: context.path(PretrainStage.initial))
    case (let weights?, false):
      try model.takeWeights(from: context.weightsFile(weights))
    case (_?, true):
      throw StageFailure(
        "both option 'weights' and input 'init' say what to begin with; expected one of them")
    }
  }

  // MARK: Training

  private func train(
    _ network: ResNet3D, size: [Int], roles: RolesFile?, in context: StageContext
  ) throws -> (curves: PretrainCurves, seen: VideoModel.Seen) {
    let scans = try scans(roles: roles, in: context)
    let backend = try OneDNNBackend(threads: threads)
    let type = try precision.resolved(on: backend)
    let classes = scans.training.classes
    let heads = try method.heads(
      features: network.features, classes: classes, initializer: Initializer(seed: seed))
    let looked = (validationSamples + recipe.batch - 1) / recipe.batch
    let held = try HeldOutClips(
      method, in: batches(of: scans.held, size: size, for: "held out", seed: 0, in: context),
      count: looked, network: network, heads: heads, type: type, on: backend)
    let training = try Pretraining(
      network, heads: heads, method: method,
      on: batches(of: scans.training, size: size, for: "training", seed: seed, in: context),
      judgedBy: held, recipe: recipe, interval: min(interval, recipe.steps), keeping: kept,
      settings: ["task": task.json, "held out": scans.heldGroups.joined(separator: ", ")],
      type: type, backend: backend, in: context)
    let (points, kept) = try training.run()
    let curves = PretrainCurves(
      points: points, kept: kept, chance: method.chance(classes: classes),
      answers: try held.answers())
    return (curves, scans.seen)
  }

  private func scans(roles: RolesFile?, in context: StageContext) throws -> PretrainScans {
    let listing = try ScanListing(
      source, roles: roles, labels: PretrainStage.labels, readsLabels: method.readsLabels,
      in: context)
    let scans = try PretrainScans(listing, holdingOut: validation)
    context.log(
      "\(scans.training.scans.count) scans to train on; held out are \(scans.held.scans.count) scans "
        + "of \(PretrainStage.short(scans.heldGroups, "groups"))")
    if !listing.knowsGroups {
      context.log("warning: no roles or labels say whose the scans are; each is held out by itself")
    }
    return scans
  }

  /// The first names of a list, and how many there are.
  private static func short(_ names: [String], _ what: String) -> String {
    let shown = names.prefix(8).joined(separator: ", ")
    return names.count > 8 ? "\(names.count) \(what): \(shown), …" : shown
  }

  /// - Throws: `StageFailure` saying for what there are no batches
  private func batches(
    of scans: ScanSet, size: [Int], for purpose: String, seed: Int, in context: StageContext
  ) throws -> MethodBatches {
    do {
      let batches = try MethodBatches(
        method, of: scans, clip: clip, size: size, channels: channels, batch: recipe.batch,
        seed: seed, purpose: purpose)
      if batches.segmentsLeftOut > 0 {
        context.log(
          "\(purpose): \(batches.segmentsLeftOut) of \(scans.scans.flatMap(\.segments).count) runs of "
            + "moving frames are shorter than the task's clips, and never drawn")
      }
      if !batches.classesLeftOut.isEmpty {
        context.log(
          "warning: \(purpose): no run of \(PretrainStage.short(batches.classesLeftOut, "classes")) is "
            + "as long as a clip, so nothing of it is seen; take fewer frames or a smaller stride")
      }
      return batches
    } catch let error as LearningError {
      throw StageFailure("\(purpose): \(error)")
    }
  }
}
