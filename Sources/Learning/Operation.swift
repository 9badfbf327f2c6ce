/// A window that slides over the one to three spatial dimensions of `[n, c, spatial...]`.
public struct Window: Hashable, Sendable {
  public var kernel: [Int]
  public var stride: [Int]
  public var padding: [Int]
  /// Distance of the kernel's elements; 1 is the ordinary kernel.
  public var dilation: [Int]

  public init(
    _ kernel: [Int], stride: [Int]? = nil, padding: [Int]? = nil, dilation: [Int]? = nil
  ) {
    self.kernel = kernel
    self.stride = stride ?? kernel.map { _ in 1 }
    self.padding = padding ?? kernel.map { _ in 0 }
    self.dilation = dilation ?? kernel.map { _ in 1 }
  }

  /// The spatial sizes that come out of `sizes`.
  func places(in sizes: [Int], for layer: String) throws -> [Int] {
    let rank = kernel.count
    guard stride.count == rank, padding.count == rank, dilation.count == rank,
      sizes.count == rank, (1...3).contains(rank)
    else {
      throw LearningError(
        .badShape,
        "\(layer): a window of \(rank) dimensions (stride \(stride.count), padding"
          + " \(padding.count), dilation \(dilation.count)) on \(sizes.count) spatial dimensions")
    }
    guard zip(kernel, zip(stride, dilation)).allSatisfy({ $0 > 0 && $1.0 > 0 && $1.1 > 0 }),
      padding.allSatisfy({ $0 >= 0 })
    else {
      throw LearningError(
        .badSetting,
        "\(layer): kernel, stride and dilation must be at least 1, padding at least 0")
    }
    return try (0..<rank).map { axis in
      let reach = (kernel[axis] - 1) * dilation[axis] + 1
      let room = sizes[axis] + 2 * padding[axis] - reach
      guard room >= 0 else {
        throw LearningError(
          .badShape,
          "\(layer): a kernel that reaches over \(reach) does not fit into \(sizes[axis])"
            + " with padding \(padding[axis])")
      }
      return room / stride[axis] + 1
    }
  }
}

/// Which half of training an operation belongs to.
public enum Pass: Hashable, Sendable {
  case training, inference
  /// The gradient of the source (batch normalisation: of scale and shift too).
  case backward
  /// The gradients of weights and bias.
  case backwardWeights
}

/// What happens to a sum.
public enum Ending: Hashable, Sendable {
  case keep
  /// max(0, x)
  case rectify
  /// x where the value in the role `weights` is above 0, else 0: the gradient of `rectify`.
  case gate
}

/// What a device can be asked to compute. The shapes and types come from the arguments.
public enum Operation: Hashable, Sendable {
  /// Weights are `[o, i, kernel...]`, with groups `[groups, o / groups, i / groups, kernel...]`.
  /// `accumulating`: what the destination holds is added; `rectified`: ReLU is last.
  case convolution(Pass, Window, accumulating: Bool, rectified: Bool)
  /// Source `[n, i]`, weights `[o, i]`.
  case linear(Pass)
  /// Over all dimensions but the second, with scale and shift; the variance is the biased one.
  case normalization(Pass, epsilon: Float, rectified: Bool)
  /// Moves `scale` and `shift` (running mean and unbiased variance) towards `mean` and `variance`
  /// of `count` elements by the share `momentum`.
  case runningStatistics(momentum: Float, count: Int)
  case maximum(Pass, Window)
  /// The average without padding.
  case average(Pass, Window)
  case sigmoid(Pass)
  /// Elementwise; a dimension of size 1 of `source1` is repeated.
  case product
  /// Of one to four sources with equal layouts.
  case sum(Ending)
  /// The same elements go in forward and backward pass.
  case dropout(rate: Float, key: UInt64)
  /// Rows of each sample put side by side, or, backward, the sums of what became of each row; all
  /// row-major.
  case gather(Pass, RowGroups)
  /// The same values in another layout or type.
  case reorder

  /// The source that the destination may share memory with.
  var inPlace: (source: Role, destination: Role)? {
    switch self {
    case .sum, .dropout: (.source, .destination)
    case .normalization(.backward, _, _): (.destinationGradient, .sourceGradient)
    default: nil
    }
  }

  /// Its name in profiles.
  var name: String {
    switch self {
    case .convolution(let pass, _, _, _): "convolution \(pass)"
    case .linear(let pass): "linear \(pass)"
    case .normalization(let pass, _, _): "normalization \(pass)"
    case .runningStatistics: "running statistics"
    case .maximum(let pass, _): "maximum \(pass)"
    case .average(let pass, _): "average \(pass)"
    case .sigmoid(let pass): "sigmoid \(pass)"
    case .product: "product"
    case .sum(let ending): "sum \(ending)"
    case .dropout: "dropout"
    case .gather(let pass, _): "gather \(pass)"
    case .reorder: "reorder"
    }
  }
}
