import Glibc
import StageKit

/// Takes bytes apart at separators, without copying them.
package struct Words {
  package static let space = UInt8(ascii: " ")
  package static let newline = UInt8(ascii: "\n")

  package private(set) var rest: UnsafeRawBufferPointer

  package init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  /// What comes before the next separator, or the rest where there is none; `nil` at the end.
  package mutating func next(until separator: UInt8) -> UnsafeRawBufferPointer? {
    if rest.isEmpty { return nil }
    let end =
      memchr(rest.baseAddress!, Int32(separator), rest.count)
      .map { UnsafeRawPointer($0) - rest.baseAddress! } ?? rest.count
    let word = UnsafeRawBufferPointer(rebasing: rest[..<end])
    rest = UnsafeRawBufferPointer(rebasing: rest[min(end + 1, rest.count)...])
    return word
  }

  /// Reads `form digest size`; `nil` where there is something else.
  package mutating func nextArtifact(separator: UInt8 = Words.space) -> Artifact? {
    guard let form = next(until: separator), let digest = next(until: separator),
      let size = next(until: separator),
      let form = Artifact.Form(rawValue: String(decoding: form, as: UTF8.self)),
      let digest = Digest(hexBytes: digest), let size = Words.number(size)
    else { return nil }
    return Artifact(form: form, digest: digest, size: size)
  }

  /// A count in decimal digits.
  private static func number(_ digits: UnsafeRawBufferPointer) -> Int? {
    guard 1...18 ~= digits.count else { return nil }
    var number = 0
    for digit in digits {
      guard 0x30...0x39 ~= digit else { return nil }
      number = number * 10 + Int(digit - 0x30)
    }
    return number
  }
}
