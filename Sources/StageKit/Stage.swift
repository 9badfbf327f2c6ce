/// A kind of stage that ships with fathom: how named, typed inputs become outputs.
///
/// One file in `Sources/Stages` holds one conforming type named as the file; the catalogue finds
/// it there. A kind may run whole or, as an `each:` stage, once for every item; `run` sees only
/// one of them at a time and cannot tell which.
public protocol Stage: Sendable {
  /// As `uses:` names it, in snake_case.
  static var kind: String { get }
  /// Goes up when equal inputs and options may give different outputs.
  static var version: Int { get }
  /// One line for people.
  static var summary: String { get }
  static var inputs: [Input] { get }
  static var outputs: [Output] { get }
  /// Largest relative difference of numbers in what two types of processor make of one action;
  /// `nil` where nothing is promised. On one type of processor bytes are always the same.
  static var tolerance: Double? { get }

  /// Reads every option, whatever the values of the others.
  init(options: inout OptionReader) throws(Diagnostic)

  /// Reads the inputs and writes every output exactly once.
  ///
  /// - Throws: `StageFailure` where an input is bad; anything else fails the job as well.
  func run(in context: StageContext) async throws
}

/// An input that cannot be processed, or a result that cannot be had: told to the user as it is.
public struct StageFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, where (file, frame, row), what was expected, what to do.
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}

extension Stage {
  public static var tolerance: Double? { nil }

  /// What the catalogue says of this kind.
  public static var description: KindDescription {
    var reader = OptionReader.recorder
    do {
      _ = try Self(options: &reader)
    } catch {
      preconditionFailure("kind '\(kind)' refuses its own defaults: \(error)")
    }
    return KindDescription(
      kind: kind, version: version, summary: summary, inputs: inputs, outputs: outputs,
      options: reader.declarations, tolerance: tolerance)
  }
}
