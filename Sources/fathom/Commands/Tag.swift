import ArgumentParser
import Engine
import Foundation
import StageKit
import Storage

/// `fathom tag`.
struct Tag: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tag",
    abstract: "Tag the commit that has a run's lock, so that others can reproduce it.",
    discussion: """
      Makes an annotated git tag at HEAD and records which run it stands for. Commit the pipeline and its
      lock first.
      """)

  @OptionGroup var common: CommonOptions

  @Argument(help: ArgumentHelp("Of the tag, such as paper-v1.", valueName: "name"))
  var name: String

  @Option(name: .shortAndLong, help: "What the tag says; the run and its tables unless given.")
  var message: String?

  func run() throws {
    try common.begin()
    let session = try Session()
    let root = session.project.root
    let head = try GitSnapshot("HEAD", project: root)
    let database = try session.openDatabase()
    guard
      let newest = try database.runs().first(where: { $0.status == .succeeded && $0.verb == "run" })
    else { throw UsageError("nothing has run to its end yet; a tag stands for a run") }
    let lock = Lock.path(of: newest.pipeline)
    guard let text = head.read(lock) else {
      throw UsageError(
        "'\(lock)' is not committed, so nobody could reproduce the tag: after a complete run, "
          + "git add it and commit")
    }
    let run = try madeBy(try LockFile(text: text, path: "HEAD:\(lock)"), newest.pipeline, database)
    guard let status = Git.names(["status", "--porcelain", "-z"], in: root) else {
      throw UsageError("git status fails in '\(root)'")
    }
    // Two letters and a space stand before each name.
    let changed = status.map { String($0.dropFirst(3)) }
    if changed.contains(where: { $0.hasSuffix(lock) || $0.hasSuffix(run.pipeline) }) {
      throw UsageError("'\(lock)' or '\(run.pipeline)' is not as committed; commit it first")
    }
    if !changed.isEmpty {
      Terminal.standardError.write(
        "fathom: \(Wording.count(changed.count, "file")) differ from the commit, and are no part of the tag\n"
      )
    }
    let words = message ?? "fathom run \(run.id) of \(run.pipeline)"
    let (code, _) = try Program.run(["git", "-C", root, "tag", "-a", name, "-m", words])
    guard code == 0 else { throw Ending(code: 2) }
    try database.record(tag: name, run: run.id, commit: head.commit)
    if common.json {
      let document: Value = [
        "schema_version": 1, "tag": .string(name), "run": .integer(run.id),
        "git_commit": .string(head.commit),
      ]
      Terminal.standardOutput.write(document.json + "\n")
    } else {
      Terminal.standardOutput.write(
        "\(name)  run \(run.id) at \(head.commit.prefix(7)) · fathom reproduce \(name)\n")
    }
  }

  /// The newest run that made what the lock's last section says.
  private func madeBy(
    _ lock: LockFile, _ pipeline: String, _ database: ProvenanceDatabase
  ) throws -> RecordedRun {
    let wanted = lock.section(lock.last)?.instances ?? []
    for run in try database.runs()
    where run.status == .succeeded && run.verb == "run" && run.pipeline == pipeline {
      let keys = Dictionary(try database.jobs(ofRun: run.id).map { ($0.instance, $0.actionKey) }) {
        $1
      }
      if wanted.allSatisfy({ keys[$0.address] == $0.key }) { return run }
    }
    throw UsageError(
      "no run recorded here made what '\(Lock.path(of: pipeline))' [\(lock.last)] says at HEAD; run "
        + "the pipeline, and commit the lock that it writes")
  }
}
