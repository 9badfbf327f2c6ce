import ArgumentParser
import Engine
import Foundation
import StageKit
import Storage

/// `fathom show`.
struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a run, or an instance: inputs, options, outputs, metrics, time, log.",
    discussion: """
      fathom show 7                 run 7 (or: latest)
      fathom show kmeans            the newest job of kmeans
      fathom show table2:pace:f1    where a cell of a table comes from
      fathom show method rotation   what the short name stands for
      """)

  @OptionGroup var common: CommonOptions

  @Argument(
    help: ArgumentHelp(
      "A run's number, latest, a tag, an instance, or TABLE:ROW:COLUMN.", valueName: "what"))
  var subject = "latest"

  @Argument(help: ArgumentHelp("After 'method': a short name, or one of the pipeline's methods."))
  var name: String?

  func run() throws {
    try common.begin()
    let session = try Session()
    if let name {
      guard subject == "method" else {
        throw UsageError("'\(name)' is one argument too many; 'show' takes one, or 'method NAME'")
      }
      try MethodView(name, session).show(json: common.json)
      return
    }
    let database = try session.readDatabase()
    if subject == "latest" || subject.allSatisfy(\.isNumber) {
      try show(database.namedRun(subject), database)
      return
    }
    if let run = try database.findRun(subject) {
      try show(run, database)
      return
    }
    if let cell = try database.cell(named: subject) {
      try CellView(cell, database).show(json: common.json)
      return
    }
    guard let job = try database.newestJob(of: subject, executed: false) else {
      if Git.commit(subject, in: session.project.root) != nil {
        try show(database.namedRun(subject), database)
        return
      }
      if subject.contains(":") {
        throw UsageError(
          "no table has a cell '\(subject)'; expected TABLE:ROW:COLUMN"
            + Suggestion.clause(for: subject, among: try database.cellNames()))
      }
      let known =
        try database.runs(limit: 1).first
        .map { try database.jobs(ofRun: $0.id).map(\.instance) } ?? []
      throw UsageError(
        "no run knows an instance '\(subject)'\(Suggestion.clause(for: subject, among: known))")
    }
    try show(job, session, database)
  }

  private func show(_ run: RecordedRun, _ database: ProvenanceDatabase) throws {
    let jobs = try database.jobs(ofRun: run.id)
    let found = try database.verifications(ofRun: run.id)
    if common.json {
      let rows = jobs.map { job -> Value in
        [
          "instance": .string(job.instance), "decision": .string(job.decision.rawValue),
          "reason": .string(job.reason), "wall_s": job.wallSeconds.map { .number($0) } ?? .null,
          "cpu_s": job.cpuSeconds.map { .number($0) } ?? .null,
          "max_rss": job.maxResidentBytes.map { .integer($0) } ?? .null,
        ]
      }
      let document: Value = [
        "schema_version": 1, "run": run.value, "jobs": .list(rows),
        "verifications": .list(found.map(\.value)),
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    var text = "run \(run.id)  \(run.status.rawValue)  \(Wording.ago(run.started))"
    if let seconds = run.durationSeconds { text += ", took \(Wording.duration(seconds))" }
    text += "\n  \(run.pipeline)"
    if let commit = run.gitCommit { text += "  at \(commit.prefix(7))" }
    text += "  by \(run.user) on \(run.host), fathom \(run.toolVersion)\n"
    text += "  \(run.arguments.joined(separator: " "))\n"
    if !jobs.isEmpty { text += "  \(run.decisionsText)\n" }
    var table = TextTable()
    table.right = [2, 3, 4]
    for job in jobs where common.verbose || (job.decision != .hit && job.decision != .cutOff) {
      table.rows.append([
        job.decision.rawValue, job.instance, job.wallSeconds.map(Wording.duration) ?? "",
        job.cpuSeconds.map { Wording.duration($0) + " cpu" } ?? "",
        job.maxResidentBytes.map(Wording.bytes) ?? "", job.reason.printable,
      ])
    }
    Terminal.standardOutput.write(text + table.rendered(indent: "  ") + verified(found))
  }

  /// What the run verified: a number of what is identical, a line for all else.
  private func verified(_ found: [VerificationRow]) -> String {
    if found.isEmpty { return "" }
    let different = found.filter { common.verbose || $0.verdict != "identical" }
    return "  \(found.count { $0.verdict == "identical" }) of \(found.count) made again identical\n"
      + TextTable(
        rows: different.map {
          [$0.verdict, $0.instance ?? "action \($0.action)", ($0.detail ?? "").printable]
        }
      ).rendered(indent: "  ")
  }

  private func show(_ job: JobRow, _ session: Session, _ database: ProvenanceDatabase) throws {
    let detail = try database.detail(of: job)
    if common.json {
      Terminal.standardOutput.write(detail.value.json + "\n")
      return
    }
    var text =
      "\(job.instance)  \(job.decision.rawValue) in run \(job.run): \(job.reason.printable)\n"
    if let wall = job.wallSeconds {
      text += "  took \(Wording.duration(wall))"
      if let cpu = job.cpuSeconds { text += ", \(Wording.duration(cpu)) of processor time" }
      if let rss = job.maxResidentBytes { text += ", at most \(Wording.bytes(rss)) of memory" }
      text += "\n"
    }
    if let key = job.actionKey {
      text += "  action \(key)\n"
      if let last = try database.verifications(of: key).first {
        text += "  made again in run \(last.run): \(last.verdict)"
        text += last.detail.map { ", \($0.printable)" } ?? ""
        text += "\n"
      }
      if let doubt = try database.nondeterministicActions().first(where: { $0.action == key }) {
        let runs = doubt.results.map { "\($0.digest.hex.prefix(12)) in run \($0.run)" }
        text += "  not deterministic: gave \(runs.joined(separator: ", "))\n"
      }
    }
    func section(_ title: String, _ rows: [[String]]) {
      guard !rows.isEmpty else { return }
      text += "\(title)\n" + TextTable(rows: rows).rendered(indent: "  ")
    }
    section(
      "made of",
      detail.fields.filter { Explanation.group(of: $0.path) != "input" }.map { field in
        [field.path, String(field.value.display.prefix(100)), field.position.map { "\($0)" } ?? ""]
      })
    section(
      "inputs",
      detail.inputs.map {
        ["in.\($0.port)", String($0.digest.hex.prefix(12)), "from \($0.producer)"]
      })
    section(
      "outputs",
      detail.outputs.map {
        [$0.port, String($0.artifact.digest.hex.prefix(12)), Wording.bytes($0.artifact.size)]
      })
    section(
      "metrics",
      detail.metrics.suffix(40).map {
        [
          $0.name, $0.split ?? "", "\($0.value)", $0.unit == "1" ? "" : $0.unit ?? "",
          $0.direction.map { "\($0) is better" } ?? "",
        ]
      })
    section(
      "items",
      detail.items.prefix(20).map {
        [
          $0.decision.rawValue, $0.item.printable, Wording.duration($0.ended - $0.started),
          ($0.error ?? "").printable,
        ]
      })
    if job.logDigest != nil {
      text += "log  \(RunText.short(session.project.logs(run: job.run)))/\n"
    }
    Terminal.standardOutput.write(text)
  }
}

extension JobRow {
  var wallSeconds: Double? {
    guard let started, let ended else { return nil }
    return ended - started
  }
}

extension VerificationRow {
  fileprivate var value: Value {
    [
      "action": .string(action.hex), "instance": instance.map { .string($0) } ?? .null,
      "verdict": .string(verdict), "expected": expected.map { .string($0.hex) } ?? .null,
      "actual": actual.map { .string($0.hex) } ?? .null,
      "detail": detail.map { .string($0) } ?? .null,
    ]
  }
}

extension JobDetail {
  var value: Value {
    [
      "schema_version": 1, "instance": .string(row.instance), "run": .integer(row.run),
      "decision": .string(row.decision.rawValue), "reason": .string(row.reason),
      "action": row.actionKey.map { .string($0.hex) } ?? .null,
      "wall_s": row.wallSeconds.map { .number($0) } ?? .null,
      "cpu_s": row.cpuSeconds.map { .number($0) } ?? .null,
      "max_rss": row.maxResidentBytes.map { .integer($0) } ?? .null,
      "heartbeat": row.heartbeat.map { .number($0) } ?? .null,
      "fields": .list(
        fields.map { field in
          [
            "path": .string(field.path), "value": field.value,
            "place": field.position.map { .string("\($0)") } ?? .null,
          ]
        }),
      "inputs": .list(
        inputs.map {
          [
            "port": .string($0.port), "digest": .string($0.digest.hex),
            "producer": .string($0.producer),
          ]
        }),
      "outputs": .list(
        outputs.map {
          [
            "port": .string($0.port), "form": .string($0.artifact.form.rawValue),
            "digest": .string($0.artifact.digest.hex), "size": .integer($0.artifact.size),
          ]
        }),
      "items": .list(
        items.map {
          [
            "item": .string($0.item), "decision": .string($0.decision.rawValue),
            "error": $0.error.map { .string($0) } ?? .null,
          ]
        }),
      "metrics": .list(
        metrics.map {
          [
            "name": .string($0.name), "split": $0.split.map { .string($0) } ?? .null,
            "step": $0.step.map { .integer($0) } ?? .null, "value": .number($0.value),
          ]
        }),
    ]
  }
}
