internal import Analysis
internal import Charts
internal import SelfSupervision
internal import StageKit

/// How a training went: the points of its curves, as a table, a chart and scores.
struct PretrainCurves {
  struct Point: Hashable {
    /// How many are done.
    var steps: Int
    /// The learning rate of the last one.
    var rate: Double
    /// `loss`, and the method's metrics, means over the steps since the point before.
    var training: [String: Double]
    /// The same on clips of held-out groups.
    var held: [String: Double]
  }

  /// Empty where nothing was trained.
  let points: [Point]
  /// Whose weights are the model's.
  let kept: Point?
  /// What guessing reaches, by the name of an accuracy.
  let chance: [String: Double]
  /// How many held-out answers stand behind each accuracy.
  let answers: [String: Int]

  /// - Parameter chance: of accuracies that the method does not measure too
  init(
    points: [Point], kept: Point?, chance: [String: Double] = [:], answers: [String: Int] = [:]
  ) {
    (self.points, self.kept, self.answers) = (points, kept, answers)
    self.chance = chance.filter { kept?.held[$0.key] != nil }
  }

  static func direction(of metric: String) -> Scores.Direction {
    metric.hasSuffix("accuracy") ? .higher : .lower
  }

  /// `loss` and `accuracy` first, then what further heads have.
  private var metrics: [String] {
    let named = points.first.map { Set($0.training.keys).union($0.held.keys) } ?? []
    return ["loss", "accuracy"] + named.subtracting(["loss", "accuracy"]).sorted()
  }

  // MARK: The table

  static func column(_ split: String, _ metric: String) -> String {
    "\(split)_\(metric.replacing(".", with: "_"))"
  }

  /// A row for each point; a cell is empty where the method has no such number.
  var table: CSVFile {
    let metrics = metrics
    return CSVFile(
      columns: ["step", "rate"]
        + ["training", "held_out"].flatMap { split in
          metrics.map { PretrainCurves.column(split, $0) }
        },
      rows: points.map { point in
        ["\(point.steps)", "\(Float(point.rate))"]
          + [point.training, point.held].flatMap { values in
            metrics.map { name in values[name].map { "\($0)" } ?? "" }
          }
      })
  }

  // MARK: The chart

  /// Loss, and accuracy with the level of chance.
  var chart: LineChart {
    let accuracies = metrics.filter { $0.hasSuffix("accuracy") }
    let note = points.isEmpty ? "nothing was trained" : "no classes"
    return LineChart(
      table, x: "step",
      panels: [
        .init(title: "Loss, lower is better", lines: lines(of: ["loss"]), note: note),
        .init(
          title: "Accuracy, higher is better", lines: lines(of: accuracies),
          levels: levels(of: accuracies), range: 0...1, note: note),
      ])
  }

  private func lines(of metrics: [String]) -> [LineChart.Line] {
    metrics.enumerated().flatMap { index, metric in
      [("training", "training"), ("held_out", "held out")].enumerated().map { place, split in
        LineChart.Line(
          PretrainCurves.column(split.0, metric), label: split.1 + PretrainCurves.head(metric),
          colour: Palette.allCases[(2 * index + place) % Palette.allCases.count],
          isDashed: place == 1)
      }
    }
  }

  /// " head1" of `head1.accuracy`.
  private static func head(_ metric: String) -> String {
    metric.contains(".") ? " " + metric.prefix { $0 != "." } : ""
  }

  /// One for heads of as many classes.
  private func levels(of accuracies: [String]) -> [LineChart.Level] {
    let known = accuracies.compactMap { name in chance[name].map { (name, $0) } }
    let isOne = Set(known.map(\.1)).count == 1
    return (isOne ? known.prefix(1) : known[...]).map { name, level in
      LineChart.Level(level, label: "chance" + (isOne ? "" : PretrainCurves.head(name)))
    }
  }

  // MARK: Scores

  /// Of the weights that are kept, on held-out groups.
  var scores: [Scores.Metric] {
    let values = kept?.held ?? [:]
    var scores = metrics.map { name in
      Scores.Metric(
        name: name, value: values[name], direction: PretrainCurves.direction(of: name),
        split: "held_out",
        attributes: answers[name].map { [.init("answers", .integer($0))] } ?? [])
    }
    for (name, level) in chance.sorted(by: { $0.key < $1.key }) {
      scores.append(.init(name: name.replacing("accuracy", with: "chance"), value: level))
    }
    scores.append(.init(name: "steps", value: Double(kept?.steps ?? 0), unit: "steps"))
    return scores
  }

  /// Where guessing would be right as often, one time in twenty or more, a line each.
  ///
  /// One-sided: the probability of at least as many right answers by guessing, P(X ≥ k), is .05 or
  /// more. Answers of one draw are counted as independent.
  var warnings: [String] {
    chance.sorted { $0.key < $1.key }.compactMap { name, level in
      guard let accuracy = kept?.held[name], let count = answers[name] else { return nil }
      let right = Int((accuracy * Double(count)).rounded())
      guard binomialTail(right, of: count, probability: level) >= 0.05 else { return nil }
      func percent(_ share: Double) -> String { "\(Double(Int((share * 1000).rounded())) / 10) %" }
      return "warning: \(name) on held-out groups is \(percent(accuracy)) (\(right) of \(count)), "
        + "which guessing reaches too (\(percent(level)) right on average): the network has not "
        + "learnt the task; give it more steps, or another rate"
    }
  }
}

extension Method {
  /// Whether it learns from labels of scans, and so from `labelled`.
  var readsLabels: Bool {
    sampler.isBalanced || objectives.contains { $0.transform.target == .labels }
  }
}
