import Foundation
import Synchronization

/// Appends a job's events to its `events.jsonl`, whole lines at a time.
public final class EventWriter: Sendable {
  private struct State {
    var lastProgress = 0.0
  }

  private let handle: FileHandle
  private let state = Mutex(State())
  /// Progress comes at most this often; the last of an item always comes.
  private let progressIntervalSeconds = 0.1

  public init(path: String) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let handle = FileHandle(forWritingAtPath: path)
    else {
      throw StageFailure("cannot write '\(path)'")
    }
    self.handle = handle
  }

  public func heartbeat() { write(JobEvent(.heartbeat, time: now)) }

  public func log(item: String?, _ message: String) {
    write(JobEvent(.log, time: now, item: item, message: message))
  }

  /// An item has ended; `failure` says why where it ended badly.
  public func itemEnded(_ item: String, failure: String?) {
    write(JobEvent(.item, time: now, item: item, message: failure))
  }

  public func failed(_ message: String) {
    write(JobEvent(.failed, time: now, message: message))
  }

  func progress(item: String?, done: Int, total: Int?, unit: String) {
    let now = now
    let due = state.withLock { state in
      guard now - state.lastProgress >= progressIntervalSeconds || done == total else {
        return false
      }
      state.lastProgress = now
      return true
    }
    guard due else { return }
    var event = JobEvent(.progress, time: now, item: item)
    event.done = Double(done)
    event.total = total.map(Double.init)
    event.unit = unit
    write(event)
  }

  func metric(
    item: String?, name: String, value: Double, split: String?, step: Int?, unit: String?,
    direction: String?
  ) {
    var event = JobEvent(.metric, time: now, item: item)
    event.name = name
    event.value = value
    event.split = split
    event.step = step
    event.unit = unit
    event.direction = direction
    write(event)
  }

  private var now: Double { Date().timeIntervalSince1970 }

  private func write(_ event: JobEvent) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    guard var line = try? encoder.encode(event) else { return }
    line.append(UInt8(ascii: "\n"))
    state.withLock { _ in
      // A full disk must not hide the stage's own error, which follows.
      try? handle.write(contentsOf: line)
    }
  }
}
