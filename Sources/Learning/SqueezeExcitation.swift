/// Weighs each channel by a gate computed from all channels' means: `x · σ(W₂ ReLU(W₁ mean(x)))`.
///
/// Source: Hu, Shen & Sun (2018), equations 2 to 4.
public struct SqueezeExcitation: Layer {
  public let name: String
  private let squeeze: Pooling
  private let gate: Chain

  /// - Parameter reduction: how many times fewer channels the gate's middle has
  public init(_ name: String, channels: Int, reduction: Int = 16, initializer: Initializer) throws {
    guard reduction > 0 else {
      throw LearningError(.badSetting, "\(name): reduction is \(reduction); expected at least 1")
    }
    self.name = name
    let middle = max(1, channels / reduction)
    squeeze = Pooling("\(name).squeeze", .average, nil)
    gate = Chain([
      try Linear("\(name).fc1", channels, middle, initializer: initializer), ReLU(),
      try Linear("\(name).fc2", middle, channels, initializer: initializer), Sigmoid(),
    ])
  }

  public var parameters: [Parameter] { gate.parameters }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      let shape = program.shape(of: x)
      let layout = program.layout(of: x)
      let (means, squeezeBackward) = try squeeze.forward(x, in: program)
      let meansShape = program.shape(of: means)
      let (gates, gateBackward) = try gate.forward(means, in: program)
      let weights = try program.converted(
        program.reshaped(gates, to: meansShape), to: program.layout(of: means))
      let y = program.tensor(layout)
      try program.record(.product, [.source: x, .source1: weights, .destination: y])
      let backward: Backward = { gradient in
        try program.named(name) {
          let dy = try program.converted(program.summed(gradient), to: layout)
          let product = program.tensor(layout)
          try program.record(.product, [.source: dy, .source1: x, .destination: product])
          // The sum over all places is their mean times their number.
          let (mean, _) = try squeeze.forward(product, in: program)
          let flat = try program.reshaped(mean, to: Array(shape.prefix(2)))
          let dGates = try scaled(flat, by: Float(shape.dropFirst(2).reduce(1, *)), in: program)
          let throughGate = try squeezeBackward(gateBackward(Gradient(dGates)))
          let direct = program.tensor(layout)
          try program.record(.product, [.source: dy, .source1: weights, .destination: direct])
          return Gradient(parts: [direct] + throughGate.parts)
        }
      }
      return (y, backward)
    }
  }

  private func scaled(_ x: Tensor, by factor: Float, in program: Program) throws -> Tensor {
    let shape = program.shape(of: x)
    let plain = try program.backend.rowMajor(shape.map { _ in 1 }, .float32)
    let constant = try program.constant(plain) { [factor] }
    let result = program.tensor(program.layout(of: x))
    try program.record(.product, [.source: x, .source1: constant, .destination: result])
    return result
  }
}
