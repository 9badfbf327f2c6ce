/// Convolution in one to three spatial dimensions, `[n, in, spatial...]` to `[n, out, places...]`.
///
/// With `groups` equal to `input` it is depthwise. As in all of deep learning it is really a
/// cross-correlation.
public struct Convolution: Layer {
  public let name: String
  public let input: Int
  public let output: Int
  public let window: Window
  public let groups: Int
  /// `[out, in / groups, kernel...]`
  public let weight: Parameter
  /// `[out]`
  public let bias: Parameter?

  /// - Parameter deviation: of the initial weights; by default He et al.'s, for ReLU after it
  public init(
    _ name: String, _ input: Int, _ output: Int, _ window: Window, groups: Int = 1,
    bias: Bool = false, deviation: Double? = nil, initializer: Initializer
  ) throws {
    guard input > 0, output > 0, groups > 0, input % groups == 0, output % groups == 0 else {
      throw LearningError(
        .badSetting,
        "\(name): \(input) to \(output) channels in \(groups) groups; both must be multiples of it")
    }
    self.name = name
    self.input = input
    self.output = output
    self.window = window
    self.groups = groups
    let kernel = window.kernel.reduce(1, *)
    let shape = [output, input / groups] + window.kernel
    let (key, count) = ("\(name).weight", shape.reduce(1, *))
    weight = Parameter(
      key, shape,
      deviceShape: groups == 1
        ? shape : [groups, output / groups, input / groups] + window.kernel,
      merging: groups == 1 ? nil : MergedGroups(groups: groups, weights: shape),
      values: deviation.map { initializer.normal(key, count: count, deviation: $0) }
        ?? initializer.kaiming(key, count: count, fanOut: output / groups * kernel))
    self.bias =
      bias
      ? Parameter("\(name).bias", [output], values: [Float](repeating: 0, count: output)) : nil
  }

