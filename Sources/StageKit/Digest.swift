import Crypto

/// A SHA-256 digest: the name of an object, an action or an artifact.
public struct Digest: Hashable, Comparable, Sendable {
  /// The 32 bytes as four big-endian words, so that comparing words compares bytes.
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// Digests the bytes in `bytes`.
  public init(of bytes: some Sequence<UInt8>) {
    self.init(
      finalizing: {
        var hash = SHA256()
        if bytes.withContiguousStorageIfAvailable({
          hash.update(bufferPointer: UnsafeRawBufferPointer($0))
        }) == nil {
          Array(bytes).withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        return hash
      }())
  }

  /// Reads 64 lower-case hexadecimal digits, as `sha256sum` prints them; `nil` for anything else.
  public init?(hex: some StringProtocol) { self.init(hexBytes: hex.utf8) }

  /// Reads 64 lower-case hexadecimal digits in ASCII.
  public init?(hexBytes: some Sequence<UInt8>) {
    let whole = hexBytes.withContiguousStorageIfAvailable {
      Digest(hexBytes: UnsafeRawBufferPointer($0))
    }
    guard let digest = whole ?? Array(hexBytes).withUnsafeBytes({ Digest(hexBytes: $0) }) else {
      return nil
    }
    self = digest
  }

  /// Reads 64 lower-case hexadecimal digits in ASCII.
  public init?(hexBytes: UnsafeRawBufferPointer) {
    guard hexBytes.count == 64 else { return nil }
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    for (count, byte) in hexBytes.enumerated() {
      let nibble: UInt64
      switch byte {
      case 0x30...0x39: nibble = UInt64(byte - 0x30)
      case 0x61...0x66: nibble = UInt64(byte - 0x61 + 10)
      default: return nil
      }
      switch count / 16 {
      case 0: words.0 = words.0 << 4 | nibble
      case 1: words.1 = words.1 << 4 | nibble
      case 2: words.2 = words.2 << 4 | nibble
      default: words.3 = words.3 << 4 | nibble
      }
    }
    self.words = words
  }

  /// Reads 32 raw bytes; `nil` for any other count.
  public init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 32 else { return nil }
    func word(_ index: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    words = (word(0), word(1), word(2), word(3))
  }

  fileprivate init(finalizing hash: SHA256) {
    self = hash.finalize().withUnsafeBytes { Digest(bytes: $0)! }  // SHA-256 has 32 bytes
  }

  /// 64 lower-case hexadecimal digits.
  public var hex: String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(64)
    appendHex(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends 64 lower-case hexadecimal digits in ASCII.
  public func appendHex(to out: inout [UInt8]) {
    func append(_ word: UInt64) {
      for shift in stride(from: 60, through: 0, by: -4) {
        let nibble = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
        out.append(nibble < 10 ? 0x30 + nibble : 0x61 + nibble - 10)
      }
    }
    append(words.0)
    append(words.1)
    append(words.2)
    append(words.3)
  }

  /// The 32 raw bytes, as the database keeps them.
  public var bytes: [UInt8] {
    let bigEndian = (
      words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian
    )
    return withUnsafeBytes(of: bigEndian) { Array($0) }
  }

  public static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }
  public static func < (a: Digest, b: Digest) -> Bool { a.words < b.words }
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension Digest: CustomStringConvertible {
  public var description: String { hex }
}

extension Digest: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let digest = Digest(hex: text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "'\(text)' is no SHA-256 digest"))
    }
    self = digest
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hex)
  }
}

/// Digests bytes as they come, for files that do not fit into memory.
public struct DigestStream: Sendable {
  private var hash = SHA256()

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    hash.update(bufferPointer: bytes)
  }

  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
  }

  public func finish() -> Digest { Digest(finalizing: hash) }
}
