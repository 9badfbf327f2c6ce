public import StageKit

/// Any YAML file as a tree that keeps the place of each key and value: for files that are no
/// pipelines, such as `.fathom/config.yaml`.
public struct YAMLFile: Sendable {
  /// Null where the file is empty.
  public let root: Node
  private let path: String

  /// - Parameters:
  ///   - path: Absolute or relative to the current folder.
  ///   - project: Positions in files inside it are relative to it.
  /// - Throws: `Diagnostics` where the file cannot be read or is no YAML.
  public init(path: String, project: String) throws(Diagnostics) {
    let problems = Problems()
    self.path = Paths.shown(Paths.absolute(path), project: project)
    switch SourceText.read(path) {
    case .success(let bytes):
      let file = problems.add(SourceText(path: self.path, bytes: bytes))
      let root = YAMLReader.read(file, of: problems)
      guard let root, problems.isEmpty else { throw problems.sorted }
      self.root = root
    case .failure(let failure):
      throw Diagnostics([
        Diagnostic(
          .missingInput, "'\(self.path)' cannot be read: \(failure.message)",
          at: SourcePosition(path: self.path, line: 0, column: 0))
      ])
    }
  }

  public func position(_ mark: Mark) -> SourcePosition {
    SourcePosition(
      path: path, line: Int(mark.line), column: Int(mark.column), length: Int(mark.length))
  }
}
