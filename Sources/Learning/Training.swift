/// A backbone with one or more heads, ready to take steps: one program of forward and backward pass.
public final class Training {
  public let program: Program
  /// In the order of PyTorch's state: the backbone's, then each head's.
  public let layers: [any Layer]
  /// Of a batch: `[n, channels, spatial...]`.
  public let shape: [Int]
  /// Shapes of the heads' results.
  public let outputShapes: [[Int]]
  private let input: Tensor
  private let outputs: [Tensor]
  private let gradients: [Tensor]

  /// - Parameter shape: of a batch, `[n, channels, spatial...]`
  public init(
    backbone: any Layer, heads: [any Layer], shape: [Int], type: ElementType,
    on backend: any Backend
  ) throws {
    guard !heads.isEmpty else { throw LearningError(.badSetting, "a training needs a head") }
    var names: Set<String> = []
    for layer in [backbone] + heads {
      for name in layer.parameters.map(\.name) + layer.counters.map(\.name)
      where !names.insert(name).inserted {
        throw LearningError(.badSetting, "two parameters of the network are called '\(name)'")
      }
    }
    let program = Program(on: backend, mode: .training, type: type)
    self.program = program
    layers = [backbone] + heads
    self.shape = shape
    input = try program.input(shape)
    let (features, backboneBackward) = try backbone.forward(input, in: program)
    let results = try heads.map { try $0.forward(features, in: program) }
    outputs = try results.map { try program.output($0.0) }
    outputShapes = results.map { program.shape(of: $0.0) }
    program.beginBackward()
    gradients = try outputShapes.map { try program.input($0) }
    var total = Gradient.none
    for (gradient, result) in zip(gradients, results) {
      total.parts += try result.1(Gradient(gradient)).parts
    }
    _ = try backboneBackward(total)
    try program.finish()
  }

  /// Computes the loss of a batch and all gradients.
  ///
  /// - Parameters:
  ///   - step: counted from 0; decides what dropout drops
  ///   - losses: from the heads' results to a loss each; their sum is the loss of the step
  /// - Returns: the loss
  /// - Throws: `LearningError` of code `notFinite`, naming the step and the layer, where a result, the
  ///   loss or a gradient is NaN or infinite
  public func compute(
    _ batch: [Float], step: Int, losses: ([[Float]]) throws -> [Loss]
  ) throws -> Double {
    try program.write(batch, to: input)
    try program.forward(step: UInt64(step))
    let results = try outputs.map { try program.read($0) }
    guard results.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { throw blame(step, batch) }
    let all = try losses(results)
    guard all.count == gradients.count else {
      throw LearningError(.badShape, "\(all.count) losses for \(gradients.count) heads")
    }
    let total = all.reduce(0) { $0 + $1.value }
    guard total.isFinite, all.allSatisfy({ $0.gradient.allSatisfy(\.isFinite) }) else {
      throw notFinite(step, "the loss or its gradient")
    }
    for (loss, gradient) in zip(all, gradients) { try program.write(loss.gradient, to: gradient) }
    try program.backward(step: UInt64(step))
    guard badGradient() == nil else { throw blame(step, batch) }
    return total
  }

  // MARK: NaN and infinity

  /// Fails where a parameter or a running statistic is NaN or infinite.
  ///
  /// A ReLU after a batch norm turns NaN into 0, so bad weights need not show in a loss.
  /// - Parameter step: the last one
  func checkParameters(after step: Int) throws {
    let parameters = layers.flatMap(\.parameters)
    guard let bad = parameters.first(where: { !isFinite($0, \.weights) }) else { return }
    throw notFinite(step, "'\(bad.name)'")
  }

  /// Who was the first to compute what is not finite.
  private func blame(_ step: Int, _ batch: [Float]) -> any Error {
    guard batch.allSatisfy(\.isFinite) else { return notFinite(step, "a value of the batch") }
    // Before the forward pass runs again, which may write where gradients lie.
    let gradient = badGradient()
    do {
      if let layer = try program.firstNotFinite(step: UInt64(step)) {
        return notFinite(step, "the result of layer '\(layer)'")
      }
    } catch { return error }
    return notFinite(step, gradient.map { "the gradient of '\($0)'" } ?? "an output")
  }

  private func notFinite(_ step: Int, _ what: String) -> LearningError {
    LearningError(
      .notFinite,
      "step \(step): \(what) is NaN or infinite; lower the learning rate or clip gradients")
  }

  /// The backward pass begins with the last parameters: so does the search.
  private func badGradient() -> String? {
    layers.flatMap(\.parameters).last { !isFinite($0, \.gradient) }?.name
  }

  private func isFinite(
    _ parameter: Parameter, _ part: (Parameter.Settled) -> (any Memory)?
  ) -> Bool {
    guard let place = parameter.settled, let memory = part(place) else { return true }
    return program.backend.isFinite(memory.address, count: place.layout.paddedCount, .float32)
  }
}
