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
    var isHexadecimal = true
    func word(_ index: Int) -> UInt64 {
      var word: UInt64 = 0
      for half in 0..<2 {
        let offset = index * 16 + half * 8
        let digits = UInt64(
          bigEndian: hexBytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let value = Digest.value(ofDigits: digits)
        // What these four bytes are written as: other text, such as capitals, differs from it.
        isHexadecimal = isHexadecimal && Digest.digits(of: value) == digits
        word = word << 32 | UInt64(value)
      }
      return word
    }
    words = (word(0), word(1), word(2), word(3))
    guard isHexadecimal else { return nil }
  }

  /// Eight ASCII digits, the first in the highest byte, of four bytes; all eight at once.
  private static func digits(of value: UInt32) -> UInt64 {
    var nibbles = UInt64(value)
    nibbles = (nibbles << 16 | nibbles) & 0x0000_ffff_0000_ffff
    nibbles = (nibbles << 8 | nibbles) & 0x00ff_00ff_00ff_00ff
    nibbles = (nibbles << 4 | nibbles) & 0x0f0f_0f0f_0f0f_0f0f
    let letters = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
    return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
  }

  /// The reverse of `digits(of:)`; any value where the bytes are no digits.
  private static func value(ofDigits digits: UInt64) -> UInt32 {
    let letters = (digits >> 6) & 0x0101_0101_0101_0101
    var nibbles = (digits & 0x0f0f_0f0f_0f0f_0f0f) &+ letters &* 9
    nibbles = (nibbles >> 4 | nibbles) & 0x00ff_00ff_00ff_00ff
    nibbles = (nibbles >> 8 | nibbles) & 0x0000_ffff_0000_ffff
    return UInt32(truncatingIfNeeded: nibbles >> 16 | nibbles)
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
    func digits(_ word: UInt64) -> (UInt64, UInt64) {
      (
        Digest.digits(of: UInt32(truncatingIfNeeded: word >> 32)).bigEndian,
        Digest.digits(of: UInt32(truncatingIfNeeded: word)).bigEndian
      )
    }
    let text = (digits(words.0), digits(words.1), digits(words.2), digits(words.3))
    withUnsafeBytes(of: text) { out.append(contentsOf: $0) }
  }

  /// The first eight bytes: random bits, for tables.
  public var firstWord: UInt64 { words.0 }

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
