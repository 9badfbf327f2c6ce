internal import Learning
internal import StageKit

/// A file of type `model` with the weights of Saliency-VAM.
///
/// safetensors, names as `SaliencyVAM`. Metadata, which files from elsewhere need not have:
/// `network` (`saliency_vam`), `width` and `groups` of the network, `size` ([height, width] of the
/// frames it was trained on, in pixels), `grid` ([height, width] of its maps, in cells), `options` of
/// the training (JSON).
struct SaliencyModel {
  let network: SaliencyVAM
  let width: Double
  let groups: Int
  /// [height, width] of the frames that it is meant for; `nil` where the file does not say.
  let size: [Int]?

  static let networkName = "saliency_vam"

  /// A network with initial weights.
  ///
  /// - Throws: `LearningError` where width and groups do not fit
  init(width: Double, groups: Int, size: [Int], seed: Int) throws {
    self.width = width
    self.groups = groups
    self.size = size
    network = try SaliencyVAM(
      width: width, groups: groups, initializer: Initializer(seed: seed))
  }

  /// Reads what `save` wrote, or a file of the same names from elsewhere: how wide the network is
  /// follows from the shapes then.
  ///
  /// - Throws: `StageFailure`, `SafetensorsError` or `LearningError` naming the file and what does
  ///   not fit
  init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    if let other = file.metadata["network"], other != SaliencyModel.networkName {
      throw StageFailure(
        "'\(path)' holds the network '\(other)'; expected '\(SaliencyModel.networkName)'")
    }
    let stem = try file.entry("conv1.weight").shape
    let grouped = try file.entry("layer1.0.conv2.weight").shape
    guard stem.count == 4, grouped.count == 4, grouped[1] > 0 else {
      throw StageFailure(
        "'\(path)' has 'conv1.weight' \(stem) and 'layer1.0.conv2.weight' \(grouped); expected the "
          + "weights of 2D convolutions, [out, in / groups, 7, 7] and [out, in / groups, 3, 3]")
    }
    func number<Number: LosslessStringConvertible>(_ key: String, or other: Number) throws -> Number
    {
      guard let text = file.metadata[key] else { return other }
      guard let number = Number(text) else {
        throw StageFailure("'\(path)' has '\(text)' as \(key); expected a number")
      }
      return number
    }
    width = try number("width", or: Double(stem[0]) / 64)
    groups = try number("groups", or: grouped[0] / grouped[1])
    size = try file.metadata["size"].map { text in
      let numbers = text.split(separator: ",").compactMap { Int($0) }
      guard numbers.count == 2, numbers.allSatisfy({ $0 > 0 }) else {
        throw StageFailure("'\(path)' has '\(text)' as size; expected height,width in pixels")
      }
      return numbers
    }
    network = try SaliencyVAM(width: width, groups: groups, initializer: Initializer(seed: 0))
    try network.load(from: path)
  }

  /// - Parameter options: of the training
  func save(to path: String, options: Value) throws {
    func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: ",") }
    var metadata = [
      "network": SaliencyModel.networkName, "width": "\(width)", "groups": "\(groups)",
      "options": options.json,
    ]
    if let size {
      metadata["size"] = text(size)
      metadata["grid"] = text(SaliencyVAM.grid(ofFrames: size))
    }
    try network.save(to: path, metadata: metadata)
  }

  /// Fails where frames are not of the size that the network was trained on.
  ///
  /// Frames are not brought to another size here: `decode` does it from the video, at better quality.
  /// - Parameter frames: how errors call them
  func check(frameSize: [Int], of frames: String) throws {
    guard let size, size != frameSize else { return }
    throw StageFailure(
      "'\(frames)' has frames of \(frameSize) pixels, and the model was trained on \(size); decode "
        + "with size \(size), or train on frames of \(frameSize)")
  }
}

/// A network that maps frames of one size, a fixed number at a time.
///
/// Batch norm is folded into the convolutions. A frame's map does not depend on the others of its
/// batch.
final class SaliencyPredictor {
  private let program: Program
  private let frames: Tensor
  private let logits: Tensor
  /// [height, width] of the frames, in pixels.
  let size: [Int]
  private let batch: Int
  /// [height, width] of the maps, in cells.
  let grid: [Int]

  /// - Parameters:
  ///   - size: [height, width] of the frames, in pixels
  ///   - batch: how many frames are mapped at once
  init(
    _ network: SaliencyVAM, size: [Int], batch: Int, type: ElementType, on backend: any Backend
  ) throws {
    program = Program(on: backend, mode: .inference, type: type)
    frames = try program.input([batch, 1] + size)
    logits = try program.output(network.forward(frames, in: program).0)
    grid = Array(program.shape(of: logits).dropFirst(2))
    try program.finish()
    self.size = size
    self.batch = batch
  }

  /// After the weights have changed.
  func refresh() throws { try program.refresh() }

  /// Logits of frames, `[cells]` each.
  ///
  /// - Parameters:
  ///   - count: how many frames
  ///   - pixels: lends the pixels `[height, width]` of each
  func logits(
    of count: Int, pixels: (Int, (UnsafeBufferPointer<UInt8>) -> Void) throws -> Void
  ) throws -> [[Float]] {
    let area = size[0] * size[1]
    let cells = grid[0] * grid[1]
    var results: [[Float]] = []
    for start in stride(from: 0, to: count, by: batch) {
      let chosen = start..<min(start + batch, count)
      var values: [Float] = []
      values.reserveCapacity(batch * area)
      for index in chosen {
        try pixels(index) { pixels in
          var frame = pixels.map { Float($0) / 255 }
          normalise(&frame)
          values += frame
        }
      }
      values += [Float](repeating: 0, count: (batch - chosen.count) * area)
      try program.write(values, to: frames)
      try program.forward()
      let all = try program.read(logits)
      results += chosen.indices.map { index in
        let first = (index - start) * cells
        return Array(all[first..<first + cells])
      }
    }
    return results
  }
}
