internal import COneDNN

/// Convolutions by kernels of 3 x 3 (and any depth) in float32, with 2.25 times fewer
/// multiplications than the direct ones.
///
/// Source: Lavin & Gray (2016), F(2x2, 3x3), whose error is about that of direct convolution.
final class WinogradConvolution: PlannedOperation {
  /// Below this many rows or columns of the result the tiles waste what they win.
  static let leastPlaces = 12

  let layouts: [Role: any Layout]
  let kernel: String
  private let pass: Pass
  private let shape: cdnn_winograd
  private let threads: Int
  private let accumulating: Bool
  private let rectified: Bool

  /// - Returns: `nil` where other kernels are to be used
  init?(
    _ operation: Operation, _ arguments: [Role: Argument], on backend: OneDNNBackend
  ) throws {
    guard case .convolution(let pass, let window, let accumulating, let rectified) = operation,
      cdnn_has_avx512(), arguments[.biasGradient] == nil
    else { return nil }
    let roles: (source: Role, weights: Role, result: Role) =
      switch pass {
      case .training, .inference: (.source, .weights, .destination)
      case .backward: (.sourceGradient, .weights, .destinationGradient)
      case .backwardWeights: (.source, .weightsGradient, .destinationGradient)
      }
    guard case .open(let source, .float32)? = arguments[roles.source],
      case .open(let result, .float32)? = arguments[roles.result],
      case .open(let weights, .float32)? = arguments[roles.weights],
      WinogradConvolution.fits(window, source, weights, result)
    else { return nil }
    self.pass = pass
    self.accumulating = accumulating
    self.rectified = rectified
    threads = backend.threads
    shape =
      pass == .backward
      ? WinogradConvolution.shape(window, from: result, to: source, isBackward: true)
      : WinogradConvolution.shape(window, from: source, to: result, isBackward: false)
    var size = shape
    let scratch = cdnn_winograd_bytes(&size, Int32(threads), pass == .backwardWeights)
    var layouts: [Role: any Layout] = [
      roles.source: try OneDNNLayout(source, .float32, CDNN_CHANNEL_BLOCKS),
      roles.weights: try OneDNNLayout(weights, .float32, CDNN_WEIGHT_BLOCKS),
      roles.result: try OneDNNLayout(result, .float32, CDNN_CHANNEL_BLOCKS),
      .scratch: try backend.rowMajor([(scratch + 3) / 4], .float32),
    ]
    if case .fixed(let bias)? = arguments[.bias] { layouts[.bias] = bias }
    self.layouts = layouts
    kernel = "fathom:winograd"
  }

  private static func fits(
    _ window: Window, _ source: [Int], _ weights: [Int], _ result: [Int]
  ) -> Bool {
    let rank = window.kernel.count
    return (rank == 2 || rank == 3) && weights.count == rank + 2
      && window.kernel.suffix(2) == [3, 3] && window.kernel[0] <= 7
      && (window.stride + window.dilation).allSatisfy { $0 == 1 }
      && zip(window.padding, window.kernel).allSatisfy { $0 < $1 }
      && source[1] % 32 == 0 && result[1] % 32 == 0
      && result.suffix(2).allSatisfy { $0 >= leastPlaces }
  }

  private static func shape(
    _ window: Window, from source: [Int], to result: [Int], isBackward: Bool
  ) -> cdnn_winograd {
    func spatial(_ sizes: [Int], _ missing: Int) -> [Int64] {
      (sizes.count == 2 ? [missing] + sizes : sizes).map { Int64($0) }
    }
    let from = spatial(Array(source.dropFirst(2)), 1)
    let to = spatial(Array(result.dropFirst(2)), 1)
    let kernel = spatial(window.kernel, 1)
    // The gradient of the source slides the kernel over what the window reached beyond the border.
    let padding = zip(spatial(window.padding, 0), kernel).map { isBackward ? $1 - 1 - $0 : $0 }
    return cdnn_winograd(
      n: Int64(source[0]), inputs: Int64(source[1]), outputs: Int64(result[1]), depth: from[0],
      height: from[1], width: from[2], result_depth: to[0], result_height: to[1],
      result_width: to[2], kernel_depth: kernel[0], padding: (padding[0], padding[1], padding[2]))
  }

  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call {
    guard Set(addresses.keys) == Set(layouts.keys) else {
      throw LearningError(.device, "\(kernel): arguments differ from those planned")
    }
    let memory = addresses.mapValues { $0.assumingMemoryBound(to: Float.self) }
    let (pass, shape, threads) = (pass, shape, Int32(threads))
    let (accumulating, rectified) = (accumulating, rectified)
    return KernelCall { _ in
      var shape = shape
      switch pass {
      case .training, .inference:
        cdnn_winograd_forward(
          &shape, threads, memory[.source], memory[.weights], false, memory[.bias], accumulating,
          rectified, memory[.destination], memory[.scratch])
      case .backward:
        cdnn_winograd_forward(
          &shape, threads, memory[.destinationGradient], memory[.weights], true, nil, false, false,
          memory[.sourceGradient], memory[.scratch])
      case .backwardWeights:
        cdnn_winograd_weights(
          &shape, threads, memory[.source], memory[.destinationGradient],
          memory[.weightsGradient], memory[.scratch])
      }
    }
  }
}
