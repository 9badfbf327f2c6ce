public import Learning

/// What the results of a method's heads are worth.
extension Method {
  /// One layer for each objective, its parameters named `head0`, `head1`, …
  ///
  /// - Parameters:
  ///   - features: of the backbone, for each row
  ///   - classes: names of the labels' classes
  /// - Throws: `LearningError` where labels are asked for and the scans have none
  public func heads(
    features: Int, classes: [String], initializer: Initializer
  ) throws -> [any Layer] {
    try objectives.enumerated().map { index, objective in
      try objective.head.layer(
        "head\(index)", features: features, pieces: sampler.pieces,
        outputs: objective.transform.target.outputs(classes: classes), initializer: initializer)
    }
  }

  /// The weighted loss of each head, and what people watch.
  ///
  /// - Parameters:
  ///   - results: of each head, `[rows, width]`, or `[samples, width]` where it joins pieces
  ///   - targets: what they should have been
  /// - Returns: metrics: `accuracy` of the first objective that has classes, `head1.accuracy` of
  ///   another, and where there are several objectives `head0.loss`, …, without their weights
  public func judge(_ results: [[Float]], _ targets: MethodBatches.Targets) throws -> Verdict {
    let (answers, draws) = (targets.answers, targets.draws)
    guard results.count == objectives.count, answers.count == objectives.count,
      draws.count == objectives.count
    else {
      throw LearningError(
        .badShape,
        "\(objectives.count) objectives, results of \(results.count) heads, answers of"
          + " \(answers.count) and draws of \(draws.count)")
    }
    var verdict = Verdict()
    for (index, objective) in objectives.enumerated() {
      var (loss, metrics) = try objective.loss.judge(
        results[index],
        answers: objective.loss.needsClasses
          ? try classes(of: answers, rows: draws[index].count) : answers[index],
        draws: draws[index])
      if let accuracy = metrics.removeValue(forKey: "accuracy") {
        verdict.metrics[accuracyName(of: index)] = accuracy
      }
      if objectives.count > 1 { verdict.metrics["head\(index).loss"] = loss.value }
      for (name, value) in metrics { verdict.metrics["head\(index).\(name)"] = value }
      loss.value *= objective.weight
      for place in loss.gradient.indices { loss.gradient[place] *= Float(objective.weight) }
      verdict.losses.append(loss)
    }
    return verdict
  }

  /// What guessing is worth, by the metric's name: 1/C of C classes.
  ///
  /// - Parameter classes: names of the labels' classes
  public func chance(classes: [String]) -> [String: Double] {
    var chances: [String: Double] = [:]
    for (index, objective) in objectives.enumerated() {
      guard let names = objective.transform.target.names(classes: classes), !names.isEmpty else {
        continue
      }
      chances[accuracyName(of: index)] = 1 / Double(names.count)
    }
    return chances
  }

  /// The metric of each objective that is an accuracy; `nil` where it has no classes.
  public var accuracyNames: [String?] {
    objectives.indices.map {
      objectives[$0].transform.target.hasClasses ? accuracyName(of: $0) : nil
    }
  }

  private func accuracyName(of index: Int) -> String {
    index == classObjective ? "accuracy" : "head\(index).accuracy"
  }

  /// The answers of the first objective that has classes, one for each row.
  private func classes(of answers: [[Answer]], rows: Int) throws -> [Answer] {
    guard let classObjective, !answers[classObjective].isEmpty,
      rows.isMultiple(of: answers[classObjective].count)
    else {
      throw LearningError(.badShape, "\(rows) rows have no classes that belong to them")
    }
    let each = rows / answers[classObjective].count
    return answers[classObjective].flatMap { Array(repeating: $0, count: each) }
  }
}

extension Target {
  /// Of its classes; `nil` where it has none.
  func names(classes: [String]) -> [String]? {
    switch self {
    case .classes(let names): names
    case .labels: classes
    case .numbers, .identity: nil
    }
  }

  /// How many results a head gives; `nil`: as many as it likes.
  fileprivate func outputs(classes: [String]) throws -> Int? {
    if self == .labels, classes.count < 2 {
      throw LearningError(
        .badSetting,
        "'labels' wants scans with labels of two classes or more; these have \(classes.count);"
          + " connect the port of labels")
    }
    if case .numbers(let names) = self { return names.count }
    return names(classes: classes)?.count
  }
}
