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
  enum State {
    case waiting
    /// Its miss is known; units of it wait or run.
    case active
    case ended(Decision)
  }

  enum Event: Sendable {
    case unit(Int, Result<UnitResult, any Error>)
    /// Another process released the action's lock, or the wait took too long.
    case lock(instance: Int, timedOut: Bool)
    case pauseOver(instance: Int)
    case described(SourceChanges?)
  }

  /// A miss on its way. A class, so that nothing of its item set is ever copied.
  final class Execution {
    var miss: Assessor.Miss
    var reason: Reason
    var queued: Double
    var started: Double?
    var attempt = 1
    var cpuSeconds = 0.0
    var maxResidentBytes = 0
    var last: JobOutcome?
    var logDigest: Digest?
    /// When a worker last said that it was alive, in seconds since 1970.
    var heartbeat: Double?
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

    init(miss: Assessor.Miss, reason: Reason, queued: Double) {
      self.miss = miss
      self.reason = reason
      self.queued = queued
    }
  }

  struct Flight {
    var instance: Int
    var unit: Unit
    var locks: [any ActionLock]
  }

  let setup: RunSetup
  let plan: Plan
  let interruption: Interruption
  let observer: EventRecorder
  let assessor: Assessor
  /// `nil` where the run leaves `latest/` alone.
  let links: LatestLinks?
  /// Of each instance of the plan; `nil` outside the selection.
  var states: [State?]
  var executions: [Int: Execution] = [:]
  var consumers: [[Int]]
  var depth: [Int]
  var scheduler: Scheduler
  var flights: [Int: Flight] = [:]
  /// Requests of the scheduler: which instance asked.
  var requests: [Int: Int] = [:]
  var nextRequest = 0
  /// Actions that run in this process, and instances that wait for the same one.
  var activeKeys: [Digest: Int] = [:]
  var followers: [Int: [Int]] = [:]
  var leaders: [Int: String] = [:]
  /// Instances whose objects were lost, and that were therefore looked at again.
  var reopened: Set<Int> = []
  var reports: [JobReport] = []
  var run = 0
  var stopping = false
  var failed = false
  var savedSeconds = 0.0
  var counts: [Decision: Int] = [:]

  init(_ setup: RunSetup, _ interruption: Interruption) {
    self.setup = setup
    plan = setup.plan
    self.interruption = interruption
    observer = EventRecorder(next: setup.observer)
    assessor = Assessor(
      plan: setup.plan, store: setup.store, cache: setup.cache, provenance: setup.provenance,
      digests: setup.digests, environment: setup.environment)
    links =
      setup.showsLatest
      ? LatestLinks(
        project: setup.project, pipeline: setup.plan.name, store: setup.store,
        provenance: setup.provenance, files: assessor.files) : nil
    scheduler = Scheduler(capacity: setup.capacity)
    states = Array(repeating: nil, count: setup.plan.instances.count)
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

  func run(isolation: isolated (any Actor)? = #isolation) async throws -> RunOutcome {
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
    try links?.finish(wholePlan: setup.selection.count == plan.instances.count ? plan : nil)
    try setup.provenance.end(run: run, status: status, at: now)
    var summary = RunOutcome(
      run: run, status: status, counts: counts, seconds: now - begun, savedSeconds: savedSeconds)
    for index in setup.selection { summary.records[index] = assessor.resolved[index]?.record }
    observer.observe(.ended(summary))
    return summary
  }

  func execute(isolation: isolated (any Actor)? = #isolation) async throws {
    try sweep(from: plan.instances.indices.filter { setup.selection.contains($0) })
    let cached = (counts[.hit] ?? 0) + (counts[.cutOff] ?? 0)
    observer.observe(.planned(total: setup.selection.count, cached: cached))
    try refuseImpossibleRequests()
    guard !executions.isEmpty else { return }
    setup.willExecute()
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
  func refuseImpossibleRequests() throws {
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
  func sweep(from indices: [Int]) throws {
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

  func assess(_ index: Int, queue: inout [Int]) throws {
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
          guard reopened.insert(producer).inserted else {
            throw EnvironmentError(
              .integrity,
              "objects of '\(plan.instances[producer].address)' are gone right after it was looked at again; "
                + "does another program delete files of the store?")
          }
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

  func begin(
    _ index: Int, _ instance: Instance, _ miss: Assessor.Miss, queue: inout [Int]
  ) throws {
    let reason = try Reason.of(miss, instance: instance, provenance: setup.provenance)
    let execution = Execution(miss: miss, reason: reason, queued: now)
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
    for listing in assessor.files.listings(of: instance) where !listing.isSpelledOut {
      _ = try setup.store.put(listing.listingBytes)
    }
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

  func handle(_ event: Event, _ group: inout ThrowingTaskGroup<Event, any Error>) throws {
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
      guard let execution = executions[index], !stopping else { return }
      guard execution.miss.items != nil else {
        request(index)
        return
      }
      execution.queue += execution.resting
      execution.resting = []
      requestLane(index)
    case .unit(let id, let result):
      guard let flight = flights.removeValue(forKey: id) else { return }
      defer { for lock in flight.locks { lock.unlock() } }
      release(id)
      if case .failure(let problem) = result {
        // It ends the run, and this is the job that it happened to.
        let address = flight.unit.instance.address
        executions[flight.instance]?.failures.append(
          Failure(instance: address, item: nil, message: "\(problem)"))
      }
      let value = try result.get()
      note(value, flight)
      if flight.unit.items != nil {
        try take(value, items: flight, &group)
      } else {
        try take(value, whole: flight, &group)
      }
    }
  }

  func producers(of index: Int) -> Set<Int> {
    Set(plan.instances[index].inputs.flatMap { $0.sources.map(\.producer) })
  }

  var now: Double { Date().timeIntervalSince1970 }
}
