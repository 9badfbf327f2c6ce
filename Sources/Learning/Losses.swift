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

/// The normalised, temperature-scaled cross-entropy of pairs: rows i and i + n/2 belong together.
///
/// Source: Chen et al. (2020, SimCLR), equation 1.
/// - Parameters:
///   - embeddings: `[n, width]`, n even; rows are scaled to length 1 here
///   - temperature: above 0
public func contrastive(
  _ embeddings: [Float], width: Int, temperature: Double
) throws -> Loss {
  let rows = width > 0 ? embeddings.count / width : 0
  guard rows >= 4, rows * width == embeddings.count, rows % 2 == 0, temperature > 0 else {
    throw LearningError(
      .badShape,
      "NT-Xent of \(embeddings.count) values in rows of \(width) at temperature \(temperature);"
        + " expected an even number of at least 4 rows and a temperature above 0")
  }
  var unit = embeddings.map { Double($0) }
  var lengths = [Double](repeating: 0, count: rows)
  for row in 0..<rows {
    let range = row * width..<(row + 1) * width
    // As torch.nn.functional.normalize: a row of zeros stays one.
    lengths[row] = max(1e-12, unit[range].reduce(0) { $0 + $1 * $1 }.squareRoot())
    for index in range { unit[index] /= lengths[row] }
  }
  func similarity(_ a: Int, _ b: Int) -> Double {
    (0..<width).reduce(0) { $0 + unit[a * width + $1] * unit[b * width + $1] } / temperature
  }
  var value = 0.0
  var toUnit = [Double](repeating: 0, count: unit.count)
  for row in 0..<rows {
    let partner = (row + rows / 2) % rows
    let scores = (0..<rows).map { $0 == row ? -Double.infinity : similarity(row, $0) }
    let top = scores.max() ?? 0
    let logSum = log(scores.reduce(0) { $0 + exp($1 - top) }) + top
    value += (logSum - scores[partner]) / Double(rows)
    for other in 0..<rows where other != row {
      let slope =
        (exp(scores[other] - logSum) - (other == partner ? 1 : 0)) / (temperature * Double(rows))
      for index in 0..<width {
        toUnit[row * width + index] += slope * unit[other * width + index]
        toUnit[other * width + index] += slope * unit[row * width + index]
      }
    }
  }
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
