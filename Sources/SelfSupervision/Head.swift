public import Learning
public import StageKit

/// From the backbone's features of each row to an answer.
public protocol Head: NamedPart, Sendable {
  /// One answer for all pieces of a sample; else one for each row.
  var joinsPieces: Bool { get }

  /// Why it cannot answer this of what the sampler draws, and what to write instead; `nil` where it
  /// can.
  func problem(with target: Target, sampler: Sampler) -> String?

  /// - Parameters:
  ///   - name: of its parameters, as a prefix
  ///   - features: of a row
  ///   - pieces: rows of a sample, which follow each other
  ///   - outputs: classes or numbers; `nil` where the target is an identity
  func layer(
    _ name: String, features: Int, pieces: Int, outputs: Int?, initializer: Initializer
  ) throws -> any Layer
}

public let allHeads: [any Head.Type] = [LinearHead.self, Pairwise.self, Projection.self]

/// One linear map of a row's features.
public struct LinearHead: Head {
  public static let name = "linear"
  public static let summary = "A linear map of each clip's features"
  public var joinsPieces: Bool { false }

  public init(options: inout OptionReader) throws(Diagnostic) {}

  public func problem(with target: Target, sampler: Sampler) -> String? {
    target == .identity ? "has nothing to answer here; write head: projection" : nil
  }

  public func layer(
    _ name: String, features: Int, pieces: Int, outputs: Int?, initializer: Initializer
  ) throws -> any Layer {
    guard let outputs else {
      throw LearningError(
        .badSetting, "a linear head has nothing to answer here; write head: projection")
    }
    return try Linear(name, features, outputs, deviation: 0.01, initializer: initializer)
  }
}

/// One answer of all pieces of a sample, out of the features of each pair of them.
///
/// Source: Lee et al. (2017), figure 3: each piece to 1024, each pair to 512. Xu et al. (2019)
/// in their public code: no layer for a piece, dropout of 0.5.
public struct Pairwise: Head {
  public static let name = "pairwise"
  public static let summary =
    "Pairs of pieces through a layer they share, side by side to an answer"
  private let piece: Int?
  private let pair: Int
  private let dropout: Double
  public var joinsPieces: Bool { true }

  public init(options: inout OptionReader) throws(Diagnostic) {
    piece = try options.integerIfGiven(
      "piece", in: 1..., unit: "features",
      help: "of each piece, made by a layer of its own; by default the backbone's as they are")
    pair = try options.integer(
      "pair", in: 1..., default: 512, unit: "features", help: "of each pair of pieces")
    dropout = try options.number(
      "dropout", from: 0, to: 0.99, default: 0.5,
      help: "share of the pairs' features that is left out in training")
  }

  public func problem(with target: Target, sampler: Sampler) -> String? {
    if target == .identity { return "has nothing to answer here; write head: projection" }
    return sampler.pieces > 1
      ? nil : "joins pieces, and a sample has one; write pieces in the sampler, or head: linear"
  }

  public func layer(
    _ name: String, features: Int, pieces: Int, outputs: Int?, initializer: Initializer
  ) throws -> any Layer {
    guard let outputs else {
      throw LearningError(
        .badSetting, "a pairwise head has nothing to answer here; write head: projection")
    }
    return try PairwiseHead(
      name, features: features, pieces: pieces, classes: outputs, pieceWidth: piece,
      pairWidth: pair, dropout: Float(dropout), initializer: initializer)
  }
}

/// An embedding of each row, to be compared with others.
///
/// Source: Chen et al. (2020), section 2.1: one hidden layer as wide as the features, 128 results.
/// Bardes et al. (2022), section 4.2: two hidden layers with batch norm, all 8192 wide.
public struct Projection: Head {
  public static let name = "projection"
  public static let summary = "An embedding of each clip, to be compared with others"
  private let hidden: [Int]?
  private let output: Int
  private let normalizes: Bool
  public var joinsPieces: Bool { false }

  public init(options: inout OptionReader) throws(Diagnostic) {
    hidden = try options.integersIfGiven(
      "hidden", in: 1..., unit: "features",
      help: "of each layer before the last; by default one as wide as the backbone's features")
    output = try options.integer(
      "output", in: 2..., default: 128, unit: "features", help: "of an embedding")
    normalizes = try options.boolean(
      "batch_norm", default: false, help: "after each layer but the last")
  }

  public func problem(with target: Target, sampler: Sampler) -> String? {
    target == .identity ? nil : "gives embeddings, and an answer is wanted; write head: linear"
  }

  public func layer(
    _ name: String, features: Int, pieces: Int, outputs: Int?, initializer: Initializer
  ) throws -> any Layer {
    guard outputs == nil else {
      throw LearningError(
        .badSetting, "a projection head gives embeddings, no answer; write head: linear")
    }
    return try ProjectionHead(
      name, features: features, hidden: hidden ?? [features], output: output,
      normalizes: normalizes, initializer: initializer)
  }
}
