import Foundation
import Pipelines
import StageKit

/// One run from begin to end. Confined to the task that calls `run`; child tasks execute units.
///
/// The flow: `sweep` resolves every instance whose producers are known, until only instances that
/// must execute are left; these become units for the scheduler; each event (a unit ended, a lock
/// came free, a pause is over) changes the state and starts the next sweep.
final class RunDriver {
  /// What an instance of the selection is doing.
  private enum State {
    case waiting
    /// Its miss is known; units of it wait or run.
    case active
    case ended(Decision)
  }

  private enum Event: Sendable {
    case unit(Int, Result<UnitResult, any Error>)
    /// Another process released the action's lock, or the wait took too long.
    case lock(instance: Int, timedOut: Bool)
    case pauseOver(instance: Int)
    case described(SourceChanges?)
  }

  /// A miss on its way.
  private struct Execution {
    var miss: Assessor.Miss
    var reason: Reason
    var queued: Double
    var started: Double?
    var attempt = 1
    var cpuSeconds = 0.0
    var maxResidentBytes = 0
    var last: JobOutcome?
    var logDigest: Digest?
    var metrics: [MetricRow] = []
    // Of an each: stage.
    var queue: [Int] = []
    /// Items that another process works on.
    var busy: [Int] = []
    /// Items that failed and are tried again after a pause.
    var resting: [Int] = []
    var attempts: [Int: Int] = [:]
    var lanes = 0
    var reports: [ItemReport] = []
    var failures: [Failure] = []
    var meanItemSeconds: Double?
    var cachedItems = 0
    /// How many items were executed with success.
    var endedItems = 0
  }

  private struct Flight {
    var instance: Int
    var unit: Unit
    var locks: [any ActionLock]
  }

  private let setup: RunSetup
  private let plan: Plan
  private let interruption: Interruption
  private let observer: EventRecorder
  private let assessor: Assessor
  private let links: LatestLinks
  private var states: [Int: State] = [:]
  private var executions: [Int: Execution] = [:]
  private var consumers: [[Int]]
  private var depth: [Int]
  private var scheduler: Scheduler
  private var flights: [Int: Flight] = [:]
  /// Requests of the scheduler: which instance asked.
  private var requests: [Int: Int] = [:]
  private var nextRequest = 0
  /// Actions that run in this process, and instances that wait for the same one.
  private var activeKeys: [Digest: Int] = [:]
  private var followers: [Int: [Int]] = [:]
  private var leaders: [Int: String] = [:]
  private var reports: [JobReport] = []
  private var run = 0
  private var stopping = false
  private var failed = false
  private var savedSeconds = 0.0
  private var counts: [Decision: Int] = [:]

  init(_ setup: RunSetup, _ interruption: Interruption) {
    self.setup = setup
    plan = setup.plan
    self.interruption = interruption
    observer = EventRecorder(next: setup.observer)
    assessor = Assessor(
      plan: setup.plan, store: setup.store, cache: setup.cache, provenance: setup.provenance,
      digests: setup.digests, environment: setup.environment)
    links = LatestLinks(
      project: setup.project, pipeline: setup.plan.name, store: setup.store,
      provenance: setup.provenance, files: assessor.files)
    scheduler = Scheduler(capacity: setup.capacity)
    consumers = Array(repeating: [], count: setup.plan.instances.count)
    depth = Array(repeating: 0, count: setup.plan.instances.count)
    for index in plan.instances.indices.reversed() where setup.selection.contains(index) {
      states[index] = .waiting
      for producer in producers(of: index) {
        consumers[producer].append(index)
        depth[producer] = max(depth[producer], depth[index] + 1)
      }
    }
  }

  func run() async throws -> RunOutcome {
    let begun = now
    run = try setup.provenance.begin(setup.row)
    var status = RunStatus.failed
    do {
      try await execute()
      status = interruption.isRaised ? .interrupted : failed ? .failed : .succeeded
    } catch {
      // What is known is recorded before the error goes up.
      settleRest()
      try? flush()
      try? setup.provenance.end(
        run: run, status: interruption.isRaised ? .interrupted : .failed, at: now)
      throw error
    }
    settleRest()
    try flush()
    try links.finish(wholePlan: setup.selection.count == plan.instances.count ? plan : nil)
    try setup.provenance.end(run: run, status: status, at: now)
    let summary = RunOutcome(
      run: run, status: status, counts: counts, seconds: now - begun, savedSeconds: savedSeconds)
    observer.observe(.ended(summary))
    return summary
  }

