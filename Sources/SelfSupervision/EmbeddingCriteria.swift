public import Learning
public import StageKit

/// Embeddings that belong together shall be more alike than others.
///
/// Source: Chen et al. (2020), equation 1; with more than two rows together, or with classes, Khosla
/// et al. (2020), equation 2, and Wang et al. (2020), section 3.3.
public struct Contrastive: Criterion {
  public static let name = "contrastive"
  public static let summary = "Of embeddings: those that belong together against all others"

  enum Positives: String, CaseIterable {
    /// Rows of one draw: its copies and their pieces.
    case draw
    /// Rows of one class of the method's first objective that has classes.
    case sameClass = "class"
  }

  private let temperature: Double
  private let positives: Positives
  public var needsClasses: Bool { positives == .sameClass }

  public init(options: inout OptionReader) throws(Diagnostic) {
    temperature = try options.number(
      "temperature", from: 0.01, to: 10, default: 0.1,
      help: "similarities are divided by it; usual are 0.05 to 0.5")
    positives = try options.choice(
      "positives", default: .draw,
      help:
        "what belongs together: rows of one draw, or of one class of the first objective that has"
        + " classes")
  }

  public func problem(with target: Target, sampler: Sampler) -> String? {
    if let problem = embeddingProblem(with: target) { return problem }
    return needsClasses || sampler.copies * sampler.pieces > 1
      ? nil : "compares rows of one draw, and there is one; write copies: 2 in the sampler"
  }

  public func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double]) {
    var identities = draws
    if needsClasses {
      identities = try answers.map { answer in
        guard case .index(let label) = answer else {
          throw LearningError(.badSetting, "contrastive wants classes; the answer is \(answer)")
        }
        return label
      }
    }
    let loss = try contrastive(
      results, width: results.count / max(1, identities.count), identities: identities,
      temperature: temperature)
    return (loss, [:])
  }
}

/// Both embeddings of a draw shall be equal, and each number vary on its own.
///
/// Source: Bardes et al. (2022), equation 6, with the weights of section 4.2.
public struct VICReg: Criterion {
  public static let name = "vicreg"
  public static let summary = "Of embeddings: two of a draw equal, each number varying on its own"
  private let weights: VICRegWeights

  public init(options: inout OptionReader) throws(Diagnostic) {
    weights = VICRegWeights(
      invariance: try options.number(
        "invariance", from: 0, default: 25, help: "weight: both of a draw are equal"),
      variance: try options.number(
        "variance", from: 0, default: 25, help: "weight: each number varies by 1"),
      covariance: try options.number(
        "covariance", from: 0, default: 1, help: "weight: no two numbers vary together"))
  }

  public func problem(with target: Target, sampler: Sampler) -> String? {
    if let problem = embeddingProblem(with: target) { return problem }
    let rows = sampler.copies * sampler.pieces
    return rows == 2
      ? nil : "compares two rows of a draw, and there are \(rows); write copies: 2 and pieces: 1"
  }

  public func judge(
    _ results: [Float], answers: [Answer], draws: [Int]
  ) throws -> (loss: Loss, metrics: [String: Double]) {
    let loss = try varianceInvarianceCovariance(
      results, width: results.count / max(1, draws.count), identities: draws, weights: weights)
    return (loss, [:])
  }
}

private func embeddingProblem(with target: Target) -> String? {
  switch target {
  case .identity: nil
  case .classes, .labels: "is of embeddings, and these are classes; write loss: cross_entropy"
  case .numbers: "is of embeddings, and these are numbers; write loss: mean_squared_error"
  }
}
