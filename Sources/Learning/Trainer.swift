/// What a network sees in one step, and what its results are compared with.
public struct Batch<Targets: Sendable>: Sendable {
  /// Row-major.
  public var values: [Float]
  /// Labels, maps, nothing: what the objective takes.
  public var targets: Targets

  public init(_ values: [Float], targets: Targets) {
    self.values = values
    self.targets = targets
  }
}

/// Where batches come from.
///
/// Which batch belongs to a step depends on the source's settings, its seed and the step alone, so
/// that a training can be taken up at any step.
public protocol BatchSource: Sendable {
  associatedtype Targets: Sendable
  var seed: Int { get }
  /// Called on a thread of its own, for one step after the other.
  ///
  /// - Parameter step: counted from 0
  func batch(at step: Int) throws -> Batch<Targets>
}

/// What the results of one batch are worth.
public struct Verdict: Hashable, Sendable {
  /// One for each head; their sum is the loss of the step.
  public var losses: [Loss]
  /// Further numbers to report, such as an accuracy.
  public var metrics: [String: Double]

  public init(_ losses: Loss..., metrics: [String: Double] = [:]) {
    self.losses = losses
    self.metrics = metrics
  }
}

/// What a training says while it runs.
public enum TrainingEvent: Hashable, Sendable {
  public struct Step: Hashable, Sendable {
    /// Counted from 0.
    public var step: Int
    public var loss: Double
    public var metrics: [String: Double]
    /// The learning rate.
    public var rate: Double
    /// The norm of all gradients, where they are clipped.
    public var gradientNorm: Double?
  }

  public struct Epoch: Hashable, Sendable, Codable {
    /// Counted from 0.
    public var epoch: Int
    /// How many steps are done.
    public var steps: Int
    /// Means over all steps of the epoch, also those before a training was taken up again.
    public var loss: Double
    public var metrics: [String: Double]
    /// What the network was worth at its end, where somebody looked.
    public var evaluation: [String: Double] = [:]
    /// Of this process; no checkpoint keeps it.
    public var time = TrainingTime()

    private enum CodingKeys: CodingKey {
      case epoch, steps, loss, metrics, evaluation
    }
  }

  case step(Step)
  /// An epoch is complete.
  case epoch(Epoch)
  /// A checkpoint is on the disk, with this many steps done.
  case checkpoint(steps: Int)
}

/// How long a loop ran, and how long its kernels had no batch to work on.
public struct TrainingTime: Hashable, Sendable {
  public var seconds = 0.0
  public var waitingSeconds = 0.0

  /// 0 to 1
  public var waitingShare: Double { seconds > 0 ? waitingSeconds / seconds : 0 }
}

/// How a training ended.
public struct TrainingEnd: Hashable, Sendable {
  /// How many steps are done.
  public var steps: Int
  /// False where it was asked to stop.
  public var isComplete: Bool
  /// Every epoch since the first step; those of earlier processes without their times.
  public var epochs: [TrainingEvent.Epoch]
  /// Of this process.
  public var time: TrainingTime
}

/// A training by gradient descent, from the first step or a checkpoint to the last step.
///
/// Equal settings, batches and threads give equal bytes, however often it is killed and taken up.
public struct Trainer<Source: BatchSource> {
  /// From the heads' results, row-major, to a loss each.
  public typealias Objective = (_ results: [[Float]], _ targets: Source.Targets) throws -> Verdict

  public struct Options: Hashable, Sendable {
    /// How many steps there are, those before a checkpoint included; at least 1.
    public var steps: Int
    /// At least 1; only whole epochs are reported.
    public var stepsPerEpoch: Int
    /// How many batches are kept ready; at least 1.
    public var queue = 2
    /// The file of the checkpoint; none are written or read where it is `nil`.
    public var checkpoint: String?
    /// Steps from one checkpoint to the next; `nil` writes one at the end and at a stop only.
    public var checkpointEvery: Int?
    /// What else decides the result, by name: a checkpoint with others is refused.
    public var settings: [String: String] = [:]

    public init(
      steps: Int, stepsPerEpoch: Int, checkpoint: String? = nil, checkpointEvery: Int? = nil,
      settings: [String: String] = [:]
    ) {
      self.steps = steps
      self.stepsPerEpoch = stepsPerEpoch
      self.checkpoint = checkpoint
      self.checkpointEvery = checkpointEvery
      self.settings = settings
    }
  }

  private let training: Training
  private let source: Source
  private let descent: GradientDescent
  private let schedule: Schedule
  private let options: Options
  private let objective: Objective

  public init(
    _ training: Training, on source: Source, by descent: GradientDescent,
    schedule: Schedule, options: Options, objective: @escaping Objective
  ) throws {
    guard options.steps >= 1, options.stepsPerEpoch >= 1, options.queue >= 1,
      options.checkpointEvery ?? 1 >= 1
    else {
      throw LearningError(
        .badSetting,
        "\(options.steps) steps, \(options.stepsPerEpoch) an epoch, \(options.queue) batches ahead,"
          + " a checkpoint every \(options.checkpointEvery.map { "\($0)" } ?? "training");"
          + " expected at least 1 of each")
    }
    self.training = training
    self.source = source
    self.descent = descent
    self.schedule = schedule
    self.options = options
    self.objective = objective
  }

