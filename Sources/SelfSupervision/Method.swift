public import StageKit

/// A way to pretrain a network: how clips are drawn, how they are varied, and what is to be recognised
/// in them by which head under which loss.
///
/// YAML states it by its parts or by the short name of a preset; a preset's expansion is the same
/// method, key and bytes included.
///
/// Transforms are done one after the other to one sample, each with a head of its own. What cannot be
/// recognised is refused: two that change the same (`Change`), a pace after the order it would undo,
/// what the augmentation changes at random too, and parts that do not fit each other: classes go with
/// `cross_entropy`, numbers with `mean_squared_error`, identities with a `projection` under
/// `contrastive` or `vicreg`.
public struct Method: OptionMap, Sendable {
  public let sampler: Sampler
  public let augmentation: Augmentation
  /// None: nothing is trained.
  public let objectives: [Objective]

  public init(options: inout OptionReader) throws(Diagnostic) {
    sampler = try options.record("sampler", default: [:], help: "how clips are drawn")
    augmentation = try options.record(
      "augment", default: [:], help: "how clips are varied, which no head is asked about")
    objectives = try options.records("objectives", help: "what is to be recognised, one a head")
    if let (place, message) = conflict {
      throw options.problem("objectives.\(place)", message)
    }
  }

  /// Every short name, sorted.
  public static let presets = Presets(
    key: "pretext",
    ([none] + allTransforms.flatMap { $0.presets }).sorted { $0.name < $1.name })

  private static let none = Preset(
    name: "none", summary: "Random weights: the lower bound", value: ["objectives": []])

  /// Parts that do not fit each other: where, and what to write instead.
  private var conflict: (place: String, message: String)? {
    var changed: [Change: String] = [:]
    for (index, objective) in objectives.enumerated() {
      let transform = objective.transform
      let name = type(of: transform).name
      if let message = transform.problem(
        with: sampler, augmentation: augmentation, head: objective.head)
      {
        return ("\(index).transform", message)
      }
      for change in transform.changes.sorted(by: { $0.rawValue < $1.rawValue }) {
        if let other = changed.updateValue(name, forKey: change) {
          return (
            "\(index).transform",
            "'\(name)' decides \(change.rawValue) as '\(other)' before it does, so that neither"
              + " can be recognised; leave one out"
          )
        }
      }
      if transform.changes.contains(.pace), let other = changed[.order] {
        return (
          "\(index).transform",
          "'\(name)' would undo what '\(other)' before it does; write it first"
        )
      }
      let target = transform.target
      if let message = objective.head.problem(with: target, sampler: sampler) {
        return ("\(index).head", "'\(type(of: objective.head).name)' \(message)")
      }
      if let message = objective.loss.problem(with: target, sampler: sampler) {
        return ("\(index).loss", "'\(type(of: objective.loss).name)' \(message)")
      }
      if objective.loss.needsClasses, classObjective == nil {
        return (
          "\(index).loss",
          "'\(type(of: objective.loss).name)' takes classes of another objective, and none has any;"
            + " add one, such as { transform: pace }, or write positives: draw"
        )
      }
    }
    return nil
  }

  /// The first that has classes, whose accuracy people watch.
  var classObjective: Int? { objectives.firstIndex { $0.transform.target.hasClasses } }
}

/// One thing to be recognised: what is done, which head says what it was, how that is judged.
public struct Objective: OptionMap, Sendable {
  public let transform: any Transform
  public let head: any Head
  public let loss: any Criterion
  /// Of its loss in the sum of all.
  public let weight: Double

  public init(options: inout OptionReader) throws(Diagnostic) {
    transform = try options.part(
      "transform", among: allTransforms, help: "what is done to a sample and to be recognised")
    head = try options.part(
      "head", among: allHeads, default: "linear", help: "from the backbone's features to an answer")
    loss = try options.part(
      "loss", among: allCriteria, default: "cross_entropy",
      help: "how far an answer is from the right one")
    weight = try options.number(
      "weight", from: 0, default: 1, help: "of this loss in the sum of all")
  }
}
