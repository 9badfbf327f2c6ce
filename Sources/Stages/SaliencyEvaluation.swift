internal import Analysis
internal import Learning
internal import StageKit

/// Saliency-VAM and its baselines on frames that it was not trained on.
struct SaliencyEvaluation {
  let held: GazeSamples
  let predictor: SaliencyPredictor
  /// From points to the maps of where somebody looked.
  private let target: FixationMap
  private let targets: [[Float]]

  init(on held: GazeSamples, by predictor: SaliencyPredictor, target: FixationMap) throws {
    self.held = held
    self.predictor = predictor
    self.target = target
    targets = try held.samples.map { try target.map(of: $0.points) }
  }

  /// The mean loss, KL(S* || S), with the weights as they are now.
  func loss() throws -> Double {
    try predictor.refresh()
    let cells = predictor.grid[0] * predictor.grid[1]
    let logits = try predictor.logits(of: held.samples.count) { index, body in
      held.withPixels(of: held.samples[index], body)
    }
    return try zip(logits, targets).reduce(0) { sum, pair in
      try sum + mapDivergence(pair.0, targets: pair.1, cells: cells).value
    } / Double(held.samples.count)
  }

  /// The five scores of the model, under their names, and of the two baselines, as `static.kld` and
  /// `spectral_residual.kld`: means over all frames.
  ///
  /// - Parameters:
  ///   - flips: of each frame, over which the model's maps are averaged
  ///   - training: whose mean map is the static baseline: where viewers look whatever there is to see
  func scores(averaging flips: [Flip], against training: GazeSamples) throws -> [Scores.Metric] {
    try predictor.refresh()
    let mean = try mean(of: training)
    let grid = predictor.grid
    let maps = try predictor.maps(of: held.samples.count, averaging: flips) { index, body in
      held.withPixels(of: held.samples[index], body)
    }
    let residual = SpectralResidual(height: held.size[0], width: held.size[1], grid: grid)
    let named: [(String, (Int) -> [Float])] = [
      ("", { maps[$0] }),
      ("static.", { _ in mean }),
      (
        "spectral_residual.",
        { index in held.withPixels(of: held.samples[index]) { residual.map(of: $0) } }
      ),
    ]
    return try named.flatMap { prefix, map in
      try metrics(prefix: prefix, map: map)
    }
  }
}

extension SaliencyEvaluation {
  private func metrics(prefix: String, map: (Int) -> [Float]) throws -> [Scores.Metric] {
    let all = try held.samples.enumerated().map { index, sample in
      do {
        return try SaliencyScores(
          of: map(index), target: targets[index],
          fixations: sample.points.map { target.cell(at: $0) })
      } catch {
        throw StageFailure(
          "frame \(sample.frame) of '\(held.items[sample.item].id)': \(error)")
      }
    }
    func metric(
      _ name: String, _ direction: Scores.Direction, _ score: (SaliencyScores) -> Double?
    ) -> Scores.Metric {
      let values = all.compactMap(score)
      return Scores.Metric(
        name: prefix + name,
        value: values.isEmpty ? nil : values.reduce(0, +) / Double(values.count),
        unit: name == "kld" ? "nat" : "1", direction: direction, split: "held_out",
        attributes: [.init("frames", .integer(values.count))])
    }
    return [
      metric("kld", .lower, \.kld), metric("nss", .higher, \.nss),
      metric("auc_judd", .higher, \.aucJudd), metric("cc", .higher, \.cc),
      metric("sim", .higher, \.sim),
    ]
  }

  private func mean(of training: GazeSamples) throws -> [Float] {
    var sum = [Double](repeating: 0, count: target.height * target.width)
    for sample in training.samples {
      for (cell, value) in try target.map(of: sample.points).enumerated() {
        sum[cell] += Double(value)
      }
    }
    return sum.map { Float($0 / Double(training.samples.count)) }
  }
}
