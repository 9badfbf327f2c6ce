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
    return FusedCall(self, addresses)
  }
}

final class FusedCall: Call {
  private let operation: FusedOperation
  private let addresses: [Role: UnsafeMutableRawPointer]
  private let terms: [UnsafeRawPointer?]
  private let count: Int
  private let type: ElementType

  init(_ operation: FusedOperation, _ addresses: [Role: UnsafeMutableRawPointer]) {
    self.operation = operation
    self.addresses = addresses
    terms = Role.sources.compactMap { addresses[$0] }.map { UnsafeRawPointer($0) }
    let layout = operation.layouts[.source] ?? operation.layouts[.mean]
    count = layout?.paddedCount ?? 0
    type = layout?.type ?? .float32
  }

  func run(step: UInt64) throws {
    switch operation.operation {
    case .sum(let ending):
      let code = ending == .keep ? CDNN_KEEP : ending == .rectify ? CDNN_RECTIFY : CDNN_GATE
      cdnn_sum(
        type.code, addresses[.destination], Int32(terms.count), terms, code, addresses[.weights],
        count)
    case .dropout(let rate, let key):
      cdnn_dropout(
        type.code, addresses[.destination], addresses[.source], rate, key, step, count)
    case .runningStatistics(let momentum, let elements):
      moveStatistics(by: momentum, elements: elements)
    default: preconditionFailure("no fused operation")
    }
  }

  /// PyTorch keeps the unbiased variance, and normalises by the biased one.
  private func moveStatistics(by momentum: Float, elements: Int) {
    let correction = elements > 1 ? Float(elements) / Float(elements - 1) : 1
    func move(_ running: Role, to current: Role, times factor: Float) {
      guard let running = addresses[running]?.assumingMemoryBound(to: Float.self),
        let current = addresses[current]?.assumingMemoryBound(to: Float.self)
      else { return }
      for index in 0..<count {
        running[index] += momentum * (current[index] * factor - running[index])
      }
    }
    move(.scale, to: .mean, times: 1)
    move(.shift, to: .variance, times: correction)
  }
}
