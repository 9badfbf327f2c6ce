internal import Foundation

/// Multinomial logistic regression: linear scores of each class, fitted to the end.
///
/// Minimises ½‖W‖² + C Σ w_i (log Σ_k exp z_ik − z_iy), z = W x + b; biases are not penalised. With
/// balanced classes w_i is n / (classes seen · count of the class of i), else 1. In Float64, from zero
/// weights, by L-BFGS: equal inputs give equal bytes.
/// Source: the objective of scikit-learn's `LogisticRegression`; Nocedal & Wright (2006), algorithm 7.5.
public struct LogisticRegression: Sendable {
  /// `[classes, d]`
  public let weights: Matrix<Double>
  /// `[classes]`
  public let biases: [Double]
  /// False where it was stopped after `LogisticRegression.patience` steps.
  public let converged: Bool

  /// At most so many steps.
  static let patience = 2000
  /// Of the gradient of the objective divided by C Σ w, the largest magnitude at the end.
  static let tolerance = 1e-9

  /// - Parameters:
  ///   - features: `[n, d]`, best of zero mean and unit variance
  ///   - labels: `[n]`, in `0..<classes`; a class without any becomes unlikely everywhere
  ///   - strength: C, above 0: the larger, the less the weights are held back
  ///   - isBalanced: each class weighs the same, however many it has
  /// - Throws: `AnalysisError` where there is no row or a value is not finite
  public init(
    fitting features: Matrix<Float>, labels: [Int], classes: Int, strength: Double = 1,
    isBalanced: Bool = true
  ) throws(AnalysisError) {
    guard features.rows > 0 else { throw AnalysisError(.empty, "a regression on no rows") }
    try features.checkFinite()
    precondition(labels.count == features.rows, "\(labels.count) labels of \(features.rows) rows")
    let objective = Objective(features, labels, classes, strength, isBalanced)
    let (solution, converged) = minimise(
      objective.value, from: [Double](repeating: 0, count: classes * (features.columns + 1)),
      tolerance: LogisticRegression.tolerance, patience: LogisticRegression.patience)
    let count = classes * features.columns
    weights = Matrix(rows: classes, columns: features.columns, elements: Array(solution[..<count]))
    biases = Array(solution[count...])
    self.converged = converged
  }

  /// The probability of each class for each row of `[n, d]`: `[n, classes]`.
  public func probabilities(_ features: Matrix<Float>) -> Matrix<Double> {
    let rows = Matrix<Double>(
      rows: features.rows, columns: features.columns, elements: features.elements.map(Double.init))
    var scores = product(rows, weights, transposingB: true)
    scores.withMutableElements { values in
      for row in 0..<features.rows {
        let line = UnsafeMutableBufferPointer(
          rebasing: values[row * biases.count..<(row + 1) * biases.count])
        for index in biases.indices { line[index] += biases[index] }
        _ = softmax(line)
      }
    }
    return scores
  }
}

/// Scores become probabilities.
///
/// - Returns: the logarithm of the sum of their exponentials
@discardableResult
public func softmax(_ scores: UnsafeMutableBufferPointer<Double>) -> Double {
  let top = scores.max() ?? 0
  var sum = 0.0
  for index in scores.indices {
    scores[index] = exp(scores[index] - top)
    sum += scores[index]
  }
  for index in scores.indices { scores[index] /= sum }
  return top + log(sum)
}

/// The objective over C Σ w, and its gradient.
private struct Objective {
  private let rows: Matrix<Double>
  private let labels: [Int]
  private let classes: Int
  /// Of each row, 1 in all.
  private let shares: [Double]
  private let penalty: Double

  init(
    _ features: Matrix<Float>, _ labels: [Int], _ classes: Int, _ strength: Double,
    _ isBalanced: Bool
  ) {
    rows = Matrix(
      rows: features.rows, columns: features.columns, elements: features.elements.map(Double.init))
    (self.labels, self.classes) = (labels, classes)
    var counts = [Int](repeating: 0, count: classes)
    for label in labels { counts[label] += 1 }
    let seen = counts.count { $0 > 0 }
    let weights = labels.map {
      isBalanced ? Double(labels.count) / Double(seen * counts[$0]) : 1
    }
    let total = weights.reduce(0, +)
    shares = weights.map { $0 / total }
    penalty = 1 / (strength * total)
  }

