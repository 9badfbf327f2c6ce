public import Pipelines
public import StageKit
import Synchronization

/// Everything that a run needs to know.
public struct RunSetup: Sendable {
  public var plan: Plan
  /// Indices of instances that the run looks at: the targets and what they need.
  public var selection: Set<Int>
  /// Indices of instances that execute even if they have a result.
  public var forced: Set<Int>
  public var store: any ArtifactStore
  public var cache: any ActionCache
  public var digests: any FileDigests
  public var provenance: any Provenance
  public var executor: any Executor
  public var observer: any RunObserver
  /// The caller's environment.
  public var environment: [String: String]
  /// The environment of a job.
  public var jobEnvironment:
    @Sendable (Instance, JobLayout, _ checkpointFolder: String, _ run: Int) -> [String: String]
  public var capacity: Scheduler.Capacity
  public var keepsGoing: Bool
  /// Overrides every stage's `retries.times`.
  public var retries: Int?
  /// Overrides every stage's `timeout:`.
  public var timeoutSeconds: Double?
  /// How long to wait for another process that runs the same action; `nil` for ever.
  public var lockTimeoutSeconds: Double?
  /// The worker's binary.
  public var worker: String
  public var project: ProjectLayout
  /// What `run:` commands must not read.
  public var hidden: [String]
  /// What all `run:` commands may read inside `hidden`.
  public var readable: [String]
  public var row: RunRow
  /// Whether `latest/` shows what the run made.
  public var showsLatest = true
  /// Called once, before the first job starts; never in a run without work.
  public var willExecute: @Sendable () -> Void = {}
  /// Compares the working tree with its commit; `nil` where there is no repository.
  public var sourceChanges: @Sendable () -> SourceChanges?

  public init(
    plan: Plan, selection: Set<Int>, forced: Set<Int>, store: any ArtifactStore,
    cache: any ActionCache, digests: any FileDigests, provenance: any Provenance,
    executor: any Executor, observer: any RunObserver, environment: [String: String],
    jobEnvironment: @escaping @Sendable (Instance, JobLayout, String, Int) -> [String: String],
    capacity: Scheduler.Capacity, keepsGoing: Bool, retries: Int?, timeoutSeconds: Double?,
    lockTimeoutSeconds: Double?, worker: String, project: ProjectLayout, hidden: [String],
    readable: [String], row: RunRow,
    sourceChanges: @escaping @Sendable () -> SourceChanges?
  ) {
    self.plan = plan
    self.selection = selection
    self.forced = forced
    self.store = store
    self.cache = cache
    self.digests = digests
    self.provenance = provenance
    self.executor = executor
    self.observer = observer
    self.environment = environment
    self.jobEnvironment = jobEnvironment
    self.capacity = capacity
    self.keepsGoing = keepsGoing
    self.retries = retries
    self.timeoutSeconds = timeoutSeconds
    self.lockTimeoutSeconds = lockTimeoutSeconds
    self.worker = worker
    self.project = project
    self.hidden = hidden
    self.readable = readable
    self.row = row
    self.sourceChanges = sourceChanges
  }
}

/// Runs a plan: what has no result executes, everything is recorded.
public final class Runner: Sendable {
  private let setup: RunSetup
  private let interruption = Interruption()

  public init(_ setup: RunSetup) { self.setup = setup }

  /// Asks to stop. The first time nothing more starts and running jobs get SIGTERM; the second
  /// time they get SIGKILL.
  public func interrupt() {
    let times = interruption.raise()
    setup.executor.stop(force: times > 1)
  }

  /// Runs on the caller's actor, so that a run without work never changes its thread.
  public func run(isolation: isolated (any Actor)? = #isolation) async throws -> RunOutcome {
    try await RunDriver(setup, interruption).run()
  }
}

/// How often the user asked to stop.
final class Interruption: Sendable {
  private let times = Atomic<Int>(0)

  var isRaised: Bool { times.load(ordering: .relaxed) > 0 }

  func raise() -> Int { times.add(1, ordering: .relaxed).newValue }
}
