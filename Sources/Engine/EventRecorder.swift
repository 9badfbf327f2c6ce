import Foundation
import StageKit
import Synchronization

/// Passes events on and keeps those worth a row of the provenance until they are written.
final class EventRecorder: RunObserver {
  private let next: any RunObserver
  private let kept = Mutex<[EventRow]>([])

  init(next: any RunObserver) { self.next = next }

  func observe(_ event: RunEvent) {
    if EventRecorder.isWorthARow(event) {
      let row = EventRow(time: Date().timeIntervalSince1970, json: event.value.json)
      kept.withLock { $0.append(row) }
    }
    next.observe(event)
  }

  /// What has come since the last time.
  func take() -> [EventRow] {
    kept.withLock { rows in
      defer { rows = [] }
      return rows
    }
  }

  /// Hits and items have rows of their own, metrics too; progress is for the moment.
  private static func isWorthARow(_ event: RunEvent) -> Bool {
    switch event {
    case .progress, .metric, .itemEnded, .reused: false
    default: true
    }
  }
}
