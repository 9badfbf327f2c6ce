/// Stochastic gradient descent with momentum, as `torch.optim.SGD`.
///
/// Source: Sutskever et al. (2013) for momentum and Nesterov's form of it.
public final class GradientDescent {
  public struct Options: Hashable, Sendable {
    /// 0 to below 1.
    public var momentum: Float = 0.9
    public var isNesterov = false
    /// Weight decay: this much of each weight is added to its gradient.
    public var decay: Float = 0
    /// The largest Euclidean norm of all gradients together; longer ones are shortened to it.
    public var maximumNorm: Double?

    public init(
      momentum: Float = 0.9, isNesterov: Bool = false, decay: Float = 0,
      maximumNorm: Double? = nil
    ) {
      self.momentum = momentum
      self.isNesterov = isNesterov
      self.decay = decay
      self.maximumNorm = maximumNorm
    }
  }

  public let options: Options
  public let parameters: [Parameter]
  private let backend: any Backend

  public init(_ parameters: [Parameter], _ options: Options, on backend: any Backend) throws {
    guard (0..<1).contains(options.momentum), options.decay >= 0,
      options.maximumNorm.map({ $0 > 0 }) ?? true
    else {
      throw LearningError(
        .badSetting,
        "momentum \(options.momentum), decay \(options.decay), maximum norm"
          + " \(options.maximumNorm.map { "\($0)" } ?? "none"); expected momentum from 0 to below"
          + " 1, decay of at least 0 and a norm above 0")
    }
    self.options = options
    self.parameters = parameters.filter(\.isLearnt)
    self.backend = backend
  }

  /// Moves all weights against their gradients.
  ///
  /// - Returns: the norm of all gradients, where they are clipped
  @discardableResult
  public func step(rate: Float) throws -> Double? {
    backend.prepareThread()
    var norm: Double?
    var scale: Float = 1
    if let limit = options.maximumNorm {
      let length = gradientNorm()
      norm = length
      scale = Float(min(1, limit / (length + 1e-6)))
    }
    let settings = DescentSettings(
      rate: rate, momentum: options.momentum, decay: options.decay,
      isNesterov: options.isNesterov, gradientScale: scale)
    for parameter in parameters {
      guard let place = try parameter.requireVelocity(), let gradient = place.gradient,
        let velocity = place.velocity
      else { continue }
      backend.descend(
        settings, weights: place.weights.address, velocity: velocity.address,
        gradient: gradient.address, count: place.layout.paddedCount)
    }
    return norm
  }

  private func gradientNorm() -> Double {
    parameters.reduce(0) { sum, parameter in
      guard let place = parameter.settled, let gradient = place.gradient else { return sum }
      return sum + backend.squaredNorm(gradient.address, count: place.layout.paddedCount)
    }.squareRoot()
  }
}
