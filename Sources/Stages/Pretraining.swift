internal import Foundation
internal import Learning
internal import SelfSupervision
internal import StageKit

/// Trains a network by a method, from the first step or a checkpoint to the last one.
final class Pretraining {
  enum Kept: String, CaseIterable {
    /// The weights of the last step.
    case last
    /// Those of the least held-out loss where the curves have a point; the earlier of equal ones.
    case best
  }

  private let trainer: Trainer<MethodBatches>
  private let network: ResNet3D
  private let held: HeldOutClips?
  private let recipe: TrainingRecipe
  private let schedule: Schedule
  private let kept: Kept
  private let context: StageContext
  /// Clips of a step.
  private let rows: Int
  private var stepsHere = 0
  private var secondsHere = 0.0
  private var best: (loss: Double, steps: Int)?

  /// - Parameters:
  ///   - held: what the points of the curves are measured on besides; `nil`: on nothing
  ///   - interval: steps from one point of the curves to the next; divides the steps of the recipe
  ///   - settings: what else decides the result, for the checkpoint
  init(
    _ network: ResNet3D, heads: [any Layer], method: Method, on batches: MethodBatches,
    judgedBy held: HeldOutClips?, recipe: TrainingRecipe, interval: Int, keeping kept: Kept,
    settings: [String: String], type: ElementType, backend: OneDNNBackend,
    in context: StageContext
  ) throws {
    (self.network, self.held, self.recipe, self.kept) = (network, held, recipe, kept)
    (self.context, rows, schedule) = (context, batches.shape[0], try recipe.schedule())
    let training = try Training(
      backbone: network, heads: heads, shape: batches.shape, type: type, on: backend)
    try FileManager.default.createDirectory(
      atPath: context.checkpointFolder, withIntermediateDirectories: true)
    trainer = try Trainer(
      training, on: batches,
      by: recipe.descent(network.parameters + heads.flatMap(\.parameters), on: backend),
      schedule: schedule,
      options: .init(
        steps: recipe.steps, stepsPerEpoch: interval,
        checkpoint: context.checkpointFolder + "/training.safetensors",
        checkpointEvery: recipe.checkpointEvery, settings: settings)
    ) { results, targets in try method.judge(results, targets) }
  }

  /// - Returns: all points of the curves, and which one's weights the network has now
  /// - Throws: `StageFailure` where it was stopped before the last step
  func run() throws -> (points: [PretrainCurves.Point], kept: PretrainCurves.Point) {
    let end = try trainer.run(
      shouldStop: { context.shouldStop }, evaluate: { try held?.worth() ?? [:] },
      report: { try report($0) }
    )
    guard end.isComplete else {
      throw StageFailure(
        "stopped after \(end.steps) of \(recipe.steps) steps; run it again to take it up from there"
      )
    }
    sayHowFast(waiting: end.time.waitingShare)
    let points = end.epochs.map { point($0) }
    return (points, try keep(of: points))
  }

  private func point(_ epoch: TrainingEvent.Epoch) -> PretrainCurves.Point {
    PretrainCurves.Point(
      steps: epoch.steps, rate: schedule.rate(at: epoch.steps - 1),
      training: epoch.metrics.merging(["loss": epoch.loss]) { $1 }, held: epoch.evaluation)
  }

  private func report(_ event: TrainingEvent) throws {
    switch event {
    case .step(let step):
      stepsHere += 1
      context.progress(step.step + 1, of: recipe.steps, unit: "steps")
    case .epoch(let epoch):
      secondsHere += epoch.time.seconds
      let point = point(epoch)
      for (split, values) in [("training", point.training), ("held_out", point.held)] {
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
          context.metric(
            name, value, split: split, step: point.steps, unit: "1",
            direction: PretrainCurves.direction(of: name).rawValue)
        }
      }
      if kept == .best, let loss = epoch.evaluation["loss"] { try remember(epoch.steps, loss) }
    case .checkpoint: break
    }
  }

  private func sayHowFast(waiting share: Double) {
    guard secondsHere > 0 else { return }
    let rate = Double(stepsHere * rows) / secondsHere
    context.metric("clips_per_second", rate, unit: "clips/s", direction: "higher")
    let tenths = Int((share * 1000).rounded())
    context.log(
      "\(Int(rate.rounded())) clips/s; kernels waited for batches \(tenths / 10).\(tenths % 10) % of "
        + "the training's time")
  }

  // MARK: The best weights

  private func path(ofSteps steps: Int) -> String {
    context.checkpointFolder + "/best-\(steps).safetensors"
  }

  /// Keeps the weights where they are the best of this process so far.
  ///
  /// What the same training forgot when it was killed it meets again: losses are the same then, so
  /// the best of all points is the best of the process that came to it.
  private func remember(_ steps: Int, _ loss: Double) throws {
    if let best, best.loss <= loss { return }
    try network.save(to: path(ofSteps: steps))
    if let best { try FileManager.default.removeItem(atPath: path(ofSteps: best.steps)) }
    best = (loss, steps)
  }

  private func keep(of points: [PretrainCurves.Point]) throws -> PretrainCurves.Point {
    guard let last = points.last else { preconditionFailure("a training without a point") }
    guard kept == .best else { return last }
    let winner = points.reduce(points[0]) {
      ($1.held["loss"] ?? 0) < ($0.held["loss"] ?? 0) ? $1 : $0
    }
    try network.load(from: path(ofSteps: winner.steps))
    return winner
  }
}
