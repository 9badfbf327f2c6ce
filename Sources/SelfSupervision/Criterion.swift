public import Learning
public import StageKit

/// How far results of a head are from the right answers.
public protocol Criterion: NamedPart, Sendable {
  /// - Parameters:
  ///   - results: of the head, `[n, width]`
  ///   - answers: the right ones, `[n]`
  ///   - draws: which draw each row comes from, `[n]`
  /// - Returns: the loss, and `accuracy` (0 to 1) where there are classes
  func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double])
}

public let allCriteria: [any Criterion.Type] = [CrossEntropy.self]

/// The negative logarithm of the softmax at the right class.
public struct CrossEntropy: Criterion {
  public static let name = "cross_entropy"
  public static let summary = "Of classes, as torch.nn.CrossEntropyLoss"
  private let smoothing: Double

  public init(options: inout OptionReader) throws(Diagnostic) {
    smoothing = try options.number(
      "smoothing", from: 0, to: 1, default: 0, help: "share of the target spread over all classes")
  }

  public func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double]) {
    let labels = try answers.map { answer in
      guard case .index(let label) = answer else {
        throw LearningError(
          .badSetting, "cross_entropy wants classes; the transform has none: take another loss")
      }
      return label
    }
    let classes = results.count / max(1, labels.count)
    let loss = try crossEntropy(results, classes: classes, labels: labels, smoothing: smoothing)
    let right = labels.indices.count { row in
      let logits = results[row * classes..<(row + 1) * classes]
      return logits.indices.max { logits[$0] < logits[$1] } == row * classes + labels[row]
    }
    return (loss, ["accuracy": Double(right) / Double(labels.count)])
  }
}
