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

public let allHeads: [any Head.Type] = [LinearHead.self]

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
