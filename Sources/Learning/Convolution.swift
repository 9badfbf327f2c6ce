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
      guard program.mode == .training else {
        return (try inferred(x, in: program), unusable(name))
      }
      return try product.trained(x, to: resultShape(of: x, in: program), in: program)
    }
  }

  private var product: WeightedProduct {
    WeightedProduct(name: name, weight: weight, bias: bias) { [window] pass in
      .convolution(pass, window, accumulating: false, rectified: false)
    }
  }

  /// The shape of the result.
  private func resultShape(of x: Tensor, in program: Program) throws -> [Int] {
    let shape = program.shape(of: x)
    guard shape.count == window.kernel.count + 2, shape[1] == input else {
      throw LearningError(
        .badShape,
        "\(name): expected [n, \(input)] and \(window.kernel.count) spatial dimensions,"
          + " got \(shape)")
    }
    return [shape[0], output] + (try window.places(in: Array(shape.dropFirst(2)), for: name))
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
    try product.inferred(
      x, to: resultShape(of: x, in: program),
      .convolution(.inference, window, accumulating: summand != nil, rectified: rectified),
      folded: folded, adding: summand, in: program)
  }
}
