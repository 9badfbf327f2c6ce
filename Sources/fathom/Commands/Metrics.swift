import ArgumentParser
import Engine
import Foundation
import Pipelines
import StageKit
import Storage

/// `fathom metrics`.
struct Metrics: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics",
    abstract: "Show the metrics of a run, or compare those of two.",
    subcommands: [MetricsShow.self, MetricsDiff.self], defaultSubcommand: MetricsShow.self)
}

/// Which metrics, and of which instances.
struct MetricSelection: ParsableArguments {
  @Option(
    name: .customLong("name"),
    help: ArgumentHelp("Only metrics of this name; a glob.", valueName: "glob"))
  var names: [String] = []

  @Option(
    name: .customLong("instance"),
    help: ArgumentHelp("Only instances of this address; a glob.", valueName: "glob"))
  var instances: [String] = []

  func contains(instance: String, name: String) -> Bool {
    (names.isEmpty || names.contains { Glob.matches($0, name) })
      && (instances.isEmpty || instances.contains { Glob.matches($0, instance) })
  }

  /// The last value of each metric of a run's jobs, by instance, in the order of the record.
  func metrics(of run: RecordedRun, in database: ProvenanceDatabase) throws -> [RunMetric] {
    var found: [RunMetric] = []
    let jobs = try database.details(ofRun: run.id)
    for job in jobs.sorted(by: { $0.row.instance < $1.row.instance }) {
      var places: [String: Int] = [:]
      for row in job.metrics {
        let metric = RunMetric(instance: job.row.instance, row: row)
        guard contains(instance: metric.instance, name: row.name) else { continue }
        if let place = places[metric.name] {
          found[place] = metric
        } else {
          places[metric.name] = found.count
          found.append(metric)
        }
      }
    }
    return found
  }
}

/// A number of an instance, the last where it has one for each of several steps.
struct RunMetric {
  var instance: String
  var row: MetricRow

  /// With the part of the data that it is of.
  var name: String { row.name + (row.split.map { " (\($0))" } ?? "") }
  var stage: Substring { instance.prefix { $0 != "@" } }
}

