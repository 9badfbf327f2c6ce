internal import Learning
internal import StageKit

/// How a network is trained, whatever it is trained for: the options of gradient descent.
struct TrainingRecipe: Hashable {
  let batch: Int
  let steps: Int
  let rate: Double
  let momentum: Double
  let decay: Double
  let warmUp: Int
  let maximumNorm: Double?
  let checkpointEvery: Int

  /// The paper's group: rate .1, momentum .9, decay 1e-4, batch 32, 8 epochs, a tenth of the rate in
  /// the last two. Source: Droste et al. (2019), section 3.
  init(options: inout OptionReader) throws(Diagnostic) {
    batch = try options.integer(
      "batch", in: 1..., default: 16, unit: "samples",
      help: "how many a step sees; the paper's group 32")
    steps = try options.integer(
      "steps", in: 1..., default: 300, unit: "steps",
      help: "of gradient descent, the last quarter at a tenth of the rate; the paper's group: 8 "
        + "passes over the frames, the last two at a tenth")
    rate = try options.number(
      "rate", from: 1e-6, to: 10, default: 0.1, help: "learning rate of gradient descent")
    momentum = try options.number(
      "momentum", from: 0, to: 0.999, default: 0.9, help: "of gradient descent")
    decay = try options.number(
      "decay", from: 0, to: 1, default: 1e-4, help: "weight decay of gradient descent")
    warmUp = try options.integer(
      "warm_up", in: 0..., default: 0, unit: "steps",
      help: "in which the rate grows from 0 to its full value")
    maximumNorm = try options.numberIfGiven(
      "maximum_norm", from: 1e-6,
      help: "of all gradients together; longer ones are shortened to it")
    checkpointEvery = try options.integer(
      "checkpoint_every", in: 1..., default: 50, unit: "steps",
      help: "from one checkpoint to the next")
  }

  func schedule() throws -> Schedule {
    // Two of eight epochs.
    try Schedule(
      rate: rate, course: .steps(at: [steps - steps / 4], factor: 0.1), warmUp: warmUp)
  }

  func descent(_ parameters: [Parameter], on backend: any Backend) throws -> GradientDescent {
    try GradientDescent(
      parameters,
      .init(momentum: Float(momentum), decay: Float(decay), maximumNorm: maximumNorm),
      on: backend)
  }
}
