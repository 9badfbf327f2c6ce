/// A tensor inside one program: what an operation reads or writes.
public struct Tensor: Hashable, Sendable {
  let index: Int
}

/// The gradient of a tensor, as summands that nobody has added yet: whoever consumes it adds them
/// in one pass over memory. Empty where no gradient is needed.
public struct Gradient {
  public var parts: [Tensor]

  public init(_ parts: Tensor...) { self.parts = parts }
  init(parts: [Tensor]) { self.parts = parts }
  public static var none: Gradient { Gradient(parts: []) }
}

/// What a layer gives back for the backward pass: from the gradient of its result to that of its
/// input, recording what computes the gradients of its parameters on the way.
public typealias Backward = (Gradient) throws -> Gradient

/// A network planned for one device, one precision and one shape of input: a list of operations
/// whose layouts are settled and whose memory is assigned once.
///
/// Layers record operations; `finish` decides where each tensor lies; `forward` and `backward` run.
public final class Program {
  public enum Mode: Hashable, Sendable {
    /// Batch statistics, with a backward pass.
    case training
    /// Running statistics, folded into the convolutions before them; weights are as they were at
    /// the last `refresh`.
    case inference
  }

  struct Record {
    var operation: Operation
    var planned: any PlannedOperation
    var arguments: [Role: Tensor]
    var layer: String
  }

  struct Info {
    var layout: any Layout
    var slot: Int
    var needsGradient: Bool
  }

  /// A piece of memory, which one tensor or several in turn or together use.
  struct Slot {
    var byteCount: Int
    /// Not part of the arena: inputs, outputs, parameters.
    var fixed: (any Memory)?
  }

  public let backend: any Backend
  public let mode: Mode
  /// The type of activations and of the weights that meet them.
  public let type: ElementType
  var records: [Record] = []
  var infos: [Info] = []
  var slots: [Slot] = []
  private var conversions: [Int: [Tensor]] = [:]
  private var constants: [(layout: any Layout, memory: any Memory, values: () throws -> [Float])] =
    []
  private var bound: Set<ObjectIdentifier> = []
  private var scopes: [String] = []
  private var boundary: Int?
  /// Counted up by each forward pass of training.
  var counters: [BatchCounter] = []
  private var calls: [any Call] = []
  private var arena: (any Memory)?

  public init(on backend: any Backend, mode: Mode, type: ElementType = .float32) {
    self.backend = backend
    self.mode = mode
    self.type = type
  }

  // MARK: Recording

  /// The shape of a tensor.
  public func shape(of tensor: Tensor) -> [Int] { infos[tensor.index].layout.shape }
  func layout(of tensor: Tensor) -> any Layout { infos[tensor.index].layout }

