/// The shortcut that learns nothing: each `stride`-th place, and after the channels of the input
/// channels of zeros.
///
/// Computed as a convolution whose weights are 1 and 0, which is exact in every precision, stays in
/// blocked layouts, and costs what a projection costs.
/// The gradient passes through it; in Hara et al.'s code, which Jing et al. build on, `out.data` cuts
/// it off there.
/// Source: He et al. (2016), section 3.3, option A.
struct PaddedShortcut: Layer {
  let name: String
  let input: Int
  /// At least `input`.
  let output: Int
  /// Of size 1, with the stride.
  let window: Window

  var parameters: [Parameter] { [] }

  func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try program.named(name) {
      let shape = program.shape(of: x)
      let result =
        [shape[0], output] + (try window.places(in: Array(shape.dropFirst(2)), for: name))
      let pass: Pass = program.mode == .training ? .training : .inference
      let y = try record(
        pass, from: x, (.source, shape), to: (.destination, result), in: program)
      let backward: Backward = { gradient in
        guard program.needsGradient(x) else { return .none }
        return try program.named(name) {
          let dy = try program.summed(gradient)
          return Gradient(
            try record(
              .backward, from: dy, (.destinationGradient, result), to: (.sourceGradient, shape),
              in: program))
        }
      }
      return (y, program.mode == .training ? backward : unusable(name))
    }
  }

  private func record(
    _ pass: Pass, from source: Tensor, _ from: (role: Role, shape: [Int]),
    to: (role: Role, shape: [Int]), in program: Program
  ) throws -> Tensor {
    let operation = Operation.convolution(pass, window, accumulating: false, rectified: false)
    let planned = try program.backend.plan(
      operation,
      [
        from.role: .open(shape: from.shape, program.type),
        to.role: .open(shape: to.shape, program.type),
        .weights: .open(shape: [output, input] + window.kernel, program.type),
      ])
    let result = program.tensor(try planned.layout(to.role))
    program.record(
      operation, planned,
      [
        from.role: try program.converted(source, to: planned.layout(from.role)),
        .weights: try program.constant(planned.layout(.weights)) { weights }, to.role: result,
      ])
    return result
  }

  private var weights: [Float] {
    var weights = [Float](repeating: 0, count: output * input)
    for channel in 0..<input { weights[channel * input + channel] = 1 }
    return weights
  }
}
