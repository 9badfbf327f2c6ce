/// What happens in a run, for those who watch it.
public enum RunEvent: Sendable {
  /// The sweep is over: how many instances will be looked at, how many are hits already.
  case planned(total: Int, cached: Int)
  /// An instance has its outputs without executing.
  case reused(instance: String, decision: Decision, items: Int?, savedSeconds: Double)
  case started(instance: String, reason: String, items: Int?, cachedItems: Int)
  /// An instance waits: for another process that runs the same action, or for a retry.
  case waiting(instance: String, reason: String)
  case progress(instance: String, item: String?, done: Double, total: Double?, unit: String)
  case metric(instance: String, MetricRow)
  case message(instance: String, item: String?, String)
  case itemEnded(instance: String, item: String, done: Int, total: Int, seconds: Double)
  case finished(instance: String, seconds: Double, items: Int?, cachedItems: Int, skipped: [String])
  case failed(Failure)
  /// Not started, because something before it failed or the run was interrupted.
  case notRun(instance: String, decision: Decision, reason: String)
  case warning(String)
  case ended(RunOutcome)
}

/// A job, or one of its items, that failed.
public struct Failure: Error, Hashable, Sendable {
  public var instance: String
  public var item: String?
  /// What went wrong, in one sentence.
  public var message: String
  /// The last lines of the job's log.
  public var logTail: [String]
  /// Where the whole log is.
  public var logPath: String?
  public var exitCode: Int?
  public var signal: Int?
  /// A file that it reads changed meanwhile: neither trying again nor leaving it out would help.
  public var inputChanged = false

  public init(
    instance: String, item: String?, message: String, logTail: [String] = [],
    logPath: String? = nil, exitCode: Int? = nil, signal: Int? = nil
  ) {
    self.instance = instance
    self.item = item
    self.message = message
    self.logTail = logTail
    self.logPath = logPath
    self.exitCode = exitCode
    self.signal = signal
  }
}

/// How a run went, in numbers.
public struct RunOutcome: Hashable, Sendable {
  public var run: Int
  public var status: RunStatus
  public var counts: [Decision: Int]
  public var seconds: Double
  /// Seconds that hits and cut-offs once took to execute.
  public var savedSeconds: Double
  /// What each instance gave, by its index in the plan, where it gave something.
  public var records: [Int: ActionRecord] = [:]

  public init(
    run: Int, status: RunStatus, counts: [Decision: Int], seconds: Double, savedSeconds: Double
  ) {
    self.run = run
    self.status = status
    self.counts = counts
    self.seconds = seconds
    self.savedSeconds = savedSeconds
  }
}

/// Sees every event of a run, in order, from one task at a time.
public protocol RunObserver: Sendable {
  func observe(_ event: RunEvent)
}
