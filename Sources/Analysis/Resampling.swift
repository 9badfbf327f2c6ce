/// Changes the length of one axis: area averaging where it gets shorter, linear interpolation
/// where it gets longer. Cells fill the axis, so cell i of n is centred at (i + ½) / n of it.
struct Resampling: Sendable {
  /// For each output cell, the first input cell and the weights from there on, which sum to 1.
  let taps: [(start: Int, weights: [Double])]

  init(from input: Int, to output: Int) {
    precondition(input > 0 && output > 0, "an axis of no cells")
    let scale = Double(input) / Double(output)
    taps = (0..<output).map { index in
      if output < input {
        let (low, high) = (Double(index) * scale, Double(index + 1) * scale)
        let start = Int(low)
        let end = min(input, Int(high.rounded(.up)))
        let weights = (start..<end).map { cell in
          max(0, min(high, Double(cell + 1)) - max(low, Double(cell))) / scale
        }
        return (start, weights)
      }
      let centre = min(max((Double(index) + 0.5) * scale - 0.5, 0), Double(input - 1))
      let start = Int(centre)
      let share = centre - Double(start)
      return share > 0 ? (start, [1 - share, share]) : (start, [1])
    }
  }
}

/// Resamples an image `[height, width]` to `[rows, columns]`, one axis after the other.
struct ImageResampling: Sendable {
  let width: Int
  let vertical: Resampling
  let horizontal: Resampling

  init(from size: (height: Int, width: Int), to target: (height: Int, width: Int)) {
    width = size.width
    vertical = Resampling(from: size.height, to: target.height)
    horizontal = Resampling(from: size.width, to: target.width)
  }

  func callAsFunction<Pixel>(
    _ image: UnsafeBufferPointer<Pixel>, value: (Pixel) -> Double
  ) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(vertical.taps.count * horizontal.taps.count)
    var line = [Double](repeating: 0, count: width)
    for (row, rowWeights) in vertical.taps {
      for column in 0..<width { line[column] = 0 }
      for (index, weight) in rowWeights.enumerated() {
        for column in 0..<width {
          line[column] += weight * value(image[(row + index) * width + column])
        }
      }
      for (column, weights) in horizontal.taps {
        var sum = 0.0
        for (index, weight) in weights.enumerated() { sum += weight * line[column + index] }
        result.append(sum)
      }
    }
    return result
  }
}
