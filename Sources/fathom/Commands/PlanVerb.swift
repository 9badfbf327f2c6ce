import ArgumentParser
import Engine
import Pipelines
import StageKit

/// `fathom plan`, the same as `fathom run -n`.
struct PlanVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say what a run would do with each instance; run nothing.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions

  @Flag(name: .shortAndLong, help: "As if the targets were forced.")
  var force = false

  func run() throws {
    try common.begin()
    try PlanVerb.print(common: common, pipeline: pipeline, force: force)
  }

  static func print(common: CommonOptions, pipeline: PipelineOptions, force: Bool) throws {
    let session = try Session()
    let (path, targets) = try session.pipelineAndTargets(pipeline.arguments)
    let outlook = try Outlook(
      session: session, path: path, pipeline: pipeline, targets: targets, force: force)
    if common.json {
      Terminal.standardOutput.write(outlook.json + "\n")
    } else {
      Terminal.standardOutput.write(outlook.text(hits: true))
    }
  }
}

/// What a run would do, assessed without running: `plan` and `status` show it.
struct Outlook {
  let plan: Plan
  let forecasts: [Forecast]

  init(
    session: Session, path: String, pipeline: PipelineOptions, targets: [String], force: Bool
  ) throws {
    plan = try session.load(path, pipeline)
    let selection = try TargetSelection(targets, in: plan)
    let store = try session.openStore()
    let database = try session.openDatabase()
    forecasts = try session.assessor(plan, store: store, database: database).forecast(
      selection: selection.needed, forced: force ? selection.chosen : [], provenance: database)
  }

  func count(_ matches: (Forecast.Verdict) -> Bool) -> Int {
    forecasts.count { matches($0.verdict) }
  }

  var toRun: Int {
    count {
      switch $0 {
      case .run, .problem: true
      default: false
      }
    }
  }

  var maybe: Int { count { if case .mayBeCutOff = $0 { true } else { false } } }

  /// One line an instance that is not a hit, and a sentence before them.
  func text(hits: Bool, lastRun: String = "") -> String {
    let out = Terminal.standardOutput
    var text =
      "\(toRun) of \(Wording.count(forecasts.count, "instance")) would run; \(maybe) more may be cut off"
      + (lastRun.isEmpty ? "" : "   \(lastRun)") + "\n"
    let width = forecasts.map { plan.instances[$0.index].address.count }.max() ?? 0
    for forecast in forecasts {
      let address = plan.instances[forecast.index].address
      let name = address.padding(to: min(width, 48))
      switch forecast.verdict {
      case .hit: if hits { text += "  \(out.paint("hit  ", .dim))  \(address)\n" }
      case .run(let reason, let items, let total):
        var line = "  \(out.paint("run  ", .green))  \(name)  \(reason.printable)"
        if let items, let total, !reason.contains("item") { line += ", \(items) of \(total) items" }
        text += line + "\n"
      case .mayBeCutOff(let follows):
        text += "  \(out.paint("maybe", .cyan))  \(name)  follows \(follows)\n"
      case .problem(let message): text += "  \(out.paint("error", .red))  \(name)  \(message)\n"
      }
    }
    return text
  }

  var json: String {
    let instances = forecasts.map { forecast -> Value in
      let address = plan.instances[forecast.index].address
      var fields: [Value.Pair] = [.init("instance", .string(address))]
      switch forecast.verdict {
      case .hit: fields.append(.init("verdict", "hit"))
      case .run(let reason, let items, let total):
        fields.append(.init("verdict", "run"))
        fields.append(.init("reason", .string(reason)))
        if let items { fields.append(.init("items", .integer(items))) }
        if let total { fields.append(.init("total_items", .integer(total))) }
      case .mayBeCutOff(let follows):
        fields.append(.init("verdict", "may be cut off"))
        fields.append(.init("follows", .string(follows)))
      case .problem(let message):
        fields.append(.init("verdict", "error"))
        fields.append(.init("reason", .string(message)))
      }
      return .map(fields)
    }
    let document: Value = [
      "schema_version": 1, "pipeline": .string(plan.name), "to_run": .integer(toRun),
      "may_be_cut_off": .integer(maybe), "instances": .list(instances),
    ]
    return document.json
  }
}

extension String {
  func padding(to width: Int) -> String {
    count >= width ? self : self + String(repeating: " ", count: width - count)
  }
}
