public import Pipelines
public import StageKit

/// How a job becomes a process: on this machine, or elsewhere.
public protocol Executor: Sendable {
  /// As provenance names it: `local`.
  var name: String { get }

  /// Runs one job to its end and hands over its events while it runs.
  ///
  /// A job that fails, dies of a signal or runs out of time is an outcome, not an error.
  /// - Throws: `EnvironmentError` where the job could not be started.
  func run(
    _ request: JobRequest, onEvent: @escaping @Sendable (JobEvent) -> Void
  ) async throws -> JobOutcome

  /// Stops all jobs that run: SIGTERM to their process groups, or SIGKILL where `force`.
  func stop(force: Bool)
}

/// A prepared job: its folder is laid out as `JobLayout` says, and this is the process to start.
public struct JobRequest: Sendable {
  public var address: String
  public var layout: JobLayout
  /// The program and its arguments.
  public var arguments: [String]
  /// All of the environment.
  public var environment: [String: String]
  /// `nil` for our own worker, which is trusted.
  public var isolation: Isolation?
  /// Seconds until SIGTERM; SIGKILL follows after a grace.
  public var timeoutSeconds: Double?
  public var resources: Resources

  public init(
    address: String, layout: JobLayout, arguments: [String], environment: [String: String],
    isolation: Isolation?, timeoutSeconds: Double?, resources: Resources
  ) {
    self.address = address
    self.layout = layout
    self.arguments = arguments
    self.environment = environment
    self.isolation = isolation
    self.timeoutSeconds = timeoutSeconds
    self.resources = resources
  }
}

/// What a `run:` command may touch.
public struct Isolation: Hashable, Sendable {
  /// Folders that it must not read (the project, the store), but for `readable` and `writable`.
  public var hidden: [String]
  /// Files and folders inside `hidden` that it may read: inputs, and what the user allows.
  public var readable: [String]
  /// Folders that it may read and write: its work folder, its temporary folder, its checkpoints.
  /// It may write nowhere else, but for devices such as `/dev/null`.
  public var writable: [String]

  public init(hidden: [String], readable: [String], writable: [String]) {
    self.hidden = hidden
    self.readable = readable
    self.writable = writable
  }
}

/// How a job ended.
public struct JobOutcome: Hashable, Sendable {
  /// `nil` where a signal ended it.
  public var exitCode: Int?
  /// The signal's number.
  public var signal: Int?
  public var timedOut: Bool
  /// User and system time of the process and all its children.
  public var cpuSeconds: Double
  /// Largest resident set of one process.
  public var maxResidentBytes: Int
  /// Seconds since 1970.
  public var started: Double
  public var ended: Double
  public var node: String

  public init(
    exitCode: Int?, signal: Int?, timedOut: Bool, cpuSeconds: Double, maxResidentBytes: Int,
    started: Double, ended: Double, node: String
  ) {
    self.exitCode = exitCode
    self.signal = signal
    self.timedOut = timedOut
    self.cpuSeconds = cpuSeconds
    self.maxResidentBytes = maxResidentBytes
    self.started = started
    self.ended = ended
    self.node = node
  }

  public var succeeded: Bool { exitCode == 0 && !timedOut }
}
