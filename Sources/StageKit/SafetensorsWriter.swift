import Foundation

/// Writes a safetensors file front to back, one tensor after the other.
///
/// The number of rows of a tensor may be left open: the header is then written last, into room
/// that was left for it. Equal declarations and elements give equal bytes. Where all shapes are
/// known and wider types come first, these are the bytes that the Python package writes.
///
///     let writer = try SafetensorsWriter(
///       path: path, tensors: [.init("frames", .u8, rows: nil, of: [224, 288])])
///     for frame in frames { try writer.append(frame) }
///     try writer.finish()
public final class SafetensorsWriter {
  /// What the header will say of one tensor.
  public struct Declaration: Hashable, Sendable {
    public var name: String
    public var type: TensorType
    /// The first dimension; `nil` where it is counted as rows are appended.
    public var rows: Int?
    /// The other dimensions.
    public var rowShape: [Int]
    /// One element without a dimension, written as one row.
    private(set) var isScalar = false

    public init(_ name: String, _ type: TensorType, rows: Int?, of rowShape: [Int] = []) {
      self.name = name
      self.type = type
      self.rows = rows
      self.rowShape = rowShape
    }

    /// A tensor of a shape that is known; `[]` is one element.
    public init(_ name: String, _ type: TensorType, shape: [Int]) {
      self.init(name, type, rows: shape.first ?? 1, of: Array(shape.dropFirst()))
      isScalar = shape.isEmpty
    }
  }

  public let path: String
  private let descriptor: Int32
  private let declarations: [Declaration]
  private let metadata: [String: String]
  private let headerLength: Int
  /// Bytes of each tensor so far; the last one is being written.
  private var written: [Int] = [0]
  private var buffer: [UInt8] = []
  private var isFinished = false
  private static let bufferSize = 1 << 20

