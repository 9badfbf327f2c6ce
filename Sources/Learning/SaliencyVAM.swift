/// Saliency-VAM: the dilated SE-ResNeXt with the attention head, grey frames `[n, 1, h, w]` to logits
/// `[n, 1, h / 8, w / 8]` of where a viewer looks, rounded up.
///
/// Names are those of `SEResNeXt` and `attention.…`; the class head of the paper's table is not part
/// of it. Source: Droste et al. (2019), table 1.
public struct SaliencyVAM: Layer {
  public let backbone: SEResNeXt
  public let head: AttentionHead
  private let chain: Chain

  /// - Parameters:
  ///   - width: multiplies all numbers of channels of the paper's table
  ///   - groups: of the 3x3 convolutions; a divisor of `64 · width`
  public init(width: Double = 1, groups: Int = 16, initializer: Initializer) throws {
    backbone = try SEResNeXt(
      .init(width: width, groups: groups, dilates: true), initializer: initializer)
    head = try AttentionHead(
      channels: backbone.features, width: max(1, Int((256 * width).rounded())),
      initializer: initializer)
    chain = Chain([backbone, head])
  }

  public var parameters: [Parameter] { chain.parameters }
  public var counters: [BatchCounter] { chain.counters }
  public var imageWeights: [Parameter] { chain.imageWeights }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try chain.forward(x, in: program)
  }

  /// [height, width] of the maps of frames of this size, both in the same order.
  ///
  /// - Parameter size: [height, width], in pixels
  public static func grid(ofFrames size: [Int]) -> [Int] {
    // Three halvings, each rounded up: the stem, the pool, the second stage.
    size.map { (0..<3).reduce($0) { half, _ in (half + 1) / 2 } }
  }
}
