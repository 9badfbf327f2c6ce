/// max(0, x)
public struct ReLU: Layer {
  public init() {}
  public var parameters: [Parameter] { [] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    let y = try program.sum([x], .rectify)
    return (y, { Gradient(try program.sum($0.parts, .gate, gate: y)) })
  }
}

/// 1 / (1 + exp(-x))
public struct Sigmoid: Layer {
  public init() {}
  public var parameters: [Parameter] { [] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    let layout = program.layout(of: x)
    let y = program.tensor(layout)
    let pass: Pass = program.mode == .training ? .training : .inference
    try program.record(.sigmoid(pass), [.source: x, .destination: y])
    let backward: Backward = { gradient in
      let dx = program.tensor(layout)
      try program.record(
        .sigmoid(.backward),
        [
          .destination: y, .sourceGradient: dx,
          .destinationGradient: try program.converted(program.summed(gradient), to: layout),
        ])
      return Gradient(dx)
    }
    return (y, backward)
  }
}

/// The largest value, or the mean, of each window.
public struct Pooling: Layer {
  public enum Kind: Hashable, Sendable {
    case maximum
    /// Padding does not count.
    case average
  }

  public let name: String
  public let kind: Kind
  /// `nil`: one window over everything.
  public let window: Window?

  public init(_ name: String, _ kind: Kind, _ window: Window?) {
    self.name = name
    self.kind = kind
    self.window = window
  }

  public var parameters: [Parameter] { [] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      let shape = program.shape(of: x)
      let sizes = Array(shape.dropFirst(2))
      let window = self.window ?? Window(sizes)
      let places = try window.places(in: sizes, for: name)
      guard zip(window.padding, window.kernel).allSatisfy({ $0 * 2 <= $1 }) else {
        throw LearningError(
          .badSetting,
          "\(name): padding \(window.padding) is more than half of the kernel \(window.kernel)")
      }
      func operation(_ pass: Pass) -> Operation {
        kind == .maximum ? .maximum(pass, window) : .average(pass, window)
      }
      let forward = operation(program.mode == .training ? .training : .inference)
      let planned = try program.backend.plan(
        forward,
        [
          .source: .fixed(program.layout(of: x)),
          .destination: .open(shape: Array(shape.prefix(2)) + places, program.layout(of: x).type),
        ])
      let y = program.tensor(try planned.layout(.destination))
      let workspace = program.record(forward, planned, [.source: x, .destination: y])
      let backward: Backward = { gradient in
        try program.named(name) {
          let dy = try program.converted(program.summed(gradient), to: program.layout(of: y))
          let dx = program.tensor(program.layout(of: x))
          var arguments: [Role: Tensor] = [.destinationGradient: dy, .sourceGradient: dx]
          arguments[.workspace] = workspace
          try program.record(operation(.backward), arguments)
          return Gradient(dx)
        }
      }
      return (y, backward)
    }
  }
}

/// `x · wᵀ + b`: `[n, in]` to `[n, out]`; spatial dimensions of size 1 are dropped.
public struct Linear: Layer {
  public let name: String
  public let input: Int
  public let output: Int
  /// `[out, in]`
  public let weight: Parameter
  public let bias: Parameter

  /// - Parameter deviation: of the initial weights; by default PyTorch's uniform distribution
  public init(
    _ name: String, _ input: Int, _ output: Int, deviation: Double? = nil,
    initializer: Initializer
  ) throws {
    guard input > 0, output > 0 else {
      throw LearningError(.badSetting, "\(name): \(input) to \(output); expected at least 1")
    }
    self.name = name
    self.input = input
    self.output = output
    let bound = 1 / Double(input).squareRoot()
    let key = "\(name).weight"
    weight = Parameter(
      key, [output, input],
      values: deviation.map { initializer.normal(key, count: input * output, deviation: $0) }
        ?? initializer.uniform(key, count: input * output, bound: bound))
    bias = Parameter(
      "\(name).bias", [output],
      values: deviation == nil
        ? initializer.uniform("\(name).bias", count: output, bound: bound)
        : [Float](repeating: 0, count: output))
  }

  public var parameters: [Parameter] { [weight, bias] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      let shape = program.shape(of: x)
      let rows = shape.first ?? 0
      guard shape.count >= 2, shape[1] == input, shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
        throw LearningError(.badShape, "\(name): expected [n, \(input)], got \(shape)")
      }
      let flat = shape.count == 2 ? x : try program.reshaped(x, to: [rows, input])
      let product = WeightedProduct(name: name, weight: weight, bias: bias) { .linear($0) }
      guard program.mode == .training else {
        return (try product.inferred(flat, to: [rows, output], in: program), unusable(name))
      }
      let (y, backward) = try product.trained(flat, to: [rows, output], in: program)
      return (
        y,
        { gradient in
          let dx = try backward(gradient)
          guard shape.count > 2, !dx.parts.isEmpty else { return dx }
          return Gradient(try program.reshaped(program.summed(dx), to: shape))
        }
      )
    }
  }
}
