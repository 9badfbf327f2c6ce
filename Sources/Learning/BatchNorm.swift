/// Batch normalisation over all dimensions but the second, with ReLU after it where `rectified`.
///
/// Source: Ioffe & Szegedy (2015), algorithm 1. As in PyTorch the batch is normalised by the biased
/// variance, and the unbiased one is kept.
public struct BatchNorm: Layer {
  public let name: String
  public let channels: Int
  public let isRectified: Bool
  public let epsilon: Float
  /// Share of the new batch in running statistics.
  public let momentum: Float
  public let weight: Parameter
  public let bias: Parameter
  public let runningMean: Parameter
  public let runningVariance: Parameter
  public let counter: BatchCounter

  public init(
    _ name: String, _ channels: Int, rectified: Bool = false, epsilon: Float = 1e-5,
    momentum: Float = 0.1
  ) throws {
    guard channels > 0, epsilon > 0, (0...1).contains(momentum) else {
      throw LearningError(
        .badSetting,
        "\(name): \(channels) channels, epsilon \(epsilon), momentum \(momentum); expected at"
          + " least 1, above 0, and 0 to 1")
    }
    self.name = name
    self.channels = channels
    isRectified = rectified
    self.epsilon = epsilon
    self.momentum = momentum
    func vector(_ suffix: String, _ value: Float, isLearnt: Bool) -> Parameter {
      Parameter(
        "\(name).\(suffix)", [channels], isLearnt: isLearnt,
        values: [Float](repeating: value, count: channels))
    }
    weight = vector("weight", 1, isLearnt: true)
    bias = vector("bias", 0, isLearnt: true)
    runningMean = vector("running_mean", 0, isLearnt: false)
    runningVariance = vector("running_var", 1, isLearnt: false)
    counter = BatchCounter("\(name).num_batches_tracked")
  }

  public var parameters: [Parameter] { [weight, bias, runningMean, runningVariance] }
  public var counters: [BatchCounter] { [counter] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      let shape = program.shape(of: x)
      guard shape.count >= 2, shape[1] == channels else {
        throw LearningError(.badShape, "\(name): expected [n, \(channels), ...], got \(shape)")
      }
      return program.mode == .training
        ? try trained(x, in: program) : (try inferred(x, in: program), unusable(name))
    }
  }

  private func trained(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    let shape = program.shape(of: x)
    let count = shape.reduce(1, *) / channels
    guard count > 1 else {
      throw LearningError(
        .badShape, "\(name): one value a channel has no variance; use a batch of at least 2")
    }
    let vector = try program.backend.rowMajor([channels], .float32)
    let scale = try program.stored(weight, preferring: vector)
    let shift = try program.stored(bias, preferring: vector)
    let y = program.tensor(program.layout(of: x))
    let (mean, variance) = (program.tensor(vector), program.tensor(vector))
    let workspace = try program.record(
      .normalization(.training, epsilon: epsilon, rectified: isRectified),
      [
        .source: x, .destination: y, .scale: scale, .shift: shift, .mean: mean,
        .variance: variance,
      ])
    try program.record(
      .runningStatistics(momentum: momentum, count: count),
      [
        .mean: mean, .variance: variance,
        .scale: try program.stored(runningMean, preferring: vector),
        .shift: try program.stored(runningVariance, preferring: vector),
      ])
    program.counters.append(counter)
    let backward: Backward = { gradient in
      try program.named(name) {
        let layout = program.layout(of: x)
        let dx = program.tensor(layout)
        var arguments: [Role: Tensor] = [
          .source: x, .mean: mean, .variance: variance, .scale: scale, .shift: shift,
          .destinationGradient: try program.converted(program.summed(gradient), to: layout),
          .sourceGradient: dx, .scaleGradient: try program.gradient(of: weight),
          .shiftGradient: try program.gradient(of: bias),
        ]
        arguments[.workspace] = workspace
        try program.record(
          .normalization(.backward, epsilon: epsilon, rectified: isRectified), arguments)
        return Gradient(dx)
      }
    }
    return (y, backward)
  }

  private func inferred(_ x: Tensor, in program: Program) throws -> Tensor {
    let vector = try program.backend.rowMajor([channels], .float32)
    let y = program.tensor(program.layout(of: x))
    try program.record(
      .normalization(.inference, epsilon: epsilon, rectified: isRectified),
      [
        .source: x, .destination: y, .scale: try program.weights(weight, as: vector),
        .shift: try program.weights(bias, as: vector),
        .mean: try program.weights(runningMean, as: vector),
        .variance: try program.weights(runningVariance, as: vector),
      ])
    return y
  }

  /// Weights and bias of a convolution that does this normalisation too.
  func folded(into convolution: Convolution) throws -> (weights: [Float], bias: [Float]) {
    let (scale, shift) = (try weight.values(), try bias.values())
    let (mean, variance) = (try runningMean.values(), try runningVariance.values())
    var weights = try convolution.weight.values()
    var bias = try convolution.bias?.values() ?? [Float](repeating: 0, count: channels)
    let row = weights.count / channels
    for channel in 0..<channels {
      let factor =
        Double(scale[channel]) / (Double(variance[channel]) + Double(epsilon)).squareRoot()
      for index in channel * row..<(channel + 1) * row {
        weights[index] = Float(Double(weights[index]) * factor)
      }
      bias[channel] = Float(
        Double(shift[channel]) + (Double(bias[channel]) - Double(mean[channel])) * factor)
    }
    return (weights, bias)
  }
}

/// A convolution with the batch norm that follows it: in inference the two become one.
public struct NormedConvolution: Layer {
  public let convolution: Convolution
  public let norm: BatchNorm

  public init(_ convolution: Convolution, _ norm: BatchNorm) {
    self.convolution = convolution
    self.norm = norm
  }

  public var parameters: [Parameter] { convolution.parameters + norm.parameters }
  public var counters: [BatchCounter] { norm.counters }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    guard program.mode == .training else {
      let y = try inferred(x, adding: nil, rectified: norm.isRectified, in: program)
      return (y, unusable(convolution.name))
    }
    return try Chain([convolution, norm]).forward(x, in: program)
  }

  func inferred(
    _ x: Tensor, adding summand: Tensor?, rectified: Bool, in program: Program
  ) throws -> Tensor {
    try program.named(convolution.name) {
      try convolution.inferred(
        x, folded: { try norm.folded(into: convolution) }, adding: summand, rectified: rectified,
        in: program)
    }
  }
}
