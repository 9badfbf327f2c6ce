import Foundation

/// A safetensors file, mapped into memory read-only and unmapped when the last user lets go.
///
/// The file must not shrink while it is mapped: artifacts of the store never change, so theirs do
/// not. Elements are little-endian in the file and in memory.
public final class SafetensorsFile: @unchecked Sendable {
  // Sendable: all properties are constants, and nobody writes to the mapping.

  /// One tensor of the file, as the header describes it.
  public struct Entry: Hashable, Sendable {
    public var name: String
    public var type: TensorType
    public var shape: [Int]
    /// Where its bytes lie, counted from the end of the header.
    public var bytes: Range<Int>
  }

  public let path: String
  /// `__metadata__`: texts by name.
  public let metadata: [String: String]
  /// In the order of their bytes.
  public let entries: [Entry]
  private let mapping: UnsafeRawBufferPointer
  private let dataOffset: Int

  /// Maps the file and checks its whole header.
  ///
  /// - Throws: `SafetensorsError`
  public init(path: String) throws(SafetensorsError) {
    self.path = path
    mapping = try SafetensorsFile.map(path)
    do throws(SafetensorsError) {
      let header = try SafetensorsHeader(of: mapping, path: path)
      metadata = header.metadata
      entries = header.entries
      dataOffset = header.dataOffset
    } catch {
      munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count)
      throw error
    }
  }

  deinit {
    munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count)
  }

  /// The entry of this name.
  ///
  /// - Throws: `SafetensorsError` of code `missingTensor`, naming the tensors that are there
  public func entry(_ name: String) throws(SafetensorsError) -> Entry {
    if let entry = entries.first(where: { $0.name == name }) { return entry }
    let clause = Suggestion.clause(for: name, among: entries.map(\.name))
    throw SafetensorsError(.missingTensor, path: path, "has no tensor '\(name)'\(clause)")
  }

  /// A view of one tensor.
  ///
  /// - Parameter rank: how many dimensions it must have; any number where it is `nil`
  /// - Throws: `SafetensorsError` where it is missing, or of another type or rank
  public func tensor<Element: TensorElement>(
    _ name: String, of type: Element.Type = Element.self, rank: Int? = nil
  ) throws(SafetensorsError) -> MappedTensor<Element> {
    let entry = try entry(name)
    guard entry.type == Element.tensorType else {
      throw SafetensorsError(
        .wrongType, path: path,
        "tensor '\(name)' is \(entry.type.rawValue); expected \(Element.tensorType.rawValue)")
    }
    if let rank, entry.shape.count != rank {
      throw SafetensorsError(
        .wrongShape, path: path,
        "tensor '\(name)' has the shape \(entry.shape); expected \(rank) dimensions")
    }
    let bytes = entry.bytes.lowerBound + dataOffset..<entry.bytes.upperBound + dataOffset
    return MappedTensor(
      file: self, shape: entry.shape, bytes: UnsafeRawBufferPointer(rebasing: mapping[bytes]))
  }

  /// Lends the bytes of one of the file's entries for the time of the call.
  public func withBytes<Result>(
    of entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(self) {
      let range = entry.bytes.lowerBound + dataOffset..<entry.bytes.upperBound + dataOffset
      return try body(UnsafeRawBufferPointer(rebasing: mapping[range]))
    }
  }

  private static func map(_ path: String) throws(SafetensorsError) -> UnsafeRawBufferPointer {
    func refusal() -> SafetensorsError {
      SafetensorsError(.system, path: path, "cannot be read: \(String(cString: strerror(errno)))")
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw refusal() }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw refusal() }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SafetensorsError(.system, path: path, "is not a regular file")
    }
    guard status.st_size >= 8 else {
      throw SafetensorsError(
        .truncated, path: path, "has \(status.st_size) bytes, too few for a safetensors file")
    }
    let size = Int(status.st_size)
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
    else { throw refusal() }
    return UnsafeRawBufferPointer(start: base, count: size)
  }
}

/// A tensor inside a mapped file; keeps the file mapped as long as it lives.
public struct MappedTensor<Element: TensorElement>: @unchecked Sendable {
  // Sendable: the bytes belong to `file`, which is constant and never written to.

  public let shape: [Int]
  private let file: SafetensorsFile
  private let bytes: UnsafeRawBufferPointer
  /// The elements where the file does not align them; the format does not promise that it does.
  private let copy: [Element]?

  fileprivate init(file: SafetensorsFile, shape: [Int], bytes: UnsafeRawBufferPointer) {
    self.file = file
    self.shape = shape
    self.bytes = bytes
    let address = bytes.baseAddress.map { Int(bitPattern: $0) } ?? 0
    if address % MemoryLayout<Element>.alignment == 0 {
      copy = nil
    } else {
      copy = Array(unsafeUninitializedCapacity: bytes.count / MemoryLayout<Element>.stride) {
        UnsafeMutableRawBufferPointer($0).copyMemory(from: bytes)
        $1 = bytes.count / MemoryLayout<Element>.stride
      }
    }
  }

  /// How many elements there are.
  public var count: Int { bytes.count / MemoryLayout<Element>.stride }

  /// Lends all elements, in row-major order, for the time of the call.
  public func withElements<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    if let copy { return try copy.withUnsafeBufferPointer(body) }
    return try withExtendedLifetime(file) { try body(bytes.bindMemory(to: Element.self)) }
  }

  /// Lends the elements of one index of the first dimension: a frame of `[T, H, W]`.
  public func withRow<Result>(
    _ index: Int, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(!shape.isEmpty && (0..<shape[0]).contains(index), "row \(index) of \(shape)")
    let length = shape.dropFirst().reduce(1, *)
    return try withElements {
      try body(UnsafeBufferPointer(rebasing: $0[index * length..<(index + 1) * length]))
    }
  }

  /// All elements, copied.
  public var array: [Element] { copy ?? withElements { Array($0) } }
}
