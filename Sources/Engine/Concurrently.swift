import Dispatch
import Synchronization

/// Calls `body` for each index on all cores; results in order.
///
/// - Throws: the error of the lowest index of those that failed.
package func concurrentMap<Result: Sendable>(
  count: Int, _ body: @Sendable (Int) throws -> Result
) throws -> [Result] {
  // Chunks keep the cost of handing out work small beside that of a `stat`.
  let chunk = min(max(count / 64, 1), 1024)
  let chunks = (count + chunk - 1) / chunk
  if chunks <= 1 { return try (0..<count).map(body) }
  let state = Mutex((parts: [Int: [Result]](), problem: (index: Int, error: any Error)?.none))
  DispatchQueue.concurrentPerform(iterations: chunks) { number in
    if state.withLock({ $0.problem.map { $0.index < number } ?? false }) { return }
    do {
      let part = try (number * chunk..<min(count, (number + 1) * chunk)).map(body)
      state.withLock { $0.parts[number] = part }
    } catch {
      state.withLock { state in
        if state.problem.map({ number < $0.index }) ?? true { state.problem = (number, error) }
      }
    }
  }
  return try state.withLock { state in
    if let problem = state.problem { throw problem.error }
    var results: [Result] = []
    results.reserveCapacity(count)
    for number in 0..<chunks { results += state.parts[number] ?? [] }
    return results
  }
}
