import Engine
import StageKit

/// An action's record as a file: lines of words, and at the end a digest of what precedes it.
///
/// ```
/// fathom action 1
/// key <digest>
/// seconds 0.25
/// out <form> <digest> <size> <port>
/// skip "<item>"
/// end <digest>
/// ```
extension ActionRecord {
  var text: [UInt8] {
    var out = Array("fathom action 1\nkey ".utf8)
    out.reserveCapacity(256)
    key.appendHex(to: &out)
    out += "\nseconds \(seconds)\n".utf8
    for output in outputs {
      out += "out \(output.artifact.form.rawValue) ".utf8
      output.artifact.digest.appendHex(to: &out)
      out += " \(output.artifact.size) \(output.port)\n".utf8
    }
    for item in skipped { out += "skip \(Value.string(item).json)\n".utf8 }
    let digest = Digest(of: out)
    out += "end ".utf8
    digest.appendHex(to: &out)
    out.append(UInt8(ascii: "\n"))
    return out
  }

  /// `nil` where the bytes are not those of a whole record of this key.
  init?(text: [UInt8], key: Digest) {
    let record = text.withUnsafeBytes { ActionRecord(text: $0, key: key) }
    guard let record else { return nil }
    self = record
  }

  private init?(text: UnsafeRawBufferPointer, key: Digest) {
    let endLength = "end ".utf8.count + 64 + 1
    guard text.count > endLength, text.last == Words.newline else { return nil }
    let body = UnsafeRawBufferPointer(rebasing: text[..<(text.count - endLength)])
    let end = UnsafeRawBufferPointer(rebasing: text[(text.count - 65)..<(text.count - 1)])
    guard let end = Digest(hexBytes: end), end == Digest(of: body) else { return nil }
    var lines = Words(body)
    guard lines.next(until: Words.newline)?.elementsEqual("fathom action 1".utf8) == true,
      let keyLine = lines.next(until: Words.newline), keyLine.starts(with: "key ".utf8),
      Digest(hexBytes: UnsafeRawBufferPointer(rebasing: keyLine[4...])) == key,
      let secondsLine = lines.next(until: Words.newline), secondsLine.starts(with: "seconds ".utf8),
      let seconds = Double(String(decoding: secondsLine[8...], as: UTF8.self))
    else { return nil }
    self.init(key: key, outputs: [], seconds: seconds)
    while let line = lines.next(until: Words.newline) {
      if line.starts(with: "out ".utf8) {
        var words = Words(UnsafeRawBufferPointer(rebasing: line[4...]))
        guard let artifact = words.nextArtifact() else { return nil }
        outputs.append(
          Output(port: String(decoding: words.rest, as: UTF8.self), artifact: artifact))
      } else if line.starts(with: "skip ".utf8) {
        guard case .string(let item)? = Value(json: line[5...]) else { return nil }
        skipped.append(item)
      } else {
        return nil
      }
    }
  }
}
