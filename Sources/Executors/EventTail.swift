import Foundation
import Glibc
import StageKit

/// Follows a job's `events.jsonl` while it grows.
struct EventTail: ~Copyable {
  private let path: String
  private var file: CInt = -1
  /// The beginning of a line whose end is not written yet.
  private var rest = Data()
  private let decoder = JSONDecoder()
  /// Lines that are no event.
  private(set) var malformedCount = 0
  /// When the newest event was read, on the clock of `ContinuousClock`; `nil` before the first.
  private(set) var lastRead: ContinuousClock.Instant?
  /// No event is as long; what is longer is not held in memory.
  private let maximumLineBytes = 1 << 20

  init(path: String) {
    self.path = path
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  }

  deinit { if file >= 0 { close(file) } }

  /// Hands over the events of all lines that have been completed since the last call, in order.
  mutating func read(_ deliver: (JobEvent) -> Void) {
    if file < 0 { file = open(path, O_RDONLY | O_CLOEXEC) }
    guard file >= 0 else { return }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      rest.append(contentsOf: chunk[..<count])
      deliverLines(deliver)
    }
  }

  /// The last call, when the job has ended: a last line without its newline counts if it is whole.
  mutating func finish(_ deliver: (JobEvent) -> Void) {
    read(deliver)
    if let event = try? decoder.decode(JobEvent.self, from: rest) { deliver(event) }
    rest = Data()
  }

  private mutating func deliverLines(_ deliver: (JobEvent) -> Void) {
    var start = rest.startIndex
    while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = rest[start..<end]
      start = end + 1
      guard !line.isEmpty else { continue }
      guard let event = try? decoder.decode(JobEvent.self, from: line) else {
        malformedCount += 1
        continue
      }
      lastRead = .now
      deliver(event)
    }
    rest = Data(rest[start...])
    if rest.count > maximumLineBytes {
      // Its end will be one more malformed line.
      rest = Data("?".utf8)
    }
  }
}
