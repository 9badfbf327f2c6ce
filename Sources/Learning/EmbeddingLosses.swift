internal import Foundation

/// The normalised, temperature-scaled cross-entropy of rows that belong together.
///
/// Positives of a row are all other rows of its identity, negatives all rows of others. With
/// s(i, j) the cosine of rows i and j by the temperature, P(i) the positives of i, and the mean over
/// all i that have a positive:
///
///     loss = mean_i mean_{p in P(i)} (log sum_{a ≠ i} exp s(i, a) - s(i, p))
///
/// 0 where no row has a positive.
///
/// Source: Khosla et al. (2020, SupCon), equation 2. With two rows of each identity it is NT-Xent:
/// Chen et al. (2020, SimCLR), equation 1. Identities that are videos or paces are the same-context
/// and same-pace pairs of Wang et al. (ECCV 2020), section 3.3, whose public code leaves this loss
/// out.
/// - Parameters:
///   - embeddings: `[n, width]`; rows are scaled to length 1 here
///   - identities: `[n]`, any numbers
///   - temperature: above 0
public func contrastive(
  _ embeddings: [Float], width: Int, identities: [Int], temperature: Double
) throws -> Loss {
  let rows = identities.count
  guard width > 0, rows > 1, embeddings.count == rows * width, temperature > 0,
    temperature.isFinite
  else {
    throw LearningError(
      .badShape,
      "contrastive loss of \(embeddings.count) values in rows of \(width), \(rows) identities,"
        + " temperature \(temperature); expected at least 2 rows, an identity for each, and a"
        + " temperature above 0")
  }
  let (unit, lengths) = scaledToLength1(embeddings, width)
  let scores = product(
    unit, transposed(unit, columns: width), rows: rows, inner: width, columns: rows)
  var sizes: [Int: Int] = [:]
  for identity in identities { sizes[identity, default: 0] += 1 }
  let anchors = identities.count { sizes[$0, default: 0] > 1 }
  var value = 0.0
  // The loss by each score, twice: as that of row i with j, and of row j with i.
  var slopes = [Double](repeating: 0, count: rows * rows)
  for row in 0..<rows {
    let positives = sizes[identities[row], default: 0] - 1
    guard positives > 0 else { continue }
    let logits = (0..<rows).map { scores[row * rows + $0] / temperature }
    let others = (0..<rows).filter { $0 != row }
    let top = others.reduce(-Double.infinity) { max($0, logits[$1]) }
    let logSum = log(others.reduce(0) { $0 + exp(logits[$1] - top) }) + top
    for other in others {
      let target = identities[other] == identities[row] ? 1 / Double(positives) : 0
      value += target * (logSum - logits[other]) / Double(anchors)
      let slope = (exp(logits[other] - logSum) - target) / (temperature * Double(anchors))
      slopes[row * rows + other] += slope
      slopes[other * rows + row] += slope
    }
  }
  let toUnit = product(slopes, unit, rows: rows, inner: rows, columns: width)
  var gradient = [Float](repeating: 0, count: unit.count)
  for row in 0..<rows {
    let range = row * width..<(row + 1) * width
    let along = range.reduce(0) { $0 + toUnit[$1] * unit[$1] }
    for index in range {
      gradient[index] = Float((toUnit[index] - along * unit[index]) / lengths[row])
    }
  }
  return Loss(value: value, gradient: gradient)
}

/// Rows of length 1, with the lengths that they had.
private func scaledToLength1(
  _ embeddings: [Float], _ width: Int
) -> (rows: [Double], lengths: [Double]) {
  var unit = embeddings.map { Double($0) }
  var lengths: [Double] = []
  for start in stride(from: 0, to: unit.count, by: width) {
    let range = start..<start + width
    // As torch.nn.functional.normalize: a row of zeros stays one.
    let length = max(1e-12, range.reduce(0) { $0 + unit[$1] * unit[$1] }.squareRoot())
    for index in range { unit[index] /= length }
    lengths.append(length)
  }
  return (unit, lengths)
}

/// How much the three terms of `varianceInvarianceCovariance` count; the defaults are the paper's.
public struct VICRegWeights: Hashable, Sendable {
  public var invariance: Double
  public var variance: Double
  public var covariance: Double

  /// Each is at least 0.
  public init(invariance: Double = 25, variance: Double = 25, covariance: Double = 1) {
    self.invariance = invariance
    self.variance = variance
    self.covariance = covariance
  }
}

