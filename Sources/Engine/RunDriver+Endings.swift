import Foundation
import Pipelines
import StageKit

// How an instance ends, and what that means for others.
extension RunDriver {
  /// An instance has its outputs without executing in this run.
  func reuse(
    _ index: Int, _ record: ActionRecord, items: Int?, action miss: Assessor.Miss? = nil,
    reason: String = ""
  ) throws {
    let instance = plan.instances[index]
    let ranBefore = instance.inputs.contains { binding in
      binding.sources.contains { source in
        let decision = assessor.resolved[source.producer]?.decision
        return decision == .run || decision == .cutOff
      }
    }
    let decision = ranBefore ? Decision.cutOff : .hit
    assessor.resolve(index, with: record, decision: decision)
    savedSeconds += record.seconds
    var row = JobRow(
      instance: instance.address, actionKey: record.key, decision: decision,
      reason: reason.isEmpty
        ? (ranBefore ? "same inputs as before" : "nothing changed") : reason)
    row.queued = now
    var report = JobReport(row: row)
    if let miss {
      report.action = actionReport(instance, miss, result: record)
      report.inputs = portDigests(miss)
    }
    end(index, decision, report)
    try links?.show(instance, record)
    observer.observe(
      .reused(
        instance: instance.address, decision: decision, items: items,
        savedSeconds: record.seconds))
  }

  func reopen(_ index: Int) {
    if case .ended(let decision) = states[index] {
      counts[decision, default: 1] -= 1
      let address = plan.instances[index].address
      reports.removeAll { $0.row.instance == address }
    }
    states[index] = .waiting
  }

  func end(_ index: Int, _ decision: Decision, _ report: JobReport) {
    states[index] = .ended(decision)
    counts[decision, default: 0] += 1
    reports.append(report)
  }

  func complete(_ index: Int, _ record: ActionRecord, cells: [TableCell]) throws {
    guard let execution = executions[index] else { return }
    let instance = plan.instances[index]
    let record = execution.miss.items == nil ? try save(record, index, execution) : record
    var report = jobReport(index, execution, .run)
    report.action = actionReport(instance, execution.miss, result: record)
    report.cells = cells.map { traced($0, to: instance) }
    assessor.resolve(index, with: record, decision: .run)
    let seconds = now - (execution.started ?? now)
    let followers = follow(index)
    forget(index)
    end(index, .run, report)
    let items = execution.miss.items?.count
    // Of many items it is the largest of what is in memory, and what follows needs its own.
    execution.miss.items = nil
    try links?.show(instance, record)
    observer.observe(
      .finished(
        instance: instance.address, seconds: seconds, items: items,
        cachedItems: execution.cachedItems, skipped: record.skipped))
    try sweep(from: consumers[index] + followers)
  }

  /// Saves a result; says so where the same action gave another one before.
  ///
  /// - Returns: the record that stands
  func save(
    _ record: ActionRecord, _ index: Int, _ execution: Execution
  ) throws -> ActionRecord {
    if execution.miss.cause == .forced, let before = try setup.cache.record(for: record.key),
      before.resultDigest != record.resultDigest
    {
      observer.observe(
        .warning(
          "'\(plan.instances[index].address)' gave other bytes than before from the same inputs: it is not deterministic"
        ))
    }
    return try setup.cache.save(record)
  }

  func fail(_ index: Int, _ failure: Failure) {
    failed = true
    var report = JobReport(
      row: JobRow(
        instance: plan.instances[index].address, actionKey: nil, decision: .failed,
        reason: failure.message))
    if let execution = executions[index] {
      report = jobReport(index, execution, .failed)
      report.row.reason = failure.message
      report.action = actionReport(plan.instances[index], execution.miss, result: nil)
    }
    let waiting = follow(index)
    forget(index)
    end(index, .failed, report)
    observer.observe(.failed(failure))
    for follower in waiting { skip(follower, because: plan.instances[index].address) }
    for consumer in consumers[index] { skip(consumer, because: plan.instances[index].address) }
    if !setup.keepsGoing { stop() }
  }

  func skip(_ index: Int, because cause: String) {
    guard case .waiting = states[index] else { return }
    let address = plan.instances[index].address
    let reason = "needs \(cause), which failed"
    end(
      index, .skipped,
      JobReport(
        row: JobRow(instance: address, actionKey: nil, decision: .skipped, reason: reason)))
    observer.observe(.notRun(instance: address, decision: .skipped, reason: reason))
    for consumer in consumers[index] { skip(consumer, because: cause) }
  }

  func interrupted(_ index: Int) {
    guard let execution = executions[index] else { return }
    let decision = interruption.isRaised ? Decision.interrupted : .cancelled
    var report = jobReport(index, execution, decision)
    report.action = actionReport(plan.instances[index], execution.miss, result: nil)
    forget(index)
    end(index, decision, report)
    observer.observe(
      .notRun(
        instance: plan.instances[index].address, decision: decision,
        reason: interruption.isRaised ? "interrupted" : "stopped after a failure"))
  }

  func cancel(_ index: Int) {
    let address = plan.instances[index].address
    let reason = interruption.isRaised ? "interrupted before its turn" : "stopped after a failure"
    end(
      index, .cancelled,
      JobReport(
        row: JobRow(instance: address, actionKey: nil, decision: .cancelled, reason: reason)))
    observer.observe(.notRun(instance: address, decision: .cancelled, reason: reason))
  }

  /// What never came to its turn: items of failed stages, instances after an interruption.
  func settleRest() {
    for index in plan.instances.indices {
      switch states[index] {
      case .active?:
        guard let execution = executions[index] else { continue }
        if execution.started != nil {
          if let failure = execution.failures.first {
            fail(index, failure)
          } else {
            interrupted(index)
          }
        } else {
          cancel(index)
        }
      case .waiting?: cancel(index)
      default: break
      }
    }
  }

  func stop() {
    stopping = true
    for id in scheduler.cancelWaiting() {
      if let index = requests.removeValue(forKey: id), executions[index]?.miss.items != nil {
        executions[index]?.lanes -= 1
      }
    }
  }

  /// Takes an instance off the tables of what is on its way.
  func forget(_ index: Int) {
    if let execution = executions.removeValue(forKey: index) {
      activeKeys[execution.miss.digest] = nil
    }
  }

  /// Instances that waited for the same action; they are looked at again.
  func follow(_ index: Int) -> [Int] { followers.removeValue(forKey: index) ?? [] }
}
