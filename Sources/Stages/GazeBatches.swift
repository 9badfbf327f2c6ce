internal import Analysis
internal import Foundation
internal import Learning
internal import StageKit

/// Batches of frames with maps of where somebody looked, changed at random.
///
/// Source: Droste et al. (2019), section 3, for sub-crops of 70 to 90 % of each side that hold the
/// points, flips, gamma and brightness within 25 %, zero mean and unit variance. Ours: crops grow
/// where the points lie further apart, and are brought back to the frame's size.
struct GazeBatches: BatchSource {
  let samples: GazeSamples
  let seed: Int
  /// How many frames a batch has.
  let size: Int
  /// From points to the maps of a batch.
  let target: FixationMap

  /// Whole batches; the frames of an epoch that fill none are others in each epoch.
  var stepsPerEpoch: Int { max(1, samples.samples.count / size) }

  func batch(at step: Int) throws -> Batch<[Float]> {
    let order = order(ofEpoch: step / stepsPerEpoch)
    let first = step % stepsPerEpoch * size
    var values: [Float] = []
    var targets: [Float] = []
    values.reserveCapacity(size * samples.size[0] * samples.size[1])
    for place in first..<first + size {
      let sample = samples.samples[order[place % order.count]]
      var random = CounterRandom(
        seed: seed, kind: SaliencyTrainStage.kind, item: "\(step)",
        purpose: "augmentation \(place - first)")
      let change = GazeChange(of: sample.points, &random)
      values += samples.withPixels(of: sample) { change.frame($0, size: samples.size) }
      targets += try target.map(of: sample.points.map(change.point))
    }
    return Batch(values, targets: targets)
  }

  private func order(ofEpoch epoch: Int) -> [Int] {
    var random = CounterRandom(
      seed: seed, kind: SaliencyTrainStage.kind, item: "\(epoch)", purpose: "order")
    return samples.samples.indices.shuffled(using: &random)
  }
}

/// One random change of a frame and of the points in it.
private struct GazeChange {
  /// The upper left corner and the side of the crop, as shares of the frame's sides.
  let left: Double
  let top: Double
  let side: Double
  let isFlipped: Bool
  /// New grey levels, 0 to 1, by old ones.
  let levels: [Float]

  init(of points: [SIMD2<Double>], _ random: inout CounterRandom) {
    let (xs, ys) = (points.map(\.x), points.map(\.y))
    let low = SIMD2(xs.min() ?? 0, ys.min() ?? 0)
    let high = SIMD2(xs.max() ?? 1, ys.max() ?? 1)
    let side = max(random.uniform(0.7, 0.9), high.x - low.x, high.y - low.y)
    func start(_ low: Double, _ high: Double) -> Double {
      let (first, last) = (max(0, high - side), min(1 - side, low))
      return first + random.uniform() * max(0, last - first)
    }
    left = start(low.x, high.x)
    top = start(low.y, high.y)
    self.side = side
    isFlipped = random.uniform() < 0.5
    let (gamma, brightness) = (random.uniform(0.75, 1.25), random.uniform(0.75, 1.25))
    levels = (0..<256).map { Float(min(1, brightness * pow(Double($0) / 255, gamma))) }
  }

  func point(_ point: SIMD2<Double>) -> SIMD2<Double> {
    let x = min(max((point.x - left) / side, 0), 1)
    return SIMD2(isFlipped ? 1 - x : x, min(max((point.y - top) / side, 0), 1))
  }

  /// The crop at the frame's size, of mean 0 and variance 1.
  func frame(_ pixels: UnsafeBufferPointer<UInt8>, size: [Int]) -> [Float] {
    let rows = taps(size[0], from: top, isFlipped: false)
    let columns = taps(size[1], from: left, isFlipped: isFlipped)
    let width = size[1]
    var values = [Float](unsafeUninitializedCapacity: size[0] * width) { buffer, count in
      levels.withUnsafeBufferPointer { levels in
        columns.withUnsafeBufferPointer { columns in
          for (y, row) in rows.enumerated() {
            let (above, below) = (row.first * width, row.second * width)
            for x in 0..<width {
              let column = columns[x]
              let a = levels[Int(pixels[above + column.first])]
              let b = levels[Int(pixels[above + column.second])]
              let c = levels[Int(pixels[below + column.first])]
              let d = levels[Int(pixels[below + column.second])]
              let (upper, lower) = (a + (b - a) * column.share, c + (d - c) * column.share)
              buffer[y * width + x] = upper + (lower - upper) * row.share
            }
          }
        }
      }
      count = size[0] * width
    }
    normalise(&values)
    return values
  }

  /// Two neighbouring pixels, and the share of the second.
  private struct Tap {
    var first: Int
    var second: Int
    var share: Float
  }

  /// For each pixel along one side of the result, between which two it lies.
  private func taps(_ count: Int, from start: Double, isFlipped: Bool) -> [Tap] {
    (0..<count).map { index in
      let own = Double(isFlipped ? count - 1 - index : index) + 0.5
      let place = min(max(start * Double(count) + own * side - 0.5, 0), Double(count - 1))
      let first = Int(place)
      return Tap(
        first: first, second: min(first + 1, count - 1), share: Float(place - Double(first)))
    }
  }
}

/// Shifts and scales the pixels of a frame to mean 0 and variance 1; a frame of one value becomes 0.
func normalise(_ values: inout [Float]) {
  values.withUnsafeMutableBufferPointer { values in
    guard !values.isEmpty else { return }
    var (sum, squares) = (0.0, 0.0)
    for value in values {
      sum += Double(value)
      squares += Double(value) * Double(value)
    }
    let mean = sum / Double(values.count)
    let variance = squares / Double(values.count) - mean * mean
    let scale = variance > 1e-12 ? 1 / variance.squareRoot() : 0
    for index in values.indices { values[index] = Float((Double(values[index]) - mean) * scale) }
  }
}
