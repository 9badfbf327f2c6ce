import Engine
import Glibc
import StageKit

extension stat {
  var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
  var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }

  /// What a person calls this kind of file.
  var kindName: String {
    switch st_mode & S_IFMT {
    case S_IFREG: "a file"
    case S_IFDIR: "a folder"
    case S_IFLNK: "a symbolic link"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }
}

/// An open file, closed exactly once.
struct OpenFile: ~Copyable {
  let descriptor: Int32
  let path: String

  /// - Throws: `EnvironmentError`.
  init(_ path: String, _ flags: Int32, mode: mode_t = 0o666, for access: Access) throws {
    let opened = open(path, flags | O_CLOEXEC, mode)
    guard opened >= 0 else { throw failure(access, path) }
    descriptor = opened
    self.path = path
  }

  /// `nil`, with `errno` set, where it cannot be opened.
  init?(ifReadable path: String) {
    // A pipe without a writer must not block us.
    let opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { return nil }
    descriptor = opened
    self.path = path
  }

  deinit { close(descriptor) }

  func status() throws -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(.reading, path) }
    return status
  }

  /// Digests all bytes in one pass, which also hands them on.
  ///
  /// - Parameter size: as far as known, to read in fitting steps.
  func digest(
    size: Int, handingOn body: (UnsafeRawBufferPointer) throws -> Void = { _ in }
  ) throws -> (digest: Digest, size: Int) {
    let step = min(max(size + 1, 4096), 1 << 20)
    if size > step { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: step, alignment: 16)
    defer { buffer.deallocate() }
    var stream = DigestStream()
    var total = 0
    while case let count = try readSome(into: buffer), count > 0 {
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      stream.update(bytes)
      try body(bytes)
      total += count
    }
    return (stream.finish(), total)
  }

  /// All bytes of a regular file.
  ///
  /// - Parameter expected: about how many there are; the file is asked where this is not given.
  func readAll(expecting expected: Int? = nil) throws -> [UInt8] {
    // Room for one byte more than there are shows in one call that the end was reached.
    let expected = try expected ?? Int(status().st_size) + 1
    var bytes: [UInt8] = []
    while true {
      let room = max(expected - bytes.count, 512)
      let part = try [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        count = try readSome(into: UnsafeMutableRawBufferPointer(buffer))
      }
      if bytes.isEmpty { bytes = part } else { bytes += part }
      if part.count < room { return bytes }
    }
  }

  private func readSome(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw failure(.reading, path) }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 {
        guard errno == EINTR else { throw failure(.writing, path) }
      } else {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }

  func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  func sync() throws {
    guard fsync(descriptor) == 0 else { throw failure(.writing, path) }
  }

  func makeReadOnly() throws {
    guard fchmod(descriptor, 0o444) == 0 else { throw failure(.writing, path) }
  }
}
