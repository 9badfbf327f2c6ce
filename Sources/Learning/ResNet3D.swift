/// A 3D ResNet-18 with torchvision's layout and parameter names (`r3d_18`), clips
/// `[n, channels, t, h, w]` to features `[n, 512 · width, 1, 1, 1]`.
///
/// Source: Tran et al. (2018); torchvision 0.29 `models/video/resnet.py`.
public struct ResNet3D {
  public struct Options: Hashable, Sendable {
    /// Grey or colour: 1 or 3.
    public var channels = 3
    /// Multiplies all numbers of channels, which are rounded to at least 1.
    public var width = 1.0
    /// Squeeze-and-excitation in each block, after its second convolution.
    public var excites = false
    /// The spatial stride of `layer4` becomes a dilation: features lie on every 8th pixel, not 16th.
    public var dilates = false

    public init(
      channels: Int = 3, width: Double = 1, excites: Bool = false, dilates: Bool = false
    ) {
      self.channels = channels
      self.width = width
      self.excites = excites
      self.dilates = dilates
    }
  }

  public let options: Options
  /// Named parts in order: `stem`, `layer1.0`, … `layer4.1`, `avgpool`.
  let stages: [(name: String, layer: any Layer)]
  /// Channels of the features.
  public let features: Int

  public init(_ options: Options = Options(), initializer: Initializer) throws {
    guard options.channels == 1 || options.channels == 3 else {
      throw LearningError(
        .badSetting, "channels is \(options.channels); expected 1 (grey) or 3 (colour)")
    }
    guard options.width > 0, options.width <= 8 else {
      throw LearningError(.badSetting, "width is \(options.width); expected above 0, at most 8")
    }
    self.options = options
    func channels(_ base: Int) -> Int {
      max(1, Int((Double(base) * options.width).rounded()))
    }
    let window = Window([3, 7, 7], stride: [1, 2, 2], padding: [1, 3, 3])
    var stages: [(name: String, layer: any Layer)] = [
      (
        "stem",
        NormedConvolution(
          try Convolution(
            "stem.0", options.channels, channels(64), window, initializer: initializer),
          try BatchNorm("stem.1", channels(64), rectified: true))
      )
    ]
    var input = channels(64)
    for (index, base) in [64, 128, 256, 512].enumerated() {
      let output = channels(base)
      let isDilated = options.dilates && index == 3
      for block in 0..<2 {
        let name = "layer\(index + 1).\(block)"
        let spatial = isDilated ? 1 : 2
        let stride = index > 0 && block == 0 ? [2, spatial, spatial] : [1, 1, 1]
        // Where a stride is gone, what follows it looks at every second cell.
        let dilation = isDilated ? (block == 0 ? 1 : 2, 2) : (1, 1)
        let layer = try ResidualBlock(
          name, input, output, stride: stride, dilation: dilation, excites: options.excites,
          initializer: initializer)
        stages.append((name, layer))
        input = output
      }
    }
    stages.append(("avgpool", Pooling("avgpool", .average, nil)))
    self.stages = stages
    features = input
  }

  public var layerNames: [String] { stages.map(\.name) }
}

extension ResNet3D: Layer {
  public var parameters: [Parameter] { stages.flatMap { $0.layer.parameters } }
  public var counters: [BatchCounter] { stages.flatMap { $0.layer.counters } }

  public func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    try forward(x, tapping: [], in: program).result
  }

  /// The forward pass, with the results of layers by name: `layer3` is that of `layer3.1`.
  ///
  /// What comes after the last tapped layer is left out in inference, where there are taps.
  public func forward(
    _ x: Tensor, tapping names: [String], in program: Program
  ) throws -> (result: (Tensor, Backward), taps: [String: Tensor]) {
    let resolved = try names.map { name in
      guard let stage = stages.last(where: { $0.name == name || $0.name.hasPrefix("\(name).") })
      else {
        throw LearningError(
          .badSetting, "no layer '\(name)'; there are \(layerNames.joined(separator: ", "))")
      }
      return stage.name
    }
    var (x, backwards, taps) = (x, [Backward](), [String: Tensor]())
    for (name, layer) in stages {
      let (y, backward) = try layer.forward(x, in: program)
      backwards.append(backward)
      x = y
      for (asked, stage) in zip(names, resolved) where stage == name { taps[asked] = y }
      if program.mode == .inference, !names.isEmpty, taps.count == Set(names).count { break }
    }
    return ((x, { try backwards.reversed().reduce($0) { try $1($0) } }), taps)
  }
}
