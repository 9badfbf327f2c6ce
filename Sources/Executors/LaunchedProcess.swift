import Dispatch
import Engine
import Glibc
import Synchronization

/// One `fathom-launch` that runs, and the socket between it and us.
///
/// The socket is the launcher's standard input and no other process holds that end. So our end
/// becomes readable exactly when the launcher has ended, and its end exactly when we have ended or
/// want the command killed: neither side ever signals a process id that may belong to another.
final class LaunchedProcess: Sendable {
  private final class Ending: Sendable {
    enum State {
      case running
      case awaited(CheckedContinuation<Void, Never>)
      case ended
    }
    let state = Mutex(State.running)
  }

  private let process: pid_t
  private let socket: CInt
  private let ending = Ending()

  /// - Throws: `EnvironmentError` where the system starts no process.
  init(launcher: String, spec: String) throws(EnvironmentError) {
    var ends: [CInt] = [-1, -1]
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
      throw EnvironmentError(.worker, "cannot start a job", cause: systemMessage(errno))
    }
    defer { close(ends[1]) }
    let (process, code) = spawn(launcher, argument: spec, standardInput: ends[1])
    guard code == 0 else {
      close(ends[0])
      throw EnvironmentError(
        .worker, "cannot start '\(launcher)', which must lie beside the 'fathom' program",
        cause: systemMessage(code))
    }
    self.process = process
    socket = ends[0]
    // Dispatch sources may be used from any thread; this one frees itself with its handlers.
    nonisolated(unsafe) let source = DispatchSource.makeReadSource(
      fileDescriptor: socket, queue: .global())
    source.setEventHandler { source.cancel() }
    source.setCancelHandler { [ending] in
      let waiting: CheckedContinuation<Void, Never>? = ending.state.withLock { state in
        defer { state = .ended }
        if case .awaited(let continuation) = state { return continuation }
        return nil
      }
      waiting?.resume()
    }
    source.activate()
  }

  /// Waits until the launcher has ended; call it once.
  func ended() async {
    await withCheckedContinuation { continuation in
      let hasEnded = ending.state.withLock { state in
        if case .ended = state { return true }
        state = .awaited(continuation)
        return false
      }
      if hasEnded { continuation.resume() }
    }
  }

  /// Gives the process back to the system; call it once, last, after `ended`.
  ///
  /// - Returns: its wait status.
  func reap() -> CInt {
    close(socket)
    var status: CInt = 0
    // Blocks for the moment between the last close and the end of the process.
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status
  }

  /// SIGTERM, which the launcher passes on. The process is not reaped yet, so the id is its own.
  func terminate() { Glibc.kill(process, SIGTERM) }

  /// SIGKILL to the command's process group.
  func kill() { shutdown(socket, CInt(SHUT_WR)) }
}

/// `posix_spawn` with no environment, output to /dev/null and default signals.
///
/// It is `vfork` inside, so that its cost does not grow with our memory: starting a process from
/// one of 100 MB takes 0.6 ms so and 4 ms by `fork`, which is what swift-subprocess uses.
private func spawn(
  _ program: String, argument: String, standardInput: CInt
) -> (process: pid_t, code: CInt) {
  var actions = posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawnattr_init(&attributes)
  defer {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
  posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, 1, 2)
  var signals = sigset_t()
  sigemptyset(&signals)
  posix_spawnattr_setsigmask(&attributes, &signals)
  sigfillset(&signals)
  posix_spawnattr_setsigdefault(&attributes, &signals)
  // A session of its own from the first instruction: a terminal's Ctrl-C is for us to pass on.
  let newSession: CInt = 0x80  // POSIX_SPAWN_SETSID; the Glibc module leaves it out.
  posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | newSession))

  let arguments = [strdup("fathom-launch"), strdup(argument), nil]
  defer { for argument in arguments { free(argument) } }
  var process: pid_t = 0
  let code = posix_spawn(&process, program, &actions, &attributes, arguments, [nil])
  return (process, code)
}

/// The system's words for an errno.
func systemMessage(_ code: CInt) -> String { String(cString: strerror(code)) }
