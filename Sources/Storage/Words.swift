import Engine
import StageKit

/// Takes bytes apart at separators, without copying them.
struct Words {
  static let space = UInt8(ascii: " ")
  static let newline = UInt8(ascii: "\n")

  private(set) var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  /// What comes before the next separator, or the rest where there is none; `nil` at the end.
  mutating func next(until separator: UInt8) -> UnsafeRawBufferPointer? {
    if rest.isEmpty { return nil }
    let end = rest.firstIndex(of: separator) ?? rest.count
    let word = UnsafeRawBufferPointer(rebasing: rest[..<end])
    rest = UnsafeRawBufferPointer(rebasing: rest[min(end + 1, rest.count)...])
    return word
  }

  /// Reads `form digest size`; `nil` where there is something else.
  mutating func nextArtifact() -> Artifact? {
    guard let form = next(until: Words.space), let digest = next(until: Words.space),
      let size = next(until: Words.space),
      let form = Artifact.Form(rawValue: String(decoding: form, as: UTF8.self)),
      let digest = Digest(hexBytes: digest),
      let size = Int(String(decoding: size, as: UTF8.self))
    else { return nil }
    return Artifact(form: form, digest: digest, size: size)
  }
}
