import Foundation
import Pipelines
import StageKit

// The items of `each:` stages: lanes of workers that take a few at a time.
extension RunDriver {
  func requestLane(_ index: Int) {
    executions[index]?.lanes += 1
    request(index)
  }

  /// Starts a worker on the next few items, as many as take about two seconds.
  func startLane(
    _ id: Int, _ index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    guard let execution = executions[index] else { return }
    let instance = plan.instances[index]
    let size = batchSize(execution, instance)
    var items: [Unit.Item] = []
    var locks: [any ActionLock] = []
    var rest = execution.queue[...]
    while items.count < size, let item = rest.popFirst(), let key = execution.miss.items?.keys[item]
    {
      guard let lock = try setup.store.tryLock(key) else {
        execution.busy.append(item)
        continue
      }
      if execution.miss.cause != .forced, let record = try setup.cache.record(for: key),
        record.outputs.allSatisfy({ assessor.isPresent($0.artifact) })
      {
        lock.unlock()
        execution.miss.items?.setOutputs(record.outputs.map(\.artifact), at: item)
        execution.cachedItems += 1
        continue
      }
      locks.append(lock)
      if let described = execution.miss.items?.unitItem(item) { items.append(described) }
    }
    execution.queue = Array(rest)
    guard !items.isEmpty else {
      release(id)
      execution.lanes -= 1
      try settleItems(index, &group)
      return
    }
    guard let base = execution.miss.items?.base else { return }
    let attempt = (items.map { execution.attempts[$0.index] ?? 0 }.max() ?? 0) + 1
    launch(
      id, index,
      Unit(
        instance: instance, key: base, inputs: execution.miss.inputs, items: items,
        sources: assessor.files.listings(of: instance), attempt: attempt),
      locks: locks, &group)
  }

  func batchSize(_ execution: Execution, _ instance: Instance) -> Int {
    if case .command = instance.work { return 1 }
    // A time limit is an item's; a retry shows which item it is that fails.
    if (setup.timeoutSeconds ?? instance.timeoutSeconds) != nil { return 1 }
    guard let seconds = execution.meanItemSeconds else { return 1 }
    let share = (execution.queue.count + execution.lanes * 2 - 1) / (execution.lanes * 2)
    // Each item holds a lock, which is an open file.
    return max(1, min(share, Int(2 / max(seconds, 0.002)), 128))
  }

  func take(
    _ result: UnitResult, items flight: Flight,
    _ group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    let index = flight.instance
    guard let execution = executions[index] else { return }
    let instance = flight.unit.instance
    execution.lanes -= 1
    var retried = 0
    for item in result.items {
      switch item.outcome {
      case .success(let artifacts):
        try setup.cache.save(
          ActionRecord(
            key: item.item.key,
            outputs: zip(instance.outputs, artifacts).map { .init(port: $0.name, artifact: $1) },
            seconds: item.ended - item.started))
        execution.miss.items?.setOutputs(artifacts, at: item.item.index)
        let seconds = item.ended - item.started
        execution.meanItemSeconds =
          execution.meanItemSeconds.map { 0.8 * $0 + 0.2 * seconds } ?? seconds
        execution.endedItems += 1
        execution.reports.append(
          itemReport(
            item, .run, error: nil,
            result: ItemResult(
              item: item.item.id, key: item.item.key, action: flight.unit.key, outputs: artifacts)))
        observer.observe(
          .itemEnded(
            instance: instance.address, item: item.item.id,
            done: execution.cachedItems + execution.endedItems,
            total: execution.miss.items?.count ?? 0, seconds: seconds))
      case .failure(let failure):
        let tries = (execution.attempts[item.item.index] ?? 0) + 1
        execution.attempts[item.item.index] = tries
        if interruption.isRaised {
          execution.reports.append(
            itemReport(item, .interrupted, error: failure.message, result: nil))
        } else if tries <= setup.retries ?? instance.retries.times, !failure.inputChanged {
          execution.resting.append(item.item.index)
          retried = max(retried, tries)
        } else {
          execution.failures.append(failure)
          execution.reports.append(itemReport(item, .failed, error: failure.message, result: nil))
          if instance.skipsFailedItems && !failure.inputChanged {
            observer.observe(
              .message(
                instance: instance.address, item: item.item.id,
                "left out: \(failure.message)"))
          } else if !setup.keepsGoing {
            execution.queue = []
          }
        }
      }
    }
    execution.queue = result.untouched.map(\.index) + execution.queue
    if interruption.isRaised {
      if execution.lanes == 0 { interrupted(index) }
      return
    }
    if retried > 0 {
      let pauseSeconds = instance.retries.backoffSeconds * Double(1 << min(retried - 1, 20))
      pause(seconds: pauseSeconds, instance: index, &group)
    }
    if !execution.queue.isEmpty {
      let most = max(1, setup.capacity.cpu / max(1, instance.resources.cpu))
      while (executions[index]?.lanes ?? most) < min(most, execution.queue.count) {
        requestLane(index)
      }
    } else {
      try settleItems(index, &group)
    }
  }

  /// Once no lane is left: waits for items of other processes or of retries, or ends the instance.
  func settleItems(_ index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>) throws {
    guard let execution = executions[index], execution.lanes == 0, execution.queue.isEmpty,
      execution.resting.isEmpty
    else { return }
    if let busy = execution.busy.first, let key = execution.miss.items?.keys[busy] {
      wait(for: key, instance: index, &group)
    } else {
      try finishItems(index)
    }
  }

  func itemReport(
    _ item: UnitResult.ItemResult, _ decision: Decision, error: String?, result: ItemResult?
  ) -> ItemReport {
    ItemReport(
      item: item.item.id, key: item.item.key, decision: decision, started: item.started,
      ended: item.ended, error: error, result: result)
  }

  /// All items have ended: the collections are made, or the instance has failed.
  func finishItems(_ index: Int) throws {
    guard let execution = executions[index] else { return }
    let instance = plan.instances[index]
    let serious = execution.failures.filter { !instance.skipsFailedItems || $0.inputChanged }
    if let first = serious.first {
      var failure = first
      if serious.count > 1 {
        failure.message += " (and \(serious.count - 1) more items failed)"
      }
      fail(index, failure)
      return
    }
    let record = try assemble(index, execution)
    try complete(index, record, cells: [])
  }

  /// Makes the collections of an `each:` stage's outputs and saves its record.
  func assemble(_ index: Int, _ execution: Execution) throws -> ActionRecord {
    let instance = plan.instances[index]
    guard let items = execution.miss.items else {
      preconditionFailure("only an each: stage is assembled")
    }
    let outputs = try instance.outputs.indices.map { port in
      let collection = items.collection(outputPort: port)
      return ActionRecord.Output(
        port: instance.outputs[port].name,
        artifact: Artifact(
          form: .collection, digest: try setup.store.put(collection.bytes), size: collection.size))
    }
    let record = ActionRecord(
      key: execution.miss.digest, outputs: outputs,
      skipped: execution.failures.compactMap(\.item).sorted(),
      seconds: execution.reports.reduce(0) { $0 + $1.ended - $1.started })
    let standing = try save(record, index, execution)
    setup.store.removeCheckpointFolder(for: items.base)
    return standing
  }
}