  private func execute() async throws {
    try sweep(from: plan.instances.indices.filter { setup.selection.contains($0) })
    let cached = (counts[.hit] ?? 0) + (counts[.cutOff] ?? 0)
    observer.observe(.planned(total: setup.selection.count, cached: cached))
    try refuseImpossibleRequests()
    guard !executions.isEmpty else { return }
    try flush()
    try await withThrowingTaskGroup(of: Event.self) { group in
      do {
        // Costs milliseconds, so only a run that executes something asks, and does not wait.
        let describe = setup.sourceChanges
        group.addTask { .described(describe()) }
        try startUnits(&group)
        while let event = try await group.next() {
          if interruption.isRaised { stop() }
          try handle(event, &group)
          try startUnits(&group)
          try flush()
        }
      } catch {
        // Nothing that still runs could be recorded.
        setup.executor.stop(force: false)
        throw error
      }
    }
  }

  /// Before anything starts: what has its result needs no resources, all else may.
  private func refuseImpossibleRequests() throws {
    var problems: [Diagnostic] = []
    for (index, instance) in plan.instances.enumerated() {
      switch states[index] {
      case nil, .ended: continue
      case .waiting, .active:
        guard let shortage = setup.capacity.shortage(for: instance.resources) else { continue }
        problems.append(
          Diagnostic(
            .impossibleRequest, "'\(instance.address)' can never start: \(shortage)",
            at: instance.position))
      }
    }
    guard problems.isEmpty else { throw Diagnostics(problems) }
  }

  // MARK: Deciding

  /// Assesses instances that are ready, and then those that become ready by it.
  private func sweep(from indices: [Int]) throws {
    var queue = indices
    var next = 0
    while next < queue.count {
      let index = queue[next]
      next += 1
      guard case .waiting = states[index], assessor.isReady(index) else { continue }
      do {
        try assess(index, queue: &queue)
      } catch let problem as Diagnostic {
        fail(
          index,
          Failure(instance: plan.instances[index].address, item: nil, message: "\(problem)"))
      } catch let failure as Failure {
        fail(index, failure)
      }
    }
  }

  private func assess(_ index: Int, queue: inout [Int]) throws {
    let instance = plan.instances[index]
    switch try assessor.assess(index, forced: setup.forced.contains(index)) {
    case .hit(let record):
      let leader = leaders[index].map { "the same action as '\($0)'" }
      try reuse(index, record, items: nil, reason: leader ?? "")
      queue += consumers[index]
    case .miss(let miss):
      let lost = assessor.producersWithLostObjects(of: miss)
      if !lost.isEmpty {
        for producer in lost {
          try setup.cache.forget(assessor.key(of: producer).digest)
          assessor.unresolve(producer)
          reopen(producer)
        }
        queue += lost
        return
      }
      if let active = activeKeys[miss.digest] {
        followers[active, default: []].append(index)
        leaders[index] = plan.instances[active].address
        return
      }
      try begin(index, instance, miss, queue: &queue)
    }
  }

  private func begin(
    _ index: Int, _ instance: Instance, _ miss: Assessor.Miss, queue: inout [Int]
  ) throws {
    let reason = try Reason.of(miss, instance: instance, provenance: setup.provenance)
    var execution = Execution(miss: miss, reason: reason, queued: now)
    if let items = miss.items {
      execution.queue = items.pending
      execution.cachedItems = items.count - execution.queue.count
      if execution.queue.isEmpty {
        // Every item has a result; only the collection of them is new.
        let record = try assemble(index, execution)
        try reuse(index, record, items: items.count, action: miss)
        queue += consumers[index]
        return
      }
    }
    guard !stopping else { return }
    executions[index] = execution
    activeKeys[miss.digest] = index
    states[index] = .active
    if let items = miss.items {
      let most = max(1, setup.capacity.cpu / max(1, instance.resources.cpu))
      for _ in 0..<min(most, items.pending.count) { requestLane(index) }
    } else {
      request(index)
    }
  }

  private func requestLane(_ index: Int) {
    executions[index]?.lanes += 1
    request(index)
  }

  private func request(_ index: Int) {
    nextRequest += 1
    requests[nextRequest] = index
    scheduler.add(
      nextRequest, resources: plan.instances[index].resources, priority: depth[index])
  }

