/// What names of stages, ports, axes, params, profiles and pipelines may be, and how values of
/// axes are written in addresses.
enum Name {
  /// What is wrong with a name, as the end of a sentence; `nil` where it is fine.
  ///
  /// Letters and digits of any script, `_` and `-`, not beginning with `-`, at most 100 bytes: so
  /// that `stage@axis=value.port` reads one way only, and every name is a folder's as well.
  static func problem(_ name: String) -> String? {
    if name.isEmpty { return "is empty" }
    if name.utf8.count > 100 { return "is longer than 100 bytes" }
    if name.utf8.first == UInt8(ascii: "-") { return "begins with '-'" }
    for scalar in name.unicodeScalars where !isAllowed(scalar) {
      let shown =
        scalar.value < 0x20 || scalar.value == 0x7F
        ? "a control character" : scalar == " " ? "a space" : "'\(scalar)'"
      return "holds \(shown); a name is made of letters, digits, '_' and '-'"
    }
    return nil
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
    default:
      scalar.value >= 0x80
        && (scalar.properties.isAlphabetic || scalar.properties.generalCategory == .decimalNumber)
    }
  }

  /// What is wrong with the name of an environment variable; `nil` where it is fine.
  static func variableProblem(_ name: String) -> String? {
    let isFine =
      !name.isEmpty && name.utf8.first.map { $0 < 0x30 || $0 > 0x39 } == true
      && name.unicodeScalars.allSatisfy { $0.value < 0x80 && isAllowed($0) && $0 != "-" }
    return isFine ? nil : "is no name of a variable: letters, digits and '_', no digit first"
  }

  /// What is wrong with a path that must lie below a folder; `nil` where it is fine.
  static func pathProblem(_ path: String) -> String? {
    if path.isEmpty { return "is empty" }
    if path.utf8.first == UInt8(ascii: "/") { return "is absolute; expected a relative path" }
    if path.utf8.contains(0) { return "holds a NUL byte" }
    var parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    for part in parts {
      if part.elementsEqual("..".utf8) { return "holds '..'; expected a path that goes down only" }
      if part.isEmpty { return "holds '//'" }
    }
    return nil
  }

  /// A value of an axis as it stands in an address: `, = @ / . %`, space and control characters
  /// percent-encoded.
  static func encoded(_ value: String) -> String {
    if value.utf8.allSatisfy({ !isReserved($0) }) { return value }
    var bytes: [UInt8] = []
    for byte in value.utf8 {
      if isReserved(byte) {
        bytes.append(UInt8(ascii: "%"))
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Undoes `encoded`; a `%` that no two hexadecimal digits follow stays.
  static func decoded(_ text: some StringProtocol) -> String {
    let source = Array(text.utf8)
    guard source.contains(UInt8(ascii: "%")) else { return String(text) }
    var bytes: [UInt8] = []
    var at = 0
    while at < source.count {
      if source[at] == UInt8(ascii: "%"), at + 2 < source.count, let high = hex(source[at + 1]),
        let low = hex(source[at + 2])
      {
        bytes.append(high << 4 | low)
        at += 3
      } else {
        bytes.append(source[at])
        at += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func isReserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: "/"),
      UInt8(ascii: "."), UInt8(ascii: "%"), 0...0x20, 0x7F:
      true
    default: false
    }
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x61 + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x41 + 10
    default: nil
    }
  }
}
