public import Learning
public import StageKit

/// How far results of a head are from the right answers.
public protocol Criterion: NamedPart, Sendable {
  /// Why it cannot judge this, and what to write instead; `nil` where it can.
  func problem(with target: Target, sampler: Sampler) -> String?

  /// Whether its answers are those of the method's first objective with classes, not its own.
  var needsClasses: Bool { get }

  /// - Parameters:
  ///   - results: of the head, `[n, width]`
  ///   - answers: the right ones, `[n]`
  ///   - draws: which draw each row comes from, `[n]`
  /// - Returns: the loss, and `accuracy` (0 to 1) where there are classes
  func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double])
}

extension Criterion {
  public var needsClasses: Bool { false }
}

public let allCriteria: [any Criterion.Type] = [
  CrossEntropy.self, MeanSquaredError.self, Contrastive.self, VICReg.self,
]

/// The negative logarithm of the softmax at the right class.
public struct CrossEntropy: Criterion {
  public static let name = "cross_entropy"
  public static let summary = "Of classes, as torch.nn.CrossEntropyLoss"
  private let smoothing: Double

  public init(options: inout OptionReader) throws(Diagnostic) {
    smoothing = try options.number(
      "smoothing", from: 0, to: 1, default: 0, help: "share of the target spread over all classes")
  }

  public func problem(with target: Target, sampler: Sampler) -> String? {
    switch target {
    case .classes, .labels: nil
    case .numbers: "is of classes, and these are numbers; write loss: mean_squared_error"
    case .identity: "is of classes, and there are none; write loss: contrastive or vicreg"
    }
  }

  public func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double]) {
    let labels = try answers.map { answer in
      guard case .index(let label) = answer else {
        throw LearningError(.badSetting, "cross_entropy wants classes; the answer is \(answer)")
      }
      return label
    }
    let classes = results.count / max(1, labels.count)
    let loss = try crossEntropy(results, classes: classes, labels: labels, smoothing: smoothing)
    return (loss, ["accuracy": try accuracy(results, classes: classes, labels: labels)])
  }
}

/// The mean of squared differences from the right numbers.
public struct MeanSquaredError: Criterion {
  public static let name = "mean_squared_error"
  public static let summary = "Of numbers, as torch.nn.MSELoss"

  public init(options: inout OptionReader) throws(Diagnostic) {}

  public func problem(with target: Target, sampler: Sampler) -> String? {
    switch target {
    case .numbers: nil
    case .classes, .labels: "is of numbers, and these are classes; write loss: cross_entropy"
    case .identity: "is of numbers, and there are none; write loss: contrastive or vicreg"
    }
  }

  public func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double]) {
    let targets = try answers.flatMap { answer in
      guard case .numbers(let numbers) = answer else {
        throw LearningError(
          .badSetting, "mean_squared_error wants numbers; the answer is \(answer)")
      }
      return numbers
    }
    return (try meanSquaredError(results, targets: targets), [:])
  }
}
