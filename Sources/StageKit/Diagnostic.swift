/// A place in a file that the user wrote.
public struct SourcePosition: Hashable, Comparable, Sendable, Codable {
  /// As the user would type it: relative to the project where the file lies inside it.
  public var path: String
  /// 1-based; 0 where the whole file is meant.
  public var line: Int
  /// 1-based, counted in Unicode scalars.
  public var column: Int
  /// How many columns the caret underlines; at least 1.
  public var length: Int

  public init(path: String, line: Int, column: Int, length: Int = 1) {
    self.path = path
    self.line = line
    self.column = column
    self.length = length
  }

  public static func < (a: Self, b: Self) -> Bool {
    (a.path, a.line, a.column) < (b.path, b.line, b.column)
  }
}

extension SourcePosition: CustomStringConvertible {
  public var description: String { line == 0 ? path : "\(path):\(line):\(column)" }
}

/// A problem in a file the user wrote, pointing at the place that caused it.
public struct Diagnostic: Error, Hashable, Sendable {
  /// Stable names for broken rules, so that tests and documents need not match wording.
  public enum Rule: String, Hashable, Sendable, CaseIterable {
    case yamlSyntax = "yaml-syntax"
    case notUTF8 = "not-utf-8"
    case aliasBomb = "alias-bomb"
    case tooDeep = "too-deep"
    case duplicateKey = "duplicate-key"
    case duplicateName = "duplicate-name"
    case unknownField = "unknown-field"
    case missingField = "missing-field"
    case unknownKind = "unknown-kind"
    case unknownOption = "unknown-option"
    case missingOption = "missing-option"
    case unknownPort = "unknown-port"
    case missingPort = "missing-port"
    case unknownStage = "unknown-stage"
    case unknownParameter = "unknown-parameter"
    case unknownReference = "unknown-reference"
    case unknownProfile = "unknown-profile"
    case unknownAxis = "unknown-axis"
    case unknownTarget = "unknown-target"
    case wrongType = "wrong-type"
    case outOfRange = "out-of-range"
    case invalidName = "invalid-name"
    case invalidPath = "invalid-path"
    case missingInput = "missing-input"
    case cycle = "cycle"
    case portType = "port-type"
    case portCount = "port-count"
    case emptyAxis = "empty-axis"
    case unmatchedAxis = "unmatched-axis"
    case duplicateEntry = "duplicate-entry"
    case impossibleRequest = "impossible-request"
    case damagedLock = "damaged-lock"
  }

  public var rule: Rule
  /// One sentence without the position: what is wrong, what was expected, what to do.
  public var message: String
  public var position: SourcePosition
  /// Other places that belong to the problem, each with what it is: "first set here".
  public var notes: [Note]

  public struct Note: Hashable, Sendable {
    public var message: String
    public var position: SourcePosition

    public init(_ message: String, at position: SourcePosition) {
      self.message = message
      self.position = position
    }
  }

  public init(_ rule: Rule, _ message: String, at position: SourcePosition, notes: [Note] = []) {
    self.rule = rule
    self.message = message
    self.position = position
    self.notes = notes
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `paper.yaml:14:5: error: unknown field 'epoch'; did you mean 'epochs'? [unknown-field]`
  public var description: String { "\(position): error: \(message) [\(rule.rawValue)]" }
}

/// All problems of one file, in the order of their positions.
public struct Diagnostics: Error, Sendable {
  public var problems: [Diagnostic]

  public init(_ problems: [Diagnostic]) { self.problems = problems }
}
