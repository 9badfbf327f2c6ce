/// One stage kind, as data.
public struct KindDescription: Hashable, Sendable, Codable {
  public var kind: String
  public var version: Int
  public var summary: String
  public var inputs: [Input]
  public var outputs: [Output]
  public var options: [OptionDeclaration]
  /// As `Stage.tolerance`.
  public var tolerance: Double?

  public init(
    kind: String, version: Int, summary: String, inputs: [Input], outputs: [Output],
    options: [OptionDeclaration], tolerance: Double? = nil
  ) {
    self.kind = kind
    self.version = version
    self.summary = summary
    self.inputs = inputs
    self.outputs = outputs
    self.options = options
    self.tolerance = tolerance
  }
}

/// All stage kinds of a worker: what `fathom-worker catalogue` prints.
public struct Catalogue: Hashable, Sendable, Codable {
  /// By name, sorted.
  public private(set) var kinds: [KindDescription]

  public init(_ kinds: [KindDescription]) {
    self.kinds = kinds.sorted { $0.kind < $1.kind }
  }

  public subscript(kind: String) -> KindDescription? {
    kinds.first { $0.kind == kind }
  }
}
