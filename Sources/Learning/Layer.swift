internal import StageKit

/// A part of a network: it records its forward pass, and hands back what records its backward pass.
///
/// A layer holds parameters and settings alone; what one forward pass must remember lives in the
/// function it returns, so a layer can be part of several programs.
public protocol Layer {
  /// All parameters, in the order of PyTorch's `state_dict`.
  var parameters: [Parameter] { get }
  /// Counters of batches, which PyTorch keeps beside running statistics.
  var counters: [BatchCounter] { get }
  /// Weights of convolutions that read grey images: weights for colour, summed, serve them too.
  var imageWeights: [Parameter] { get }
  func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward)
}

extension Layer {
  public var counters: [BatchCounter] { [] }
  public var imageWeights: [Parameter] { [] }
}

/// How many batches a batch norm has seen: `bn1.num_batches_tracked`.
public final class BatchCounter {
  public let name: String
  public var count = 0

  init(_ name: String) { self.name = name }
}

/// Layers one after the other.
public struct Chain: Layer {
  public var layers: [any Layer]

  public init(_ layers: [any Layer]) { self.layers = layers }

  public var parameters: [Parameter] { layers.flatMap(\.parameters) }
  public var counters: [BatchCounter] { layers.flatMap(\.counters) }
  public var imageWeights: [Parameter] { layers.flatMap(\.imageWeights) }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    var x = x
    var backwards: [Backward] = []
    for layer in layers {
      let (next, backward) = try layer.forward(x, in: program)
      x = next
      backwards.append(backward)
    }
    return (x, { try backwards.reversed().reduce($0) { try $1($0) } })
  }
}

/// Where initial weights come from: one sequence of random numbers a parameter, by its name.
public struct Initializer: Hashable, Sendable {
  public var seed: Int

  public init(seed: Int) { self.seed = seed }

  func random(_ name: String) -> CounterRandom {
    CounterRandom(seed: seed, kind: "learning", item: name, purpose: "initial weights")
  }

  /// Normally distributed with variance 2 / fanOut. Source: He et al. (2015), equation 14.
  func kaiming(_ name: String, count: Int, fanOut: Int) -> [Float] {
    normal(name, count: count, deviation: (2 / Double(fanOut)).squareRoot())
  }

  func normal(_ name: String, count: Int, deviation: Double) -> [Float] {
    var random = random(name)
    return (0..<count).map { _ in Float(random.normal() * deviation) }
  }

  func uniform(_ name: String, count: Int, bound: Double) -> [Float] {
    var random = random(name)
    return (0..<count).map { _ in Float(random.uniform(-bound, bound)) }
  }
}
