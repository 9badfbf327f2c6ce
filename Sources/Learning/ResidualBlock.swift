/// Two 3x3x3 convolutions with a shortcut around them: torchvision's `BasicBlock` of video networks.
///
/// Source: He et al. (2016), figure 2; Tran et al. (2018) for three dimensions.
struct ResidualBlock: Layer {
  let name: String
  let first: NormedConvolution
  let second: NormedConvolution
  let excitation: SqueezeExcitation?
  /// 1x1x1, where the shape changes.
  let shortcut: NormedConvolution?

  /// - Parameters:
  ///   - dilation: spatial, of the first and of the second convolution
  init(
    _ name: String, _ input: Int, _ output: Int, stride: [Int], dilation: (Int, Int) = (1, 1),
    excites: Bool, initializer: Initializer
  ) throws {
    func convolution(
      _ key: String, _ input: Int, kernel: Int, stride: [Int], dilation: Int, rectified: Bool
    ) throws -> NormedConvolution {
      let reach = kernel == 1 ? 0 : dilation
      let window = Window(
        [kernel, kernel, kernel], stride: stride, padding: [kernel / 2, reach, reach],
        dilation: [1, dilation, dilation])
      return NormedConvolution(
        try Convolution("\(name).\(key).0", input, output, window, initializer: initializer),
        try BatchNorm("\(name).\(key).1", output, rectified: rectified))
    }
    self.name = name
    first = try convolution(
      "conv1", input, kernel: 3, stride: stride, dilation: dilation.0, rectified: true)
    second = try convolution(
      "conv2", output, kernel: 3, stride: [1, 1, 1], dilation: dilation.1, rectified: false)
    excitation =
      excites
      ? try SqueezeExcitation("\(name).se", channels: output, initializer: initializer) : nil
    let changes = input != output || stride != [1, 1, 1]
    shortcut =
      changes
      ? try convolution(
        "downsample", input, kernel: 1, stride: stride, dilation: 1, rectified: false) : nil
  }

  var parameters: [Parameter] {
    first.parameters + second.parameters + (excitation?.parameters ?? [])
      + (shortcut?.parameters ?? [])
  }
  var counters: [BatchCounter] {
    first.counters + second.counters + (shortcut?.counters ?? [])
  }

  func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    guard program.mode == .training else { return (try inferred(x, in: program), unusable(name)) }
    let main: [any Layer] = [first, second] + (excitation.map { [$0] } ?? [])
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
    let middle = try first.inferred(x, adding: nil, rectified: true, in: program)
    let around =
      try shortcut?.inferred(x, adding: nil, rectified: false, in: program) ?? x
    guard let excitation else {
      return try second.inferred(middle, adding: around, rectified: true, in: program)
    }
    let y = try second.inferred(middle, adding: nil, rectified: false, in: program)
    let (gated, _) = try excitation.forward(y, in: program)
    return try program.named(name) { try program.sum([gated, around], .rectify) }
  }
}
