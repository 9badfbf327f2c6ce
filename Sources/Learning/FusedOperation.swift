internal import COneDNN

/// The operations that are our own kernels: elementwise over operands of one layout.
final class FusedOperation: PlannedOperation {
  let operation: Operation
  let layouts: [Role: any Layout]
  var kernel: String { "fathom:\(operation.name)" }

  init(_ operation: Operation, _ arguments: [Role: Argument]) throws {
    self.operation = operation
    var fixed: [Role: any Layout] = [:]
    for (role, argument) in arguments {
      if case .fixed(let layout) = argument { fixed[role] = layout }
    }
    let example = fixed[.source] ?? fixed[.mean]
    guard let example else {
      throw LearningError(.device, "\(operation.name) needs an argument 'source'")
    }
    for (role, argument) in arguments where fixed[role] == nil {
      if case .open = argument { fixed[role] = example }
    }
    guard fixed.values.allSatisfy({ $0.isEqual(to: example) }) else {
      throw LearningError(.badShape, "\(operation.name): operands of different layouts")
    }
    layouts = fixed
  }

  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call {
    guard Set(addresses.keys) == Set(layouts.keys) else {
      throw LearningError(.device, "\(operation.name): arguments differ from those planned")
    }
    let example = layouts[.source] ?? layouts[.mean]
    let (count, type) = (example?.paddedCount ?? 0, (example?.type ?? .float32).code)
    switch operation {
    case .sum(let ending):
      let terms = Role.sources.compactMap { addresses[$0] }.map { UnsafeRawPointer($0) as _? }
      let code = ending == .keep ? CDNN_KEEP : ending == .rectify ? CDNN_RECTIFY : CDNN_GATE
      return KernelCall { _ in
        cdnn_sum(
          type, addresses[.destination], Int32(terms.count), terms, code, addresses[.weights],
          count)
      }
    case .dropout(let rate, let key):
      return KernelCall { step in
        cdnn_dropout(
          type, addresses[.destination], addresses[.source], rate, key, step, count)
      }
    case .runningStatistics(let momentum, let elements):
      // PyTorch keeps the unbiased variance, and normalises by the biased one.
      let correction = elements > 1 ? Float(elements) / Float(elements - 1) : 1
      return KernelCall { _ in
        move(addresses[.scale], to: addresses[.mean], times: 1, by: momentum, count)
        move(addresses[.shift], to: addresses[.variance], times: correction, by: momentum, count)
      }
    default: preconditionFailure("no fused operation")
    }
  }
}

private func move(
  _ running: UnsafeMutableRawPointer?, to current: UnsafeMutableRawPointer?, times factor: Float,
  by momentum: Float, _ count: Int
) {
  guard let running = running?.assumingMemoryBound(to: Float.self),
    let current = current?.assumingMemoryBound(to: Float.self)
  else { return }
  for index in 0..<count {
    running[index] += momentum * (current[index] * factor - running[index])
  }
}
