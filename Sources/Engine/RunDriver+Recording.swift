import Foundation
import Pipelines
import StageKit

// What is written to the provenance.
extension RunDriver {
  func jobReport(_ index: Int, _ execution: Execution, _ decision: Decision) -> JobReport {
    var row = JobRow(
      instance: plan.instances[index].address, actionKey: execution.miss.digest,
      decision: decision, reason: execution.reason.text,
      comparedJob: execution.reason.comparedJob)
    row.attempt = execution.attempt
    row.executor = setup.executor.name
    row.node = execution.last?.node
    row.queued = execution.queued
    row.started = execution.started
    row.ended = now
    row.exitCode = execution.last?.exitCode
    row.signal = execution.last?.signal
    row.cpuSeconds = execution.cpuSeconds
    row.maxResidentBytes = execution.maxResidentBytes
    row.logDigest = execution.logDigest
    row.heartbeat = execution.heartbeat
    var report = JobReport(row: row)
    report.inputs = portDigests(execution.miss)
    report.items = execution.reports
    report.metrics = execution.metrics
    return report
  }

  func portDigests(_ miss: Assessor.Miss) -> [PortDigest] {
    miss.inputs.map { input in
      PortDigest(
        port: input.binding.port, digest: input.digest,
        producer: input.binding.sources.map { plan.instances[$0.producer].address }
          .joined(separator: " "))
    }
  }

  /// With the instances behind it: those among the inputs' whose axes agree with one of its keys.
  func traced(_ cell: TableCell, to table: Instance) -> TableCell {
    var cell = cell
    let producers = table.inputs.flatMap(\.sources).map { plan.instances[$0.producer] }
    cell.sources = producers.filter { producer in
      cell.keys.contains { key in
        producer.axes.allSatisfy { key[$0.axis] == nil || key[$0.axis] == $0.name }
      }
    }.map(\.address)
    return cell
  }

  func actionReport(
    _ instance: Instance, _ miss: Assessor.Miss, result: ActionRecord?
  ) -> ActionReport {
    let (kind, version): (String, Int) =
      switch instance.work {
      case .kind(let kind, let version, _): (kind, version)
      case .command: ("run", 0)
      }
    return ActionReport(
      key: miss.digest, keyVersion: ActionKey.version, kind: kind, version: version,
      fields: miss.key.fields, result: result)
  }

  /// Records what has ended since the last time, in one transaction.
  func flush() throws {
    let events = observer.take()
    guard !reports.isEmpty || !events.isEmpty else { return }
    try describeUnknownActions()
    try setup.provenance.record(reports, events: events, run: run)
    reports = []
  }

  /// A hit on a result that another project made: its action is new to this database.
  func describeUnknownActions() throws {
    // Who executed an action describes it, with its metrics.
    var described = Set(reports.compactMap(\.action?.key))
    let keys = reports.compactMap(\.row.actionKey).filter { !described.contains($0) }
    guard !keys.isEmpty else { return }
    let unknown = try setup.provenance.unknownActions(among: keys)
    guard !unknown.isEmpty else { return }
    var indexByAddress: [String: Int] = [:]
    for index in setup.selection { indexByAddress[plan.instances[index].address] = index }
    for place in reports.indices {
      guard let key = reports[place].row.actionKey, unknown.contains(key),
        described.insert(key).inserted,
        let index = indexByAddress[reports[place].row.instance],
        let record = assessor.resolved[index]?.record
      else { continue }
      let current = try assessor.key(of: index)
      let miss = Assessor.Miss(
        key: current.key, digest: key, inputs: [], items: nil, cause: .noResult)
      reports[place].action = actionReport(plan.instances[index], miss, result: record)
    }
  }
}