struct MetricsShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "The metrics of a run: a table for each stage, a row for each instance.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var selection: MetricSelection

  @Argument(help: ArgumentHelp("A run's number, a tag, or latest.", valueName: "run"))
  var named = "latest"

  /// Metrics beside each other; more go into a further table.
  private static let columns = 6

  func run() throws {
    try common.begin()
    let database = try Session().readDatabase()
    let run = try database.namedRun(named)
    let metrics = try selection.metrics(of: run, in: database)
    if common.json {
      let document: Value = [
        "schema_version": 1, "run": .integer(run.id),
        "metrics": .list(
          metrics.map { metric in
            [
              "instance": .string(metric.instance), "name": .string(metric.row.name),
              "split": metric.row.split.map { .string($0) } ?? .null,
              "step": metric.row.step.map { .integer($0) } ?? .null,
              "value": .number(metric.row.value),
              "unit": metric.row.unit.map { .string($0) } ?? .null,
              "direction": metric.row.direction.map { .string($0) } ?? .null,
            ]
          }),
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    Terminal.standardOutput.write(text(of: metrics, run: run.id))
  }

  private func text(of metrics: [RunMetric], run: Int) -> String {
    guard !metrics.isEmpty else { return "run \(run) has no such metrics\n" }
    var text = "run \(run)\n"
    for stage in distinct(metrics.map(\.stage)) {
      let own = metrics.filter { $0.stage == stage }
      let instances = distinct(own.map(\.instance))
      let values = Dictionary(own.map { ([$0.instance, $0.name], $0) }) { _, last in last }
      let names = distinct(own.map(\.name))
      for start in stride(from: 0, to: names.count, by: MetricsShow.columns) {
        let shown = names[start..<min(start + MetricsShow.columns, names.count)]
        var table = TextTable()
        table.right = Set(1...shown.count)
        table.rows.append([String(stage)] + shown)
        for instance in instances {
          table.rows.append(
            [String(instance.dropFirst(stage.count))]
              + shown.map { values[[instance, $0]].map { MetricsShow.short($0.row.value) } ?? "" })
        }
        text += "\n" + table.rendered(indent: "  ")
      }
    }
    return text
  }

  /// Whole numbers are counts more often than measurements.
  private static func short(_ value: Double) -> String {
    Wording.decimal(value, value == value.rounded() ? 0 : 4)
  }

  private func distinct<Element: Hashable>(_ values: [Element]) -> [Element] {
    var seen: Set<Element> = []
    return values.filter { seen.insert($0).inserted }
  }
}

struct MetricsDiff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare the metrics of two runs, and say which became better.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var selection: MetricSelection

  @Argument(help: ArgumentHelp("A run's number or a tag.", valueName: "run"))
  var before: String

  @Argument(help: ArgumentHelp("Another, or latest.", valueName: "run"))
  var after = "latest"

  /// A metric that differs; `nil` where a run lacks it.
  private struct Change {
    var metric: RunMetric
    var old: Double?
    var new: Double?

    var verdict: String {
      guard let old, let new, let direction = metric.row.direction else { return "" }
      return (new > old) == (direction == "higher") ? "better" : "worse"
    }
  }

  func run() throws {
    try common.begin()
    let database = try Session().readDatabase()
    let (old, new) = (try database.namedRun(before), try database.namedRun(after))
    let changes = changes(
      from: try selection.metrics(of: old, in: database),
      to: try selection.metrics(of: new, in: database))
    if common.json {
      let document: Value = [
        "schema_version": 1, "before": .integer(old.id), "after": .integer(new.id),
        "changes": .list(
          changes.map { change in
            [
              "instance": .string(change.metric.instance), "name": .string(change.metric.name),
              "old": change.old.map { .number($0) } ?? .null,
              "new": change.new.map { .number($0) } ?? .null,
              "verdict": .string(change.verdict),
            ]
          }),
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    guard !changes.isEmpty else {
      Terminal.standardOutput.write("the metrics of runs \(old.id) and \(new.id) are equal\n")
      return
    }
    var table = TextTable()
    table.right = [2, 4, 5]
    for change in changes {
      func shown(_ value: Double?) -> String { value.map { Wording.decimal($0, 6) } ?? "(absent)" }
      let difference = zip(change.old, change.new).map { $1 - $0 }
      table.rows.append([
        change.metric.instance, change.metric.name, shown(change.old), "→", shown(change.new),
        difference.map { ($0 >= 0 ? "+" : "") + Wording.decimal($0, 6) } ?? "", change.verdict,
      ])
    }
    Terminal.standardOutput.write("run \(old.id) → run \(new.id)\n" + table.rendered(indent: "  "))
  }

  private func changes(from old: [RunMetric], to new: [RunMetric]) -> [Change] {
    var before = Dictionary(old.map { ([$0.instance, $0.name], $0) }) { _, last in last }
    let kept = new.map { metric in
      Change(
        metric: metric, old: before.removeValue(forKey: [metric.instance, metric.name])?.row.value,
        new: metric.row.value)
    }
    let gone = old.filter { before[[$0.instance, $0.name]] != nil }
      .map { Change(metric: $0, old: $0.row.value, new: nil) }
    return kept.filter { $0.old != $0.new } + gone
  }

  private func zip(_ first: Double?, _ second: Double?) -> (Double, Double)? {
    guard let first, let second else { return nil }
    return (first, second)
  }
}

extension ProvenanceDatabase {
  /// The run that a person names.
  ///
  /// - Throws: `UsageError` where there is none
  func namedRun(_ text: String) throws -> RecordedRun {
    if let run = try findRun(text) { return run }
    // A plain git tag: the newest run of its commit.
    if let commit = Git.commit(text, in: FileManager.default.currentDirectoryPath) {
      if let run = try findRun(atCommit: commit) { return run }
      throw UsageError(
        "no run was made at '\(text)' (\(commit.prefix(7))); 'fathom reproduce \(text)' makes one")
    }
    throw UsageError("there is no run '\(text)'; see 'fathom log'")
  }
}
