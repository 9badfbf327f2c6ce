internal import Dispatch
internal import Synchronization

/// Cuts `0..<count` into chunks of a fixed size, works on them in parallel, and returns their
/// results in order.
///
/// The chunks do not depend on `threads`, so whoever folds the results from first to last gets the
/// same bytes for any number of threads.
public func mapChunks<Result: Sendable>(
  of count: Int, size: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Result
) -> [Result] {
  precondition(size > 0, "chunks of \(size)")
  let chunks = (count + size - 1) / size
  @Sendable func range(_ chunk: Int) -> Range<Int> { chunk * size..<min(count, (chunk + 1) * size) }
  guard threads > 1, chunks > 1 else { return (0..<chunks).map { body(range($0)) } }
  let next = Atomic(0)
  let results = Mutex([Result?](repeating: nil, count: chunks))
  DispatchQueue.concurrentPerform(iterations: min(threads, chunks)) { _ in
    while true {
      let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard chunk < chunks else { return }
      let result = body(range(chunk))
      results.withLock { $0[chunk] = result }
    }
  }
  return results.withLock { $0 }.compactMap { $0 }
}
