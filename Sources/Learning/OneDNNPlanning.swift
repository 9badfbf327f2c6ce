internal import COneDNN

extension OneDNNBackend {
  public func plan(
    _ operation: Operation, _ arguments: [Role: Argument]
  ) throws -> any PlannedOperation {
    prepareThread()
    switch operation {
    case .sum, .dropout, .runningStatistics:
      return try FusedOperation(operation, arguments)
    case .gather(let pass, let groups):
      return try RowGather(pass, groups, arguments, on: self)
    case .convolution(let pass, let window, _, _) where !usesOneDNNAlone:
      if let fast = try WinogradConvolution(operation, arguments, on: self) { return fast }
      guard pass == .backwardWeights else { break }
      if let unfolded = try UnfoldedGradient(window, arguments, on: self) { return unfolded }
      if let depthwise = try DepthwiseGradient(window, arguments, on: self) { return depthwise }
    default: break
    }
    let given = try arguments.mapValues { argument in
      switch argument {
      case .fixed(let layout): try own(layout)
      case .open(let shape, let type): try OneDNNLayout(shape, type, isOpen: true)
      }
    }
    func layout(_ roles: Role...) throws -> OpaquePointer {
      for role in roles { if let layout = given[role] { return layout.handle } }
      throw LearningError(.device, "\(operation.name) needs an argument '\(roles[0])'")
    }
    let source = given[.source] ?? given[.sourceGradient]
    var created: OpaquePointer?
    let status: Int32
    switch operation {
    case .convolution(let pass, let window, let accumulating, let rectified):
      var frame = cdnn_window(window)
      status = cdnn_convolution(
        engine, pass.code, try layout(.source, .sourceGradient),
        try layout(.weights, .weightsGradient),
        (given[.bias] ?? given[.biasGradient])?.handle,
        try layout(.destination, .destinationGradient), &frame, accumulating, rectified, &created)
    case .linear(let pass):
      status = cdnn_inner_product(
        engine, pass.code, try layout(.source, .sourceGradient),
        try layout(.weights, .weightsGradient),
        (given[.bias] ?? given[.biasGradient])?.handle,
        try layout(.destination, .destinationGradient), &created)
    case .normalization(let pass, let epsilon, let rectified):
      status = cdnn_batch_normalization(
        engine, pass.code, try layout(.source), epsilon, rectified, &created)
    case .maximum(let pass, let window), .average(let pass, let window):
      var frame = cdnn_window(window)
      var isMaximum = false
      if case .maximum = operation { isMaximum = true }
      status = cdnn_pooling(
        engine, pass.code, isMaximum, try layout(.source, .sourceGradient),
        try layout(.destination, .destinationGradient), &frame, &created)
    case .sigmoid(let pass):
      status = cdnn_sigmoid(engine, pass.code, try layout(.source, .destination), &created)
    case .product:
      status = cdnn_product(
        engine, try layout(.source), try layout(.source1), try layout(.destination), &created)
    case .reorder:
      status = cdnn_reorder(engine, try layout(.source), try layout(.destination), &created)
    case .sum, .dropout, .runningStatistics, .gather: preconditionFailure("planned above")
    }
    try checked(
      status, "\(operation.name) of \(source?.shape ?? []) \(source.map { "\($0.type)" } ?? "")")
    guard let created else { throw LearningError(.device, "\(operation.name): no operation") }
    return try OneDNNOperation(created, given: given, backend: self)
  }

  func own(_ layout: any Layout) throws -> OneDNNLayout {
    guard let layout = layout as? OneDNNLayout else {
      throw LearningError(.device, "a layout of another device than \(name)")
    }
    return layout
  }
}

extension Pass {
  var code: cdnn_pass {
    switch self {
    case .training: CDNN_TRAINING
    case .inference: CDNN_INFERENCE
    case .backward: CDNN_BACKWARD_DATA
    case .backwardWeights: CDNN_BACKWARD_WEIGHTS
    }
  }
}

extension cdnn_window {
  init(_ window: Window) {
    self.init()
    rank = Int32(window.kernel.count)
    func fill(_ sizes: [Int], _ place: inout (Int64, Int64, Int64)) {
      let padded = sizes.map { Int64($0) } + [1, 1, 1]
      place = (padded[0], padded[1], padded[2])
    }
    fill(window.kernel, &kernel)
    fill(window.stride, &stride)
    fill(window.dilation, &dilation)
    fill(window.padding, &padding)
  }
}

extension Role {
  var code: cdnn_role {
    switch self {
    case .source: CDNN_SOURCE
    case .source1, .source2, .source3: CDNN_SOURCE_1
    case .weights: CDNN_WEIGHTS
    case .bias: CDNN_BIAS
    case .destination: CDNN_DESTINATION
    case .mean: CDNN_MEAN
    case .variance: CDNN_VARIANCE
    case .scale: CDNN_SCALE
    case .shift: CDNN_SHIFT
    case .workspace: CDNN_WORKSPACE
    case .scratch: CDNN_SCRATCH
    case .sourceGradient: CDNN_SOURCE_GRADIENT
    case .weightsGradient: CDNN_WEIGHTS_GRADIENT
    case .biasGradient: CDNN_BIAS_GRADIENT
    case .destinationGradient: CDNN_DESTINATION_GRADIENT
    case .scaleGradient: CDNN_SCALE_GRADIENT
    case .shiftGradient: CDNN_SHIFT_GRADIENT
    }
  }
}

/// Owns one primitive.
final class OneDNNOperation: PlannedOperation {
  let handle: OpaquePointer
  /// Keeps the engine alive.
  let backend: OneDNNBackend
  let layouts: [Role: any Layout]

  init(_ handle: OpaquePointer, given: [Role: OneDNNLayout], backend: OneDNNBackend) throws {
    self.handle = handle
    self.backend = backend
    var layouts: [Role: any Layout] = [:]
    for role in Array(given.keys) + [.workspace, .scratch] {
      var found: OpaquePointer?
      try checked(cdnn_operation_layout(handle, role.code, &found), "layout of '\(role)'")
      guard let found else { continue }
      // Workspace and scratch are bytes, whatever they hold.
      let known = given[role]
      layouts[role] = OneDNNLayout(
        owning: found, shape: known?.shape ?? [], type: known?.type ?? .float32)
    }
    self.layouts = layouts
  }

  deinit { cdnn_operation_free(handle) }

  var kernel: String { String(cString: cdnn_operation_kernel(handle)) }

  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call {
    try OneDNNCall(self, addresses)
  }
}

/// Owns one primitive's arguments.
final class OneDNNCall: Call {
  private let operation: OneDNNOperation
  private let handle: OpaquePointer

  init(_ operation: OneDNNOperation, _ addresses: [Role: UnsafeMutableRawPointer]) throws {
    self.operation = operation
    let roles = addresses.keys.sorted { $0.rawValue < $1.rawValue }
    let codes = roles.map(\.code)
    let memory = roles.map { addresses[$0] }
    var created: OpaquePointer?
    try checked(
      cdnn_call_create(
        operation.backend.engine, operation.handle, Int32(roles.count), codes, memory, &created),
      "binding \(operation.kernel)")
    guard let created else { throw LearningError(.device, "binding \(operation.kernel)") }
    handle = created
  }

  deinit { cdnn_call_free(handle) }

  func run(step: UInt64) throws {
    try checked(cdnn_call_run(handle), "running \(operation.kernel)")
  }
}
