internal import Foundation

/// Makes values one after the other on a thread of its own, a few ahead of whoever takes them.
///
/// The thread runs at low priority, so that it uses what the kernels leave.
final class Prefetcher<Element: Sendable>: @unchecked Sendable {
  // Sendable: all mutable state is touched under `condition` alone.

  private let condition = NSCondition()
  private var ready: [Result<Element, any Error>] = []
  private var isStopped = false
  private var hasEnded = false
  private let depth: Int

  /// - Parameters:
  ///   - range: what is made, in order
  ///   - depth: how many wait at most
  ///   - prepare: called first on the thread
  init(
    _ range: Range<Int>, depth: Int, prepare: @escaping @Sendable () -> Void,
    make: @escaping @Sendable (Int) throws -> Element
  ) {
    self.depth = depth
    let thread = Thread { [self] in
      #if canImport(Glibc)
        // Linux: of this thread alone.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
      #endif
      prepare()
      for index in range {
        let result = Result { try make(index) }
        guard put(result), case .success = result else { break }
      }
      end()
    }
    thread.name = "batches"
    thread.start()
  }

  private func put(_ result: Result<Element, any Error>) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while ready.count >= depth, !isStopped { condition.wait() }
    guard !isStopped else { return false }
    ready.append(result)
    condition.signal()
    return true
  }

  private func end() {
    condition.lock()
    hasEnded = true
    condition.broadcast()
    condition.unlock()
  }

  /// The next value; waits for it.
  func next() throws -> Element {
    condition.lock()
    defer { condition.unlock() }
    while ready.isEmpty {
      precondition(!hasEnded, "more is taken than there is")
      condition.wait()
    }
    let result = ready.removeFirst()
    condition.signal()
    return try result.get()
  }

  /// Ends the thread after what it is making, and waits for that.
  func stop() {
    condition.lock()
    isStopped = true
    condition.broadcast()
    while !hasEnded { condition.wait() }
    condition.unlock()
  }
}
