import Foundation
import StageKit
import TestKit
import Testing

/// A scratch project and the real command, so that tests read as scripts of edits, each with the
/// exact set of instances that run.
struct Workbench: Sendable {
  static let pipeline = "Pipelines/p.yaml"

  let scratch: Scratch
  /// The project's folder.
  var folder: String
  /// The whole environment of the command.
  var environment: [String: String]

  /// Makes a project of one pipeline, `Pipelines/p.yaml`, and other files.
  ///
  /// - Parameter stages: the pipeline's text, below its first line `pipeline: p`.
  init(_ stages: String, files: [String: String] = [:], folder name: String = "project") throws {
    scratch = try Scratch()
    folder = scratch.path + "/" + name
    environment = [
      "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": scratch.path + "/home",
      "XDG_CACHE_HOME": scratch.path + "/cache", "LC_ALL": "C.UTF-8", "USER": "tester",
    ]
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/home", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(
      atPath: folder + "/.fathom", withIntermediateDirectories: true)
    try write("pipeline: p\n" + stages, to: Workbench.pipeline)
    for (path, text) in files { try write(text, to: path) }
  }

  /// Where `fathom`, `fathom-worker` and `fathom-launch` are: `FATHOM_BINARIES`, else beside the
  /// tests.
  static let binaries: String = {
    if let folder = ProcessInfo.processInfo.environment["FATHOM_BINARIES"], !folder.isEmpty {
      return folder.hasPrefix("/")
        ? folder : FileManager.default.currentDirectoryPath + "/" + folder
    }
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    // Swift's own runner may load the tests from another folder.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? program
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().path
  }()

  // MARK: Files

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

  func write(_ data: Data, to name: String) throws {
    let file = URL(fileURLWithPath: path(name))
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
  }

  func read(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// The text of an output of the pipeline `p`.
  func latest(_ output: String) throws -> String { try read("Artifacts/latest/p/\(output)") }

  /// Replaces a text that occurs in a file exactly once.
  func edit(
    _ old: String, to new: String, in name: String = Workbench.pipeline
  ) throws {
    let text = try read(name)
    let parts = text.components(separatedBy: old)
    guard parts.count == 2 else {
      throw Problem("'\(old)' occurs \(parts.count - 1) times in \(name), expected once:\n\(text)")
    }
    try write(parts.joined(separator: new), to: name)
  }

  /// Paths below the project, relative to it, that end in this.
  func find(_ name: String) -> [String] {
    let all = FileManager.default.enumerator(atPath: folder)
    var found: [String] = []
    while let path = all?.nextObject() as? String {
      if path == name || path.hasSuffix("/" + name) { found.append(path) }
    }
    return found
  }

  // MARK: The command

  func invocation(_ arguments: [String]) -> Invocation {
    Invocation(
      program: Workbench.binaries + "/fathom", arguments: arguments, folder: folder,
      environment: environment, scratch: scratch)
  }

  func fathom(_ arguments: String...) async throws -> Outcome {
    try await invocation(arguments).run()
  }

  func start(_ arguments: String...) async throws -> Running {
    try await invocation(arguments).start()
  }

  /// Runs the pipeline; it must succeed, and exactly these instances must execute.
  @discardableResult
  func run(
    _ arguments: String..., expecting expected: Set<String>,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Outcome {
    let outcome = try await invocation(["run"] + arguments).run()
    #expect(outcome.code == 0, "\(outcome.errors)", sourceLocation: sourceLocation)
    let ran = try await ran()
    #expect(ran == expected, "\(outcome.errors)", sourceLocation: sourceLocation)
    return outcome
  }

  /// Runs the pipeline, which must end with this code.
  @discardableResult
  func run(
    _ arguments: String..., failing code: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Outcome {
    let outcome = try await invocation(["run"] + arguments).run()
    #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
    return outcome
  }

  /// The rows of a query.
  func rows(_ query: String) async throws -> [Value] {
    let outcome = try await fathom("sql", query, "--json")
    guard outcome.code == 0 else { throw Problem("sql: \(outcome.errors)") }
    return try outcome.json.elements
  }

  /// What the newest run decided of each instance.
  func decisions() async throws -> [String: String] {
    var decisions: [String: String] = [:]
    for row in try await rows("SELECT instance, decision FROM latest_jobs") {
      decisions[row["instance"]?.text ?? ""] = row["decision"]?.text
    }
    return decisions
  }

  /// The instances that the newest run executed.
  func ran() async throws -> Set<String> {
    Set(try await decisions().filter { $0.value == "run" }.keys)
  }

  /// Which items the newest run executed, as `instance item`.
  func ranItems() async throws -> Set<String> {
    let rows = try await rows(
      "SELECT instance || ' ' || item AS name FROM latest_items WHERE decision = 'run'")
    return Set(rows.compactMap { $0["name"]?.text })
  }

  /// The changes that `why` names: path → (old, new, line).
  func why(_ instance: String) async throws -> [String: Value] {
    let outcome = try await fathom("why", instance, "--json")
    guard outcome.code == 0 else { throw Problem("why: \(outcome.errors)") }
    var changes: [String: Value] = [:]
    for answer in try outcome.json["answers"]?.elements ?? [] {
      for change in answer["changes"]?.elements ?? [] {
        changes[change["path"]?.text ?? ""] = change
      }
    }
    return changes
  }
}
