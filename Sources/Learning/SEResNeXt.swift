/// The backbone of Saliency-VAM: SE-ResNeXt-50 at half width, frames `[n, channels, h, w]` to a map
/// of features `[n, 1024 · width, h / 32, w / 32]`, with `dilates` `[…, h / 8, w / 8]`.
///
/// Names are those of torchvision's 2D ResNets: `conv1`, `bn1`, `layer1.0.conv1`, … with
/// `layer1.0.se.fc1` and `fc2`. The stride of a stage lies in its first 3x3 convolution.
/// Source: Droste et al. (2019), table 1; Xie et al. (2017) and Hu, Shen & Sun (2018) for the block.
public struct SEResNeXt: Backbone {
  public struct Options: Hashable, Sendable {
    /// Grey or colour: 1 or 3.
    public var channels = 1
    /// Multiplies the numbers of channels of the paper's table, which are rounded to at least 1.
    public var width = 1.0
    /// Of the 3x3 convolutions; must divide their channels, `64 · width`.
    public var groups = 16
    /// Squeeze-and-excitation in each block, after its last convolution.
    public var excites = true
    /// The strides of `layer3` and `layer4` become dilations.
    ///
    /// Without excitation the result at every fourth cell is that of the network with strides, so
    /// weights trained with one serve the other.
    public var dilates = false

    public init(
      channels: Int = 1, width: Double = 1, groups: Int = 16, excites: Bool = true,
      dilates: Bool = false
    ) {
      self.channels = channels
      self.width = width
      self.groups = groups
      self.excites = excites
      self.dilates = dilates
    }
  }

  public let options: Options
  /// `conv1`, `maxpool`, `layer1.0`, … `layer4.2`.
  public let body: NamedChain
  public let features: Int

  public init(_ options: Options = Options(), initializer: Initializer) throws {
    let size = try BackboneSize(channels: options.channels, width: options.width)
    guard options.groups > 0, size(64) % options.groups == 0 else {
      throw LearningError(
        .badSetting, "groups is \(options.groups); expected a divisor of \(size(64)) channels")
    }
    self.options = options
    let stem = NormedConvolution(
      try Convolution(
        "conv1", options.channels, size(64), Window([7, 7], stride: [2, 2], padding: [3, 3]),
        initializer: initializer),
      try BatchNorm("bn1", size(64), rectified: true))
    let pool = Pooling(
      "maxpool", .maximum, Window([3, 3], stride: [2, 2], padding: [1, 1]))
    var parts: [(name: String, layer: any Layer)] = [("conv1", stem), ("maxpool", pool)]
    var (input, dilation) = (size(64), 1)
    for (index, count) in [3, 4, 6, 3].enumerated() {
      for block in 0..<count {
        let name = "layer\(index + 1).\(block)"
        let reduces = index > 0 && block == 0
        let isDilated = options.dilates && index >= 2
        let shape = Bottleneck(
          input: input, middle: size(64 << index), output: size(128 << index),
          stride: reduces && !isDilated ? 2 : 1, dilation: dilation, groups: options.groups)
        parts.append(
          (name, try shape.block(name, excites: options.excites, initializer: initializer)))
        // Where a stride is gone, what follows it looks at cells twice as far apart.
        if reduces && isDilated { dilation *= 2 }
        input = shape.output
      }
    }
    body = NamedChain(parts, reading: stem.convolution)
    features = input
  }
}

/// 1x1, 3x3 in groups, 1x1.
///
/// Source: Xie et al. (2017), figure 3c.
private struct Bottleneck {
  var input: Int
  var middle: Int
  var output: Int
  var stride: Int
  var dilation: Int
  var groups: Int

  func block(
    _ name: String, excites: Bool, initializer: Initializer
  ) throws -> ResidualBlock {
    func convolution(
      _ convolution: String, _ norm: String, _ input: Int, _ output: Int,
      _ window: Window = Window([1, 1]), groups: Int = 1, rectified: Bool = true
    ) throws -> NormedConvolution {
      NormedConvolution(
        try Convolution(
          "\(name).\(convolution)", input, output, window, groups: groups,
          initializer: initializer),
        try BatchNorm("\(name).\(norm)", output, rectified: rectified))
    }
    let grouped = Window(
      [3, 3], stride: [stride, stride], padding: [dilation, dilation],
      dilation: [dilation, dilation])
    let changes = input != output || stride != 1
    return ResidualBlock(
      name: name,
      leading: [
        try convolution("conv1", "bn1", input, middle),
        try convolution("conv2", "bn2", middle, middle, grouped, groups: groups),
      ],
      last: try convolution("conv3", "bn3", middle, output, rectified: false),
      excitation: excites
        ? try SqueezeExcitation("\(name).se", channels: output, initializer: initializer) : nil,
      shortcut: changes
        ? try convolution(
          "downsample.0", "downsample.1", input, output, Window([1, 1], stride: [stride, stride]),
          rectified: false) : nil)
  }
}
