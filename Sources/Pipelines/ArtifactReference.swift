/// `stage.port` or `stage@axis=value,axis=value.port`, as written.
struct ArtifactReference: Hashable {
  var stage: String
  /// Axes that are fixed by name, values decoded.
  var picks: [Pick] = []
  var port: String

  struct Pick: Hashable {
    var axis: String
    var value: String
  }

  /// `nil` where the text has no such form.
  init?(_ text: String) {
    let bytes = text.utf8
    guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else { return nil }
    port = String(text[bytes.index(after: dot)...])
    let head = text[..<dot]
    guard let (stage, picks) = Self.splitAddress(head) else { return nil }
    self.stage = stage
    self.picks = picks
    if stage.isEmpty || port.isEmpty { return nil }
  }

  /// The stage and the axes of `stage@axis=value,axis=value`; `nil` where the form is another.
  static func splitAddress(_ text: Substring) -> (stage: String, picks: [Pick])? {
    guard let at = text.utf8.firstIndex(of: UInt8(ascii: "@")) else { return (String(text), []) }
    var picks: [Pick] = []
    let list = text[text.utf8.index(after: at)...]
    for part in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let equals = part.firstIndex(of: UInt8(ascii: "=")), equals > part.startIndex else {
        return nil
      }
      picks.append(
        Pick(
          axis: String(Substring(part[..<equals])),
          value: Name.decoded(Substring(part[part.index(after: equals)...]))))
    }
    return (String(text[..<at]), picks)
  }
}
