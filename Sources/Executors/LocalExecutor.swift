public import Engine
import Glibc
public import StageKit
import Synchronization

/// Runs jobs as processes of this machine, each under a `fathom-launch` of its own.
///
/// No thread waits for a job. A job cannot outlive this process: the launcher sees our end of a
/// socket close.
public final class LocalExecutor: Executor {
  public let name = "local"

  private struct State {
    var running: [Int: LaunchedProcess] = [:]
    var startedCount = 0
    /// How `stop` was called last; `nil` before.
    var stopForce: Bool?
    var saidNotIsolated = false

    /// Whether it is to be said now: once.
    mutating func sayNotIsolated() -> Bool {
      defer { saidNotIsolated = true }
      return !saidNotIsolated
    }
  }

  private let launcher: String
  private let graceSeconds: Double
  private let silence: Duration
  private let state = Mutex(State())

  /// - Parameters:
  ///   - launcher: the path of `fathom-launch`; `nil`: beside the program that runs.
  ///   - graceSeconds: from SIGTERM at the end of a job's time to SIGKILL.
  ///   - silence: a job that has sent events and then none for as long is reported once, as an
  ///     event `log`; it is never killed for it.
  public init(
    launcher: String? = nil, graceSeconds: Double = 5, silence: Duration = .seconds(60)
  ) {
    self.launcher = launcher ?? folderOfProgram() + "/fathom-launch"
    self.graceSeconds = graceSeconds
    self.silence = silence
  }

  /// Runs a job to its end; see `Executor`.
  ///
  /// A program that cannot be executed is an outcome with exit code 127 (not found) or 126, as in
  /// a shell, and the log says why. A launcher that was killed is an outcome with its signal.
  /// - Throws: `EnvironmentError` where the job's folder, the launcher or the system keep the job
  ///   from starting, or its exit record from being written.
  public func run(
    _ request: JobRequest, onEvent: @escaping @Sendable (JobEvent) -> Void
  ) async throws -> JobOutcome {
    let started = now()
    if state.withLock({ $0.stopForce != nil }) {
      return signalled(SIGTERM, started: started)
    }
    let spec = request.layout.folder + "/launch"
    try write(LaunchSpec(request, graceSeconds: graceSeconds).bytes, to: spec)
    // Of an earlier attempt in this folder.
    unlink(request.layout.exit)
    unlink(request.layout.events)

    let process = try LaunchedProcess(launcher: launcher, spec: spec)
    let (number, stopForce) = state.withLock { state in
      state.startedCount += 1
      state.running[state.startedCount] = process
      return (state.startedCount, state.stopForce)
    }
    // Stopped between the look above and the start.
    if let stopForce { process.stop(force: stopForce) }

    let events = Task { await follow(request, onEvent: onEvent) }
    await process.ended()
    state.withLock { $0.running[number] = nil }
    let status = process.reap()
    events.cancel()
    await events.value
    return try outcome(of: request, status: status, started: started, onEvent: onEvent)
  }

  /// Stops all jobs that run, and for good: a job that is started later ends at once, by SIGTERM.
  public func stop(force: Bool) {
    state.withLock { state in
      state.stopForce = force
      for process in state.running.values { process.stop(force: force) }
    }
  }

  private func outcome(
    of request: JobRequest, status: CInt, started: Double, onEvent: (JobEvent) -> Void
  ) throws -> JobOutcome {
    guard let record = ExitRecord(path: request.layout.exit) else {
      if status & 0x7f != 0 { return signalled(status & 0x7f, started: started) }
      // The launcher's exit code is the errno that kept it from its work.
      let code = status >> 8 & 0xff
      throw EnvironmentError(
        code == ENOSPC || code == EDQUOT ? .diskFull : .worker,
        "cannot run '\(request.address)' in '\(request.layout.folder)'" + advice(code),
        cause: code == 0 ? "the exit record cannot be read" : systemMessage(code))
    }
    // A program that cannot be executed is the user's to mend: the log tells.
    if let failed = record.failed, failed != "execute" {
      throw EnvironmentError(
        .worker, "cannot start '\(request.address)': cannot \(failed)", cause: record.error)
    }
    if record.isolated == false && state.withLock({ $0.sayNotIsolated() }) {
      onEvent(
        JobEvent(
          .log, time: now(),
          message: "this kernel has no Landlock: commands are not kept from undeclared inputs"))
    }
    return record.outcome
  }

  /// Hands over events until its task is cancelled, and then the last ones.
  private func follow(_ request: JobRequest, onEvent: (JobEvent) -> Void) async {
    var tail = EventTail(path: request.layout.events)
    var reported: ContinuousClock.Instant?
    while (try? await Task.sleep(for: .milliseconds(100))) != nil {
      tail.read(onEvent)
      if let last = tail.lastRead, last != reported, .now - last > silence {
        reported = last
        onEvent(
          JobEvent(
            .log, time: now(),
            message: "no sign of life from '\(request.address)' for \(silence.components.seconds) s"
          ))
      }
    }
    tail.finish(onEvent)
    if tail.malformedCount > 0 {
      onEvent(
        JobEvent(.log, time: now(), message: "\(tail.malformedCount) lines of events are malformed")
      )
    }
  }

  private func signalled(_ signal: CInt, started: Double) -> JobOutcome {
    JobOutcome(
      exitCode: nil, signal: Int(signal), timedOut: false, cpuSeconds: 0, maxResidentBytes: 0,
      started: started, ended: now(), node: hostName())
  }
}

extension LaunchedProcess {
  fileprivate func stop(force: Bool) { force ? kill() : terminate() }
}

/// What to do about an errno, where that is known; the end of a sentence.
private func advice(_ code: CInt) -> String {
  code == ENOSPC || code == EDQUOT ? "; free some space, then run again" : ""
}

/// Seconds since 1970.
private func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

private func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  gethostname(&name, name.count - 1)
  return name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
}

private func folderOfProgram() -> String {
  var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let count = path.withUnsafeMutableBytes { buffer in
    guard let start = buffer.bindMemory(to: CChar.self).baseAddress else { return 0 }
    return readlink("/proc/self/exe", start, buffer.count)
  }
  let program = path[..<max(count, 0)]
  guard let slash = program.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  return String(decoding: program[..<slash], as: UTF8.self)
}

private func write(_ bytes: [UInt8], to path: String) throws(EnvironmentError) {
  let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
  var code = file < 0 ? errno : 0
  var done = 0
  while code == 0 && done < bytes.count {
    let count = bytes[done...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    if count >= 0 { done += count } else if errno != EINTR { code = errno }
  }
  if file >= 0 && close(file) != 0 && code == 0 { code = errno }
  guard code != 0 else { return }
  throw EnvironmentError(
    code == ENOSPC || code == EDQUOT ? .diskFull : .notWritable,
    "cannot write '\(path)'" + advice(code),
    cause: systemMessage(code))
}