  /// - Parameter parameters: weights `[classes, d]`, then biases
  func value(_ parameters: [Double]) -> (value: Double, gradient: [Double]) {
    let (n, d) = (rows.rows, rows.columns)
    let count = classes * d
    let weights = Matrix(rows: classes, columns: d, elements: Array(parameters[..<count]))
    let biases = parameters[count...]
    var value = 0.5 * penalty * squaredNorm(weights.elements)
    let scores = product(rows, weights, transposingB: true)
    // Transposed, so that the gradient is a plain product with the rows.
    var residuals = Matrix<Double>(rows: classes, columns: n)
    var line = [Double](repeating: 0, count: classes)
    for row in 0..<n {
      for index in 0..<classes { line[index] = scores[row, index] + biases[count + index] }
      let own = line[labels[row]]
      value += shares[row] * (line.withUnsafeMutableBufferPointer { softmax($0) } - own)
      line[labels[row]] -= 1
      for index in 0..<classes { residuals[index, row] = line[index] * shares[row] }
    }
    var gradient = product(residuals, rows).elements
    for index in 0..<count { gradient[index] += penalty * parameters[index] }
    for index in 0..<classes { gradient.append(residuals[row: index].reduce(0, +)) }
    return (value, gradient)
  }
}

/// Minimises a smooth convex function by L-BFGS with ten pairs and a backtracking search (Armijo's
/// condition); a pair whose curvature is not positive is left out.
///
/// - Parameters:
///   - tolerance: of the gradient's largest magnitude
///   - patience: steps at most
private func minimise(
  _ function: ([Double]) -> (value: Double, gradient: [Double]), from start: [Double],
  tolerance: Double, patience: Int
) -> (solution: [Double], converged: Bool) {
  typealias Pair = (step: [Double], change: [Double], curvature: Double)
  func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for index in a.indices { sum += a[index] * b[index] }
    return sum
  }
  func moved(_ place: [Double], _ length: Double, _ direction: [Double]) -> [Double] {
    place.indices.map { place[$0] + length * direction[$0] }
  }
  var place = start
  var (value, gradient) = function(place)
  var pairs: [Pair] = []
  for _ in 0..<patience {
    guard gradient.contains(where: { abs($0) > tolerance }) else { return (place, true) }
    var direction = gradient
    var factors: [Double] = []
    for pair in pairs.reversed() {
      let factor = dot(pair.step, direction) / pair.curvature
      factors.append(factor)
      direction = moved(direction, -factor, pair.change)
    }
    if let last = pairs.last {
      let scale = last.curvature / dot(last.change, last.change)
      for index in direction.indices { direction[index] *= scale }
    }
    for (pair, factor) in zip(pairs, factors.reversed()) {
      let other = dot(pair.change, direction) / pair.curvature
      direction = moved(direction, factor - other, pair.step)
    }
    var slope = -dot(gradient, direction)
    for index in direction.indices { direction[index] = -direction[index] }
    if slope >= 0 {
      (direction, slope, pairs) = (gradient.map { -$0 }, -dot(gradient, gradient), [])
    }
    var length = pairs.isEmpty ? min(1, 1 / dot(gradient, gradient).squareRoot()) : 1
    var next = moved(place, length, direction)
    var reached = function(next)
    // Near the end what is won is less than a value's rounding.
    let rounding = 1e-14 * abs(value)
    while !(reached.value <= value + 1e-4 * length * slope + rounding) {
      length /= 2
      // Rounding alone is left.
      guard length > 1e-12 else { return (place, true) }
      next = moved(place, length, direction)
      reached = function(next)
    }
    let step = moved(next, -1, place)
    let change = moved(reached.gradient, -1, gradient)
    let curvature = dot(step, change)
    if curvature > 1e-300 {
      pairs.append((step, change, curvature))
      if pairs.count > 10 { pairs.removeFirst() }
    }
    (place, value, gradient) = (next, reached.value, reached.gradient)
  }
  return (place, false)
}
