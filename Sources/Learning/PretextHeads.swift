/// Classes of the order of pieces, out of each pair of them: features `[n · pieces, d]`, the pieces
/// of a sample one after the other, to logits `[n, classes]`.
///
/// Each piece through one Linear and ReLU (`NAME.piece`; left out with `pieceWidth` nil), all pairs
/// (i, j) with i < j side by side through another (`NAME.pair`), all pairs side by side, dropout,
/// Linear to the classes (`NAME.classes`).
/// Source: the order prediction network of Lee et al. (ICCV 2017), with `pieceWidth` 1024 (fc6) and
/// `pairWidth` 512 (fc7). Without `pieceWidth` it is the head of Xu et al. (CVPR 2019) in their public
/// code, with 512 features of a pair and dropout of 0.5.
public struct PairwiseHead: Layer {
  private let chain: Chain

  /// - Parameters:
  ///   - features: of one piece, d
  ///   - pieces: of one sample, at least 2
  ///   - classes: n! for orders of n pieces, half of it where an order and its reverse are one class
  ///   - pieceWidth: features of a piece once encoded; `nil`: as they come
  ///   - pairWidth: features of a pair
  ///   - dropout: share of the pairs' features that is set to 0 in training, 0 to below 1
  public init(
    _ name: String = "order", features: Int, pieces: Int, classes: Int, pieceWidth: Int? = nil,
    pairWidth: Int = 512, dropout: Float = 0.5, initializer: Initializer
  ) throws {
    let pairs = try RowGroups.pairs(of: pieces)
    var layers: [any Layer] = []
    if let pieceWidth {
      layers += [
        try Linear("\(name).piece", features, pieceWidth, initializer: initializer), ReLU(),
      ]
    }
    layers += [
      RowGrouping("\(name).pairs", pairs),
      try Linear(
        "\(name).pair", 2 * (pieceWidth ?? features), pairWidth, initializer: initializer),
      ReLU(),
      RowGrouping("\(name).all", try .all(of: pairs.groups.count)),
      try Dropout("\(name).dropout", rate: dropout, seed: initializer.seed),
      try Linear(
        "\(name).classes", pairs.groups.count * pairWidth, classes, initializer: initializer),
    ]
    chain = Chain(layers)
  }

  public var parameters: [Parameter] { chain.parameters }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try chain.forward(x, in: program)
  }
}

/// Embeddings that a loss compares, out of features: `[n, d]` to `[n, output]`.
///
/// Linear, batch norm where wanted, and ReLU for each hidden size, then Linear. Parameters are named
/// as those of a `torch.nn.Sequential` of these layers: `NAME.0.weight`, with batch norm
/// `NAME.1.running_mean`, `NAME.3.weight`.
/// Source: Chen et al. (2020, SimCLR), section 2: `hidden` [d] and 128. Bardes et al. (2022,
/// VICReg), section 4.2: two hidden sizes, with batch norm. Their last layer has no bias; it does not
/// change that loss, and its gradient is 0.
public struct ProjectionHead: Layer {
  private let chain: Chain

  /// - Parameters:
  ///   - features: d
  ///   - hidden: sizes between features and output; may be empty
  ///   - output: width of an embedding
  ///   - normalizes: whether batch norm follows each layer but the last; needs a batch of at least 2
  public init(
    _ name: String = "projection", features: Int, hidden: [Int], output: Int = 128,
    normalizes: Bool = false, initializer: Initializer
  ) throws {
    var layers: [any Layer] = []
    var (width, place) = (features, 0)
    for size in hidden {
      layers.append(try Linear("\(name).\(place)", width, size, initializer: initializer))
      layers.append(
        normalizes ? try BatchNorm("\(name).\(place + 1)", size, rectified: true) : ReLU())
      (width, place) = (size, place + (normalizes ? 3 : 2))
    }
    layers.append(try Linear("\(name).\(place)", width, output, initializer: initializer))
    chain = Chain(layers)
  }

  public var parameters: [Parameter] { chain.parameters }
  public var counters: [BatchCounter] { chain.counters }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try chain.forward(x, in: program)
  }
}
