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
  init?(text bytes: [UInt8], key: Digest) {
    let newline = UInt8(ascii: "\n")
    let endLength = "end ".utf8.count + 64 + 1
    guard bytes.count > endLength, bytes.last == newline,
      let end = Digest(hexBytes: bytes[(bytes.count - 65)..<(bytes.count - 1)]),
      Digest(of: bytes[..<(bytes.count - endLength)]) == end
    else { return nil }
    var lines = bytes[..<(bytes.count - endLength)].split(separator: newline)[...]
    guard lines.popFirst()?.elementsEqual("fathom action 1".utf8) == true,
      let keyLine = lines.popFirst(), keyLine.starts(with: "key ".utf8),
      Digest(hexBytes: keyLine.dropFirst(4)) == key,
      let secondsLine = lines.popFirst(), secondsLine.starts(with: "seconds ".utf8),
      let seconds = Double(String(decoding: secondsLine.dropFirst(8), as: UTF8.self))
    else { return nil }
    self.init(key: key, outputs: [], seconds: seconds)
    for line in lines {
      if line.starts(with: "out ".utf8) {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
        guard words.count == 5,
          let form = Artifact.Form(rawValue: String(decoding: words[1], as: UTF8.self)),
          let digest = Digest(hexBytes: words[2]),
          let size = Int(String(decoding: words[3], as: UTF8.self))
        else { return nil }
        outputs.append(
          Output(
            port: String(decoding: words[4], as: UTF8.self),
            artifact: Artifact(form: form, digest: digest, size: size)))
      } else if line.starts(with: "skip ".utf8) {
        guard case .string(let item)? = Value(json: line.dropFirst(5)) else { return nil }
        skipped.append(item)
      } else {
        return nil
      }
    }
  }
}
