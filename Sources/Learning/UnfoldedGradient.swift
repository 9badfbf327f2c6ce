internal import COneDNN

/// The gradient of a convolution's weights as one product of matrices: the result's gradient by the
/// source, unfolded so that each row holds what the window sees at one place.
///
/// oneDNN's direct kernels give each thread a gradient of its own and add these, which for many
/// weights and few places costs more than the products: 3x3x3 over 512 channels at 256 places took
/// three times as long. The order of the unfolded columns makes the product's blocks the very blocks
/// of the convolution's weights. Source: Chellapilla, Puri & Simard (2006) for unfolding.
final class UnfoldedGradient: PlannedOperation {
  /// Above this many places the direct kernels are as fast, and the matrix would be large.
  static let mostPlaces = 512

  let layouts: [Role: any Layout]
  let kernel: String
  private let product: any PlannedOperation
  private let window: Window
  private let source: OneDNNLayout
  private let places: [Int]
  private let matrixBytes: Int

  /// - Returns: `nil` where the direct kernels are to be used
  init?(
    _ window: Window, _ arguments: [Role: Argument], on backend: OneDNNBackend
  ) throws {
    guard case .open(let shape, let type)? = arguments[.source],
      case .open(let result, _)? = arguments[.destinationGradient],
      case .open(let weights, .float32)? = arguments[.weightsGradient],
      arguments[.biasGradient] == nil, weights.count == shape.count,
      shape[1] % 16 == 0, weights[0] % 16 == 0, window.kernel.reduce(1, *) > 1
    else { return nil }
    let places = Array(result.dropFirst(2))
    let rows = shape[0] * places.reduce(1, *)
    guard rows <= UnfoldedGradient.mostPlaces else { return nil }
    let columns = weights.dropFirst().reduce(1, *)
    let blocks = try OneDNNLayout([weights[0], columns], .float32, CDNN_WEIGHT_BLOCKS)
    product = try backend.plan(
      .linear(.backwardWeights),
      [
        .source: .fixed(try backend.rowMajor([rows, columns], type)),
        .weightsGradient: .fixed(blocks),
        .destinationGradient: .fixed(try backend.rowMajor([rows, weights[0]], type)),
      ])
    // Before AVX-512 oneDNN multiplies into such blocks by its reference alone, which takes minutes.
    guard !product.kernel.hasPrefix("ref") else { return nil }
    source = try OneDNNLayout(shape, type, CDNN_CHANNEL_BLOCKS)
    matrixBytes = (rows * columns * type.size + 63) / 64 * 64
    let scratch = matrixBytes + (product.layouts[.scratch]?.byteCount ?? 0)
    layouts = [
      .source: source,
      .destinationGradient: try OneDNNLayout(result, type, CDNN_CHANNELS_LAST),
      .weightsGradient: try OneDNNLayout(weights, .float32, CDNN_WEIGHT_BLOCKS),
      .scratch: try backend.rowMajor([(scratch + 3) / 4], .float32),
    ]
    kernel = "fathom:unfolded \(product.kernel)"
    self.window = window
    self.places = places
  }

  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call {
    guard let scratch = addresses[.scratch], let source = addresses[.source],
      let gradient = addresses[.weightsGradient], let result = addresses[.destinationGradient]
    else { throw LearningError(.device, "\(kernel): an argument is missing") }
    var bound: [Role: UnsafeMutableRawPointer] = [
      .source: scratch, .weightsGradient: gradient, .destinationGradient: result,
    ]
    if product.layouts[.scratch] != nil { bound[.scratch] = scratch + matrixBytes }
    let call = try product.bind(bound)
    let (layout, frame) = (self.source, cdnn_window(window))
    let places = places.map { Int64($0) }
    return KernelCall { step in
      let shape = layout.shape.map { Int64($0) }
      var frame = frame
      cdnn_unfold(
        layout.type.code, scratch, source, shape[0], shape[1], Array(shape.dropFirst(2)), places,
        &frame)
      try call.run(step: step)
    }
  }
}
