import StageKit

/// Percent-encoding of `%` and control characters, so that any name fits on one line.
public enum PercentCode {
  /// Begins the two digits of an encoded byte.
  static let escape = UInt8(ascii: "%")

  static func encode(_ text: String) -> String {
    var bytes: [UInt8] = []
    encode(text, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  static func encode(_ text: String, to out: inout [UInt8]) {
    guard text.utf8.contains(where: isSpecial) else {
      out += text.utf8
      return
    }
    for byte in text.utf8 {
      if isSpecial(byte) {
        out.append(escape)
        out.append(digit(byte >> 4))
        out.append(digit(byte & 15))
      } else {
        out.append(byte)
      }
    }
  }

  static func decode(_ text: String) -> String {
    guard text.utf8.contains(escape) else { return text }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == escape, rest.count >= 2,
        let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isSpecial(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x7f || byte == escape
  }

  private static func digit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? 0x30 + nibble : 0x41 + nibble - 10
  }
}

extension PercentCode {
  /// A name that is one path component: `/` and leading dots are encoded as well.
  public static func fileName(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { !isSpecial($0) && $0 != UInt8(ascii: "/") }
    if plain, text.utf8.count <= 200, text.utf8.first != UInt8(ascii: ".") { return text }
    var name = encode(text).replacing("/", with: "%2F")
    if name.hasPrefix(".") { name = "%2E" + name.dropFirst() }
    guard name.utf8.count > 200 else { return name }
    // A file name has at most 255 bytes; the digest keeps long ones apart.
    return String(decoding: name.utf8.prefix(180), as: UTF8.self) + "-"
      + Digest(of: Array(text.utf8)).hex.prefix(16)
  }
}
