import ArgumentParser
import Engine
import Executors
import Foundation
import Glibc
import Pipelines
import StageKit
import Storage
import Synchronization

/// A project that a verb works on: its folder, settings, store and database.
struct Session {
  let project: ProjectLayout
  let configuration: ProjectConfiguration

  init() throws {
    guard let current = getcwd(nil, 0) else {
      throw UsageError("the current folder is gone")
    }
    defer { free(current) }
    let here = String(cString: current)
    project = ProjectLayout(root: Session.root(from: here) ?? here)
    configuration = try ProjectConfiguration.load(project.configuration, project: project.root)
  }

  /// The nearest folder upward that holds `.fathom/`.
  private static func root(from start: String) -> String? {
    var folder = start
    while true {
      if access(folder + "/.fathom", F_OK) == 0 { return folder }
      guard let slash = folder.lastIndex(of: "/"), slash != folder.startIndex else { return nil }
      folder = String(folder[..<slash])
    }
  }

  /// `FATHOM_STORE`, then the project's settings, then the project's own.
  var storePath: String {
    let path = Environment["FATHOM_STORE"] ?? configuration.store
    guard let path, !path.isEmpty else { return project.defaultStore }
    return path.hasPrefix("/") ? path : "\(project.root)/\(path)"
  }

  func openStore() throws -> ContentStore {
    let store = try ContentStore(path: storePath)
    try store.addRoot(project: project.root)
    return store
  }

  /// Stays open until the process ends: closing it would move its log into the database file and
  /// wait for the disk, at the end of every run.
  func openDatabase() throws -> ProvenanceDatabase {
    let database = try ProvenanceDatabase(path: project.database, project: project.root)
    Session.open.withLock { $0.append(database) }
    return database
  }

  private static let open = Mutex<[ProvenanceDatabase]>([])

  /// Works beside a run that writes, and where nothing may be written.
  func readDatabase() throws -> ProvenanceDatabase {
    guard access(project.database, F_OK) == 0 else {
      throw UsageError("nothing has been run in '\(project.root)' yet")
    }
    return try ProvenanceDatabase(path: project.database, project: project.root, mode: .readOnly)
  }

  // MARK: Pipelines

  /// Splits the arguments of a verb into the pipeline's file and targets.
  func pipelineAndTargets(_ arguments: [String], last: String? = nil) throws -> (
    path: String, targets: [String]
  ) {
    if let first = arguments.first, Session.namesFile(first) {
      return (first, Array(arguments.dropFirst()))
    }
    return (try defaultPipeline(last: last), arguments)
  }

  static func namesFile(_ argument: String) -> Bool {
    argument.hasSuffix(".yaml") || argument.hasSuffix(".yml")
  }

  /// The pipeline of the last run where that is asked for, the only one in `Pipelines/`, else
  /// `Pipelines/explainability.yaml`.
  func defaultPipeline(last: String? = nil) throws -> String {
    if let last, access(absolute(last), R_OK) == 0 { return relative(absolute(last)) }
    let folder = project.root + "/Pipelines"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { Session.namesFile($0) }.sorted()
    if names.count == 1 { return relative("\(folder)/\(names[0])") }
    let usual = "\(folder)/explainability.yaml"
    if access(usual, R_OK) == 0 { return relative(usual) }
    throw UsageError(
      names.isEmpty
        ? "there is no pipeline in '\(folder)'; name one, or make one with 'fathom init'"
        : "'\(folder)' holds \(names.joined(separator: ", ")); name the one you mean")
  }

  func load(_ path: String, _ options: PipelineOptions, needsFiles: Bool = true) throws -> Plan {
    try loader(needsFiles: needsFiles).load(
      path: path, sets: options.sets, profiles: options.profile)
  }

  /// The parameters that a run was given, for verbs that speak of that run.
  func settings(of run: RecordedRun?) -> (sets: [String], profiles: [String]) {
    guard let run, run.arguments.count > 2,
      let parsed = try? Run.parse(Array(run.arguments.dropFirst(2)))
    else { return ([], []) }
    return (parsed.pipeline.sets, parsed.pipeline.profile)
  }

  /// - Parameter needsFiles: whether a file that is named but missing is an error.
  ///   - root: where paths start; the project's folder unless given
  func loader(needsFiles: Bool = true, root: String? = nil) -> PipelineLoader {
    PipelineLoader(
      project: root ?? project.root, fileExists: needsFiles ? nil : { _ in true },
      catalogue: { try CatalogueCache.load(worker: Host.worker) })
  }

  /// A path below the project, as it is kept in the database.
  func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(project.root)/\(path)"
  }

  /// A path as a person would type it here.
  private func relative(_ path: String) -> String {
    let here = FileManager.default.currentDirectoryPath
    return path.hasPrefix(here + "/") ? String(path.dropFirst(here.count + 1)) : path
  }

  /// A path as the database keeps it: relative to the project where it lies inside.
  func recorded(_ path: String) -> String {
    let absolute =
      path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    let parts = absolute.split(separator: "/").filter { $0 != "." }
    let plain = "/" + parts.joined(separator: "/")
    return plain.hasPrefix(project.root + "/")
      ? String(plain.dropFirst(project.root.count + 1)) : plain
  }

  // MARK: Running

  func assessor(_ plan: Plan, store: ContentStore, database: ProvenanceDatabase) -> Assessor {
    Assessor(
      plan: plan, store: store, cache: store, provenance: database,
      digests: database, environment: Environment.all)
  }

  func capacity(jobs: Int?) throws -> Scheduler.Capacity {
    var cpu = jobs ?? configuration.cpu ?? Host.processors
    if jobs == nil, let text = Environment["FATHOM_JOBS"] {
      guard let number = Int(text), number > 0 else {
        throw UsageError("FATHOM_JOBS is '\(text)'; expected a number of at least 1")
      }
      cpu = number
    }
    return Scheduler.Capacity(
      cpu: cpu, memoryBytes: configuration.memoryBytes ?? Host.memoryBytes,
      gpu: configuration.gpu ?? Host.gpus, named: configuration.resources)
  }

  /// - Parameters:
  ///   - pipeline: the file as the database keeps it; the plan's own unless given
  ///   - git: what the project's files are of
  func runRow(
    _ plan: Plan, verb: String, _ digests: any FileDigests, pipeline: String? = nil,
    git: GitHead? = nil
  ) throws -> RunRow {
    let git = git ?? GitHead(project: project.root)
    return RunRow(
      started: Date().timeIntervalSince1970, arguments: CommandLine.arguments, user: Host.user,
      host: Host.name, os: Host.operatingSystem, cpu: Host.processor,
      memoryBytes: Host.memoryBytes, gpu: Host.gpus > 0 ? "\(Host.gpus) NVIDIA" : nil,
      toolVersion: Fathom.version,
      toolDigest: try digests.digests(of: [Host.binary])[0]?.digest, gitCommit: git.commit,
      gitRef: git.ref,
      pipeline: pipeline ?? recorded(plan.path), pipelineDigest: plan.digest, verb: verb)
  }
}
