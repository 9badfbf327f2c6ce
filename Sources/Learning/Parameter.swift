/// What a network learns, or keeps beside what it learns: float32, in the layout that its operation
/// prefers once one is planned, row-major on the host before.
public final class Parameter {
  /// As in PyTorch's state: `layer1.0.conv1.0.weight`.
  public let name: String
  /// As in PyTorch: of a convolution `[o, i / groups, kernel...]`.
  public let shape: [Int]
  /// The same elements as the operation wants them: `[groups, o / groups, i / groups, kernel...]`.
  let deviceShape: [Int]
  /// Where the device keeps more elements than there are.
  let merging: MergedGroups?
  /// Whether it is learnt; running statistics are not.
  public let isLearnt: Bool

  /// Where a parameter lies on a device.
  struct Settled {
    var layout: any Layout
    var weights: any Memory
    var gradient: (any Memory)?
    var velocity: (any Memory)?
  }

  /// Before it is on a device: made when it is first needed, since that takes a second for millions.
  private var host: () -> [Float]
  private(set) var settled: Settled?
  private var backend: (any Backend)?

  init(
    _ name: String, _ shape: [Int], deviceShape: [Int]? = nil, merging: MergedGroups? = nil,
    isLearnt: Bool = true, values: @escaping @autoclosure () -> [Float]
  ) {
    self.name = name
    self.shape = shape
    self.deviceShape = merging?.shape ?? deviceShape ?? shape
    self.merging = merging
    self.isLearnt = isLearnt
    host = values
  }

  /// How many elements it has.
  public var count: Int { shape.reduce(1, *) }

  /// All elements, row-major.
  public func values() throws -> [Float] { try download(\.weights) ?? host() }

  /// All elements as the device keeps them.
  func deviceValues() throws -> [Float] { onDevice(try values()) }

  /// Values in the order of `shape` as the device keeps them.
  func onDevice(_ values: [Float]) -> [Float] { merging?.widened(values) ?? values }

  /// Replaces all elements: as many as the shape has, row-major.
  public func set(_ values: [Float]) throws {
    guard values.count == count else {
      throw LearningError(
        .badShape, "\(name) has the shape \(shape); got \(values.count) values")
    }
    if let settled, let backend {
      try backend.upload(onDevice(values), as: settled.layout, to: settled.weights.address)
    } else {
      host = { values }
    }
  }

  /// The gradient of the last backward pass, row-major; `nil` before there was one.
  public func gradient() throws -> [Float]? {
    guard let gradient = settled?.gradient else { return nil }
    return try download { _ in gradient }
  }

  /// The momentum of gradient descent, row-major; zeros before the first step.
  public func velocity() throws -> [Float] {
    guard let velocity = settled?.velocity else { return [Float](repeating: 0, count: count) }
    return try download { _ in velocity } ?? []
  }

  public func setVelocity(_ values: [Float]) throws {
    guard values.count == count else {
      throw LearningError(
        .badShape, "the velocity of \(name) has the shape \(shape); got \(values.count) values")
    }
    guard let backend, let settled = try requireVelocity(), let memory = settled.velocity else {
      return
    }
    try backend.upload(onDevice(values), as: settled.layout, to: memory.address)
  }

  private func download(_ memory: (Settled) -> any Memory) throws -> [Float]? {
    guard let settled, let backend else { return nil }
    let values = try backend.download(settled.layout, from: memory(settled).address)
    return merging?.narrowed(values) ?? values
  }

  /// Moves to a device; the first program's layout stays for good.
  func settle(on backend: any Backend, as layout: any Layout) throws -> Settled {
    if let settled {
      guard let own = self.backend, own === backend else {
        throw LearningError(.badSetting, "\(name) already belongs to another device")
      }
      return settled
    }
    guard layout.type == .float32 else {
      throw LearningError(.badSetting, "\(name): weights are kept in float32")
    }
    let memory = try backend.allocate(layout.byteCount)
    try backend.upload(onDevice(host()), as: layout, to: memory.address)
    let settled = Settled(layout: layout, weights: memory)
    self.settled = settled
    self.backend = backend
    host = { [] }
    return settled
  }

  /// - Returns: where it lies, with memory for its gradient
  func requireGradient() throws -> (layout: any Layout, gradient: any Memory) {
    guard let settled, let backend else {
      throw LearningError(.badSetting, "\(name) has a gradient before it is used")
    }
    if let gradient = settled.gradient { return (settled.layout, gradient) }
    let gradient = try backend.allocate(settled.layout.byteCount)
    self.settled?.gradient = gradient
    return (settled.layout, gradient)
  }

  /// - Returns: where it lies, with memory for its velocity; `nil` where it is on no device yet
  func requireVelocity() throws -> Settled? {
    guard let settled, let backend else { return nil }
    if settled.velocity == nil {
      self.settled?.velocity = try backend.allocate(settled.layout.byteCount)
    }
    return self.settled
  }
}

extension Backend {
  /// Writes row-major values into memory of any layout.
  func upload(
    _ values: [Float], as layout: any Layout, to address: UnsafeMutableRawPointer
  ) throws {
    let plain = try rowMajor(layout.shape, .float32)
    guard values.count * 4 == plain.byteCount else {
      throw LearningError(.badShape, "\(values.count) values for the shape \(layout.shape)")
    }
    if plain.isEqual(to: layout) {
      values.withUnsafeBytes { write($0, to: address) }
      return
    }
    let memory = try allocate(plain.byteCount)
    values.withUnsafeBytes { write($0, to: memory.address) }
    try reorder(plain, memory.address, layout, address)
  }

  /// Reads memory of any layout as row-major values.
  func download(_ layout: any Layout, from address: UnsafeMutableRawPointer) throws -> [Float] {
    let plain = try rowMajor(layout.shape, .float32)
    let memory = try allocate(plain.byteCount)
    let isPlain = plain.isEqual(to: layout)
    if !isPlain { try reorder(layout, address, plain, memory.address) }
    return [Float](unsafeUninitializedCapacity: plain.byteCount / 4) { buffer, count in
      read(
        from: isPlain ? UnsafeRawPointer(address) : UnsafeRawPointer(memory.address),
        into: UnsafeMutableRawBufferPointer(buffer))
      count = plain.byteCount / 4
    }
  }

  private func reorder(
    _ from: any Layout, _ source: UnsafeMutableRawPointer, _ to: any Layout,
    _ destination: UnsafeMutableRawPointer
  ) throws {
    prepareThread()
    let planned = try plan(.reorder, [.source: .fixed(from), .destination: .fixed(to)])
    var addresses: [Role: UnsafeMutableRawPointer] = [.source: source, .destination: destination]
    let scratch = try planned.layouts[.scratch].map { try allocate($0.byteCount) }
    addresses[.scratch] = scratch?.address
    try planned.bind(addresses).run(step: 0)
  }
}
