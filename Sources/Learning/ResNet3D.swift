/// A 3D ResNet-18, clips `[n, channels, t, h, w]` to features `[n, 512 · width, 1, 1, 1]`.
///
/// Source: Tran et al. (2018); torchvision 0.29 `models/video/resnet.py` (`r3d_18`).
public struct ResNet3D: Backbone {
  public enum Variant: String, Hashable, Sendable, CaseIterable {
    /// Stem 3x7x7, no max pool, projections as shortcuts; torchvision's names.
    case torchvision
    /// Stem 7x7x7, max pool, shortcuts padded with zeros; the names of Hara et al.'s code
    /// (`conv1`, `bn1`, `layer1.0.conv1`, …).
    ///
    /// Source: Jing et al. (2018), section 4; Hara et al. (2018), table 1, shortcuts of type A.
    case jing
  }

  public struct Options: Hashable, Sendable {
    public var variant = Variant.torchvision
    /// Grey or colour: 1 or 3.
    public var channels = 3
    /// Multiplies all numbers of channels, which are rounded to at least 1.
    public var width = 1.0
    /// Squeeze-and-excitation in each block, after its second convolution.
    public var excites = false
    /// The spatial stride of `layer4` becomes a dilation: its grid is twice as fine, every 8th pixel
    /// and not 16th (16th and not 32nd in Jing's variant).
    public var dilates = false

    public init(
      variant: Variant = .torchvision, channels: Int = 3, width: Double = 1, excites: Bool = false,
      dilates: Bool = false
    ) {
      self.variant = variant
      self.channels = channels
      self.width = width
      self.excites = excites
      self.dilates = dilates
    }
  }

  public let options: Options
  /// `stem` (`conv1` and `maxpool` in Jing's variant), `layer1.0`, … `layer4.1`, `avgpool`.
  public let body: NamedChain
  public let features: Int

  public init(_ options: Options = Options(), initializer: Initializer) throws {
    let size = try BackboneSize(channels: options.channels, width: options.width)
    self.options = options
    let stem = try ResNet3D.stem(options, size(64), initializer)
    var parts: [(name: String, layer: any Layer)] = []
    switch options.variant {
    case .torchvision: parts.append(("stem", stem))
    case .jing:
      let window = Window([3, 3, 3], stride: [2, 2, 2], padding: [1, 1, 1])
      parts += [("conv1", stem), ("maxpool", Pooling("maxpool", .maximum, window))]
    }
    var input = size(64)
    for (index, base) in [64, 128, 256, 512].enumerated() {
      let output = size(base)
      let isDilated = options.dilates && index == 3
      for block in 0..<2 {
        let name = "layer\(index + 1).\(block)"
        let spatial = isDilated ? 1 : 2
        let stride = index > 0 && block == 0 ? [2, spatial, spatial] : [1, 1, 1]
        // Where a stride is gone, what follows it looks at every second cell.
        let dilation = isDilated ? (block == 0 ? 1 : 2, 2) : (1, 1)
        let layer = try ResidualBlock.basic(
          name, input, output, stride: stride, dilation: dilation, excites: options.excites,
          variant: options.variant, initializer: initializer)
        parts.append((name, layer))
        input = output
      }
    }
    parts.append(("avgpool", Pooling("avgpool", .average, nil)))
    body = NamedChain(parts, reading: stem.convolution)
    features = input
  }

  private static func stem(
    _ options: Options, _ output: Int, _ initializer: Initializer
  ) throws -> NormedConvolution {
    let isJing = options.variant == .jing
    let window = Window(
      [isJing ? 7 : 3, 7, 7], stride: [1, 2, 2], padding: [isJing ? 3 : 1, 3, 3])
    return NormedConvolution(
      try Convolution(
        isJing ? "conv1" : "stem.0", options.channels, output, window, initializer: initializer),
      try BatchNorm(isJing ? "bn1" : "stem.1", output, rectified: true))
  }
}