  /// An instance has its outputs without executing in this run.
  private func reuse(
    _ index: Int, _ record: ActionRecord, items: Int?, action miss: Assessor.Miss? = nil,
    reason: String = ""
  ) throws {
    let instance = plan.instances[index]
    let ranBefore = producers(of: index).contains { producer in
      guard let decision = assessor.resolved[producer]?.decision else { return false }
      return decision == .run || decision == .cutOff
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
    try links.show(instance, record)
    observer.observe(
      .reused(
        instance: instance.address, decision: decision, items: items,
        savedSeconds: record.seconds))
  }

  private func reopen(_ index: Int) {
    if case .ended(let decision) = states[index] {
      counts[decision, default: 1] -= 1
      let address = plan.instances[index].address
      reports.removeAll { $0.row.instance == address }
    }
    states[index] = .waiting
  }

  private func end(_ index: Int, _ decision: Decision, _ report: JobReport) {
    states[index] = .ended(decision)
    counts[decision, default: 0] += 1
    reports.append(report)
  }

  // MARK: Starting

  private func startUnits(_ group: inout ThrowingTaskGroup<Event, any Error>) throws {
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

  private func startWhole(
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

  /// Starts a worker on the next few items, as many as take about two seconds.
  private func startLane(
    _ id: Int, _ index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    guard var execution = executions[index], let set = execution.miss.items else { return }
    let instance = plan.instances[index]
    let size = batchSize(execution, instance)
    var items: [Unit.Item] = []
    var locks: [any ActionLock] = []
    var rest = execution.queue[...]
    while items.count < size, let item = rest.popFirst() {
      guard let lock = try setup.store.tryLock(set.keys[item]) else {
        execution.busy.append(item)
        continue
      }
      if execution.miss.cause != .forced, let record = try setup.cache.record(for: set.keys[item]),
        record.outputs.allSatisfy({ assessor.isPresent($0.artifact) })
      {
        lock.unlock()
        execution.miss.items?.setOutputs(record.outputs.map(\.artifact), at: item)
        execution.cachedItems += 1
        continue
      }
      locks.append(lock)
      var inputs: [String: Artifact] = [:]
      for (place, port) in set.ports.enumerated() { inputs[port] = set.input(item, port: place) }
      items.append(Unit.Item(index: item, id: set.id(item), key: set.keys[item], inputs: inputs))
    }
    execution.queue = Array(rest)
    executions[index] = execution
    guard !items.isEmpty else {
      release(id)
      executions[index]?.lanes -= 1
      try settleItems(index, &group)
      return
    }
    let attempt = (items.map { execution.attempts[$0.index] ?? 0 }.max() ?? 0) + 1
    launch(
      id, index,
      Unit(
        instance: instance, key: set.base, inputs: execution.miss.inputs, items: items,
        sources: assessor.files.listings(of: instance), attempt: attempt),
      locks: locks, &group)
  }

  private func batchSize(_ execution: Execution, _ instance: Instance) -> Int {
    if case .command = instance.work { return 1 }
    // A time limit is an item's; a retry shows which item it is that fails.
    if (setup.timeoutSeconds ?? instance.timeoutSeconds) != nil { return 1 }
    guard let seconds = execution.meanItemSeconds else { return 1 }
    let share = (execution.queue.count + execution.lanes * 2 - 1) / (execution.lanes * 2)
    return max(1, min(share, Int(2 / max(seconds, 0.002)), 512))
  }

  private func launch(
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
      logs: setup.project.logs(run: run), observer: observer,
      keepsStaging: setup.keepsStaging)
    group.addTask {
      do {
        return .unit(id, .success(try await runner.run(unit)))
      } catch {
        return .unit(id, .failure(error))
      }
    }
  }

  /// Waits without taking a processor until nobody holds the lock.
  private func wait(
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

  private func pause(
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

  private func release(_ id: Int) {
    scheduler.finish(id)
    requests[id] = nil
  }

  // MARK: What happened

  private func handle(_ event: Event, _ group: inout ThrowingTaskGroup<Event, any Error>) throws {
    switch event {
    case .described(let changes):
      if let changes { try setup.provenance.note(changes, run: run) }
    case .lock(let index, let timedOut):
      if timedOut {
        throw EnvironmentError(
          .lockTimeout,
          "'\(plan.instances[index].address)' is still executed by another run; wait for it, or raise --lock-timeout"
        )
      }
      guard executions[index] != nil, !stopping else { return }
      if executions[index]?.miss.items != nil {
        let busy = executions[index]?.busy ?? []
        executions[index]?.busy = []
        executions[index]?.queue += busy
        requestLane(index)
      } else {
        request(index)
      }
    case .pauseOver(let index):
      guard var execution = executions[index], !stopping else { return }
      guard execution.miss.items != nil else {
        request(index)
        return
      }
      execution.queue += execution.resting
      execution.resting = []
      executions[index] = execution
      requestLane(index)
    case .unit(let id, let result):
      guard let flight = flights.removeValue(forKey: id) else { return }
      defer { for lock in flight.locks { lock.unlock() } }
      release(id)
      let value = try result.get()
      note(value, flight)
      if flight.unit.items != nil {
        try take(value, items: flight, &group)
      } else {
        try take(value, whole: flight, &group)
      }
    }
  }

  private func note(_ result: UnitResult, _ flight: Flight) {
    guard let outcome = result.outcome else { return }
    guard var execution = executions[flight.instance] else { return }
    execution.last = outcome
    execution.cpuSeconds += outcome.cpuSeconds
    execution.maxResidentBytes = max(execution.maxResidentBytes, outcome.maxResidentBytes)
    execution.metrics += result.metrics
    execution.logDigest = result.logDigest ?? execution.logDigest
    executions[flight.instance] = execution
  }

  private func take(
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
      } else if execution.attempt <= setup.retries ?? instance.retries.times {
        executions[index]?.attempt += 1
        let pauseSeconds =
          instance.retries.backoffSeconds * Double(1 << min(execution.attempt - 1, 20))
        observer.observe(
          .waiting(
            instance: instance.address,
            reason: "\(failure.message); attempt \(execution.attempt + 1) in \(pauseSeconds) s"))
        pause(seconds: pauseSeconds, instance: index, &group)
      } else {
        fail(index, failure)
      }
    case nil: interrupted(index)
    }
  }

  private func take(
    _ result: UnitResult, items flight: Flight,
    _ group: inout ThrowingTaskGroup<Event, any Error>
  ) throws {
    let index = flight.instance
    guard var execution = executions[index] else { return }
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
        } else if tries <= setup.retries ?? instance.retries.times {
          execution.resting.append(item.item.index)
          retried = max(retried, tries)
        } else {
          execution.failures.append(failure)
          execution.reports.append(itemReport(item, .failed, error: failure.message, result: nil))
          if instance.skipsFailedItems {
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
    executions[index] = execution
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
  private func settleItems(_ index: Int, _ group: inout ThrowingTaskGroup<Event, any Error>) throws
  {
    guard let execution = executions[index], execution.lanes == 0, execution.queue.isEmpty,
      execution.resting.isEmpty
    else { return }
    if let busy = execution.busy.first, let key = execution.miss.items?.keys[busy] {
      wait(for: key, instance: index, &group)
    } else {
      try finishItems(index)
    }
  }

  private func itemReport(
    _ item: UnitResult.ItemResult, _ decision: Decision, error: String?, result: ItemResult?
  ) -> ItemReport {
    ItemReport(
      item: item.item.id, key: item.item.key, decision: decision, started: item.started,
      ended: item.ended, error: error, result: result)
  }

  /// All items have ended: the collections are made, or the instance has failed.
  private func finishItems(_ index: Int) throws {
    guard let execution = executions[index] else { return }
    let instance = plan.instances[index]
    if let first = execution.failures.first, !instance.skipsFailedItems {
      var failure = first
      if execution.failures.count > 1 {
        failure.message += " (and \(execution.failures.count - 1) more items failed)"
      }
      fail(index, failure)
      return
    }
    let record = try assemble(index, execution)
    try complete(index, record, cells: [])
  }

  /// Makes the collections of an `each:` stage's outputs and saves its record.
  private func assemble(_ index: Int, _ execution: Execution) throws -> ActionRecord {
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
    try save(record, index, execution)
    return record
  }

  /// Saves a result; says so where the same action gave another one before.
  private func save(_ record: ActionRecord, _ index: Int, _ execution: Execution) throws {
    if execution.miss.cause == .forced, let before = try setup.cache.record(for: record.key),
      before.resultDigest != record.resultDigest
    {
      observer.observe(
        .warning(
          "'\(plan.instances[index].address)' gave other bytes than before from the same inputs: it is not deterministic"
        ))
    }
    try setup.cache.save(record)
  }

  private func complete(_ index: Int, _ record: ActionRecord, cells: [TableCell]) throws {
    guard let execution = executions[index] else { return }
    let instance = plan.instances[index]
    if execution.miss.items == nil { try save(record, index, execution) }
    var report = jobReport(index, execution, .run)
    report.action = actionReport(instance, execution.miss, result: record)
    report.cells = cells
    assessor.resolve(index, with: record, decision: .run)
    let seconds = now - (execution.started ?? now)
    let followers = follow(index)
    forget(index)
    end(index, .run, report)
    try links.show(instance, record)
    observer.observe(
      .finished(
        instance: instance.address, seconds: seconds, items: execution.miss.items?.count,
        cachedItems: execution.cachedItems, skipped: record.skipped))
    try sweep(from: consumers[index] + followers)
  }

  private func fail(_ index: Int, _ failure: Failure) {
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

  private func skip(_ index: Int, because cause: String) {
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

  private func interrupted(_ index: Int) {
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

  private func stop() {
    stopping = true
    for id in scheduler.cancelWaiting() {
      if let index = requests.removeValue(forKey: id), executions[index]?.miss.items != nil {
        executions[index]?.lanes -= 1
      }
    }
  }

  /// What never came to its turn: items of failed stages, instances after an interruption.
  private func settleRest() {
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

  private func cancel(_ index: Int) {
    let address = plan.instances[index].address
    let reason = interruption.isRaised ? "interrupted before its turn" : "stopped after a failure"
    end(
      index, .cancelled,
      JobReport(
        row: JobRow(instance: address, actionKey: nil, decision: .cancelled, reason: reason)))
    observer.observe(.notRun(instance: address, decision: .cancelled, reason: reason))
  }

  /// Takes an instance off the tables of what is on its way.
  private func forget(_ index: Int) {
    if let execution = executions.removeValue(forKey: index) {
      activeKeys[execution.miss.digest] = nil
    }
  }

  /// Instances that waited for the same action; they are looked at again.
  private func follow(_ index: Int) -> [Int] { followers.removeValue(forKey: index) ?? [] }

  // MARK: Recording

  private func jobReport(_ index: Int, _ execution: Execution, _ decision: Decision) -> JobReport {
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
    var report = JobReport(row: row)
    report.inputs = portDigests(execution.miss)
    report.items = execution.reports
    report.metrics = execution.metrics
    return report
  }

  private func portDigests(_ miss: Assessor.Miss) -> [PortDigest] {
    miss.inputs.map { input in
      PortDigest(
        port: input.binding.port, digest: input.digest,
        producer: input.binding.sources.map { plan.instances[$0.producer].address }
          .joined(separator: " "))
    }
  }

  private func actionReport(
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
  private func flush() throws {
    let events = observer.take()
    guard !reports.isEmpty || !events.isEmpty else { return }
    try describeUnknownActions()
    try setup.provenance.record(reports, events: events, run: run)
    reports = []
  }

  /// A hit on a result that another project made: its action is new to this database.
  private func describeUnknownActions() throws {
    let keys = reports.filter { $0.action == nil }.compactMap(\.row.actionKey)
    guard !keys.isEmpty else { return }
    let unknown = try setup.provenance.unknownActions(among: keys)
    guard !unknown.isEmpty else { return }
    var indexByAddress: [String: Int] = [:]
    for index in setup.selection { indexByAddress[plan.instances[index].address] = index }
    for place in reports.indices {
      guard let key = reports[place].row.actionKey, unknown.contains(key),
        let index = indexByAddress[reports[place].row.instance],
        let record = assessor.resolved[index]?.record
      else { continue }
      let current = try assessor.key(of: index)
      let miss = Assessor.Miss(
        key: current.key, digest: key, inputs: [], items: nil, cause: .noResult)
      reports[place].action = actionReport(plan.instances[index], miss, result: record)
    }
  }

  private func producers(of index: Int) -> Set<Int> {
    Set(plan.instances[index].inputs.flatMap { $0.sources.map(\.producer) })
  }

  private var now: Double { Date().timeIntervalSince1970 }
}