/// VICReg: both rows of an identity shall be equal, and each column vary on its own.
///
/// The first rows of all identities are one branch, the second rows the other. Invariance is the mean
/// of squared differences of both branches; variance the mean over columns and branches of
/// max(0, 1 - sqrt(var + 1e-4)); covariance the sum over branches of all squared elements off the
/// diagonal of the covariance matrix, by the width. Variances and covariances are the unbiased ones.
///
/// Source: Bardes, Ponce & LeCun (2022), equations 1 to 6, with the means of their public code: the
/// paper's invariance is not divided by the width, nor its variance by the two branches.
/// - Parameters:
///   - embeddings: `[n, width]`
///   - identities: `[n]`; each occurs twice, and there are at least two
public func varianceInvarianceCovariance(
  _ embeddings: [Float], width: Int, identities: [Int], weights: VICRegWeights = VICRegWeights()
) throws -> Loss {
  guard width > 0, identities.count > 3, embeddings.count == identities.count * width,
    [weights.invariance, weights.variance, weights.covariance].allSatisfy({
      $0 >= 0 && $0.isFinite
    })
  else {
    throw LearningError(
      .badShape,
      "VICReg of \(embeddings.count) values in rows of \(width), \(identities.count) identities,"
        + " weights \(weights.invariance), \(weights.variance) and \(weights.covariance); expected"
        + " at least 4 rows, an identity for each, and weights of at least 0")
  }
  let branches = try branches(of: identities)
  let rows = branches[0].count
  var loss = Loss(value: 0, gradient: [Float](repeating: 0, count: embeddings.count))
  var gradients: [[Double]] = []
  for branch in branches {
    let values = branch.flatMap { row in
      embeddings[row * width..<(row + 1) * width].map { Double($0) }
    }
    let (value, gradient) = spread(of: values, rows: rows, weights)
    loss.value += value
    gradients.append(gradient)
  }
  for (place, (first, second)) in zip(branches[0], branches[1]).enumerated() {
    for column in 0..<width {
      let difference =
        Double(embeddings[first * width + column]) - Double(embeddings[second * width + column])
      let share = weights.invariance * difference / Double(rows * width)
      loss.value += share * difference
      let index = place * width + column
      loss.gradient[first * width + column] = Float(gradients[0][index] + 2 * share)
      loss.gradient[second * width + column] = Float(gradients[1][index] - 2 * share)
    }
  }
  return loss
}

/// The rows that come first of their identity, and those that come second, in the same order.
private func branches(of identities: [Int]) throws -> [[Int]] {
  var places: [Int: [Int]] = [:]
  for (row, identity) in identities.enumerated() { places[identity, default: []].append(row) }
  let firsts = identities.indices.filter { places[identities[$0]]?.first == $0 }
  let pairs = try firsts.map { row in
    let pair = places[identities[row], default: []]
    guard pair.count == 2 else {
      throw LearningError(
        .badShape,
        "VICReg: identity \(identities[row]) has \(pair.count) rows; expected two of each")
    }
    return pair
  }
  return [pairs.map { $0[0] }, pairs.map { $0[1] }]
}

/// The terms of variance and covariance of one branch, `[rows, width]`, with their gradient.
private func spread(
  of values: [Double], rows: Int, _ weights: VICRegWeights
) -> (value: Double, gradient: [Double]) {
  let width = values.count / rows
  let freedom = Double(rows - 1)
  var centred = values
  for column in 0..<width {
    let mean = (0..<rows).reduce(0) { $0 + values[$1 * width + column] } / Double(rows)
    for row in 0..<rows { centred[row * width + column] -= mean }
  }
  var slopes = product(
    transposed(centred, columns: width), centred, rows: width, inner: rows, columns: width)
  var value = 0.0
  for column in 0..<width {
    for other in 0..<width where other != column {
      let covariance = slopes[column * width + other] / freedom
      value += weights.covariance * covariance * covariance / Double(width)
      slopes[column * width + other] = 4 * weights.covariance * covariance
    }
    let diagonal = column * width + column
    let deviation = (slopes[diagonal] / freedom + 1e-4).squareRoot()
    value += weights.variance * max(0, 1 - deviation) / Double(2 * width)
    slopes[diagonal] = deviation < 1 ? -weights.variance / (2 * deviation) : 0
  }
  // Columns of the centred values sum to 0, and so do those of this product: no mean to take away.
  let gradient = product(centred, slopes, rows: rows, inner: width, columns: width)
  return (value, gradient.map { $0 / (freedom * Double(width)) })
}

/// `[inner, columns]` of `[columns, inner]`, both row-major.
private func transposed(_ values: [Double], columns: Int) -> [Double] {
  let rows = values.count / columns
  return (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
}

/// `[rows, inner]` times `[inner, columns]`, row-major.
private func product(
  _ left: [Double], _ right: [Double], rows: Int, inner: Int, columns: Int
) -> [Double] {
  [Double](unsafeUninitializedCapacity: rows * columns) { result, count in
    result.initialize(repeating: 0)
    left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        for row in 0..<rows {
          let sums = UnsafeMutableBufferPointer(
            rebasing: result[row * columns..<(row + 1) * columns])
          for step in 0..<inner {
            let factor = left[row * inner + step]
            let terms = UnsafeBufferPointer(rebasing: right[step * columns..<(step + 1) * columns])
            for column in 0..<columns { sums[column] += factor * terms[column] }
          }
        }
      }
    }
    count = rows * columns
  }
}
