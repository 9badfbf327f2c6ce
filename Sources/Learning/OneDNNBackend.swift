internal import COneDNN
internal import Foundation

/// Fails with the library's word for a status.
func checked(_ status: Int32, _ what: @autoclosure () -> String) throws {
  guard status == 0 else {
    throw LearningError(.device, "\(what()): \(String(cString: cdnn_status_text(status)))")
  }
}

/// This machine's processor, through oneDNN.
///
/// Sums inside oneDNN depend on the number of threads, so equal bytes need equal `threads`.
public final class OneDNNBackend: Backend {
  public let threads: Int
  /// Whether convolutions use oneDNN's kernels alone, not those of ours that need fewer
  /// multiplications.
  public let usesOneDNNAlone: Bool
  let engine: OpaquePointer

  /// - Parameter threads: at least 1
  public init(threads: Int, usesOneDNNAlone: Bool = false) throws {
    guard threads > 0 else {
      throw LearningError(.badSetting, "threads is \(threads); expected at least 1")
    }
    self.threads = threads
    self.usesOneDNNAlone = usesOneDNNAlone
    var created: OpaquePointer?
    try checked(cdnn_engine_create(&created), "oneDNN cannot start")
    guard let created else { throw LearningError(.device, "oneDNN cannot start") }
    engine = created
    prepareThread()
  }

  deinit { cdnn_engine_free(engine) }

  public var name: String {
    var text = [CChar](repeating: 0, count: 64)
    cdnn_version(&text, text.count)
    return text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  public var hasBFloat16: Bool { cdnn_has_bfloat16() }

  public func prepareThread() { cdnn_set_threads(Int32(threads)) }

  public var announceThread: @Sendable () -> Void { { cdnn_announce_thread() } }

  public func rowMajor(_ shape: [Int], _ type: ElementType) throws -> any Layout {
    try OneDNNLayout(shape, type, isOpen: false)
  }

  public func allocate(_ byteCount: Int) throws -> any Memory { try HostMemory(byteCount) }

  public func write(_ values: UnsafeRawBufferPointer, to address: UnsafeMutableRawPointer) {
    UnsafeMutableRawBufferPointer(start: address, count: values.count).copyMemory(from: values)
  }

  public func read(from address: UnsafeRawPointer, into values: UnsafeMutableRawBufferPointer) {
    values.copyMemory(from: UnsafeRawBufferPointer(start: address, count: values.count))
  }

  public func squaredNorm(_ address: UnsafeRawPointer, count: Int) -> Double {
    cdnn_squared_norm(address.assumingMemoryBound(to: Float.self), count)
  }

  public func isFinite(_ address: UnsafeRawPointer, count: Int, _ type: ElementType) -> Bool {
    cdnn_is_finite(type.code, address, count)
  }

  public func descend(
    _ settings: DescentSettings, weights: UnsafeMutableRawPointer,
    velocity: UnsafeMutableRawPointer, gradient: UnsafeRawPointer, count: Int
  ) {
    var numbers = cdnn_sgd_settings(
      rate: settings.rate, momentum: settings.momentum, decay: settings.decay,
      gradient_scale: settings.gradientScale, nesterov: settings.isNesterov)
    cdnn_sgd(
      &numbers, weights.assumingMemoryBound(to: Float.self),
      velocity.assumingMemoryBound(to: Float.self), gradient.assumingMemoryBound(to: Float.self),
      count)
  }
}

extension ElementType {
  var code: cdnn_type { self == .float32 ? CDNN_F32 : CDNN_BF16 }
}

/// Owns one descriptor of oneDNN's.
final class OneDNNLayout: Layout {
  let shape: [Int]
  let type: ElementType
  let handle: OpaquePointer

  /// - Parameter isOpen: whether the order is left to the operation
  init(_ shape: [Int], _ type: ElementType, isOpen: Bool) throws {
    guard (1...12).contains(shape.count), shape.allSatisfy({ $0 > 0 }) else {
      throw LearningError(.badShape, "a tensor of shape \(shape); expected sizes of at least 1")
    }
    let sizes = shape.map { Int64($0) }
    var created: OpaquePointer?
    let status =
      isOpen
      ? cdnn_layout_any(Int32(shape.count), sizes, type.code, &created)
      : cdnn_layout_plain(Int32(shape.count), sizes, type.code, &created)
    try checked(status, "a tensor of shape \(shape)")
    guard let created else { throw LearningError(.device, "no layout for shape \(shape)") }
    handle = created
    self.shape = shape
    self.type = type
  }

  init(_ shape: [Int], _ type: ElementType, _ order: cdnn_order) throws {
    var created: OpaquePointer?
    try checked(
      cdnn_layout_ordered(
        Int32(shape.count), shape.map { Int64($0) }, type.code, order, &created),
      "a tensor of shape \(shape)")
    guard let created else { throw LearningError(.device, "no layout for shape \(shape)") }
    handle = created
    self.shape = shape
    self.type = type
  }

  init(owning handle: OpaquePointer, shape: [Int], type: ElementType) {
    self.handle = handle
    self.shape = shape
    self.type = type
  }

  deinit { cdnn_layout_free(handle) }

  var byteCount: Int { cdnn_layout_bytes(handle) }

  func isEqual(to other: any Layout) -> Bool {
    guard let other = other as? OneDNNLayout else { return false }
    return other === self || cdnn_layout_equal(handle, other.handle)
  }
}

/// Zeroed memory, on large pages where there is enough of it.
final class HostMemory: Memory {
  let byteCount: Int
  let address: UnsafeMutableRawPointer
  private let mapped: Int

  init(_ byteCount: Int) throws {
    let page = 2 << 20
    // Large pages are had only by what starts and ends on one.
    let unit = byteCount >= page ? page : 4096
    let wanted = max(byteCount, 1)
    let size = (wanted + unit - 1) / unit * unit + (unit == page ? page : 0)
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED
    else {
      throw LearningError(.device, "no memory for \(byteCount >> 20) MB")
    }
    self.byteCount = byteCount
    mapped = size
    start = base
    if unit == page {
      let aligned = (Int(bitPattern: base) + page - 1) / page * page
      address = base + (aligned - Int(bitPattern: base))
      madvise(address, (wanted + page - 1) / page * page, MADV_HUGEPAGE)
    } else {
      address = base
    }
  }

  private let start: UnsafeMutableRawPointer

  deinit { munmap(start, mapped) }
}
