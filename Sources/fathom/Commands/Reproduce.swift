import ArgumentParser
import Engine
import Foundation
import Pipelines
import StageKit
import Storage

/// `fathom reproduce`.
struct Reproduce: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reproduce",
    abstract: "Make the tables of a git tag again, and compare them with what its lock says.",
    discussion: """
      Pipeline, parameters and lock are those of the tag; the working tree stays as it is. What the
      store has is used, what is missing runs. Exits 5 where an output or a cell is another.
      """)

  @OptionGroup var common: CommonOptions

  @Argument(help: ArgumentHelp("A git tag.", valueName: "tag"))
  var tag: String

  @Argument(
    help: ArgumentHelp("The pipeline, where the tag has several locks.", valueName: "pipeline.yaml")
  )
  var pipeline: String?

  @Option(help: ArgumentHelp("Only this table, and what it needs.", valueName: "name"))
  var table: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("The profile; the one written last unless given.", valueName: "name"))
  var profile: [String] = []

  @Option(
    name: [.customShort("S"), .customLong("set")], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A parameter that the run was given.", valueName: "path=value"))
  var sets: [String] = []

  @Flag(help: "Execute everything, whatever the store has.")
  var fresh = false

  @Option(
    help: ArgumentHelp(
      "Largest relative difference of a cell's value that counts as the same, as between types of "
        + "processor; other bytes do not count then.", valueName: "share"))
  var tolerance = 0.0

  @OptionGroup var options: RunOptions

  func validate() throws {
    guard tolerance >= 0, tolerance.isFinite else {
      throw ValidationError("--tolerance is \(tolerance); expected 0 or more")
    }
  }

  @MainActor func run() async throws {
    try common.begin()
    let session = try Session()
    let snapshot = try GitSnapshot(tag, project: session.project.root)
    let file = try chosen(of: snapshot, session)
    let locked = try section(of: file, snapshot)
    try requireVersions(of: locked)

    let store = try session.openStore()
    let place = try TemporaryFolder("fathom-reproduce")
    defer { place.remove() }
    let root = place.path + "/project"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    try snapshot.write(to: root)
    let plan = try session.loader(root: root).load(
      path: "\(root)/\(file)", sets: locked.sets, profiles: locked.profiles)
    let selection = try TargetSelection(table, in: plan)
    let execution = Execution(
      session: session, store: store, database: try session.openDatabase(), common: common,
      options: options)
    let outcome = try await execution.run(
      plan, selection.needed, forced: fresh ? selection.needed : [],
      row: try session.runRow(
        plan, verb: "reproduce", execution.database, pipeline: file,
        git: GitHead(commit: snapshot.commit, ref: "refs/tags/\(tag)")),
      in: .init(
        root: root,
        digests: try ProvenanceDatabase(path: "\(place.path)/files.db", project: root)))
    var made = LockSection(
      profiles: locked.profiles, sets: locked.sets, tool: Fathom.version, plan: plan,
      records: outcome.records)
    try made.readCells(plan, outcome.records, in: store)
    var addresses = Set(selection.needed.map { plan.instances[$0].address })
    // What the lock has beyond the plan is missed, too.
    if table.isEmpty { addresses.formUnion(locked.instances.map(\.address)) }
    let comparison = LockComparison(locked, with: made, of: addresses, tolerance: tolerance)
    try execution.database.record(comparison, of: made, run: outcome.run)
    let holds = comparison.holds(tolerance: tolerance)
    say(comparison, of: locked, run: outcome.run, holds: holds)
    if !holds { throw Ending(code: 5) }
  }

  // MARK: What is reproduced

  /// - Returns: the pipeline's path, relative to the project
  private func chosen(of snapshot: GitSnapshot, _ session: Session) throws -> String {
    if let pipeline {
      let file = session.recorded(pipeline)
      guard snapshot.files.contains(file) else {
        throw UsageError("'\(tag)' has no '\(file)'")
      }
      return file
    }
    let locks = snapshot.files.filter { $0.hasSuffix(".lock") }
    let files = snapshot.files.filter { Session.namesFile($0) && locks.contains(Lock.path(of: $0)) }
    if let only = files.only { return only }
    let usual = "Pipelines/explainability.yaml"
    if files.contains(usual) { return usual }
    throw UsageError(
      files.isEmpty
        ? "'\(tag)' has no lock beside a pipeline; a complete 'fathom run' writes one, to be "
          + "committed before the tag"
        : "'\(tag)' has locks of \(files.joined(separator: ", ")); name the pipeline that you mean")
  }

  private func section(of file: String, _ snapshot: GitSnapshot) throws -> LockSection {
    let path = Lock.path(of: file)
    guard let text = snapshot.read(path) else {
      throw UsageError(
        "'\(tag)' has no lock '\(path)'; a complete 'fathom run' writes one, to be committed before "
          + "the tag")
    }
    let lock = try LockFile(text: text, path: "\(tag):\(path)")
    let title =
      profile.isEmpty && sets.isEmpty
      ? lock.last : LockSection.title(profiles: profile, sets: sets)
    guard let section = lock.section(title) else {
      throw UsageError(
        "'\(path)' of '\(tag)' has no section '\(title)'"
          + Suggestion.clause(for: title, among: lock.sections.map(\.title)))
    }
    return section
  }

  private func requireVersions(of section: LockSection) throws {
    let known = try CatalogueCache.load(worker: Host.worker)
    let versions = Dictionary(known.kinds.map { ($0.kind, $0.version) }) { first, _ in first }
    let lacking = section.kinds.sorted { $0.key < $1.key }.filter { versions[$0.key] != $0.value }
    guard !lacking.isEmpty else { return }
    let list = lacking.map { kind, version in
      "\(kind) \(version) (here \(versions[kind].map { "\($0)" } ?? "none"))"
    }
    throw UsageError(
      "'\(tag)' was made by fathom \(section.tool) with \(list.joined(separator: ", ")), whose results this "
        + "fathom \(Fathom.version) cannot make; check out fathom \(section.tool) of the time of "
        + "'\(tag)', build it, and reproduce with that")
  }

  // MARK: The answer

  private func say(
    _ comparison: LockComparison, of locked: LockSection, run: Int, holds: Bool
  ) {
    let differing = Set(comparison.differences.map(\.instance))
    if common.json {
      let document: Value = [
        "schema_version": 1, "tag": .string(tag), "section": .string(locked.title),
        "run": .integer(run), "verdict": .string(holds ? "reproduced" : "different"),
        "tables": .list(
          comparison.tables.map {
            [
              "table": .string($0.table), "verdict": .string($0.verdict.name),
              "cells": .integer($0.cells), "detail": .string($0.verdict.detail),
            ]
          }),
        "instances": .integer(comparison.instances),
        "differences": .list(
          comparison.differences.map {
            [
              "instance": .string($0.instance), "port": $0.port.map { .string($0) } ?? .null,
              "expected": $0.expected.map { .string($0.hex) } ?? .null,
              "actual": $0.actual.map { .string($0.hex) } ?? .null,
            ]
          }),
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    var table = TextTable()
    for verdict in comparison.tables {
      table.rows.append([
        verdict.table, verdict.verdict.name, Wording.count(verdict.cells, "cell"),
        verdict.verdict.detail,
      ])
    }
    var detail = ""
    if let first = comparison.differences.first {
      detail = "first: \(first.instance) " + (first.port ?? first.cause)
    }
    table.rows.append([
      "outputs", differing.isEmpty ? "identical" : "different",
      differing.isEmpty
        ? Wording.count(comparison.instances, "instance")
        : "\(differing.count) of \(Wording.count(comparison.instances, "instance"))", detail,
    ])
    Terminal.standardOutput.write(table.rendered())
    if !common.quiet {
      Terminal.standardError.write(
        holds
          ? "'\(tag)' [\(locked.title)] is reproduced   run \(run)\n"
          : "'\(tag)' [\(locked.title)] is not reproduced   run \(run) · fathom reproduce \(tag) --json\n"
      )
    }
  }
}

extension LockComparison.Verdict {
  fileprivate var detail: String {
    switch self {
    case .identical: ""
    case .within(let difference): "differ by \(difference) at most"
    case .different(let what): what
    }
  }
}

extension LockComparison.OutputDifference {
  /// Of a difference that is no port's.
  fileprivate var cause: String {
    switch (expected, actual) {
    case (nil, _): "is not in the lock"
    case (_, nil): "is in the lock alone"
    default: "was made of something else: its action's key differs"
    }
  }
}
