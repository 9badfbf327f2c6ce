import Dispatch
import Engine
import Executors
import Foundation
import Glibc
import Pipelines
import StageKit
import Storage
import Synchronization

/// Executes plans in a project: what `run`, `reproduce` and `verify` share.
struct Execution {
  let session: Session
  let store: ContentStore
  let database: ProvenanceDatabase
  let common: CommonOptions
  let options: RunOptions
  /// Whether every event is a line of JSON on standard output, not an answer in the end.
  var printsEvents = false

  /// Where the files of a plan lie that is not the project's as it is now.
  struct Place {
    var root: String
    /// What is known of these files.
    var digests: ProvenanceDatabase
  }

  /// Runs what has no result, and says how it goes.
  ///
  /// - Parameters:
  ///   - forced: instances that execute even if they have a result
  ///   - place: `latest/` is left alone where it is another than the project
  /// - Throws: `Ending` where a job failed or the user stopped it, after that was said
  @MainActor func run(
    _ plan: Plan, _ selection: Set<Int>, forced: Set<Int>, row: RunRow, in place: Place? = nil
  ) async throws -> RunOutcome {
    defer { store.endStaging() }
    let outcome = try await perform(
      try setup(of: plan, selection, forced: forced, row: row, in: place))
    if !printsEvents {
      Terminal.standardError.write(RunText.summary(outcome, .standardError) + "\n")
    }
    if outcome.status != .succeeded { throw Ending(code: 1) }
    return outcome
  }

  func setup(
    of plan: Plan, _ selection: Set<Int>, forced: Set<Int>, row: RunRow, in place: Place? = nil
  ) throws -> RunSetup {
    let environment = Environment.all
    let root = session.project.root
    var setup = RunSetup(
      plan: plan, selection: selection, forced: forced, store: store, cache: store,
      digests: place?.digests ?? database, provenance: database, executor: LocalExecutor(),
      observer: observer(of: plan), environment: environment,
      jobEnvironment: { instance, layout, checkpoint, run in
        Execution.environment(
          of: instance, in: layout, checkpoint: checkpoint, run: run, caller: environment)
      },
      capacity: try session.capacity(jobs: options.jobs), keepsGoing: options.keepGoing,
      retries: options.retries, timeoutSeconds: try options.seconds(options.timeout, "--timeout"),
      lockTimeoutSeconds: try options.seconds(options.lockTimeout, "--lock-timeout"),
      worker: Host.worker,
      project: place.map { ProjectLayout(root: $0.root, artifacts: session.project.artifacts) }
        ?? session.project,
      hidden: [root, store.path] + (place.map { [$0.root] } ?? []),
      readable: session.configuration.readable.map(session.absolute), row: row,
      sourceChanges: { [store] in
        place == nil
          ? GitChanges.of(project: root, store: store) : SourceChanges(isDirty: false, patch: nil)
      })
    setup.showsLatest = place == nil
    return setup
  }

  /// On the main thread: a run without work needs no other one, and starting one takes longer than
  /// much of what it does.
  /// - Throws: `Ending` where the user stopped it
  @MainActor func perform(_ setup: RunSetup) async throws -> RunOutcome {
    var setup = setup
    let signals = Signals()
    setup.willExecute = { signals.listen() }
    let runner = Runner(setup)
    signals.runner.withLock { $0 = runner }
    let outcome = try await runner.run()
    if let signal = signals.first { throw Ending(code: 128 + signal) }
    return outcome
  }

  func observer(of plan: Plan) -> any RunObserver {
    if printsEvents { return JSONDisplay() }
    if options.progress == .auto && Terminal.standardError.isInteractive && !common.quiet
      && Environment["CI"] == nil
    {
      return LiveDisplay(plan: plan, options: common)
    }
    return PlainDisplay(plan: plan, options: common, showsProgress: options.progress != .none)
  }

  private static func environment(
    of instance: Instance, in layout: JobLayout, checkpoint: String, run: Int,
    caller: [String: String]
  ) -> [String: String] {
    switch instance.work {
    case .kind:
      return JobEnvironment.worker(
        caller: caller, layout: layout, cpus: instance.resources.cpu,
        processor: Host.processorDescription)
    case .command:
      var declared: [String: String] = [:]
      for variable in instance.environment {
        declared[variable.name] = variable.value ?? caller[variable.name]
      }
      return JobEnvironment.command(
        caller: caller, declared: declared, stage: instance.address, run: "\(run)",
        layout: layout, checkpointFolder: checkpoint, cpus: instance.resources.cpu)
    }
  }
}

/// Turns the first SIGINT or SIGTERM into a polite stop and the second into a hard one.
final class Signals: Sendable {
  let runner = Mutex<Runner?>(nil)
  private let received = Atomic<Int32>(0)
  private let sources = Mutex<[any DispatchSourceSignal]>([])

  /// Until this is called signals do what they always do.
  func listen() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number, SIG_IGN)
      sources.withLock { sources in
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { [weak self] in self?.receive(number) }
        source.resume()
        sources.append(source)
      }
    }
  }

  private func receive(_ number: Int32) {
    _ = received.compareExchange(expected: 0, desired: number, ordering: .relaxed)
    runner.withLock { $0 }?.interrupt()
  }

  /// The signal that came first.
  var first: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}
