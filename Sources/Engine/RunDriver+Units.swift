import Foundation
import Pipelines
import StageKit

// Starting units, and what came of whole instances.
extension RunDriver {
  func startUnits(_ group: inout ThrowingTaskGroup<Event, any Error>) throws {
    guard !stopping else { return }
    var started = scheduler.start()
    while !started.isEmpty {
      for id in started {
        guard let index = requests[id], let execution = executions[index] else {
          scheduler.finish(id)
          continue
        }
        if execution.miss.items != nil {
          try startLane(id, index, &group)
        } else {
          try startWhole(id, index, &group)
        }
      }
      started = scheduler.start()
    }
  }

  func startWhole(
    _ id: Int, _ index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    guard let execution = executions[index] else { return }
    let instance = plan.instances[index]
    guard let lock = try setup.store.tryLock(execution.miss.digest) else {
      release(id)
      wait(for: execution.miss.digest, instance: index, &group)
      return
    }
    if execution.miss.cause != .forced,
      let record = try setup.cache.record(for: execution.miss.digest),
      record.outputs.allSatisfy({ assessor.isPresent($0.artifact) })
    {
      // Another process made it since.
      lock.unlock()
      release(id)
      forget(index)
      try reuse(index, record, items: nil, reason: "another run made it meanwhile")
      try sweep(from: consumers[index] + follow(index))
      return
    }
    launch(
      id, index,
      Unit(
        instance: instance, key: execution.miss.digest, inputs: execution.miss.inputs, items: nil,
        sources: assessor.files.listings(of: instance), attempt: execution.attempt),
      locks: [lock], &group)
  }

  func launch(
    _ id: Int, _ index: Int, _ unit: Unit, locks: [any ActionLock],
    _ group: inout ThrowingTaskGroup<Event, any Error>
  ) {
    flights[id] = Flight(instance: index, unit: unit, locks: locks)
    if executions[index]?.started == nil {
      executions[index]?.started = now
      let execution = executions[index]
      observer.observe(
        .started(
          instance: unit.instance.address, reason: execution?.reason.text ?? "",
          items: execution?.miss.items?.count, cachedItems: execution?.cachedItems ?? 0))
    }
    let run = run
    let environment = setup.jobEnvironment
    let runner = UnitRunner(
      store: setup.store, digests: setup.digests, executor: setup.executor,
      machine: JobMachine(
        worker: setup.worker, project: setup.project.root, hidden: setup.hidden,
        readable: setup.readable,
        timeoutSeconds: setup.timeoutSeconds,
        environment: { environment($0, $1, $2, run) }),
      places: Places(store: setup.store, references: assessor.files.places),
      logs: setup.project.logs(run: run), observer: observer)
    group.addTask {
      do {
        return .unit(id, .success(try await runner.run(unit)))
      } catch {
        return .unit(id, .failure(error))
      }
    }
  }

  /// Waits without taking a processor until nobody holds the lock.
  func wait(
    for key: Digest, instance index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>
  ) {
    observer.observe(
      .waiting(
        instance: plan.instances[index].address, reason: "another run executes the same action"))
    let store = setup.store
    let limit = setup.lockTimeoutSeconds
    let interruption = interruption
    group.addTask {
      let begun = ContinuousClock.now
      while !interruption.isRaised {
        if let lock = try store.tryLock(key) {
          lock.unlock()
          break
        }
        if let limit, ContinuousClock.now - begun > .seconds(limit) {
          return .lock(instance: index, timedOut: true)
        }
        try await Task.sleep(for: .milliseconds(50))
      }
      return .lock(instance: index, timedOut: false)
    }
  }

  func pause(
    seconds: Double, instance index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>
  ) {
    let interruption = interruption
    group.addTask {
      let end = ContinuousClock.now + .seconds(seconds)
      while !interruption.isRaised, ContinuousClock.now < end {
        try await Task.sleep(for: min(.milliseconds(100), end - ContinuousClock.now))
      }
      return .pauseOver(instance: index)
    }
  }

  func request(_ index: Int) {
    nextRequest += 1
    requests[nextRequest] = index
    scheduler.add(
      nextRequest, resources: plan.instances[index].resources, priority: depth[index])
  }

  func release(_ id: Int) {
    scheduler.finish(id)
    requests[id] = nil
  }

  func take(
    _ result: UnitResult, whole flight: Flight,
    _ group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    let index = flight.instance
    guard let execution = executions[index] else { return }
    let instance = flight.unit.instance
    switch result.outputs {
    case .success(let artifacts):
      let record = ActionRecord(
        key: execution.miss.digest,
        outputs: zip(instance.outputs, artifacts).map { .init(port: $0.name, artifact: $1) },
        seconds: (execution.last?.ended ?? now) - (execution.last?.started ?? now))
      try complete(index, record, cells: result.cells)
    case .failure(let failure):
      if interruption.isRaised {
        interrupted(index)
      } else if execution.attempt <= setup.retries ?? instance.retries.times, !failure.inputChanged
      {
        let pauseSeconds =
          instance.retries.backoffSeconds * Double(1 << min(execution.attempt - 1, 20))
        execution.attempt += 1
        observer.observe(
          .waiting(
            instance: instance.address,
            reason: "\(failure.message); attempt \(execution.attempt) in \(pauseSeconds) s"))
        pause(seconds: pauseSeconds, instance: index, &group)
      } else {
        fail(index, failure)
      }
    case nil: interrupted(index)
    }
  }

  func note(_ result: UnitResult, _ flight: Flight) {
    guard let outcome = result.outcome else { return }
    guard let execution = executions[flight.instance] else { return }
    execution.last = outcome
    execution.cpuSeconds += outcome.cpuSeconds
    execution.maxResidentBytes = max(execution.maxResidentBytes, outcome.maxResidentBytes)
    execution.metrics += result.metrics
    execution.heartbeat = result.heartbeat ?? execution.heartbeat
    execution.logDigest = result.logDigest ?? execution.logDigest
  }
}
