internal import Learning
internal import StageKit

/// How a network is trained, whatever it is trained for: the options of gradient descent.
struct TrainingRecipe: Hashable {
  /// What is so unless the user says otherwise.
  struct Standard: Hashable {
    var rate: Double
    var decay: Double
    /// After these shares of all steps the rate falls to a tenth.
    var drops: [Double]
  }

  let batch: Int
  var steps: Int
  let rate: Double
  let momentum: Double
  let decay: Double
  let warmUp: Int
  let maximumNorm: Double?
  let checkpointEvery: Int
  private let drops: [Double]

  /// Reads all but the number of steps, which stages count in different ways.
  init(
    options: inout OptionReader, standard: Standard, steps: Int = 1
  ) throws(Diagnostic) {
    batch = try options.integer(
      "batch", in: 1..., default: 16, unit: "samples", help: "how many a step sees")
    rate = try options.number(
      "rate", from: 1e-6, to: 10, default: standard.rate, help: "learning rate of gradient descent")
    momentum = try options.number(
      "momentum", from: 0, to: 0.999, default: 0.9, help: "of gradient descent")
    decay = try options.number(
      "decay", from: 0, to: 1, default: standard.decay, help: "weight decay of gradient descent")
    warmUp = try options.integer(
      "warm_up", in: 0..., default: 0, unit: "steps",
      help: "in which the rate grows from 0 to its full value")
    maximumNorm = try options.numberIfGiven(
      "maximum_norm", from: 1e-6,
      help: "of all gradients together; longer ones are shortened to it")
    checkpointEvery = try options.integer(
      "checkpoint_every", in: 1..., default: 50, unit: "steps",
      help: "from one checkpoint to the next")
    self.steps = steps
    drops = standard.drops
  }

  func schedule() throws -> Schedule {
    // A share that is a whole number of steps stays one after rounding.
    let places = drops.map { Int((Double(steps) * $0 - 1e-9).rounded(.up)) }
    return try Schedule(rate: rate, course: .steps(at: places, factor: 0.1), warmUp: warmUp)
  }

  func descent(_ parameters: [Parameter], on backend: any Backend) throws -> GradientDescent {
    try GradientDescent(
      parameters,
      .init(momentum: Float(momentum), decay: Float(decay), maximumNorm: maximumNorm),
      on: backend)
  }
}
