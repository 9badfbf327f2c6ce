internal import Foundation
internal import Synchronization

/// Whether this process was asked to end by SIGTERM, from the first time that somebody wants to know.
enum StopRequest {
  private static let flag = Atomic(false)

  /// Once for the process. Before, SIGTERM has its usual effect, so that stages which do not ask end.
  private static let handler: Void = {
    // The flag exists before a signal can come: a handler must not make it.
    flag.store(false, ordering: .relaxed)
    signal(SIGTERM) { _ in flag.store(true, ordering: .relaxed) }
  }()

  static var wasMade: Bool {
    handler
    return flag.load(ordering: .relaxed)
  }
}