  public var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      program.mode == .training
        ? try trained(x, in: program) : (try inferred(x, in: program), unusable(name))
    }
  }

  /// The shape of the result.
  func resultShape(of x: Tensor, in program: Program) throws -> [Int] {
    let shape = program.shape(of: x)
    guard shape.count == window.kernel.count + 2, shape[1] == input else {
      throw LearningError(
        .badShape,
        "\(name): expected [n, \(input)] and \(window.kernel.count) spatial dimensions,"
          + " got \(shape)")
    }
    return [shape[0], output] + (try window.places(in: Array(shape.dropFirst(2)), for: name))
  }

  private func trained(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    let (shape, result) = (program.shape(of: x), try resultShape(of: x, in: program))
    let backend = program.backend
    let vector = try backend.rowMajor([output], .float32)
    // The gradient's layout is that of the weights themselves: descent then needs no conversion.
    var arguments: [Role: Argument] = [
      .source: .open(shape: shape, program.type),
      .weightsGradient: .open(shape: weight.deviceShape, .float32),
      .destinationGradient: .open(shape: result, program.type),
    ]
    if bias != nil { arguments[.biasGradient] = .fixed(vector) }
    let weightsOperation = Operation.convolution(
      .backwardWeights, window, accumulating: false, rectified: false)
    let weightsPlan = try backend.plan(weightsOperation, arguments)
    let stored = try program.stored(
      weight, preferring: try weightsPlan.layout(.weightsGradient))

    let operation = Operation.convolution(
      .training, window, accumulating: false, rectified: false)
    let planned = try backend.plan(operation, forwardArguments(shape, result, program.type, vector))
    let source = try program.converted(x, to: planned.layout(.source))
    let destination = program.tensor(try planned.layout(.destination))
    var tensors: [Role: Tensor] = [
      .source: source,
      .weights: try program.convertedOnce(stored, to: planned.layout(.weights)),
      .destination: destination,
    ]
    if let bias { tensors[.bias] = try program.stored(bias, preferring: vector) }
    program.record(operation, planned, tensors)

    let backward: Backward = { gradient in
      try program.named(name) {
        let dy = try program.summed(gradient)
        try recordWeights(weightsOperation, weightsPlan, source, dy, in: program)
        guard program.needsGradient(x) else { return .none }
        return Gradient(try recordData(stored, dy, shape, in: program))
      }
    }
    return (destination, backward)
  }

  private func forwardArguments(
    _ shape: [Int], _ result: [Int], _ type: ElementType, _ vector: any Layout
  ) -> [Role: Argument] {
    var arguments: [Role: Argument] = [
      .source: .open(shape: shape, type), .weights: .open(shape: weight.deviceShape, type),
      .destination: .open(shape: result, type),
    ]
    if bias != nil { arguments[.bias] = .fixed(vector) }
    return arguments
  }

  private func recordWeights(
    _ operation: Operation, _ planned: any PlannedOperation, _ source: Tensor, _ dy: Tensor,
    in program: Program
  ) throws {
    let target = try program.gradient(of: weight)
    let layout = try planned.layout(.weightsGradient)
    let isDirect = program.layout(of: target).isEqual(to: layout)
    let result = isDirect ? target : program.tensor(layout)
    var tensors: [Role: Tensor] = [
      .source: try program.converted(source, to: planned.layout(.source)),
      .weightsGradient: result,
      .destinationGradient: try program.converted(dy, to: planned.layout(.destinationGradient)),
    ]
    if let bias { tensors[.biasGradient] = try program.gradient(of: bias) }
    program.record(operation, planned, tensors)
    if !isDirect { try program.record(.reorder, [.source: result, .destination: target]) }
    if let merging = weight.merging {
      let mask = try program.constant(program.layout(of: target)) { merging.mask }
      try program.record(
        .product, [.source: target, .source1: mask, .destination: target])
    }
  }

  private func recordData(
    _ stored: Tensor, _ dy: Tensor, _ shape: [Int], in program: Program
  ) throws -> Tensor {
    let operation = Operation.convolution(
      .backward, window, accumulating: false, rectified: false)
    let planned = try program.backend.plan(
      operation,
      [
        .sourceGradient: .open(shape: shape, program.type),
        .weights: .open(shape: weight.deviceShape, program.type),
        .destinationGradient: .open(shape: program.shape(of: dy), program.type),
      ])
    let result = program.tensor(try planned.layout(.sourceGradient))
    program.record(
      operation, planned,
      [
        .sourceGradient: result,
        .weights: try program.convertedOnce(stored, to: planned.layout(.weights)),
        .destinationGradient: try program.converted(dy, to: planned.layout(.destinationGradient)),
      ])
    return result
  }

  /// The forward pass of inference, with what follows fused into it.
  ///
  /// - Parameters:
  ///   - folded: weights and bias to use instead of the layer's own
  ///   - summand: added to the result
  ///   - rectified: whether ReLU is last
  func inferred(
    _ x: Tensor, folded: (() throws -> (weights: [Float], bias: [Float]))? = nil,
    adding summand: Tensor? = nil, rectified: Bool = false, in program: Program
  ) throws -> Tensor {
    let (shape, result) = (program.shape(of: x), try resultShape(of: x, in: program))
    let vector = try program.backend.rowMajor([output], .float32)
    let operation = Operation.convolution(
      .inference, window, accumulating: summand != nil, rectified: rectified)
    var arguments = forwardArguments(shape, result, program.type, vector)
    if folded != nil { arguments[.bias] = .fixed(vector) }
    let planned = try program.backend.plan(operation, arguments)
    let layout = try planned.layout(.destination)
    let destination: Tensor
    if let summand {
      // A copy only where somebody else reads the summand later.
      destination = try program.sum([program.converted(summand, to: layout)])
    } else {
      destination = program.tensor(layout)
    }
    var tensors: [Role: Tensor] = [
      .source: try program.converted(x, to: planned.layout(.source)), .destination: destination,
    ]
    let weightsLayout = try planned.layout(.weights)
    if let folded {
      tensors[.weights] = try program.constant(weightsLayout) {
        weight.onDevice(try folded().weights)
      }
      tensors[.bias] = try program.constant(vector) { try folded().bias }
    } else {
      tensors[.weights] = try program.weights(weight, as: weightsLayout)
      if let bias { tensors[.bias] = try program.weights(bias, as: vector) }
    }
    program.record(operation, planned, tensors)
    return destination
  }
}

extension PlannedOperation {
  func layout(_ role: Role) throws -> any Layout {
    guard let layout = layouts[role] else {
      throw LearningError(.device, "\(kernel) has no argument '\(role)'")
    }
    return layout
  }
}

/// The backward pass of a program that has none.
func unusable(_ name: String) -> Backward {
  { _ in throw LearningError(.badSetting, "\(name): a program of inference has no backward pass") }
}
