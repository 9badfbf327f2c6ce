import Engine
import StageKit
import Synchronization

/// `run --json`: one event a line on stdout.
final class JSONDisplay: RunObserver {
  private let lock = Mutex(())

  func observe(_ event: RunEvent) {
    lock.withLock { _ in Terminal.standardOutput.write(event.value.json + "\n") }
  }
}
