import StageKit

extension Value {
  /// Reads what `json` wrote; a map keeps its order, and NaN and the infinities are numbers.
  ///
  /// `nil` where the bytes are no JSON.
  init?(json bytes: some Sequence<UInt8>) {
    var reader = ValueReader(bytes: Array(bytes))
    guard let value = reader.value(depth: 0) else { return nil }
    reader.skipSpace()
    guard reader.isAtEnd else { return nil }
    self = value
  }
}

/// A recursive-descent reader of JSON (RFC 8259).
private struct ValueReader {
  private static let maximumDepth = 256

  let bytes: [UInt8]
  private var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }
  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      position += 1
    }
  }

  mutating func value(depth: Int) -> Value? {
    guard depth < ValueReader.maximumDepth else { return nil }
    skipSpace()
    switch next {
    case UInt8(ascii: "\""): return string().map(Value.string)
    case UInt8(ascii: "["): return list(depth: depth)
    case UInt8(ascii: "{"): return map(depth: depth)
    default: return word()
    }
  }

  /// Steps over the byte where it is next.
  private mutating func take(_ byte: Character) -> Bool {
    guard let wanted = byte.asciiValue, next == wanted else { return false }
    position += 1
    return true
  }

  private mutating func list(depth: Int) -> Value? {
    guard take("[") else { return nil }
    var values: [Value] = []
    skipSpace()
    if take("]") { return .list(values) }
    while true {
      guard let element = value(depth: depth + 1) else { return nil }
      values.append(element)
      skipSpace()
      if take("]") { return .list(values) }
      guard take(",") else { return nil }
    }
  }

  private mutating func map(depth: Int) -> Value? {
    guard take("{") else { return nil }
    var pairs: [Value.Pair] = []
    skipSpace()
    if take("}") { return .map(pairs) }
    while true {
      skipSpace()
      guard let key = string() else { return nil }
      skipSpace()
      guard take(":"), let element = value(depth: depth + 1) else { return nil }
      pairs.append(Value.Pair(key, element))
      skipSpace()
      if take("}") { return .map(pairs) }
      guard take(",") else { return nil }
    }
  }

  private mutating func word() -> Value? {
    let start = position
    while let byte = next, byte > 0x20, byte != UInt8(ascii: ","), byte != UInt8(ascii: "]"),
      byte != UInt8(ascii: "}")
    {
      position += 1
    }
    let word = String(decoding: bytes[start..<position], as: UTF8.self)
    switch word {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "NaN": return .number(.nan)
    case "Infinity": return .number(.infinity)
    case "-Infinity": return .number(-.infinity)
    default:
      guard let first = word.utf8.first, first == 0x2d || (0x30...0x39).contains(first) else {
        return nil
      }
      return Int(word).map(Value.integer) ?? Double(word).map(Value.number)
    }
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var out: [UInt8] = []
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: out, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escaped() else { return nil }
        out += Array(String(scalar).utf8)
      default: out.append(byte)
      }
    }
    return nil
  }

  /// What follows a backslash.
  private mutating func escaped() -> Unicode.Scalar? {
    guard let byte = next else { return nil }
    position += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "u"):
      guard let unit = codeUnit() else { return nil }
      guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
      guard take("\\"), take("u"), let trail = codeUnit(), UTF16.isTrailSurrogate(trail) else {
        return nil
      }
      return Unicode.Scalar(
        0x10000 + (UInt32(unit) - 0xd800) << 10 + (UInt32(trail) - 0xdc00))
    default: return nil
    }
  }

  private mutating func codeUnit() -> UInt16? {
    guard position + 4 <= bytes.count else { return nil }
    defer { position += 4 }
    return UInt16(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
  }
}
