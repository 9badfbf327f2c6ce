import ArgumentParser
import Engine
import Foundation
import Glibc
import Pipelines
import StageKit
import Storage

/// `fathom export`.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a run in a form that others read.",
    subcommands: [ExportROCrate.self])
}

/// `fathom export ro-crate`.
struct ExportROCrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ro-crate",
    abstract: "Pack a run with its provenance: a Workflow Run RO-Crate.",
    discussion: """
      RO-Crate 1.1, profile Provenance Run Crate 0.5: the pipeline, what no stage reads any more, and
      a description of every action, with its options, inputs and outputs. What is not packed is
      described by its digest; --all packs it too, with the files that the pipeline reads.
      """)

  @OptionGroup var common: CommonOptions

  @Argument(help: ArgumentHelp("A run's number, latest, or a tag.", valueName: "run"))
  var subject = "latest"

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The folder to write; new, or empty.", valueName: "folder"))
  var output: String?

  @Flag(help: "Pack the files that the pipeline reads, and all that its stages made.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "The licence of the crate; the project's LICENSE file unless given.", valueName: "url"))
  var license: String?

  func run() throws {
    let caller = FileManager.default.currentDirectoryPath
    try common.begin()
    let session = try Session()
    let database = try session.readDatabase()
    let run = try database.namedRun(subject)
    guard run.verb == "run" || run.verb == "reproduce" else {
      throw UsageError(
        "run \(run.id) is a '\(run.verb)'; a crate describes a run or a reproduction")
    }
    let place =
      output
      ?? "\(URL(fileURLWithPath: run.pipeline).deletingPathExtension().lastPathComponent)-run-\(run.id)"
    let folder =
      place.hasPrefix("/") ? place : "\(output == nil ? session.project.root : caller)/\(place)"
    let manager = FileManager.default
    if let names = try? manager.contentsOfDirectory(atPath: folder), !names.isEmpty {
      throw UsageError("'\(place)' is not empty; name a new folder with -o")
    }
    let source = try ExportedSource(run, session)
    defer { source.remove() }
    let crate = try ROCrate(
      run: run, source: source, database: database, store: try session.openStore(),
      packsAll: all, license: license)
    // Whoever finds the folder finds all of it.
    let temporary = "\(folder).\(getpid())"
    do {
      try crate.write(to: temporary)
      if manager.fileExists(atPath: folder) { try manager.removeItem(atPath: folder) }
      try manager.moveItem(atPath: temporary, toPath: folder)
    } catch let problem as CocoaError {
      try? manager.removeItem(atPath: temporary)
      throw EnvironmentError(.notWritable, "cannot write '\(place)'", cause: "\(problem)")
    } catch {
      try? manager.removeItem(atPath: temporary)
      throw error
    }
    if common.json {
      let document: Value = [
        "schema_version": 1, "run": .integer(run.id), "crate": .string(folder),
        "files": .integer(crate.packed.count), "bytes": .integer(crate.bytes),
      ]
      Terminal.standardOutput.write(document.json + "\n")
    } else {
      Terminal.standardOutput.write(RunText.short(folder) + "\n")
      if !common.quiet {
        Terminal.standardError.write(
          "run \(run.id): \(Wording.count(crate.packed.count, "file")), \(Wording.bytes(crate.bytes))\n"
        )
      }
    }
  }
}

/// The pipeline of a run as it was then: as it is now, or in the commit of the run.
struct ExportedSource {
  let plan: Plan
  /// Where the files of the pipeline lie.
  let root: String
  private let temporary: TemporaryFolder?

  /// - Throws: `UsageError` where the pipeline is another now and was not committed
  init(_ run: RecordedRun, _ session: Session) throws {
    let (sets, profiles) = try ExportedSource.settings(of: run, session)
    let load = { (root: String) in
      try? session.loader(needsFiles: false, root: root).load(
        path: "\(root)/\(run.pipeline)", sets: sets, profiles: profiles)
    }
    if let plan = load(session.project.root), plan.digest == run.pipelineDigest {
      (self.plan, root, temporary) = (plan, session.project.root, nil)
      return
    }
    if let commit = run.gitCommit,
      let snapshot = try? GitSnapshot(commit, project: session.project.root)
    {
      let folder = try TemporaryFolder("fathom-export")
      let root = folder.path + "/project"
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      try snapshot.write(to: root)
      if let plan = load(root), plan.digest == run.pipelineDigest {
        (self.plan, self.root, temporary) = (plan, root, folder)
        return
      }
      folder.remove()
    }
    throw UsageError(
      "'\(run.pipeline)' is not what run \(run.id) executed, and was not committed then; export a "
        + "newer run, or run again")
  }

  private static func settings(
    of run: RecordedRun, _ session: Session
  ) throws -> (sets: [String], profiles: [String]) {
    guard run.verb == "reproduce",
      let text = run.gitRef.flatMap({ ref in
        Git.text(["show", "\(ref):./\(Lock.path(of: run.pipeline))"], in: session.project.root)
      }), let lock = try? LockFile(text: text + "\n", path: run.pipeline),
      let given = try? Reproduce.parse(Array(run.arguments.dropFirst(2)))
    else { return session.settings(of: run) }
    let title =
      given.profile.isEmpty && given.sets.isEmpty
      ? lock.last : LockSection.title(profiles: given.profile, sets: given.sets)
    let section = lock.section(title)
    return (section?.sets ?? [], section?.profiles ?? [])
  }

  func remove() { temporary?.remove() }
}
