internal import StageKit

/// Sets a random share of the elements to 0 and scales the others, in training.
///
/// Which, depends on the seed, the layer's name and the training step alone.
/// Source: Srivastava et al. (2014), with the scale in training.
public struct Dropout: Layer {
  public let name: String
  public let rate: Float
  private let key: UInt64

  public init(_ name: String, rate: Float, seed: Int) throws {
    guard rate >= 0, rate < 1 else {
      throw LearningError(.badSetting, "\(name): rate is \(rate); expected 0 to below 1")
    }
    self.name = name
    self.rate = rate
    var random = CounterRandom(seed: seed, kind: "learning", item: name, purpose: "dropout")
    key = random.next()
  }

  public var parameters: [Parameter] { [] }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    guard program.mode == .training, rate > 0 else { return (x, { $0 }) }
    func drop(_ source: Tensor) throws -> Tensor {
      try program.named(name) {
        let result = program.tensor(program.layout(of: source))
        try program.record(
          .dropout(rate: rate, key: key), [.source: source, .destination: result])
        return result
      }
    }
    // Elements count in the order of memory: the gradient must lie as the result does.
    let y = try drop(x)
    return (
      y, { Gradient(try drop(program.converted(program.summed($0), to: program.layout(of: y)))) }
    )
  }
}