  /// Trains to the last step, from the checkpoint where there is one.
  ///
  /// - Parameters:
  ///   - shouldStop: asked before each step; where true, a checkpoint is written and the loop ends
  ///   - evaluate: called at the end of each epoch, before it is reported; may use the network
  ///   - report: called between steps, on the thread of the caller; may use the network
  /// - Throws: `LearningError` of code `notFinite`, naming step and layer, or a number of the
  ///   evaluation; `badWeights` where the
  ///   checkpoint does not fit or cannot be written; what source, objective and report throw
  public func run(
    shouldStop: () -> Bool = { false }, evaluate: () throws -> [String: Double] = { [:] },
    report: (TrainingEvent) throws -> Void
  ) throws -> TrainingEnd {
    let checkpoint = options.checkpoint.map {
      Checkpoint(path: $0, settings: settings, layers: training.layers, descent: descent)
    }
    let restored = try checkpoint?.restore()
    var position = restored ?? TrainingPosition()
    guard (0...options.steps).contains(position.step) else {
      throw LearningError(
        .badWeights,
        "the checkpoint has \(position.step) steps behind it; the training has \(options.steps)")
    }
    var saved = restored?.step
    func save() throws {
      try training.checkParameters(after: max(0, position.step - 1))
      guard let checkpoint, saved != position.step else { return }
      try checkpoint.save(position)
      saved = position.step
      try report(.checkpoint(steps: position.step))
    }

    let source = source
    let queue = Prefetcher(
      position.step..<options.steps, depth: options.queue,
      prepare: training.program.backend.announceThread
    ) { try source.batch(at: $0) }
    defer { queue.stop() }
    let clock = Stopwatch()
    var epochStart = clock.time
    while position.step < options.steps {
      if shouldStop() {
        try save()
        return TrainingEnd(
          steps: position.step, isComplete: false, epochs: position.epochs, time: clock.time)
      }
      let batch = try clock.waiting { try queue.next() }
      let step = try take(position.step, batch)
      try report(.step(step))
      position.add(step)
      if position.step % options.stepsPerEpoch == 0 {
        let time = clock.time - epochStart
        let worth = try evaluate()
        if let bad = worth.first(where: { !$0.value.isFinite }) {
          throw LearningError(
            .notFinite,
            "step \(position.step - 1): '\(bad.key)' is NaN or infinite after it; lower the learning"
              + " rate or clip gradients")
        }
        try report(.epoch(position.endEpoch(of: options.stepsPerEpoch, time: time, worth)))
        epochStart = clock.time
      }
      if let every = options.checkpointEvery, position.step % every == 0 { try save() }
    }
    try save()
    return TrainingEnd(
      steps: position.step, isComplete: true, epochs: position.epochs, time: clock.time)
  }

  private func take(
    _ step: Int, _ batch: Batch<Source.Targets>
  ) throws -> TrainingEvent.Step {
    var metrics: [String: Double] = [:]
    let loss = try training.compute(batch.values, step: step) { results in
      let verdict = try objective(results, batch.targets)
      metrics = verdict.metrics
      return verdict.losses
    }
    let rate = schedule.rate(at: step)
    let norm = try descent.step(rate: Float(rate))
    return TrainingEvent.Step(
      step: step, loss: loss, metrics: metrics, rate: rate, gradientNorm: norm)
  }

  // MARK: What a checkpoint must agree on

  private var settings: [String: String] {
    let program = training.program
    let own = [
      "seed": "\(source.seed)", "threads": "\(program.backend.threads)",
      "precision": program.type.rawValue,
      "batch": "\(training.shape)",
      "steps an epoch": "\(options.stepsPerEpoch)", "rate": "\(schedule.rate)",
      "course": "\(schedule.course)", "warm-up": "\(schedule.warmUp)",
      "momentum": "\(descent.options.momentum)", "nesterov": "\(descent.options.isNesterov)",
      "decay": "\(descent.options.decay)",
      "maximum norm": descent.options.maximumNorm.map { "\($0)" } ?? "none",
    ]
    return own.merging(options.settings) { $1 }
  }
}

/// Measures a loop.
private final class Stopwatch {
  private let start = ContinuousClock.now
  private var waited = Duration.zero

  var time: TrainingTime {
    TrainingTime(
      seconds: (ContinuousClock.now - start) / .seconds(1), waitingSeconds: waited / .seconds(1))
  }

  func waiting<Result>(_ body: () throws -> Result) rethrows -> Result {
    let began = ContinuousClock.now
    defer { waited += ContinuousClock.now - began }
    return try body()
  }
}

extension TrainingTime {
  fileprivate static func - (a: Self, b: Self) -> Self {
    TrainingTime(
      seconds: a.seconds - b.seconds, waitingSeconds: a.waitingSeconds - b.waitingSeconds)
  }
}
