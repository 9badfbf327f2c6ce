internal import Foundation

/// How near the rows of a data set are to each other, as probabilities of pairs that sum to 1.
///
/// p(j|i) is a Gaussian about row i over its nearest neighbours, as wide as gives it the asked
/// perplexity; p(i, j) = (p(j|i) + p(i|j)) / 2n. Where more rows than the perplexity are equally
/// near, no width gives it: these rows share the probability then.
///
/// Source: van der Maaten & Hinton (2008), equation 1 and section 3.1; the neighbours as in van der
/// Maaten (2014), section 4.1.
struct Affinities: Sendable {
  /// Of row i: the entries `starts[i]..<starts[i + 1]`, a multiple of 8 in number; those that fill
  /// up have probability 0 and the row itself for a partner.
  private(set) var starts: [Int] = [0]
  private(set) var partners: [Int32] = []
  private(set) var probabilities: [Float] = []
  /// Σ p ln p, in nats.
  private(set) var negativeEntropy = 0.0

  var count: Int { starts.count - 1 }

  /// The probabilities of each pair by the rows' conditional ones.
  init(_ neighbours: NearestNeighbours, perplexity: Double, threads: Int) {
    let k = neighbours.count
    let n = k > 0 ? neighbours.rows.count / k : 0
    let conditional = mapChunks(of: n, size: 256, threads: threads) { rows in
      rows.map {
        Affinities.conditional(neighbours.distances[$0 * k..<($0 + 1) * k], perplexity: perplexity)
      }
    }.joined().flatMap { $0 }
    // Turned twice, so that the entries of a row are in the order of their partners.
    let incoming = Turned(
      starts: Array(stride(from: 0, through: n * k, by: k)), partners: neighbours.rows,
      values: conditional)
    let outgoing = Turned(
      starts: incoming.starts, partners: incoming.partners, values: incoming.values)
    for row in 0..<n {
      var a = outgoing.starts[row]
      var b = incoming.starts[row]
      let (endA, endB) = (outgoing.starts[row + 1], incoming.starts[row + 1])
      while a < endA || b < endB {
        let partner = min(
          a < endA ? outgoing.partners[a] : .max, b < endB ? incoming.partners[b] : .max)
        var sum = 0.0
        if a < endA, outgoing.partners[a] == partner {
          sum += outgoing.values[a]
          a += 1
        }
        if b < endB, incoming.partners[b] == partner {
          sum += incoming.values[b]
          b += 1
        }
        let probability = sum / Double(2 * n)
        guard probability > 0 else { continue }
        partners.append(partner)
        probabilities.append(Float(probability))
        negativeEntropy += probability * log(probability)
      }
      while partners.count % 8 != 0 {
        partners.append(Int32(truncatingIfNeeded: row))
        probabilities.append(0)
      }
      starts.append(partners.count)
    }
  }

  /// p(j|i) of the neighbours at these squared distances, the nearest first.
  ///
  /// The precision β is found by Newton's method in ln β between bounds that close in.
  static func conditional(_ distances: ArraySlice<Double>, perplexity: Double) -> [Double] {
    let beyond = distances.map { $0 - distances[distances.startIndex] }
    let mean = beyond.reduce(0, +) / Double(beyond.count)
    guard mean > 0 else { return beyond.map { _ in 1 / Double(beyond.count) } }
    let target = log(perplexity)
    var (low, high) = (-Double.infinity, Double.infinity)
    var logBeta = -log(mean)
    var weights = beyond
    var sum = 0.0
    for _ in 0..<100 {
      let beta = exp(logBeta)
      var first = 0.0
      var second = 0.0
      sum = 0
      for (index, distance) in beyond.enumerated() {
        let x = beta * distance
        let weight = exp(-x)
        weights[index] = weight
        sum += weight
        first += weight * x
        second += weight * x * x
      }
      let excess = log(sum) + first / sum - target
      if abs(excess) < 1e-10 { break }
      if excess > 0 { low = logBeta } else { high = logBeta }
      let slope = second / sum - (first / sum) * (first / sum)
      var step = excess / slope
      if !(abs(step) <= 3) { step = excess > 0 ? 3 : -3 }
      logBeta += step
      if !(logBeta > low && logBeta < high) { logBeta = (low + high) / 2 }
    }
    return weights.map { $0 / sum }
  }

  /// Entries by row, turned into entries by partner, each with its rows in order.
  private struct Turned {
    var starts: [Int]
    var partners: [Int32]
    var values: [Double]

    init(starts rows: [Int], partners columns: [Int32], values entries: [Double]) {
      let n = rows.count - 1
      starts = [Int](repeating: 0, count: n + 1)
      for column in columns { starts[Int(column) + 1] += 1 }
      for row in 0..<n { starts[row + 1] += starts[row] }
      var next = starts
      partners = Array(repeating: 0, count: columns.count)
      values = Array(repeating: 0, count: columns.count)
      for row in 0..<n {
        for entry in rows[row]..<rows[row + 1] {
          let place = next[Int(columns[entry])]
          next[Int(columns[entry])] += 1
          partners[place] = Int32(truncatingIfNeeded: row)
          values[place] = entries[entry]
        }
      }
    }
  }
}

extension Affinities {
  /// Σ_j p_ij (y_i − y_j) / (1 + ‖y_i − y_j‖²) of one row.
  func attraction(_ row: Int, _ positions: UnsafeBufferPointer<SIMD2<Float>>) -> SIMD2<Float> {
    var sumX = SIMD8<Float>()
    var sumY = SIMD8<Float>()
    eachEight(row, positions) { dx, dy, probabilities in
      let share = probabilities / (1 + dx * dx + dy * dy)
      sumX += share * dx
      sumY += share * dy
    }
    return SIMD2(sumX.sum(), sumY.sum())
  }

  /// Σ_j p_ij ln(1 + ‖y_i − y_j‖²) of one row.
  func stretch(_ row: Int, _ positions: UnsafeBufferPointer<SIMD2<Float>>) -> Double {
    var sum = 0.0
    eachEight(row, positions) { dx, dy, probabilities in
      let squares = dx * dx + dy * dy
      for lane in 0..<8 { sum += Double(probabilities[lane]) * log1p(Double(squares[lane])) }
    }
    return sum
  }

  @inline(__always)
  private func eachEight(
    _ row: Int, _ positions: UnsafeBufferPointer<SIMD2<Float>>,
    _ body: (SIMD8<Float>, SIMD8<Float>, SIMD8<Float>) -> Void
  ) {
    let own = positions[row]
    partners.withUnsafeBufferPointer { partners in
      probabilities.withUnsafeBufferPointer { probabilities in
        for entry in stride(from: starts[row], to: starts[row + 1], by: 8) {
          let p0 = positions[Int(partners[entry])]
          let p1 = positions[Int(partners[entry + 1])]
          let p2 = positions[Int(partners[entry + 2])]
          let p3 = positions[Int(partners[entry + 3])]
          let p4 = positions[Int(partners[entry + 4])]
          let p5 = positions[Int(partners[entry + 5])]
          let p6 = positions[Int(partners[entry + 6])]
          let p7 = positions[Int(partners[entry + 7])]
          let xs = SIMD8(p0.x, p1.x, p2.x, p3.x, p4.x, p5.x, p6.x, p7.x)
          let ys = SIMD8(p0.y, p1.y, p2.y, p3.y, p4.y, p5.y, p6.y, p7.y)
          let eight = UnsafeRawPointer(probabilities.baseAddress! + entry)
            .loadUnaligned(as: SIMD8<Float>.self)
          body(own.x - xs, own.y - ys, eight)
        }
      }
    }
  }
}
