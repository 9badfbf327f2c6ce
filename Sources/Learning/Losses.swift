internal import Foundation

/// A loss with its gradient to what it was computed from, of the same shape.
public struct Loss: Hashable, Sendable {
  public var value: Double
  public var gradient: [Float]
}

/// The negative logarithm of the softmax at the label, averaged by the labels' weights, as
/// `torch.nn.CrossEntropyLoss`.
///
/// Source: Szegedy et al. (2016), section 7, for smoothing.
/// - Parameters:
///   - logits: `[n, classes]`
///   - labels: `[n]`, 0 to below `classes`
///   - weights: `[classes]`, at least 0; all 1 where `nil`
///   - smoothing: share of the target spread over all classes, 0 to 1
public func crossEntropy(
  _ logits: [Float], classes: Int, labels: [Int], weights: [Float]? = nil, smoothing: Double = 0
) throws -> Loss {
  guard classes > 0, logits.count == labels.count * classes, !labels.isEmpty,
    weights.map({ $0.count == classes }) ?? true, (0...1).contains(smoothing)
  else {
    throw LearningError(
      .badShape,
      "cross-entropy of \(logits.count) logits, \(classes) classes, \(labels.count) labels,"
        + " \(weights.map { "\($0.count)" } ?? "no") weights, smoothing \(smoothing)")
  }
  if let label = labels.first(where: { !(0..<classes).contains($0) }) {
    throw LearningError(.badShape, "label \(label) is not one of \(classes) classes")
  }
  func weight(_ label: Int) -> Double { weights.map { Double($0[label]) } ?? 1 }
  let total = labels.reduce(0) { $0 + weight($1) }
  guard total > 0 else {
    throw LearningError(.badSetting, "all labels of the batch have weight 0")
  }
  var loss = Loss(value: 0, gradient: [Float](repeating: 0, count: logits.count))
  let spread = smoothing / Double(classes)
  for (row, label) in labels.enumerated() {
    let logSoftmax = logSoftmax(logits[row * classes..<(row + 1) * classes])
    var mass = 0.0
    func target(_ column: Int) -> Double {
      (column == label ? (1 - smoothing) * weight(label) : 0) + spread * weight(column)
    }
    for column in 0..<classes {
      loss.value -= target(column) * logSoftmax[column] / total
      mass += target(column)
    }
    for column in 0..<classes {
      loss.gradient[row * classes + column] = Float(
        (mass * exp(logSoftmax[column]) - target(column)) / total)
    }
  }
  return loss
}

/// The share of rows whose largest logit is at the label; of equal ones the first counts, as in
/// `torch.argmax`.
///
/// - Parameters:
///   - logits: `[n, classes]`
///   - labels: `[n]`, n at least 1
public func accuracy(_ logits: [Float], classes: Int, labels: [Int]) throws -> Double {
  guard classes > 0, !labels.isEmpty, logits.count == labels.count * classes else {
    throw LearningError(
      .badShape,
      "accuracy of \(logits.count) logits, \(classes) classes, \(labels.count) labels; expected a"
        + " row of logits for each label")
  }
  let right = labels.enumerated().count { row, label in
    let scores = logits[row * classes..<(row + 1) * classes]
    return scores.firstIndex(of: scores.max() ?? 0) == row * classes + label
  }
  return Double(right) / Double(labels.count)
}

func logSoftmax(_ logits: ArraySlice<Float>) -> [Double] {
  let top = Double(logits.max() ?? 0)
  let logSum = log(logits.reduce(0) { $0 + exp(Double($1) - top) }) + top
  return logits.map { Double($0) - logSum }
}

/// KL(S* || S) of maps, S the softmax over all cells, averaged over the batch.
///
/// Source: Droste et al. (2019), equation 1.
/// - Parameters:
///   - logits: `[n, cells]`
///   - targets: `[n, cells]`, each row at least 0 and of sum 1
public func mapDivergence(_ logits: [Float], targets: [Float], cells: Int) throws -> Loss {
  guard cells > 0, !logits.isEmpty, logits.count == targets.count, logits.count % cells == 0 else {
    throw LearningError(
      .badShape,
      "divergence of \(logits.count) logits and \(targets.count) targets in maps of \(cells)")
  }
  let rows = logits.count / cells
  var loss = Loss(value: 0, gradient: [Float](repeating: 0, count: logits.count))
  for row in 0..<rows {
    let range = row * cells..<(row + 1) * cells
    let logSoftmax = logSoftmax(logits[range])
    let target = targets[range].map { Double($0) }
    let mass = target.reduce(0, +)
    guard target.allSatisfy({ $0 >= 0 }), abs(mass - 1) < 1e-3 else {
      throw LearningError(
        .badSetting,
        "map \(row) of the targets sums to \(mass); expected values of at least 0"
          + " that sum to 1")
    }
    for cell in 0..<cells {
      if target[cell] > 0 {
        loss.value += target[cell] * (log(target[cell]) - logSoftmax[cell]) / Double(rows)
      }
      loss.gradient[row * cells + cell] = Float(
        (mass * exp(logSoftmax[cell]) - target[cell]) / Double(rows))
    }
  }
  return loss
}

/// The mean of squared differences.
public func meanSquaredError(_ values: [Float], targets: [Float]) throws -> Loss {
  guard !values.isEmpty, values.count == targets.count else {
    throw LearningError(
      .badShape, "mean squared error of \(values.count) values and \(targets.count) targets")
  }
  let count = Double(values.count)
  let differences = zip(values, targets).map { Double($0) - Double($1) }
  return Loss(
    value: differences.reduce(0) { $0 + $1 * $1 } / count,
    gradient: differences.map { Float(2 * $0 / count) })
}
