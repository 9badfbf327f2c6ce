public import StageKit

/// The settings of a project: `.fathom/config.yaml`. All are optional.
public struct ProjectConfiguration: Hashable, Sendable {
  /// The store's folder; relative to the project unless absolute.
  public var store: String?
  /// Processors that jobs may use together.
  public var cpu: Int?
  public var memoryBytes: Int?
  public var gpu: Int?
  /// Resources of the user's own naming: how many there are.
  public var resources: [String: Int] = [:]
  /// Files and folders that all `run:` commands may read beside their inputs.
  public var readable: [String] = []

  public init() {}

  /// Reads the file; everything has its default where there is none.
  ///
  /// - Throws: `Diagnostics` with every problem of the file.
  public static func load(_ path: String, project: String) throws(Diagnostics) -> Self {
    guard Paths.exists(path) else { return Self() }
    let file = try YAMLFile(path: path, project: project)
    var configuration = Self()
    var problems: [Diagnostic] = []
    func report(_ rule: Diagnostic.Rule, _ message: String, _ mark: Mark) {
      problems.append(Diagnostic(rule, message, at: file.position(mark)))
    }
    /// The value in canonical form, once it fits.
    func read(_ entry: Node.Entry, _ shape: OptionDeclaration) -> Value? {
      do throws(OptionDeclaration.Problem) {
        return try shape.canonical(entry.value.value)
      } catch {
        report(error.rule, "'\(entry.key)' \(error.message)", entry.value.mark)
        return nil
      }
    }
    func count(_ entry: Node.Entry, minimum: Double) -> Int? {
      let shape = OptionDeclaration(name: entry.key, shape: .integer, minimum: minimum)
      if case .integer(let count) = read(entry, shape) { return count }
      return nil
    }
    let fields = ["store", "resources", "readable"]
    switch file.root.content {
    case .null: return configuration
    case .map(let entries):
      for entry in entries {
        switch entry.key {
        case "store":
          let shape = OptionDeclaration(name: "store", shape: .text)
          if case .string(let text) = read(entry, shape) { configuration.store = text }
        case "readable":
          let shape = OptionDeclaration(name: "readable", shape: .texts)
          if case .list(let values) = read(entry, shape) {
            configuration.readable = values.map(\.text)
          }
        case "resources":
          guard let resources = entry.value.entries else {
            report(
              .wrongType,
              "'resources' is \(entry.value.value.typeName); expected a map such as {cpu: 8, licence: 2}",
              entry.value.mark)
            continue
          }
          for resource in resources {
            switch resource.key {
            case "cpu": configuration.cpu = count(resource, minimum: 1)
            case "gpu": configuration.gpu = count(resource, minimum: 0)
            case "memory":
              let shape = OptionDeclaration(name: "memory", shape: .size, minimum: 1)
              if case .integer(let bytes) = read(resource, shape) {
                configuration.memoryBytes = bytes
              }
            default: configuration.resources[resource.key] = count(resource, minimum: 0)
            }
          }
        default:
          report(
            .unknownField,
            "unknown field '\(entry.key)'\(Suggestion.clause(for: entry.key, among: fields))",
            entry.keyMark)
        }
      }
    default:
      report(
        .wrongType, "the settings are \(file.root.value.typeName); expected a map",
        file.root.mark)
    }
    guard problems.isEmpty else { throw Diagnostics(problems) }
    return configuration
  }
}
