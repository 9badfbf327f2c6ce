internal import Foundation

/// A map of attention out of a map of features: `[n, channels, h, w]` to logits `[n, 1, h, w]`.
///
/// Depthwise 7x7, 1x1 to 256 twice, 1x1 to 1. The map is the softmax over all cells, which
/// `mapDivergence` computes in training and `attentionMaps` elsewhere. The paper's table names no
/// activations: ReLU follows each convolution but the last here, and all have biases, which gives
/// the published number of parameters.
/// Source: Droste et al. (2019), table 1.
public struct AttentionHead: Layer {
  private let chain: Chain

  /// - Parameters:
  ///   - channels: of the features
  ///   - width: of the two layers in the middle; 256 in the paper
  public init(
    _ name: String = "attention", channels: Int, width: Int = 256, initializer: Initializer
  ) throws {
    let around = Window([7, 7], padding: [3, 3])
    chain = Chain([
      try Convolution(
        "\(name).depthwise", channels, channels, around, groups: channels, bias: true,
        initializer: initializer), ReLU(),
      try pointwise("\(name).conv1", channels, width, initializer), ReLU(),
      try pointwise("\(name).conv2", width, width, initializer), ReLU(),
      try pointwise("\(name).conv3", width, 1, initializer, isLast: true),
    ])
  }

  public var parameters: [Parameter] { chain.parameters }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try chain.forward(x, in: program)
  }
}

/// Classes out of a map of features: `[n, channels, h, w]` to logits `[n, classes, 1, 1]`, the mean
/// of what each cell says.
///
/// 1x1 to 256, ReLU, 1x1 to the classes, average. Meant for the backbone with strides.
/// Source: Droste et al. (2019), table 1.
public struct ClassHead: Layer {
  private let chain: Chain

  /// - Parameters:
  ///   - channels: of the features
  ///   - width: of the layer in the middle; 256 in the paper
  public init(
    _ name: String = "classes", channels: Int, classes: Int, width: Int = 256,
    initializer: Initializer
  ) throws {
    chain = Chain([
      try pointwise("\(name).conv1", channels, width, initializer), ReLU(),
      try pointwise("\(name).conv2", width, classes, initializer, isLast: true),
      Pooling("\(name).avgpool", .average, nil),
    ])
  }

  public var parameters: [Parameter] { chain.parameters }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try chain.forward(x, in: program)
  }
}

private func pointwise(
  _ name: String, _ input: Int, _ output: Int, _ initializer: Initializer, isLast: Bool = false
) throws -> Convolution {
  // By the fan-out a layer of one channel would start with logits far from 0.
  try Convolution(
    name, input, output, Window([1, 1]), bias: true, deviation: isLast ? 0.01 : nil,
    initializer: initializer)
}

/// The softmax of each map over all its cells.
///
/// - Parameter logits: `[n, cells]`
/// - Returns: `[n, cells]`, each row of sum 1
public func attentionMaps(_ logits: [Float], cells: Int) throws -> [Float] {
  guard cells > 0, logits.count % cells == 0 else {
    throw LearningError(.badShape, "\(logits.count) logits in maps of \(cells) cells")
  }
  return stride(from: 0, to: logits.count, by: cells).flatMap { start in
    logSoftmax(logits[start..<start + cells]).map { Float(exp($0)) }
  }
}
