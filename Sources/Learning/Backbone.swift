/// A network of named parts, one after the other, whose results can be tapped.
public protocol Backbone: Layer {
  var body: NamedChain { get }
  /// Channels of the last part's result.
  var features: Int { get }
}

extension Backbone {
  public var parameters: [Parameter] { body.parameters }
  public var counters: [BatchCounter] { body.counters }
  public var imageWeights: [Parameter] { body.imageWeights }
  /// The names of all parts in order: `stem`, `layer1.0`, …
  public var layerNames: [String] { body.layerNames }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try body.forward(x, in: program)
  }

  /// The forward pass, with the results of layers by name: `layer3` is that of its last block.
  ///
  /// What comes after the last tapped layer is left out in inference, where there are taps.
  public func forward(
    _ x: Tensor, tapping names: [String], in program: Program
  ) throws -> (result: (Tensor, Backward), taps: [String: Tensor]) {
    try body.forward(x, tapping: names, in: program)
  }
}

/// Named layers one after the other, the first of which reads images.
public struct NamedChain: Layer {
  let parts: [(name: String, layer: any Layer)]
  /// The first convolution's weights, where images are grey.
  public let imageWeights: [Parameter]

  init(_ parts: [(name: String, layer: any Layer)], reading convolution: Convolution) {
    self.parts = parts
    imageWeights = convolution.input == 1 ? [convolution.weight] : []
  }

  public var parameters: [Parameter] { parts.flatMap { $0.layer.parameters } }
  public var counters: [BatchCounter] { parts.flatMap { $0.layer.counters } }
  public var layerNames: [String] { parts.map(\.name) }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try forward(x, tapping: [], in: program).result
  }

  func forward(
    _ x: Tensor, tapping names: [String], in program: Program
  ) throws -> (result: (Tensor, Backward), taps: [String: Tensor]) {
    let resolved = try names.map { name in
      guard let part = parts.last(where: { $0.name == name || $0.name.hasPrefix("\(name).") })
      else {
        throw LearningError(
          .badSetting, "no layer '\(name)'; there are \(layerNames.joined(separator: ", "))")
      }
      return part.name
    }
    var (x, backwards, taps) = (x, [Backward](), [String: Tensor]())
    for (name, layer) in parts {
      let (y, backward) = try layer.forward(x, in: program)
      backwards.append(backward)
      x = y
      for (asked, part) in zip(names, resolved) where part == name { taps[asked] = y }
      if program.mode == .inference, !names.isEmpty, taps.count == Set(names).count { break }
    }
    return ((x, { try backwards.reversed().reduce($0) { try $1($0) } }), taps)
  }
}

/// What all backbones check of their options, and how they count channels.
struct BackboneSize {
  let width: Double

  init(channels: Int, width: Double) throws {
    guard channels == 1 || channels == 3 else {
      throw LearningError(.badSetting, "channels is \(channels); expected 1 (grey) or 3 (colour)")
    }
    guard width > 0, width <= 8 else {
      throw LearningError(.badSetting, "width is \(width); expected above 0, at most 8")
    }
    self.width = width
  }

  func callAsFunction(_ base: Int) -> Int { max(1, Int((Double(base) * width).rounded())) }
}
