/// Convolutions with a shortcut around them, ReLU after the sum.
///
/// Source: He et al. (2016), figures 2 and 5.
struct ResidualBlock: Layer {
  let name: String
  /// The convolutions before the last, each with ReLU.
  let leading: [NormedConvolution]
  let last: NormedConvolution
  let excitation: SqueezeExcitation?
  /// Where the shape changes.
  let shortcut: (any Layer)?

  var parameters: [Parameter] {
    leading.flatMap(\.parameters) + last.parameters + (excitation?.parameters ?? [])
      + (shortcut?.parameters ?? [])
  }
  var counters: [BatchCounter] {
    leading.flatMap(\.counters) + last.counters + (shortcut?.counters ?? [])
  }

  func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    guard program.mode == .training else { return (try inferred(x, in: program), unusable(name)) }
    let main: [any Layer] = leading + [last] + (excitation.map { [$0] } ?? [])
    let (y, mainBackward) = try Chain(main).forward(x, in: program)
    let (around, aroundBackward) = try shortcut?.forward(x, in: program) ?? (x, { $0 })
    let sum = try program.named(name) { try program.sum([y, around], .rectify) }
    return (
      sum,
      { gradient in
        let passed = try program.named(name) {
          Gradient(try program.sum(gradient.parts, .gate, gate: sum))
        }
        let throughMain = try mainBackward(passed)
        return Gradient(parts: throughMain.parts + (try aroundBackward(passed)).parts)
      }
    )
  }

  private func inferred(_ x: Tensor, in program: Program) throws -> Tensor {
    let middle = try leading.reduce(x) {
      try $1.inferred($0, adding: nil, rectified: true, in: program)
    }
    let around = try shortcut?.forward(x, in: program).0 ?? x
    guard let excitation else {
      return try last.inferred(middle, adding: around, rectified: true, in: program)
    }
    let y = try last.inferred(middle, adding: nil, rectified: false, in: program)
    let (gated, _) = try excitation.forward(y, in: program)
    return try program.named(name) { try program.sum([gated, around], .rectify) }
  }
}

extension ResidualBlock {
  /// Two 3x3x3 convolutions.
  ///
  /// Source: Tran et al. (2018); torchvision's `BasicBlock` of video networks.
  /// - Parameter dilation: spatial, of the first and of the second convolution
  static func basic(
    _ name: String, _ input: Int, _ output: Int, stride: [Int], dilation: (Int, Int) = (1, 1),
    excites: Bool, variant: ResNet3D.Variant, initializer: Initializer
  ) throws -> ResidualBlock {
    func convolution(
      _ keys: (convolution: String, norm: String), _ input: Int, _ window: Window, rectified: Bool
    ) throws -> NormedConvolution {
      NormedConvolution(
        try Convolution(
          "\(name).\(keys.convolution)", input, output, window, initializer: initializer),
        try BatchNorm("\(name).\(keys.norm)", output, rectified: rectified))
    }
    func keys(_ number: Int) -> (String, String) {
      variant == .jing
        ? ("conv\(number)", "bn\(number)") : ("conv\(number).0", "conv\(number).1")
    }
    func window(stride: [Int], dilation: Int) -> Window {
      Window(
        [3, 3, 3], stride: stride, padding: [1, dilation, dilation],
        dilation: [1, dilation, dilation])
    }
    var shortcut: (any Layer)?
    if input != output || stride != [1, 1, 1] {
      let window = Window([1, 1, 1], stride: stride)
      shortcut =
        variant == .jing
        ? PaddedShortcut(name: "\(name).shortcut", input: input, output: output, window: window)
        : try convolution(("downsample.0", "downsample.1"), input, window, rectified: false)
    }
    return ResidualBlock(
      name: name,
      leading: [
        try convolution(
          keys(1), input, window(stride: stride, dilation: dilation.0), rectified: true)
      ],
      last: try convolution(
        keys(2), output, window(stride: [1, 1, 1], dilation: dilation.1), rectified: false),
      excitation: excites
        ? try SqueezeExcitation("\(name).se", channels: output, initializer: initializer) : nil,
      shortcut: shortcut)
  }
}