  /// Opens the file, replacing what lies there.
  ///
  /// - Parameter tensors: in the order in which they will be appended; names must differ
  /// - Throws: `SafetensorsError` of code `system`
  public init(
    path: String, tensors: [Declaration], metadata: [String: String] = [:]
  ) throws(SafetensorsError) {
    precondition(!tensors.isEmpty, "a file without tensors")
    precondition(Set(tensors.map(\.name)).count == tensors.count, "two tensors of one name")
    self.path = path
    declarations = tensors
    self.metadata = metadata
    // An unknown number of rows is given the widest number's room, in shape and offsets.
    let widest = tensors.contains { $0.rows == nil }
    headerLength =
      SafetensorsWriter.header(
        tensors, metadata, rows: tensors.map { $0.rows ?? 0 }, offsetDigits: widest ? 19 : nil
      ).count
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw SafetensorsError(
        .system, path: path, "cannot be written: \(String(cString: strerror(errno)))")
    }
    buffer.reserveCapacity(SafetensorsWriter.bufferSize)
    buffer.append(contentsOf: [UInt8](repeating: 0x20, count: headerLength))
  }

  deinit { close(descriptor) }

  /// Appends elements to the current tensor.
  public func append<Element: TensorElement>(_ elements: [Element]) throws(SafetensorsError) {
    try elements.withUnsafeBufferPointer { buffer throws(SafetensorsError) in try append(buffer) }
  }

  /// Appends elements to the current tensor.
  public func append<Element: TensorElement>(
    _ elements: UnsafeBufferPointer<Element>
  ) throws(SafetensorsError) {
    precondition(!isFinished, "'\(path)' is finished")
    let current = declarations[written.count - 1]
    precondition(
      Element.tensorType == current.type, "'\(current.name)' holds \(current.type.rawValue)")
    let bytes = UnsafeRawBufferPointer(elements)
    written[written.count - 1] += bytes.count
    if buffer.count + bytes.count > SafetensorsWriter.bufferSize { try flush() }
    if bytes.count >= SafetensorsWriter.bufferSize {
      try write(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// Ends the current tensor: what is appended next belongs to the next one.
  public func next() {
    precondition(written.count < declarations.count, "no tensor is left")
    _ = rows(of: written.count - 1)
    written.append(0)
  }

  /// Writes what is left, and the header.
  ///
  /// - Throws: `SafetensorsError` of code `system`, such as a full disk
  public func finish() throws(SafetensorsError) {
    precondition(written.count == declarations.count, "not all tensors are written")
    precondition(!isFinished, "'\(path)' is finished")
    try flush()
    var header = SafetensorsWriter.header(
      declarations, metadata, rows: declarations.indices.map(rows(of:)), offsetDigits: nil)
    header.append(contentsOf: [UInt8](repeating: 0x20, count: headerLength - header.count))
    withUnsafeBytes(of: UInt64(headerLength - 8).littleEndian) {
      header.replaceSubrange(0..<8, with: $0)
    }
    guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw refusal() }
    try header.withUnsafeBufferPointer { bytes throws(SafetensorsError) in
      try write(UnsafeRawBufferPointer(bytes))
    }
    isFinished = true
  }

  /// Writes a file of one tensor or several whose elements are at hand.
  public static func write(
    _ tensors: [TensorValue], metadata: [String: String] = [:], to path: String
  ) throws(SafetensorsError) {
    let writer = try SafetensorsWriter(
      path: path, tensors: tensors.map(\.declaration), metadata: metadata)
    for (index, tensor) in tensors.enumerated() {
      if index > 0 { writer.next() }
      try tensor.append(writer)
    }
    try writer.finish()
  }

  /// A named tensor whose elements are at hand.
  public struct TensorValue: Sendable {
    fileprivate var declaration: Declaration
    fileprivate var append: @Sendable (SafetensorsWriter) throws(SafetensorsError) -> Void

    public init<Element: TensorElement>(_ name: String, _ elements: [Element], shape: [Int]) {
      precondition(elements.count == shape.reduce(1, *), "'\(name)' is not of shape \(shape)")
      declaration = Declaration(name, Element.tensorType, shape: shape)
      append = { writer throws(SafetensorsError) in try writer.append(elements) }
    }
  }

  private func rows(of index: Int) -> Int {
    let declaration = declarations[index]
    let rowBytes = declaration.rowShape.reduce(declaration.type.size, *)
    let bytes = written[index]
    guard rowBytes > 0 else { return declaration.rows ?? 0 }
    precondition(bytes % rowBytes == 0, "'\(declaration.name)' ends within a row")
    let rows = bytes / rowBytes
    precondition(
      declaration.rows ?? rows == rows,
      "'\(declaration.name)' has \(rows) rows, \(declaration.rows ?? 0) were declared")
    return rows
  }

  /// Length, JSON and padding to a multiple of eight bytes; the length is zero here.
  private static func header(
    _ tensors: [Declaration], _ metadata: [String: String], rows: [Int], offsetDigits: Int?
  ) -> [UInt8] {
    var pairs: [Value.Pair] = []
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key < $1.key }.map { Value.Pair($0.key, .string($0.value)) }
      pairs.append(Value.Pair("__metadata__", .map(texts)))
    }
    var offset = 0
    for (tensor, rows) in zip(tensors, rows) {
      let end = offset + rows * tensor.rowShape.reduce(tensor.type.size, *)
      pairs.append(
        Value.Pair(
          tensor.name,
          .map([
            Value.Pair("dtype", .string(tensor.type.rawValue)),
            Value.Pair(
              "shape",
              .list(tensor.isScalar ? [] : ([rows] + tensor.rowShape).map { .integer($0) })),
            Value.Pair("data_offsets", .list([.integer(offset), .integer(end)])),
          ])))
      offset = end
    }
    var json = Array(Value.map(pairs).json.utf8)
    if let offsetDigits {
      json.append(contentsOf: [UInt8](repeating: 0x20, count: 3 * offsetDigits * tensors.count))
    }
    while json.count % 8 != 0 { json.append(0x20) }
    return [UInt8](repeating: 0, count: 8) + json
  }

  private func flush() throws(SafetensorsError) {
    try buffer.withUnsafeBufferPointer { bytes throws(SafetensorsError) in
      try write(UnsafeRawBufferPointer(bytes))
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(SafetensorsError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Foundation.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw refusal()
      }
      rest = rest.dropFirst(count)
    }
  }

  private func refusal() -> SafetensorsError {
    SafetensorsError(.system, path: path, "cannot be written: \(String(cString: strerror(errno)))")
  }
}
