/// Encodes values into bytes that are equal exactly when the values are.
///
/// Each value is a type tag, a length where the type has none of its own, then its bytes, so that
/// no two different sequences of values share an encoding: `("ab", "c")` differs from
/// `("a", "bc")`, `1` from `"1"` and from `1.0`. Integers are little-endian.
public struct CanonicalEncoder: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() { bytes.reserveCapacity(256) }

  public var digest: Digest { Digest(of: bytes) }

  public mutating func encode(_ text: String) {
    bytes.append(UInt8(ascii: "s"))
    let utf8 = text.utf8
    append(UInt64(utf8.count))
    bytes.append(contentsOf: utf8)
  }

  public mutating func encode(_ integer: Int) {
    bytes.append(UInt8(ascii: "i"))
    append(UInt64(bitPattern: Int64(integer)))
  }

  /// Negative zero is encoded as zero and every NaN as one NaN.
  public mutating func encode(_ number: Double) {
    bytes.append(UInt8(ascii: "d"))
    append((number == 0 ? 0.0 : number.isNaN ? Double.nan : number).bitPattern)
  }

  public mutating func encode(_ flag: Bool) {
    bytes.append(UInt8(ascii: flag ? "t" : "f"))
  }

  public mutating func encode(_ digest: Digest) {
    bytes.append(UInt8(ascii: "#"))
    bytes.append(contentsOf: digest.bytes)
  }

  public mutating func encodeNull() {
    bytes.append(UInt8(ascii: "n"))
  }

  /// Starts a list of `count` values, which the caller encodes next.
  public mutating func encodeList(count: Int) {
    bytes.append(UInt8(ascii: "l"))
    append(UInt64(count))
  }

  /// Starts a map of `count` pairs, which the caller encodes next, sorted by key.
  public mutating func encodeMap(count: Int) {
    bytes.append(UInt8(ascii: "m"))
    append(UInt64(count))
  }

  public mutating func encode(_ value: Value) {
    switch value {
    case .null: encodeNull()
    case .bool(let flag): encode(flag)
    case .integer(let integer): encode(integer)
    case .number(let number): encode(number)
    case .string(let text): encode(text)
    case .list(let values):
      encodeList(count: values.count)
      for value in values { encode(value) }
    case .map(let pairs):
      encodeMap(count: pairs.count)
      for (key, value) in pairs.sorted(by: { $0.key < $1.key }).map({ ($0.key, $0.value) }) {
        encode(key)
        encode(value)
      }
    }
  }

  private mutating func append(_ word: UInt64) {
    withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
