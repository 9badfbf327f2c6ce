import ArgumentParser
import Engine
import StageKit
import Storage

/// `fathom diff`.
struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two runs: what they were made of, metrics and outputs.")

  @OptionGroup var common: CommonOptions

  @Argument(help: ArgumentHelp("A run's number, or a tag.", valueName: "run"))
  var before: String

  @Argument(help: ArgumentHelp("Another, or latest.", valueName: "run"))
  var after = "latest"

  func run() throws {
    try common.begin()
    let database = try Session().readDatabase()
    let (old, new) = (try database.namedRun(before), try database.namedRun(after))
    let comparison = RunComparison(
      old: try database.details(ofRun: old.id), new: try database.details(ofRun: new.id))
    if common.json {
      let document: Value = [
        "schema_version": 1, "before": .integer(old.id), "after": .integer(new.id),
        "changes": .list(
          comparison.changes.map {
            [
              "instance": .string($0.instance), "what": .string($0.what),
              "name": .string($0.name), "old": $0.old ?? .null, "new": $0.new ?? .null,
            ]
          }),
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    guard !comparison.changes.isEmpty else {
      Terminal.standardOutput.write("runs \(old.id) and \(new.id) are equal\n")
      return
    }
    var text = "run \(old.id) → run \(new.id)\n"
    for what in ["instance", "param", "metric", "output"] {
      let changes = comparison.changes.filter { $0.what == what }
      guard !changes.isEmpty else { continue }
      text += "\(what)s\n"
      var table = TextTable()
      for change in changes {
        table.rows.append([
          change.instance, change.name, shown(change.old, what), "→", shown(change.new, what),
          difference(change),
        ])
      }
      text += table.rendered(indent: "  ")
    }
    Terminal.standardOutput.write(text)
  }

  private func shown(_ value: Value?, _ what: String) -> String {
    guard let value else { return "(absent)" }
    return what == "output" ? String(value.text.prefix(12)) : String(value.display.prefix(80))
  }

  private func difference(_ change: RunComparison.Change) -> String {
    guard case .number(let old)? = change.old, case .number(let new)? = change.new else {
      return ""
    }
    return (new >= old ? "+" : "") + Wording.decimal(new - old, 6)
  }
}

/// What differs between the jobs of two runs, instance by instance.
struct RunComparison {
  struct Change {
    var instance: String
    /// `instance`, `param`, `metric` or `output`.
    var what: String
    var name: String
    var old: Value?
    var new: Value?
  }

  private(set) var changes: [Change] = []

  init(old: [JobDetail], new: [JobDetail]) {
    var before: [String: JobDetail] = [:]
    for job in old { before[job.row.instance] = job }
    for job in new {
      guard let was = before.removeValue(forKey: job.row.instance) else {
        changes.append(
          Change(instance: job.row.instance, what: "instance", name: "", old: nil, new: "new"))
        continue
      }
      compare(was, job)
    }
    for job in old where before[job.row.instance] != nil {
      changes.append(
        Change(instance: job.row.instance, what: "instance", name: "", old: "gone", new: nil))
    }
  }

  private mutating func compare(_ old: JobDetail, _ new: JobDetail) {
    let instance = new.row.instance
    func add(_ what: String, _ old: [(String, Value)], _ new: [(String, Value)]) {
      var before: [String: Value] = [:]
      for (name, value) in old { before[name] = value }
      var after: [String: Value] = [:]
      for (name, value) in new { after[name] = value }
      for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
        changes.append(
          Change(
            instance: instance, what: what, name: name, old: before[name], new: after[name]))
      }
    }
    func params(_ job: JobDetail) -> [(String, Value)] {
      job.fields.filter { Explanation.group(of: $0.path) != "input" }.map { ($0.path, $0.value) }
    }
    func metrics(_ job: JobDetail) -> [(String, Value)] {
      job.metrics.filter { $0.step == nil }.map { metric in
        (metric.name + (metric.split.map { " (\($0))" } ?? ""), .number(metric.value))
      }
    }
    func outputs(_ job: JobDetail) -> [(String, Value)] {
      job.outputs.map { ($0.port, .string($0.artifact.digest.hex)) }
    }
    add("param", params(old), params(new))
    add("metric", metrics(old), metrics(new))
    add("output", outputs(old), outputs(new))
  }
}
