internal import Analysis
internal import Charts
internal import Foundation
internal import Learning
internal import SelfSupervision
internal import StageKit

/// Validates a network on standard planes: it learns the labels of all folds but one, and says what it
/// makes of that one.
///
/// `fine_tune` trains all of the network with a linear head, by the recipe of paper.md, section 5;
/// `linear` fits a multinomial logistic regression to its features as they are, `knn` lets the nearest
/// of them vote. Folds are of groups: no patient is on two sides, and a network that has seen a
/// group of any fold is refused.
///
/// Classified is every `every`-th labelled frame of the fold's scans, by the clip around it. Scores are
/// precision, recall and F1, means over the classes (each weighing the same), and the accuracy.
/// See docs/downstream.md.
struct DownstreamStage: Stage {
  enum Mode: String, CaseIterable {
    case fineTune = "fine_tune"
    case linear, knn
  }

  static let kind = "downstream"
  static let version = 1
  static let summary = "Validates a network on labels of scans, fold by fold"
  static let frames = Input(
    "frames", "frames", many: true,
    help: "frames u8 [T, H, W] of scans of role downstream, one size")
  static let labels = Input(
    "labels", "labels", many: true, help: "TSV: label, group, …; an item for each of 'frames'")
  static let roles = Input("roles", "roles", help: "TSV: item, group, role, fold")
  static let model = Input("model", "model", help: "the network to begin with")
  static let scores = Output(
    "scores", "scores", help: "precision, recall, f1, accuracy of the fold, and chance")
  static let predictions = Output(
    "predictions", "csv",
    help: "CSV: item, group, frame (of the video), label, predicted, confidence 0 to 1")
  static let confusion = Output(
    "confusion", "confusion", fileExtension: "csv",
    help: "CSV: label, then a column for each class: how many were called so")
  static let classes = Output(
    "classes", "csv", help: "CSV: label, support, precision, recall, f1")
  static let curves = Output(
    "curves", "curves", help: "CSV: step, rate, training_loss, training_accuracy, …; of fine_tune")
  static let inputs = [frames, labels, roles, model]
  static let outputs = [scores, predictions, confusion, classes, curves]

  private let mode: Mode
  private let fold: Int
  private let clip: Int
  private let size: [Int]?
  private let every: Int
  private let share: Double
  private let epochs: Int
  private let recipe: TrainingRecipe
  private let method: Method
  private let augmentation: Value
  private let strength: Double
  private let voters: Int
  private let seed: Int
  private let threads: Int
  private let precision: Precision

  init(options: inout OptionReader) throws(Diagnostic) {
    mode = try options.choice(
      "mode", default: .fineTune,
      help:
        "fine_tune: all weights learn; linear, knn: features as they are, by logistic regression "
        + "or the vote of the nearest")
    fold = try options.integer(
      "fold", in: 0..., help: "that is measured; all other folds are learnt from")
    clip = try options.integer(
      "clip", in: 1..., default: 8, unit: "frames",
      help: "that the network sees at once, the same for all methods; the paper's 16")
    size = try options.integersIfGiven(
      "size", count: 2, in: 16..., unit: "pixels",
      help: "[height, width] of the clips; those of the network's training unless given")
    every = try options.integer(
      "every", in: 1..., default: 1, unit: "frames",
      help: "from one frame that is classified to the next")
    share = try options.number(
      "label_share", from: 0.01, to: 1, default: 1,
      help:
        "of the groups to learn from, how many labels are known of; the same for all methods, and "
        + "a smaller share is part of a larger one")
    epochs = try options.integer(
      "epochs", in: 1..., default: 70,
      help:
        "fine_tune: passes over the clips that lie side by side in the labelled runs; the rate falls to "
        + "a tenth after 3/7 and 11/14 of them, the paper's 30 and 55 of 70")
    recipe = try TrainingRecipe(
      options: &options,
      standard: .init(rate: 0.01, decay: 5e-4, drops: [3.0 / 7, 11.0 / 14]))
    _ = try options.record(
      "augment", of: Augmentation.self, default: ["scale": [0.95, 1]],
      help: "fine_tune: how clips are varied")
    augmentation = options.canonicalValues["augment"] ?? .map([])
    var parts = OptionReader([
      "sampler": ["balanced": true], "augment": augmentation,
      "objectives": [["transform": "labels"]],
    ])
    method = try Method(options: &parts)
    strength = try options.number(
      "strength", from: 1e-9, to: 1e9, default: 1,
      help: "linear: of the fit beside the penalty on the weights (C of scikit-learn)")
    voters = try options.integer("voters", in: 1..., default: 5, help: "knn: how many vote")
    seed = try options.integer("seed", in: 0..., default: 0, help: "head, clips, augmentation")
    threads = try options.threads()
    precision = try options.precision()
  }