  /// Names what is recorded inside, for errors and profiles.
  public func named<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    scopes.append(name)
    defer { scopes.removeLast() }
    return try body()
  }

  /// The name of the layer being recorded: `layer1.0.conv1`.
  public var scope: String { scopes.joined(separator: ".") }

  func tensor(
    _ layout: any Layout, fixed: (any Memory)? = nil, needsGradient: Bool = true
  ) -> Tensor {
    slots.append(Slot(byteCount: layout.byteCount, fixed: fixed))
    infos.append(Info(layout: layout, slot: slots.count - 1, needsGradient: needsGradient))
    return Tensor(index: infos.count - 1)
  }

  /// A tensor that the caller fills before a run, row-major float32.
  public func input(_ shape: [Int]) throws -> Tensor {
    let layout = try backend.rowMajor(shape, .float32)
    return tensor(layout, fixed: try backend.allocate(layout.byteCount), needsGradient: false)
  }

  /// The same values as a tensor that can be read after a run, row-major float32.
  public func output(_ source: Tensor) throws -> Tensor {
    let layout = try backend.rowMajor(shape(of: source), .float32)
    let result = tensor(layout, fixed: try backend.allocate(layout.byteCount))
    try record(.reorder, [.source: source, .destination: result])
    return result
  }

  /// Records an operation on tensors that exist; workspace and scratch are added.
  ///
  /// - Returns: the workspace, where there is one
  @discardableResult
  func record(_ operation: Operation, _ arguments: [Role: Tensor]) throws -> Tensor? {
    let planned = try backend.plan(operation, arguments.mapValues { .fixed(layout(of: $0)) })
    return record(operation, planned, arguments)
  }

  @discardableResult
  func record(
    _ operation: Operation, _ planned: any PlannedOperation, _ arguments: [Role: Tensor]
  ) -> Tensor? {
    var all = arguments
    for role in [Role.workspace, .scratch] where all[role] == nil {
      if let layout = planned.layouts[role] { all[role] = tensor(layout) }
    }
    records.append(
      Record(operation: operation, planned: planned, arguments: all, layer: scope))
    return all[.workspace]
  }

  /// The tensor in this layout: itself, an earlier conversion, or a new one.
  func converted(_ source: Tensor, to layout: any Layout) throws -> Tensor {
    let known = [source] + conversions[source.index, default: []]
    if let same = known.first(where: { self.layout(of: $0).isEqual(to: layout) }) { return same }
    let result = tensor(layout, needsGradient: infos[source.index].needsGradient)
    try record(.reorder, [.source: source, .destination: result])
    conversions[source.index, default: []].append(result)
    return result
  }

  /// The tensor in this layout, without a conversion that others may find: for weights, whose
  /// copies are large and used once.
  func convertedOnce(_ source: Tensor, to layout: any Layout) throws -> Tensor {
    if self.layout(of: source).isEqual(to: layout) { return source }
    let result = tensor(layout, needsGradient: false)
    try record(.reorder, [.source: source, .destination: result])
    return result
  }

  /// The same elements, row-major, under another shape of equal size.
  func reshaped(_ source: Tensor, to shape: [Int]) throws -> Tensor {
    let type = layout(of: source).type
    let plain = try converted(source, to: backend.rowMajor(self.shape(of: source), type))
    infos.append(
      Info(
        layout: try backend.rowMajor(shape, type), slot: infos[plain.index].slot,
        needsGradient: infos[source.index].needsGradient))
    return Tensor(index: infos.count - 1)
  }

  /// The sum of one to four tensors, in the first one's layout.
  func sum(_ parts: [Tensor], _ ending: Ending = .keep, gate: Tensor? = nil) throws -> Tensor {
    precondition((1...4).contains(parts.count), "a sum of \(parts.count) tensors")
    let layout = gate.map { self.layout(of: $0) } ?? self.layout(of: parts[0])
    let terms = try parts.map { try converted($0, to: layout) }
    let result = tensor(layout)
    var arguments: [Role: Tensor] = [.destination: result]
    for (role, term) in zip(Role.sources, terms) { arguments[role] = term }
    arguments[.weights] = gate
    try record(.sum(ending), arguments)
    return result
  }

  /// The same values as another tensor of the program's type, whose gradient is wanted.
  public func copy(_ source: Tensor) throws -> Tensor {
    let result = tensor(try backend.rowMajor(shape(of: source), type))
    try record(.reorder, [.source: source, .destination: result])
    return result
  }

  /// All parts of a gradient as one tensor.
  public func summed(_ gradient: Gradient) throws -> Tensor {
    precondition(!gradient.parts.isEmpty, "\(scope): a gradient that nobody computed")
    guard gradient.parts.count > 1 else { return gradient.parts[0] }
    return try sum(gradient.parts)
  }

  func needsGradient(_ tensor: Tensor) -> Bool { infos[tensor.index].needsGradient }

  // MARK: Parameters

  /// The weights of a parameter as the operation wants them. In training a conversion is recorded;
  /// in inference they are converted at each `refresh`.
  func weights(_ parameter: Parameter, as layout: any Layout) throws -> Tensor {
    guard mode == .training else {
      return try constant(layout) { try parameter.deviceValues() }
    }
    return try convertedOnce(try stored(parameter, preferring: layout), to: layout)
  }

  /// The parameter's own memory; a parameter that has none yet lies as `layout`, in float32.
  func stored(_ parameter: Parameter, preferring layout: any Layout) throws -> Tensor {
    let memory = try parameter.settle(on: backend, as: layout)
    return tensor(memory.layout, fixed: memory.weights, needsGradient: false)
  }

  /// Where the gradient of a parameter goes; each parameter has one place in a program.
  func gradient(of parameter: Parameter) throws -> Tensor {
    let memory = try parameter.requireGradient()
    guard bound.insert(ObjectIdentifier(parameter)).inserted else {
      throw LearningError(
        .badSetting, "\(parameter.name) is used twice in one program; join the batches instead")
    }
    return tensor(memory.layout, fixed: memory.gradient, needsGradient: false)
  }

  /// Values that are computed on the host at each `refresh`.
  func constant(_ layout: any Layout, _ values: @escaping () throws -> [Float]) throws -> Tensor {
    let memory = try backend.allocate(layout.byteCount)
    constants.append((layout, memory, values))
    return tensor(layout, fixed: memory, needsGradient: false)
  }

  /// Brings what inference made of the weights up to date with them.
  public func refresh() throws {
    for constant in constants {
      try backend.upload(constant.values(), as: constant.layout, to: constant.memory.address)
    }
  }

  // MARK: Running

  /// What is recorded from now on is the backward pass.
  public func beginBackward() { boundary = records.count }

  /// Assigns memory to all tensors. Nothing can be recorded afterwards.
  public func finish() throws {
    let plan = ArenaPlan(self)
    let arena = try backend.allocate(plan.byteCount)
    self.arena = arena
    for (index, record) in records.enumerated() {
      var addresses: [Role: UnsafeMutableRawPointer] = [:]
      for (role, tensor) in record.arguments {
        let slot = infos[tensor.index].slot
        addresses[role] = slots[slot].fixed?.address ?? arena.address + plan.offset(of: slot)
      }
      if plan.isSkipped[index] {
        // Its result shares memory with its source.
        calls.append(KernelCall { _ in })
      } else {
        calls.append(try record.planned.bind(addresses))
      }
    }
    try refresh()
  }

  /// Bytes of all activations and gradients of activations at once.
  public var arenaBytes: Int { arena?.byteCount ?? 0 }

  /// Fills an input: as many values as its shape has.
  public func write(_ values: [Float], to input: Tensor) throws {
    let info = infos[input.index]
    guard let memory = slots[info.slot].fixed else {
      throw LearningError(.badSetting, "only inputs can be written")
    }
    guard values.count * 4 == info.layout.byteCount else {
      throw LearningError(
        .badShape, "\(values.count) values for an input of shape \(info.layout.shape)")
    }
    values.withUnsafeBytes { backend.write($0, to: memory.address) }
  }

  /// The values of an output, row-major.
  public func read(_ output: Tensor) throws -> [Float] {
    let info = infos[output.index]
    guard let memory = slots[info.slot].fixed else {
      throw LearningError(.badSetting, "only inputs and outputs can be read")
    }
    return [Float](unsafeUninitializedCapacity: info.layout.byteCount / 4) { buffer, count in
      backend.read(from: memory.address, into: UnsafeMutableRawBufferPointer(buffer))
      count = info.layout.byteCount / 4
    }
  }

  /// - Parameter step: of the training; decides what dropout drops
  public func forward(step: UInt64 = 0) throws {
    try run(0..<(boundary ?? calls.count), step)
    for counter in counters { counter.count += 1 }
  }

  public func backward(step: UInt64 = 0) throws {
    try run((boundary ?? calls.count)..<calls.count, step)
  }

  private func run(_ range: Range<Int>, _ step: UInt64) throws {
    backend.prepareThread()
    for index in range { try calls[index].run(step: step) }
  }

  /// What one operation took.
  public struct Measurement: Hashable, Sendable {
    public var operation: String
    public var layer: String
    public var kernel: String
    public var seconds: Double
  }

  /// Runs both passes again and tells what each operation took, in order.
  public func profile(step: UInt64 = 0) throws -> [Measurement] {
    backend.prepareThread()
    let clock = ContinuousClock()
    return try zip(records, calls).map { record, call in
      let time = try clock.measure { try call.run(step: step) }
      return Measurement(
        operation: record.operation.name, layer: record.layer, kernel: record.planned.kernel,
        seconds: time / .seconds(1))
    }
  }

  /// Runs the forward pass again and names the layer whose result is the first with NaN or
  /// infinity; `nil` where there is none.
  public func firstNotFinite(step: UInt64 = 0) throws -> String? {
    backend.prepareThread()
    guard let arena else { return nil }
    let plan = ArenaPlan(self)
    for index in 0..<(boundary ?? calls.count) {
      try calls[index].run(step: step)
      guard let result = records[index].arguments[.destination] else { continue }
      let info = infos[result.index]
      let address = slots[info.slot].fixed?.address ?? arena.address + plan.offset(of: info.slot)
      if !backend.isFinite(address, count: info.layout.paddedCount, info.layout.type) {
        return records[index].layer
      }
    }
    return nil
  }
}
