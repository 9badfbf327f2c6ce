public import StageKit

/// Makes a checked, expanded `Plan` of a pipeline file.
///
/// Every problem of the file, and of the files it includes, is reported at once.
public struct PipelineLoader {
  private let project: String
  private let catalogue: () throws -> Catalogue
  private let fileExists: (String) -> Bool

  /// - Parameters:
  ///   - project: The project's folder: where paths of `files:` start.
  ///   - catalogue: Asked once, and only when a stage says `uses:`.
  ///   - fileExists: Whether something lies at an absolute path; the file system's answer
  ///     unless a test gives its own.
  public init(
    project: String, fileExists: ((String) -> Bool)? = nil,
    catalogue: @escaping () throws -> Catalogue
  ) {
    self.project = project
    self.catalogue = catalogue
    self.fileExists = fileExists ?? Paths.exists
  }

  /// Reads, checks and expands a pipeline.
  ///
  /// - Parameters:
  ///   - path: The pipeline file, absolute or relative to the current folder.
  ///   - sets: The arguments of `-S`, `path=value` each, in order.
  ///   - profiles: Names of profiles, applied left to right, before `sets`.
  /// - Throws: `Diagnostics` with all problems, sorted by position; what `catalogue` throws.
  public func load(
    path: String, sets: [String] = [], profiles: [String] = []
  ) throws -> Plan {
    let problems = Problems()
    let root = Paths.absolute(project)
    guard var file = PipelineFileReader.read(path, project: root, problems: problems) else {
      throw problems.sorted
    }
    let overrides = Overrides(problems: problems)
    overrides.apply(profiles: profiles, to: &file)
    for argument in sets { overrides.apply(set: argument, to: &file) }
    checkFields(of: file, problems)

    var template = Template(
      params: Node(map: file.params, mark: file.mark), project: root, problems: problems)
    template.params = template.plain(template.params)
    let expansion = Expansion(
      template: template, root: root, catalogue: catalogue, fileExists: fileExists)
    let instances = try expansion.instances(of: file.stages)
    guard problems.isEmpty else { throw problems.sorted }

    var encoder = CanonicalEncoder()
    for node in [file.name ?? template.params, template.params] { node.encode(into: &encoder) }
    Node(map: file.stages, mark: file.mark).encode(into: &encoder)
    return Plan(
      name: file.name?.text ?? "", path: path, project: project, digest: encoder.digest,
      params: template.params.value, profiles: profiles, instances: instances)
  }

  private func checkFields(of file: PipelineFile, _ problems: Problems) {
    if let name = file.name {
      if let text = name.text {
        if let problem = Name.problem(text) {
          problems.report(
            .invalidName, "the name '\(text)' of the pipeline \(problem)", at: name.mark)
        }
      } else {
        problems.report(
          .wrongType, "'pipeline' is \(name.value.typeName); expected a name", at: name.mark)
      }
    } else {
      problems.report(.missingField, "the file has no 'pipeline'; expected a name", at: file.mark)
    }
    if file.stages.isEmpty, !file.stagesAreBroken {
      problems.report(
        .missingField, "the pipeline has no 'stages'; expected at least one", at: file.mark)
    }
  }
}
