import ArgumentParser
import Engine
import Pipelines
import StageKit
import Storage

/// `fathom why`.
struct Why: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Say why an instance ran, or was reused: each component that changed, old and new.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions

  func run() throws {
    try common.begin()
    let session = try Session()
    let database = try session.readDatabase()
    let last = try session.lastRun()
    let (path, targets) = try session.pipelineAndTargets(
      pipeline.arguments, last: last?.pipeline)
    guard !targets.isEmpty else { throw UsageError("why: name an instance; see 'fathom status'") }
    // The record answers; the pipeline, if it can be read, knows what comes after.
    var pipeline = pipeline
    if pipeline.sets.isEmpty && pipeline.profile.isEmpty {
      (pipeline.sets, pipeline.profile) = session.settings(of: last)
    }
    let plan = try? session.load(path, pipeline, needsFiles: false)
    var answers: [WhyAnswer] = []
    for name in try names(targets, plan, database) {
      answers.append(
        try WhyAnswer(of: name, in: database, plan: plan, store: try? session.openStore()))
    }
    if common.json {
      let document: Value = ["schema_version": 1, "answers": .list(answers.map(\.value))]
      Terminal.standardOutput.write(document.json + "\n")
    } else {
      Terminal.standardOutput.write(answers.map(\.text).joined(separator: "\n"))
    }
  }
}

extension Why {
  /// The instances that targets stand for: in the pipeline, else those that runs know.
  private func names(_ targets: [String], _ plan: Plan?, _ database: ProvenanceDatabase) throws
    -> [String]
  {
    var names: [String] = []
    for target in targets {
      if try database.newestJob(of: target, executed: false) != nil {
        names.append(target)
      } else if let plan {
        let chosen = try TargetSelection([target], in: plan).chosen.sorted()
        names += chosen.map { plan.instances[$0].address }
      } else {
        throw UsageError("no run knows an instance '\(target)'; see 'fathom show'")
      }
    }
    return names
  }
}

/// Why one instance has the decision that it has in its newest job.
struct WhyAnswer {
  let instance: String
  /// The newest job of the instance; `nil` where it never came up.
  let job: JobRow?
  /// The newest job in which it executed, where that is not the newest one.
  let executed: JobRow?
  let explanation: Explanation?
  /// The run of the job it was compared with.
  let comparedRun: RecordedRun?
  let items: [ItemReport]
  /// By component: what changed in a long listing of files, while the store has it.
  private(set) var listings: [String: ListingChange] = [:]
  /// Instances that read this one's outputs, directly or not.
  let consumers: [String]

  init(
    of instance: String, in database: ProvenanceDatabase, plan: Plan?, store: ContentStore?
  ) throws {
    self.instance = instance
    job = try database.newestJob(of: instance, executed: false)
    let own = job
    if let own, own.decision == .hit || own.decision == .cutOff {
      executed = try database.newestJob(of: instance, executed: true)
    } else {
      executed = nil
    }
    let subject = executed ?? own
    items = try subject.map { try database.detail(of: $0).items } ?? []
    if let subject, let key = subject.actionKey, let compared = subject.comparedJob,
      let before = try database.job(compared), let oldKey = before.actionKey
    {
      explanation = Explanation(
        from: try database.fields(of: oldKey), to: try database.fields(of: key))
      comparedRun = try database.run(before.run)
    } else {
      explanation = nil
      comparedRun = nil
    }
    for change in explanation?.changes ?? [] where change.path.hasSuffix("/") {
      if let old = change.old.flatMap({ Digest(hex: $0.text) }),
        let new = change.new.flatMap({ Digest(hex: $0.text) }),
        let before = try? store?.read(old), let after = try? store?.read(new)
      {
        listings[change.path] = ListingChange(from: before, to: after)
      }
    }
    let index = plan?.instances.firstIndex { $0.address == instance }
    consumers =
      plan.flatMap { plan in
        index.map { plan.downstream(of: $0).sorted().map { plan.instances[$0].address } }
      } ?? []
  }

