/// What convolutions and linear layers have in common: a product with weights, and a bias.
struct WeightedProduct {
  /// Of the layer, for errors.
  let name: String
  let weight: Parameter
  let bias: Parameter?
  /// What is computed in each pass.
  let operation: (Pass) -> Operation

  /// - Parameter result: the shape of the result
  func trained(_ x: Tensor, to result: [Int], in program: Program) throws -> (Tensor, Backward) {
    let shape = program.shape(of: x)
    // The gradient's layout is that of the weights themselves: descent then needs no conversion.
    var arguments: [Role: Argument] = [
      .source: .open(shape: shape, program.type),
      .weightsGradient: .open(shape: weight.deviceShape, .float32),
      .destinationGradient: .open(shape: result, program.type),
    ]
    if let bias {
      arguments[.biasGradient] = .fixed(try program.backend.rowMajor(bias.shape, .float32))
    }
    let weightsPlan = try program.backend.plan(operation(.backwardWeights), arguments)
    let stored = try program.stored(weight, preferring: weightsPlan.layout(.weightsGradient))

    let planned = try plan(operation(.training), shape, result, hasBias: bias != nil, program)
    let y = program.tensor(try planned.layout(.destination))
    var tensors: [Role: Tensor] = [
      .source: try program.converted(x, to: planned.layout(.source)),
      .weights: try program.convertedOnce(stored, to: planned.layout(.weights)),
      .destination: y,
    ]
    if let bias {
      tensors[.bias] = try program.stored(bias, preferring: planned.layout(.bias))
    }
    program.record(operation(.training), planned, tensors)

    let backward: Backward = { gradient in
      try program.named(name) {
        let dy = try program.summed(gradient)
        try recordWeights(weightsPlan, x, dy, in: program)
        guard program.needsGradient(x) else { return .none }
        return Gradient(try recordSource(stored, dy, shape, in: program))
      }
    }
    return (y, backward)
  }

  /// The forward pass of inference.
  ///
  /// - Parameters:
  ///   - result: the shape of the result
  ///   - operation: instead of the layer's own, with what follows fused into it
  ///   - folded: weights and bias to use instead of the layer's own
  ///   - summand: added to the result
  func inferred(
    _ x: Tensor, to result: [Int], _ operation: Operation? = nil,
    folded: (() throws -> (weights: [Float], bias: [Float]))? = nil, adding summand: Tensor? = nil,
    in program: Program
  ) throws -> Tensor {
    let operation = operation ?? self.operation(.inference)
    let planned = try plan(
      operation, program.shape(of: x), result, hasBias: folded != nil || bias != nil, program)
    let layout = try planned.layout(.destination)
    // A copy only where somebody else reads the summand later.
    let y =
      try summand.map { try program.sum([program.converted($0, to: layout)]) }
      ?? program.tensor(layout)
    var tensors: [Role: Tensor] = [
      .source: try program.converted(x, to: planned.layout(.source)), .destination: y,
    ]
    let weightsLayout = try planned.layout(.weights)
    if let folded {
      tensors[.weights] = try program.constant(weightsLayout) {
        weight.onDevice(try folded().weights)
      }
      tensors[.bias] = try program.constant(planned.layout(.bias)) { try folded().bias }
    } else {
      tensors[.weights] = try program.weights(weight, as: weightsLayout)
      if let bias { tensors[.bias] = try program.weights(bias, as: planned.layout(.bias)) }
    }
    program.record(operation, planned, tensors)
    return y
  }

  private func plan(
    _ operation: Operation, _ source: [Int], _ result: [Int], hasBias: Bool, _ program: Program
  ) throws -> any PlannedOperation {
    var arguments: [Role: Argument] = [
      .source: .open(shape: source, program.type),
      .weights: .open(shape: weight.deviceShape, program.type),
      .destination: .open(shape: result, program.type),
    ]
    if hasBias { arguments[.bias] = .fixed(try program.backend.rowMajor([result[1]], .float32)) }
    return try program.backend.plan(operation, arguments)
  }

  private func recordWeights(
    _ planned: any PlannedOperation, _ x: Tensor, _ dy: Tensor, in program: Program
  ) throws {
    let target = try program.gradient(of: weight)
    let layout = try planned.layout(.weightsGradient)
    let isDirect = program.layout(of: target).isEqual(to: layout)
    let result = isDirect ? target : program.tensor(layout)
    var tensors: [Role: Tensor] = [
      .source: try program.converted(x, to: planned.layout(.source)),
      .weightsGradient: result,
      .destinationGradient: try program.converted(dy, to: planned.layout(.destinationGradient)),
    ]
    if let bias { tensors[.biasGradient] = try program.gradient(of: bias) }
    program.record(operation(.backwardWeights), planned, tensors)
    if !isDirect { try program.record(.reorder, [.source: result, .destination: target]) }
    if let merging = weight.merging {
      let mask = try program.constant(program.layout(of: target)) { merging.mask }
      try program.record(
        .sum(.gate), [.source: target, .weights: mask, .destination: target])
    }
  }

  private func recordSource(
    _ stored: Tensor, _ dy: Tensor, _ shape: [Int], in program: Program
  ) throws -> Tensor {
    let planned = try program.backend.plan(
      operation(.backward),
      [
        .sourceGradient: .open(shape: shape, program.type),
        .weights: .open(shape: weight.deviceShape, program.type),
        .destinationGradient: .open(shape: program.shape(of: dy), program.type),
      ])
    let result = program.tensor(try planned.layout(.sourceGradient))
    program.record(
      operation(.backward), planned,
      [
        .sourceGradient: result,
        .weights: try program.convertedOnce(stored, to: planned.layout(.weights)),
        .destinationGradient: try program.converted(dy, to: planned.layout(.destinationGradient)),
      ])
    return result
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
