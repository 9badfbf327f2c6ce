internal import Analysis
internal import Learning
internal import SelfSupervision
internal import StageKit

/// What a network makes of whole clips: the mean of its last layer over time and place.
struct PooledFeatures {
  private let encoder: ClipEncoder
  /// `[t, height, width]`
  private let shape: [Int]
  private let renderer: Renderer

  init(
    of network: ResNet3D, shape: [Int], type: ElementType, on backend: any Backend
  ) throws {
    self.shape = shape
    renderer = try Renderer(size: Array(shape.dropFirst()))
    encoder = try ClipEncoder(
      network, upTo: "avgpool", shape: shape, batch: 8, type: type, on: backend)
  }

  /// A row for the clip around each point: the largest window in the middle of the frame that has the
  /// clips' ratio of sides.
  ///
  /// - Parameter progress: is told how many clips are done
  /// - Returns: `[points, d]`
  func rows(
    at points: [LabelledPoint], of set: ScanSet, progress: (Int) -> Void
  ) throws -> Matrix<Float> {
    var values: [Float] = []
    values.reserveCapacity(points.count * encoder.channels)
    try encoder.encode(points.count) { index, clip in
      let point = points[index]
      let scan = set.scans[point.scan]
      try renderer.append(
        ClipPlan(
          around: point.frame, count: shape[0], in: point.run, geometry: window(of: scan)),
        of: scan, to: &clip)
    } use: { index, result in
      values += result.values
      if (index + 1).isMultiple(of: 64) || index + 1 == points.count { progress(index + 1) }
    }
    return Matrix(rows: points.count, columns: encoder.channels, elements: values)
  }

  private func window(of scan: Scan) -> Affine {
    let (height, width) = (Double(scan.frames.height), Double(scan.frames.width))
    let scale = min(height / Double(shape[1]), width / Double(shape[2]))
    let (tall, wide) = (Double(shape[1]) * scale, Double(shape[2]) * scale)
    return .showing(
      [(height - tall) / 2, (width - wide) / 2, tall, wide], at: Array(shape.dropFirst()))
  }
}

/// What something is taken for.
struct Prediction: Hashable {
  /// Index in the classes.
  var label: Int
  /// 0 to 1: a probability, or a share of votes.
  var confidence: Double

  init(label: Int, confidence: Double) {
    (self.label, self.confidence) = (label, confidence)
  }

  /// - Parameter probabilities: of each class, not empty; of equal ones the first wins
  init(_ probabilities: [Double]) {
    let label = probabilities.indices.reduce(0) {
      probabilities[$1] > probabilities[$0] ? $1 : $0
    }
    self.init(label: label, confidence: probabilities[label])
  }
}

extension Linear {
  /// What a trained head makes of features `[n, input]`.
  func predictions(of rows: Matrix<Float>) throws -> [Prediction] {
    let (weights, biases) = (try weight.values(), try bias.values())
    return (0..<rows.rows).map { index in
      let row = rows[row: index]
      var scores = (0..<output).map { unit in
        zip(row, weights[unit * input..<(unit + 1) * input]).reduce(Double(biases[unit])) {
          $0 + Double($1.0) * Double($1.1)
        }
      }
      scores.withUnsafeMutableBufferPointer { _ = softmax($0) }
      return Prediction(scores)
    }
  }
}
