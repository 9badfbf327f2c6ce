/// What a plain (unquoted) scalar means under the core schema of YAML 1.2.
///
/// `no`, `on` and `1_000` are text, `1e-4` is a number, `0o17` and `0x1F` are integers.
/// Source: YAML 1.2.2, section 10.3.2.
enum CoreSchema {
  enum Scalar: Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text
    /// Written as an integer or a number that neither `Int` nor a finite `Double` holds.
    case outOfRange
  }

  static func resolve(_ bytes: UnsafeBufferPointer<UInt8>) -> Scalar {
    guard let first = bytes.first else { return .null }
    switch first {
    case UInt8(ascii: "~"): return bytes.count == 1 ? .null : .text
    case UInt8(ascii: "n"), UInt8(ascii: "N"):
      return matches(bytes, "null", "Null", "NULL") ? .null : .text
    case UInt8(ascii: "t"), UInt8(ascii: "T"):
      return matches(bytes, "true", "True", "TRUE") ? .bool(true) : .text
    case UInt8(ascii: "f"), UInt8(ascii: "F"):
      return matches(bytes, "false", "False", "FALSE") ? .bool(false) : .text
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      return number(bytes)
    default: return .text
    }
  }

  private static func number(_ bytes: UnsafeBufferPointer<UInt8>) -> Scalar {
    if bytes.count > 2, bytes[0] == UInt8(ascii: "0") {
      if bytes[1] == UInt8(ascii: "o") { return integer(bytes.dropFirst(2), radix: 8) }
      if bytes[1] == UInt8(ascii: "x") { return integer(bytes.dropFirst(2), radix: 16) }
    }
    let isSigned = bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+")
    let digits = bytes.dropFirst(isSigned ? 1 : 0)
    if !digits.isEmpty, digits.allSatisfy(isDigit) {
      return integer(digits, radix: 10, isNegative: bytes[0] == UInt8(ascii: "-"))
    }
    if matches(digits, ".inf", ".Inf", ".INF") {
      return .number(bytes[0] == UInt8(ascii: "-") ? -.infinity : .infinity)
    }
    if !isSigned, matches(bytes[...], ".nan", ".NaN", ".NAN") { return .number(.nan) }
    guard isFloat(digits), let number = Double(String(decoding: bytes, as: UTF8.self)) else {
      return .text
    }
    return number.isFinite ? .number(number) : .outOfRange
  }

  private static func integer(
    _ digits: Slice<UnsafeBufferPointer<UInt8>>, radix: Int, isNegative: Bool = false
  ) -> Scalar {
    var value = 0
    for byte in digits {
      let digit: Int
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = Int(byte) - 0x30
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = Int(byte) - 0x61 + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = Int(byte) - 0x41 + 10
      default: return .text
      }
      guard digit < radix else { return .text }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = scaled.addingReportingOverflow(isNegative ? -digit : digit)
      if overflow || carry { return .outOfRange }
      value = sum
    }
    return .integer(value)
  }

  /// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isFloat(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    var rest = bytes
    let whole = rest.prefix(while: isDigit).count
    rest = rest.dropFirst(whole)
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      let fraction = rest.prefix(while: isDigit).count
      guard whole > 0 || fraction > 0 else { return false }
      rest = rest.dropFirst(fraction)
    } else if whole == 0 {
      return false
    }
    guard let exponent = rest.first else { return true }
    guard exponent | 0x20 == UInt8(ascii: "e") else { return false }
    rest = rest.dropFirst()
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
    return !rest.isEmpty && rest.allSatisfy(isDigit)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private static func matches(
    _ bytes: some Collection<UInt8>, _ words: StaticString...
  ) -> Bool {
    words.contains { word in
      word.utf8CodeUnitCount == bytes.count
        && zip(bytes, UnsafeBufferPointer(start: word.utf8Start, count: bytes.count)).allSatisfy(==)
    }
  }
}
