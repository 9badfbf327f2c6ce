import ArgumentParser
import Engine
import Foundation
import StageKit
import Storage

/// `fathom log`.
struct Log: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "List the runs, newest first.")

  @OptionGroup var common: CommonOptions

  @Option(name: [.customShort("N"), .customLong("limit")], help: "How many runs to list.")
  var limit = 20

  func run() throws {
    try common.begin()
    let runs = try Session().readDatabase().runs(limit: max(1, limit))
    if common.json {
      let document: Value = ["schema_version": 1, "runs": .list(runs.map(\.value))]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    var table = TextTable()
    table.right = [0]
    for run in runs {
      table.rows.append([
        "\(run.id)", Wording.ago(run.started), run.status.rawValue,
        run.decisionsText.isEmpty ? run.verb : run.decisionsText,
        run.durationSeconds.map(Wording.duration) ?? "",
        run.pipeline, run.gitCommit.map { String($0.prefix(7)) } ?? "",
        run.tags.joined(separator: " "),
      ])
    }
    Terminal.standardOutput.write(table.rendered())
  }
}

extension RecordedRun {
  /// `2 run, 38 hit`
  var decisionsText: String {
    Decision.allCases.compactMap { decision in
      decisions[decision].map { "\($0) \(decision.rawValue)" }
    }.joined(separator: ", ")
  }

  var value: Value {
    let counts = Decision.allCases.compactMap { decision in
      decisions[decision].map { Value.Pair(decision.rawValue, .integer($0)) }
    }
    return [
      "id": .integer(id), "started": .number(started),
      "ended": ended.map { .number($0) } ?? .null, "status": .string(status.rawValue),
      "verb": .string(verb), "pipeline": .string(pipeline),
      "argv": .list(arguments.map { .string($0) }), "user": .string(user), "host": .string(host),
      "tool_version": .string(toolVersion),
      "git_commit": gitCommit.map { .string($0) } ?? .null,
      "git_ref": gitRef.map { .string($0) } ?? .null,
      "tags": .list(tags.map { .string($0) }), "decisions": .map(counts),
    ]
  }
}