  func run(in context: StageContext) async throws {
    let folds = try DownstreamFolds(fold: fold, share: share, in: context)
    let path = try context.path(DownstreamStage.model)
    let model = try VideoModel(path: path)
    try model.refuse(
      scans: folds.all.scans.map(\.id), groups: folds.all.scans.map(\.group), path: path,
      for: "the folds")
    if model.seen == nil {
      context.log("warning: '\(path)' does not say which scans it was trained on")
    }
    for line in folds.remarks { context.log(line) }
    guard let size = size ?? model.size else {
      throw StageFailure("'\(path)' does not say what size its clips have; set 'size'")
    }
    let points = folds.tested.points(every: every)
    guard !points.isEmpty else {
      throw StageFailure(
        "no labelled frame of fold \(fold) is classified; lower 'every', which is \(every)")
    }
    let backend = try OneDNNBackend(threads: threads)
    let type = try precision.resolved(on: backend)
    var training: (curves: PretrainCurves, head: Linear)?
    if mode == .fineTune {
      training = try fineTune(
        model, on: folds, size: size, type: type, backend: backend, in: context)
    }
    let reader = try PooledFeatures(
      of: model.network, shape: [clip] + size, type: type, on: backend)
    let tested = try reader.rows(at: points, of: folds.tested.set) { done in
      context.progress(done, of: points.count, unit: "clips")
    }
    let predictions: [Prediction]
    if let training {
      predictions = try training.head.predictions(of: tested)
    } else {
      let learnt = folds.learnt.points(every: every)
      guard !learnt.isEmpty else {
        throw StageFailure("no labelled frame is left to learn from; lower 'every', \(every)")
      }
      let rows = try reader.rows(at: learnt, of: folds.learnt.set) { _ in }
      predictions = try classify(
        tested, after: rows, labels: learnt.map(\.label), classes: folds.classes.count, in: context)
    }
    try write(predictions, of: points, folds, in: context)
    let curves = training?.curves ?? PretrainCurves(points: [], kept: nil)
    try writeText(curves.table.text, to: context.path(DownstreamStage.curves))
    let conditions = conditions(folds, points, size)
    try Scores(scores(predictions, points, folds), conditions).write(
      to: DownstreamStage.scores, in: context)
  }

  // MARK: Learning

  private func fineTune(
    _ model: VideoModel, on folds: DownstreamFolds, size: [Int], type: ElementType,
    backend: OneDNNBackend, in context: StageContext
  ) throws -> (curves: PretrainCurves, head: Linear) {
    let batches: MethodBatches
    do {
      batches = try MethodBatches(
        method, of: folds.learnt.set, clip: clip, size: size, batch: recipe.batch, seed: seed,
        purpose: "downstream")
    } catch let error as LearningError {
      throw StageFailure("the folds to learn from: \(error)")
    }
    for name in batches.classesLeftOut {
      context.log(
        "warning: no run of '\(name)' is as long as a clip of \(clip), so it is not learnt")
    }
    let clips = folds.learnt.set.scans.flatMap(\.segments).reduce(0) { $0 + $1.frames.count / clip }
    let steps = max(1, (clips + recipe.batch - 1) / recipe.batch)
    var recipe = recipe
    recipe.steps = epochs * steps
    let heads = try method.heads(
      features: model.network.features, classes: folds.classes,
      initializer: Initializer(seed: seed))
    guard let head = heads.first as? Linear else {
      preconditionFailure("a head that is not linear")
    }
    let training = try Pretraining(
      model.network, heads: heads, method: method, on: batches, judgedBy: nil, recipe: recipe,
      interval: steps, keeping: .last, settings: ["fold": "\(fold)"], type: type,
      backend: backend, in: context)
    let (points, kept) = try training.run()
    return (PretrainCurves(points: points, kept: kept), head)
  }

