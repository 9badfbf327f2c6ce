import ArgumentParser
import Engine
import Foundation
import Pipelines
import StageKit
import Storage
import Synchronization

/// `fathom verify`.
struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Execute again what has a result, and compare what comes out.",
    discussion: """
      In a clean place: the store, the records and latest/ stay as they are. Those that were never
      verified, or longest ago, come first. Exits 5 where one gives other bytes, or numbers beyond
      the tolerance that its stage declares.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions

  @Option(help: ArgumentHelp("How many actions.", valueName: "n"))
  var sample = 10

  @Flag(help: "Every action that has a result.")
  var all = false

  @OptionGroup var options: RunOptions

  func validate() throws {
    guard sample > 0 else {
      throw ValidationError("--sample is \(sample); expected at least 1")
    }
  }

  @MainActor func run() async throws {
    try common.begin()
    let session = try Session()
    let (path, targets) = try session.pipelineAndTargets(pipeline.arguments)
    let plan = try session.load(path, pipeline)
    let selection = try TargetSelection(targets, in: plan)
    let execution = Execution(
      session: session, store: try session.openStore(), database: try session.openDatabase(),
      common: common, options: options)
    let (store, database) = (execution.store, execution.database)
    let candidates = try session.assessor(plan, store: store, database: database)
      .candidates(for: selection.chosen)
    guard !candidates.isEmpty else {
      throw UsageError(
        "nothing of '\(plan.name)' has a result to verify"
          + (targets.isEmpty ? "" : " among the targets") + "; 'fathom run' makes one")
    }
    let chosen = all ? candidates : try sampled(candidates, database)

    let failures = Failures(next: execution.observer(of: plan))
    var setup = try execution.setup(
      of: plan, [], forced: [], row: try session.runRow(plan, verb: "verify", database))
    setup.observer = failures
    defer { store.endStaging() }
    let verification = Verification(
      setup, of: chosen,
      scratch: try ContentStore(path: store.makeStagingFolder(for: "verify")))
    let outcome = try await execution.perform(verification.setup)
    let findings = try verification.findings(
      failures: failures.messages, madeOn: database.processor, current: Host.processor)
    try database.record(findings, run: outcome.run)
    say(findings, of: candidates.count, outcome)
    if findings.contains(where: { $0.verdict == .different }) { throw Ending(code: 5) }
    if outcome.status != .succeeded { throw Ending(code: 1) }
  }

  /// The longest unverified; of these, as their keys fall, which is as good as chance and can be
  /// said again.
  private func sampled(
    _ candidates: [Verification.Candidate], _ database: ProvenanceDatabase
  ) throws -> [Verification.Candidate] {
    let last = try database.lastVerifications()
    return Array(
      candidates.sorted {
        let (a, b) = (last[$0.record.key] ?? 0, last[$1.record.key] ?? 0)
        return a == b ? $0.record.key.hex < $1.record.key.hex : a < b
      }.prefix(sample))
  }

  private func say(_ findings: [Verification.Finding], of candidates: Int, _ outcome: RunOutcome) {
    func count(_ verdict: Verification.Verdict) -> Int {
      findings.count { $0.verdict == verdict }
    }
    if common.json {
      let document: Value = [
        "schema_version": 1, "run": .integer(outcome.run), "candidates": .integer(candidates),
        "verified": .integer(findings.count),
        "counts": .map(
          Verification.Verdict.allCases.map { .init($0.rawValue, .integer(count($0))) }),
        "findings": .list(
          findings.map { finding in
            [
              "instance": .string(finding.instance), "action": .string(finding.action.hex),
              "verdict": .string(finding.verdict.rawValue),
              "expected": .string(finding.expected.hex),
              "actual": finding.actual.map { .string($0.hex) } ?? .null,
              "detail": .string(finding.detail),
              "seconds": finding.seconds.map { .number($0) } ?? .null,
            ]
          }),
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    var table = TextTable()
    for finding in findings where common.verbose || finding.verdict != .identical {
      table.rows.append([finding.verdict.rawValue, finding.instance, finding.detail.printable])
    }
    var parts = ["\(count(.identical)) of \(Wording.count(findings.count, "action")) identical"]
    for verdict in Verification.Verdict.allCases.dropFirst() where count(verdict) > 0 {
      parts.append("\(count(verdict)) \(verdict.rawValue)")
    }
    Terminal.standardOutput.write(table.rendered() + parts.joined(separator: ", ") + "\n")
    guard !common.quiet else { return }
    let rest = candidates - findings.count
    Terminal.standardError.write(
      "in \(Wording.duration(outcome.seconds))"
        + (rest > 0 ? "; \(rest) more have a result, --all verifies them too" : "")
        + Terminal.standardError.paint(
          "   run \(outcome.run) · fathom show \(outcome.run)", .dim) + "\n")
  }
}

/// Passes on what happens, and keeps why instances failed.
private final class Failures: RunObserver {
  private let next: any RunObserver
  private let kept = Mutex<[String: String]>([:])

  init(next: any RunObserver) { self.next = next }

  var messages: [String: String] { kept.withLock { $0 } }

  func observe(_ event: RunEvent) {
    if case .failed(let failure) = event {
      kept.withLock { $0[failure.instance] = failure.message }
    }
    next.observe(event)
  }
}