  var text: String {
    let out = Terminal.standardOutput
    guard let job else { return "\(instance) has not been part of a run yet\n" }
    var text = out.paint(instance, .bold)
    switch job.decision {
    case .hit, .cutOff:
      text +=
        " was \(job.decision == .hit ? "reused" : "cut off") in run \(job.run): \(job.reason.printable)\n"
      guard let executed else { return text + "  its result was made in another project\n" }
      text += "  it last ran in run \(executed.run): \(executed.reason.printable)\n"
    case .run: text += " ran in run \(job.run): \(job.reason.printable)\n"
    default: text += " \(job.decision.rawValue) in run \(job.run): \(job.reason.printable)\n"
    }
    if let explanation, !explanation.changes.isEmpty {
      if let comparedRun {
        text += "changed since run \(comparedRun.id) (\(Wording.ago(comparedRun.started))):\n"
      }
      for change in explanation.changes { text += describe(change) }
      let unchanged = explanation.unchanged.sorted { $0.key < $1.key }
        .map { Wording.count($0.value, $0.key) }
      if !unchanged.isEmpty {
        text += "unchanged: \(unchanged.joined(separator: ", "))\n"
      }
    }
    if !items.isEmpty {
      let shown = items.prefix(5).map(\.item.printable).joined(separator: ", ")
      text += "items: \(shown)\(items.count > 5 ? " and \(items.count - 5) more" : "")\n"
    }
    if !consumers.isEmpty {
      let shown = consumers.prefix(8).joined(separator: ", ")
      text += "then: \(shown)\(consumers.count > 8 ? " and \(consumers.count - 8) more" : "")\n"
    }
    return text
  }

  /// `  with.clusters  8 → 9   Pipelines/clips.yaml:14:28`; texts of several lines, or long ones,
  /// one below the other.
  private func describe(_ change: Explanation.Change) -> String {
    if let listing = listings[change.path] {
      func phrase(_ word: String, _ paths: [String]) -> String? {
        guard let first = paths.first else { return nil }
        return "\(paths.count) \(word) (\(first.printable)\(paths.count > 1 ? ", …" : ""))"
      }
      let parts = [
        phrase("added", listing.added), phrase("removed", listing.removed),
        phrase("changed", listing.changed),
      ].compactMap { $0 }
      let place = change.position.map { "   \($0)" } ?? ""
      return "  \(change.path)  \(parts.joined(separator: ", "))\(place)\n"
    }
    let isDigest = ["input", "file"].contains(Explanation.group(of: change.path))
    func shown(_ value: Value?) -> String {
      guard let value else { return "(absent)" }
      let text = value.display
      return isDigest && text.count == 66 ? String(text.dropFirst().prefix(8)) : text
    }
    let place = change.position.map { "   \($0)" } ?? ""
    let old = shown(change.old)
    let new = shown(change.new)
    if old.count + new.count <= 72 { return "  \(change.path)  \(old) → \(new)\(place)\n" }
    return "  \(change.path)\(place)\n    - \(old)\n    + \(new)\n"
  }

  var value: Value {
    func job(_ row: JobRow?) -> Value {
      guard let row else { return .null }
      return [
        "run": .integer(row.run), "decision": .string(row.decision.rawValue),
        "reason": .string(row.reason),
      ]
    }
    let changes = (explanation?.changes ?? []).map { change -> Value in
      [
        "path": .string(change.path), "old": change.old ?? .null, "new": change.new ?? .null,
        "added": .list((listings[change.path]?.added ?? []).map { .string($0) }),
        "removed": .list((listings[change.path]?.removed ?? []).map { .string($0) }),
        "changed": .list((listings[change.path]?.changed ?? []).map { .string($0) }),
        "file": change.position.map { .string($0.path) } ?? .null,
        "line": change.position.map { .integer($0.line) } ?? .null,
        "column": change.position.map { .integer($0.column) } ?? .null,
      ]
    }
    return [
      "instance": .string(instance), "job": job(self.job), "executed": job(executed),
      "compared_run": comparedRun.map { .integer($0.id) } ?? .null, "changes": .list(changes),
      "items": .list(items.map { .string($0.item) }),
      "then": .list(consumers.map { .string($0) }),
    ]
  }
}