  /// What the classifier of the mode makes of features, after learning from others.
  private func classify(
    _ rows: Matrix<Float>, after learnt: Matrix<Float>, labels: [Int], classes: Int,
    in context: StageContext
  ) throws -> [Prediction] {
    do {
      guard mode == .linear else {
        let voters = try NeighbourVote(
          learnt.normalisingRows(), labels: labels, voters: voters)
        return try voters.classify(rows.normalisingRows(), threads: context.cpus).map {
          Prediction(label: $0.label, confidence: $0.share)
        }
      }
      let scale = try Standardisation(of: learnt)
      let regression = try LogisticRegression(
        fitting: scale(learnt), labels: labels, classes: classes, strength: strength)
      if !regression.converged {
        context.log("warning: the regression was stopped before its end; lower 'strength'")
      }
      let probabilities = regression.probabilities(scale(rows))
      return (0..<rows.rows).map { Prediction(Array(probabilities[row: $0])) }
    } catch {
      throw StageFailure("features of the network: \(error)")
    }
  }

  // MARK: Results

  private func write(
    _ predictions: [Prediction], of points: [LabelledPoint], _ folds: DownstreamFolds,
    in context: StageContext
  ) throws {
    let classes = folds.classes
    let table = CSVFile(
      columns: ["item", "group", "frame", "label", "predicted", "confidence"],
      rows: zip(points, predictions).map { point, prediction in
        let scan = folds.tested.set.scans[point.scan]
        return [
          scan.id, scan.group, "\(point.source)", classes[point.label], classes[prediction.label],
          "\(Float(prediction.confidence))",
        ]
      })
    try writeText(table.text, to: context.path(DownstreamStage.predictions))
    let found = classification(predictions, points, classes.count)
    let confusion = CSVFile(
      columns: ["label"] + classes,
      rows: classes.indices.map { [classes[$0]] + found.counts[$0].map { "\($0)" } })
    try writeText(confusion.text, to: context.path(DownstreamStage.confusion))
    let each = CSVFile(
      columns: ["label", "support", "precision", "recall", "f1"],
      rows: zip(classes, found.classes).map { name, scores in
        [name, "\(scores.support)", "\(scores.precision)", "\(scores.recall)", "\(scores.f1)"]
      })
    try writeText(each.text, to: context.path(DownstreamStage.classes))
  }

  private func classification(
    _ predictions: [Prediction], _ points: [LabelledPoint], _ classes: Int
  ) -> Classification {
    Classification(
      truth: points.map(\.label), predictions: predictions.map(\.label), classes: classes)
  }

  private func scores(
    _ predictions: [Prediction], _ points: [LabelledPoint], _ folds: DownstreamFolds
  ) -> [Scores.Metric] {
    let found = classification(predictions, points, folds.classes.count)
    let facts: [Value.Pair] = [
      .init("classes", .integer(found.seen.count)), .init("frames", .integer(points.count)),
    ]
    let values: [(String, Double?)] = [
      ("precision", found.macro(\.precision)), ("recall", found.macro(\.recall)),
      ("f1", found.macro(\.f1)), ("accuracy", found.accuracy),
    ]
    return values.map {
      Scores.Metric(name: $0, value: $1, direction: .higher, attributes: facts)
    } + [.init(name: "chance", value: 1 / Double(folds.classes.count))]
  }

  /// All that decides whether the scores of two networks can be compared; not the network, the seed.
  private func conditions(
    _ folds: DownstreamFolds, _ points: [LabelledPoint], _ size: [Int]
  ) -> EvaluationProtocol {
    let tested = points.map { point in
      "\(folds.tested.set.scans[point.scan].id)\t\(point.source)\t\(folds.classes[point.label])"
    }
    let learnt = folds.learnt.set.scans.map { scan in
      "\(scan.id)\t\(scan.segments.map { "\($0.frames) \($0.label ?? -1)" })"
    }
    func digest(_ lines: [String]) -> Value {
      .string(Digest(of: Array(lines.joined(separator: "\n").utf8)).hex)
    }
    var fields: [Value.Pair] = [
      .init("mode", .string(mode.rawValue)), .init("fold", .integer(fold)),
      .init("classes", .list(folds.classes.map { .string($0) })),
      .init("learnt", digest(learnt)), .init("points", digest(tested)),
      .init("clip", .integer(clip)), .init("size", .list(size.map { .integer($0) })),
      .init("precision", .string(precision.rawValue)),
    ]
    switch mode {
    case .fineTune:
      fields += [
        .init("epochs", .integer(epochs)), .init("batch", .integer(recipe.batch)),
        .init("rate", .number(recipe.rate)), .init("momentum", .number(recipe.momentum)),
        .init("decay", .number(recipe.decay)), .init("warm_up", .integer(recipe.warmUp)),
        .init("augment", augmentation),
      ]
    case .linear: fields.append(.init("strength", .number(strength)))
    case .knn: fields.append(.init("voters", .integer(voters)))
    }
    return EvaluationProtocol(of: DownstreamStage.self, fields)
  }
}
