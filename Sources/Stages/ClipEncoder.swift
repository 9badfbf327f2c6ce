internal import Learning

/// A video network up to one of its layers, for clips of one shape, a fixed number at a time.
///
/// Batch norm is folded into the convolutions. A clip's result does not depend on the others of its
/// batch.
final class ClipEncoder {
  /// What the layer makes of one clip.
  struct Result {
    /// `[channels, t, height, width]`
    let shape: [Int]
    let values: ArraySlice<Float>
  }

  private let program: Program
  private let clips: Tensor
  private let layer: Tensor
  private let batch: Int
  /// Values of a clip.
  private let count: Int
  /// Of the layer.
  var channels: Int { program.shape(of: layer)[1] }

  /// - Parameters:
  ///   - layer: the network's name for it
  ///   - shape: `[t, height, width]` of a clip
  ///   - batch: how many clips are encoded at once
  /// - Throws: `LearningError` where there is no such layer
  init(
    _ network: ResNet3D, upTo layer: String, shape: [Int], batch: Int, type: ElementType,
    on backend: any Backend
  ) throws {
    program = Program(on: backend, mode: .inference, type: type)
    clips = try program.input([batch, network.options.channels] + shape)
    let (result, taps) = try network.forward(clips, tapping: [layer], in: program)
    self.layer = try program.output(taps[layer] ?? result.0)
    try program.finish()
    self.batch = batch
    count = network.options.channels * shape.reduce(1, *)
  }

  /// Encodes clips, in order.
  ///
  /// - Parameters:
  ///   - number: how many
  ///   - clip: appends the values of a clip, `[channels, t, height, width]`
  ///   - use: is given each one's result
  func encode(
    _ number: Int, clip: (Int, inout [Float]) throws -> Void, use: (Int, Result) throws -> Void
  ) throws {
    let shape = Array(program.shape(of: layer).dropFirst())
    let size = shape.reduce(1, *)
    for start in stride(from: 0, to: number, by: batch) {
      let chosen = start..<min(start + batch, number)
      var values: [Float] = []
      values.reserveCapacity(batch * count)
      for index in chosen { try clip(index, &values) }
      values += [Float](repeating: 0, count: (batch - chosen.count) * count)
      try program.write(values, to: clips)
      try program.forward()
      let results = try program.read(layer)
      for index in chosen {
        let first = (index - start) * size
        try use(index, Result(shape: shape, values: results[first..<first + size]))
      }
    }
  }
}

extension ClipEncoder.Result {
  /// The mean over time at a place, `[channels]`: linear between the centres of the four cells around
  /// it, the border's value beyond those.
  ///
  /// - Parameters:
  ///   - y: in shares of the clip's height, from the top
  ///   - x: in shares of its width, from the left
  func feature(atY y: Double, x: Double) -> [Float] {
    let (frames, height, width) = (shape[1], shape[2], shape[3])
    let (rows, columns) = (Corners(y, of: height), Corners(x, of: width))
    return values.withUnsafeBufferPointer { values in
      (0..<shape[0]).map { channel in
        var sum = 0.0
        for frame in 0..<frames {
          let start = (channel * frames + frame) * height * width
          for (row, weight) in rows.both {
            for (column, other) in columns.both {
              sum += weight * other * Double(values[start + row * width + column])
            }
          }
        }
        return Float(sum / Double(frames))
      }
    }
  }

  /// The two cells around a place on an axis, and how much of each it has.
  private struct Corners {
    let both: [(cell: Int, weight: Double)]

    init(_ share: Double, of cells: Int) {
      let place = min(max(share * Double(cells) - 0.5, 0), Double(cells - 1))
      let first = Int(place)
      let across = place - Double(first)
      // At a cell's centre there is nothing to mix.
      both = across == 0 ? [(first, 1)] : [(first, 1 - across), (first + 1, across)]
    }
  }
}
