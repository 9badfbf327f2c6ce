/// What flows through a port. Two ports fit when their types are equal or one is `any`.
public struct ArtifactType: RawRepresentable, Hashable, Sendable, Codable,
  ExpressibleByStringLiteral
{
  public var rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }

  /// Fits every port: what `run:` commands read and write.
  public static let any: ArtifactType = "any"

  public func fits(_ other: ArtifactType) -> Bool {
    self == other || self == .any || other == .any
  }
}

/// Whether an artifact is one file or a folder of files.
public enum ArtifactForm: String, Hashable, Sendable, Codable {
  case file
  case folder
}

/// A named, typed input of a stage kind.
public struct Input: Hashable, Sendable, Codable {
  public var name: String
  public var type: ArtifactType
  /// `true` where the stage reads a collection, `false` where it reads one artifact.
  public var many: Bool
  public var optional: Bool
  /// One line for people: shape, unit, columns.
  public var help: String

  public init(
    _ name: String, _ type: ArtifactType, many: Bool = false, optional: Bool = false,
    help: String = ""
  ) {
    self.name = name
    self.type = type
    self.many = many
    self.optional = optional
    self.help = help
  }
}

/// A named, typed output of a stage kind.
public struct Output: Hashable, Sendable, Codable {
  public var name: String
  public var type: ArtifactType
  /// `true` where the stage writes a collection of artifacts, each under an id of its own.
  public var many: Bool
  public var form: ArtifactForm
  /// What the name of its link, or of its items' links, ends with, so that people's tools know them: `png`.
  public var fileExtension: String?
  /// One line for people: shape, unit, columns.
  public var help: String

  public init(
    _ name: String, _ type: ArtifactType, many: Bool = false, form: ArtifactForm = .file,
    fileExtension: String? = nil, help: String = ""
  ) {
    self.name = name
    self.type = type
    self.many = many
    self.form = form
    self.fileExtension = fileExtension
    self.help = help
  }
}
