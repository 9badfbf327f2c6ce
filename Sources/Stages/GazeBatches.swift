internal import Analysis
internal import Foundation
internal import Learning
internal import StageKit

/// Batches of frames with maps of where somebody looked, changed at random.
///
/// Source: Droste et al. (2019), section 3, for sub-crops of 70 to 90 % of each side that hold the
/// points, flips, gamma and brightness within 25 %, zero mean and unit variance. Ours: crops grow
/// where the points lie further apart, and are brought back to the frame's size; frames are turned about
/// their centre by up to `rotation`, since a fetus lies as it likes.
struct GazeBatches: BatchSource {
  let samples: GazeSamples
  let seed: Int
  /// How many frames a batch has.
  let size: Int
  /// From points to the maps of a batch.
  let target: FixationMap
  /// Largest turn to either side, in degrees.
  let rotation: Double

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
      let change = GazeChange(
        of: sample.points, size: samples.size, rotation: rotation, &random)
      values += samples.withPixels(of: sample) { change.frame($0) }
      targets += try target.map(of: sample.points.map(change.point))
    }
    return Batch(values, targets: targets)
  }

  func order(ofEpoch epoch: Int) -> [Int] {
    var random = CounterRandom(
      seed: seed, kind: SaliencyTrainStage.kind, item: "\(epoch)", purpose: "order")
    return samples.samples.indices.shuffled(using: &random)
  }
}

/// One random change of a frame and of the points in it: turned about its centre, cut, flipped.
private struct GazeChange {
  /// [width, height] of the frame, in pixels.
  private let size: SIMD2<Double>
  /// Cosine and sine of the turn.
  private let turn: SIMD2<Double>
  /// The upper left corner and the side of the crop, as shares of the turned frame's sides.
  private let corner: SIMD2<Double>
  private let side: Double
  private let isFlipped: Bool
  /// New grey levels, 0 to 1, by old ones.
  private let levels: [Float]

  init(
    of points: [SIMD2<Double>], size: [Int], rotation: Double, _ random: inout CounterRandom
  ) {
    let pixels = SIMD2(Double(size[1]), Double(size[0]))
    let angle = random.uniform(-rotation, rotation) * .pi / 180
    let turn = SIMD2(cos(angle), sin(angle))
    let places = points.map { GazeChange.turned($0, by: SIMD2(turn.x, -turn.y), pixels) }
    let low = places.reduce(places.first ?? .zero) { pointwiseMin($0, $1) }
    let high = places.reduce(places.first ?? .zero) { pointwiseMax($0, $1) }
    let side = max(random.uniform(0.7, 0.9), (high - low).max())
    // Inside the frame, unless that would leave a point out.
    func start(_ low: Double, _ high: Double) -> Double {
      let (first, last) = (max(min(0, low), high - side), min(max(1 - side, high - side), low))
      return first + random.uniform() * max(0, last - first)
    }
    corner = SIMD2(start(low.x, high.x), start(low.y, high.y))
    isFlipped = random.uniform() < 0.5
    let (gamma, brightness) = (random.uniform(0.75, 1.25), random.uniform(0.75, 1.25))
    levels = (0..<256).map { Float(min(1, brightness * pow(Double($0) / 255, gamma))) }
    (self.size, self.turn, self.side) = (pixels, turn, side)
  }

  /// A place in shares of the frame's sides, turned about the frame's centre.
  private static func turned(
    _ place: SIMD2<Double>, by turn: SIMD2<Double>, _ size: SIMD2<Double>
  ) -> SIMD2<Double> {
    let from = (place - 0.5) * size
    let to = SIMD2(turn.x * from.x - turn.y * from.y, turn.y * from.x + turn.x * from.y)
    return to / size + 0.5
  }

  func point(_ point: SIMD2<Double>) -> SIMD2<Double> {
    let place = GazeChange.turned(point, by: SIMD2(turn.x, -turn.y), size)
    let inCrop = ((place - corner) / side).clamped(lowerBound: .zero, upperBound: .one)
    return SIMD2(isFlipped ? 1 - inCrop.x : inCrop.x, inCrop.y)
  }

  /// The crop at the frame's size, of mean 0 and variance 1; black where it leaves the frame.
  func frame(_ pixels: UnsafeBufferPointer<UInt8>) -> [Float] {
    let (width, height) = (Int(size.x), Int(size.y))
    // From a pixel of the result to one of the frame, which is affine.
    func source(_ x: Double, _ y: Double) -> SIMD2<Double> {
      let place = SIMD2(isFlipped ? size.x - x : x, y) / size
      return GazeChange.turned(corner + place * side, by: turn, size) * size - 0.5
    }
    let (first, right) = (source(0.5, 0.5), source(1.5, 0.5) - source(0.5, 0.5))
    let down = source(0.5, 1.5) - first
    var values = [Float](unsafeUninitializedCapacity: width * height) { buffer, count in
      levels.withUnsafeBufferPointer { levels in
        for y in 0..<height {
          let start = first + Double(y) * down
          for x in 0..<width {
            let place = start + Double(x) * right
            buffer[y * width + x] = GazeChange.level(
              at: place, in: pixels, width, height, levels)
          }
        }
      }
      count = width * height
    }
    normalise(&values)
    return values
  }

  /// The level between four pixels; those of the border reach half a pixel further.
  @inline(__always)
  private static func level(
    at place: SIMD2<Double>, in pixels: UnsafeBufferPointer<UInt8>, _ width: Int, _ height: Int,
    _ levels: UnsafeBufferPointer<Float>
  ) -> Float {
    guard place.x >= -0.5, place.y >= -0.5, place.x <= Double(width) - 0.5,
      place.y <= Double(height) - 0.5
    else { return 0 }
    let (x, y) = (
      min(max(place.x, 0), Double(width - 1)), min(max(place.y, 0), Double(height - 1))
    )
    let (column, row) = (Int(x), Int(y))
    let (next, below) = (min(column + 1, width - 1), min(row + 1, height - 1) * width)
    let (across, along) = (Float(x - Double(column)), Float(y - Double(row)))
    let a = levels[Int(pixels[row * width + column])]
    let b = levels[Int(pixels[row * width + next])]
    let c = levels[Int(pixels[below + column])]
    let d = levels[Int(pixels[below + next])]
    let (upper, lower) = (a + (b - a) * across, c + (d - c) * across)
    return upper + (lower - upper) * along
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
