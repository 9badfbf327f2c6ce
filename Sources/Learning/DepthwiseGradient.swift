internal import COneDNN

/// The gradient of a depthwise convolution's weights and bias by a kernel of ours.
///
/// oneDNN has fast kernels for 3 x 3 alone; the 7 x 7 of the attention head took a tenth of a
/// step there.
final class DepthwiseGradient: PlannedOperation {
  let layouts: [Role: any Layout]
  let kernel = "fathom:depthwise"
  private let shape: cdnn_depthwise

  /// - Returns: `nil` where oneDNN's kernels are to be used
  init?(_ window: Window, _ arguments: [Role: Argument], on backend: OneDNNBackend) throws {
    guard case .open(let source, let type)? = arguments[.source],
      case .open(let result, _)? = arguments[.destinationGradient],
      case .open(let weights, .float32)? = arguments[.weightsGradient],
      source.count == 4, source == result, source[1] % 16 == 0, weights.first == source[1],
      let side = window.kernel.first, [5, 7].contains(side),
      window == Window([side, side], padding: [side / 2, side / 2])
    else { return nil }
    shape = cdnn_depthwise(
      type: type.code, n: Int64(source[0]), channels: Int64(source[1]), height: Int64(source[2]),
      width: Int64(source[3]), kernel: Int64(side))
    var size = shape
    let scratch = cdnn_depthwise_bytes(&size, Int32(backend.threads))
    var layouts: [Role: any Layout] = [
      .source: try OneDNNLayout(source, type, CDNN_CHANNEL_BLOCKS),
      .destinationGradient: try OneDNNLayout(result, type, CDNN_CHANNEL_BLOCKS),
      .weightsGradient: try backend.rowMajor(weights, .float32),
      .scratch: try backend.rowMajor([(scratch + 3) / 4], .float32),
    ]
    if case .fixed(let bias)? = arguments[.biasGradient] { layouts[.biasGradient] = bias }
    self.layouts = layouts
  }

  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call {
    guard let source = addresses[.source], let result = addresses[.destinationGradient],
      let weights = addresses[.weightsGradient], let scratch = addresses[.scratch]
    else { throw LearningError(.device, "\(kernel): an argument is missing") }
    let (shape, bias) = (shape, addresses[.biasGradient])
    return KernelCall { _ in
      var shape = shape
      cdnn_depthwise_weights(
        &shape, source, result, weights.assumingMemoryBound(to: Float.self),
        bias?.assumingMemoryBound(to: Float.self), scratch)
    }
  }
}
