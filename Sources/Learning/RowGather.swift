internal import COneDNN

/// Rows of each sample by a list, or their gradients: a kernel of ours.
final class RowGather: PlannedOperation {
  let layouts: [Role: any Layout]
  let kernel = "fathom:rows"
  fileprivate let shape: cdnn_rows
  fileprivate let index: [Int64]
  fileprivate let isBackward: Bool

  init(
    _ pass: Pass, _ groups: RowGroups, _ arguments: [Role: Argument], on backend: OneDNNBackend
  ) throws {
    isBackward = pass == .backward
    func plain(_ role: Role) throws -> any Layout {
      switch arguments[role] {
      case .fixed(let layout)?
      where try backend.rowMajor(layout.shape, layout.type).isEqual(to: layout): return layout
      case .open(let shape, let type)?: return try backend.rowMajor(shape, type)
      default: throw LearningError(.device, "rows need a row-major argument '\(role)'")
      }
    }
    let roles: (source: Role, result: Role) =
      isBackward ? (.sourceGradient, .destinationGradient) : (.source, .destination)
    let (source, result) = (try plain(roles.source), try plain(roles.result))
    guard let expected = groups.result(of: source.shape), expected == result.shape,
      source.type == result.type
    else {
      throw LearningError(
        .badShape,
        "rows of \(source.shape) \(source.type) in groups \(groups.groups) of \(groups.rows) do not"
          + " give \(result.shape) \(result.type)")
    }
    index = groups.groups.flatMap { $0.map { Int64($0) } }
    shape = cdnn_rows(
      type: source.type.code, samples: Int64(source.shape[0] / groups.rows),
      rows: Int64(groups.rows), places: Int64(index.count), columns: Int64(source.shape[1]))
    layouts = [roles.source: source, roles.result: result]
  }

  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call {
    let roles: (from: Role, to: Role) =
      isBackward ? (.destinationGradient, .sourceGradient) : (.source, .destination)
    guard let from = addresses[roles.from], let to = addresses[roles.to] else {
      throw LearningError(.device, "\(kernel): an argument is missing")
    }
    return RowGatherCall(self, from: from, to: to)
  }
}

private final class RowGatherCall: Call {
  private let operation: RowGather
  private let from: UnsafeMutableRawPointer
  private let to: UnsafeMutableRawPointer

  init(_ operation: RowGather, from: UnsafeMutableRawPointer, to: UnsafeMutableRawPointer) {
    self.operation = operation
    self.from = from
    self.to = to
  }

  func run(step: UInt64) throws {
    var shape = operation.shape
    if operation.isBackward {
      cdnn_gather_rows_backward(&shape, operation.index, from, to)
    } else {
      cdnn_gather_rows(&shape, operation.index, from, to)
    }
  }
}
