/// Why an analysis cannot give an answer for the data it was given.
public struct AnalysisError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// A value is NaN or infinite.
    case notFinite
    /// A value is beyond what it may be.
    case outOfRange
    /// There is nothing to work on.
    case empty
    /// More clusters are asked for than there are points.
    case tooManyClusters
    /// A label names no cluster, or a cluster has no point.
    case badLabels
  }

  public var code: Code
  /// What is wrong, where, and what was expected.
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
