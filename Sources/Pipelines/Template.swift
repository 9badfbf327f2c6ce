internal import StageKit

/// One value of one axis: what `${matrix.axis}` and `${axis.axis}` stand for.
struct AxisPoint {
  let axis: String
  let name: String
  let value: Node
}

/// Texts with references, `${…}`.
///
/// A value that is exactly one reference becomes what it stands for, with its type; inside a text
/// only scalars may stand. `$${` is the text `${`.
struct Template {
  /// What a text is for, which decides the references that it may hold.
  enum Place {
    case value
    /// `stage@axis=value.port`: values put into it are percent-encoded.
    case address
    /// A `run:` text. `${in.x}`, `${out.x}` and `${project}` stay, since their paths are known
    /// when the job starts only, and `$${` stays as it is written.
    case command(inputs: [String], outputs: [String])
  }

  var params: Node
  let project: String
  let problems: Problems

  static func holdsReferences(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard bytes.count > 1 else { return false }
    for at in 0..<bytes.count - 1
    where bytes[at] == UInt8(ascii: "$") && bytes[at + 1] == UInt8(ascii: "{") {
      return true
    }
    return false
  }

  /// The node with every reference in it resolved; `nil` where one cannot be, which is reported.
  ///
  /// - Parameter axes: The point of the matrix; `nil` where there is none, as in `matrix:` itself.
  func resolve(_ node: Node, axes: [AxisPoint]?, for place: Place = .value) -> Node? {
    guard node.holdsReferences else { return node }
    switch node.content {
    case .list(let nodes):
      let resolved = nodes.map { resolve($0, axes: axes, for: place) }
      guard resolved.allSatisfy({ $0 != nil }) else { return nil }
      return Node(list: resolved.compactMap(\.self), mark: node.mark)
    case .map(let entries):
      var resolved: [Node.Entry] = []
      for entry in entries {
        guard let value = resolve(entry.value, axes: axes, for: place) else { continue }
        resolved.append(Node.Entry(key: entry.key, keyMark: entry.keyMark, value: value))
      }
      return resolved.count == entries.count ? Node(map: resolved, mark: node.mark) : nil
    case .string(let text): return resolve(text, of: node, axes: axes, for: place)
    default: return node
    }
  }

  /// `$${` made `${`, and every reference reported: for params, which are plain values.
  func plain(_ node: Node) -> Node {
    guard node.holdsReferences else { return node }
    switch node.content {
    case .list(let nodes): return Node(list: nodes.map(plain), mark: node.mark)
    case .map(let entries):
      return Node(
        map: entries.map {
          Node.Entry(key: $0.key, keyMark: $0.keyMark, value: plain($0.value))
        }, mark: node.mark)
    case .string(let text):
      var out: [UInt8] = []
      for piece in pieces(of: text) {
        switch piece {
        case .text(let bytes): out += bytes
        case .escape: out += Array("${".utf8)
        case .reference(let body, let number):
          problems.report(
            .unknownReference,
            "'${\(body)}' stands in params, which are plain values; write '$${' for the text '${'",
            at: problems.source(node.mark).place(ofReference: number, after: node.mark))
        case .unclosed(let number): reportUnclosed(number, in: node)
        }
      }
      return Node(scalar: .string(String(decoding: out, as: UTF8.self)), mark: node.mark)
    default: return node
    }
  }

  // MARK: One text

  private enum Piece {
    case text(ArraySlice<UInt8>)
    /// `$${`
    case escape
    /// What stands in the braces, and how many `${` there are before it.
    case reference(String, number: Int)
    case unclosed(number: Int)
  }

  private func pieces(of text: String) -> [Piece] {
    let bytes = Array(text.utf8)
    let dollar = UInt8(ascii: "$")
    let brace = UInt8(ascii: "{")
    var pieces: [Piece] = []
    var at = 0
    var start = 0
    var number = 0
    func flush() { if start < at { pieces.append(.text(bytes[start..<at])) } }
    while at < bytes.count {
      guard bytes[at] == dollar, at + 1 < bytes.count else {
        at += 1
        continue
      }
      if bytes[at + 1] == dollar, at + 2 < bytes.count, bytes[at + 2] == brace {
        flush()
        pieces.append(.escape)
        number += 1
        at += 3
        start = at
      } else if bytes[at + 1] == brace {
        flush()
        guard let end = bytes[at...].firstIndex(of: UInt8(ascii: "}")) else {
          pieces.append(.unclosed(number: number))
          return pieces
        }
        let body = bytes[(at + 2)..<end]
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let trimmed = body.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        pieces.append(.reference(String(decoding: trimmed, as: UTF8.self), number: number))
        number += 1 + nested(body)
        at = end + 1
        start = at
      } else {
        at += 1
      }
    }
    flush()
    return pieces
  }

  /// How many further `${` stand in what was taken for one reference: `${a${b}`.
  private func nested(_ body: ArraySlice<UInt8>) -> Int {
    zip(body, body.dropFirst()).count {
      $0.0 == UInt8(ascii: "$") && $0.1 == UInt8(ascii: "{")
    }
  }

  private func resolve(
    _ text: String, of node: Node, axes: [AxisPoint]?, for place: Place
  ) -> Node? {
    let pieces = pieces(of: text)
    var isCommand = false
    var isAddress = false
    switch place {
    case .command: isCommand = true
    case .address: isAddress = true
    case .value: break
    }
    if !isCommand, pieces.count == 1, case .reference(let body, let number) = pieces[0] {
      let found = lookUp(body, number, node, axes, place)
      if case .node(let value) = found { return value }
      return nil
    }
    var out = CommandText()
    var isFine = true
    for piece in pieces {
      switch piece {
      case .text(let bytes): out.append(bytes)
      case .escape: out.append(Array((isCommand ? "$${" : "${").utf8)[...])
      case .unclosed(let number):
        reportUnclosed(number, in: node)
        isFine = false
      case .reference(let body, let number):
        switch lookUp(body, number, node, axes, place) {
        case .none: isFine = false
        case .kept:
          if out.endsWithDollar {
            report(
              .unknownReference, "a value that ends in '$' stands right before '${\(body)}'",
              number, node)
            isFine = false
          }
          out.append(Array("${\(body)}".utf8)[...])
        case .node(let value):
          guard value.isScalar else {
            let type = value.value.typeName
            report(
              .wrongType, "'${\(body)}' is \(type); inside a text only scalars can stand", number,
              node, notes: [("the value is written here", value.mark)])
            isFine = false
            continue
          }
          let text = value.value.text
          out.append(Array((isAddress ? Name.encoded(text) : text).utf8)[...], escaped: isCommand)
        }
      }
    }
    return isFine ? Node(scalar: .string(out.text), mark: node.mark) : nil
  }

  // MARK: Looking up

  private enum Found {
    case node(Node)
    /// A reference of a command, which stays as it is.
    case kept
    case none
  }

  private func lookUp(
    _ body: String, _ number: Int, _ node: Node, _ axes: [AxisPoint]?, _ place: Place
  ) -> Found {
    let parts = body.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    switch (parts[0], parts.count) {
    case ("params", 2...): return parameter(parts, body, number, node)
    case ("matrix", 2), ("axis", 2):
      guard let axes else {
        report(
          .unknownReference, "'${\(body)}' stands where no matrix is known yet; use params", number,
          node)
        return .none
      }
      guard let point = axes.first(where: { $0.axis == parts[1] }) else {
        let clause =
          axes.isEmpty
          ? "; the stage has no matrix"
          : problems.suggestion(for: parts[1], among: axes.map(\.axis))
        report(.unknownAxis, "unknown axis '\(parts[1])' in '${\(body)}'\(clause)", number, node)
        return .none
      }
      if parts[0] == "matrix" { return .node(point.value) }
      return .node(Node(scalar: .string(point.name), mark: point.value.mark))
    case ("project", 1):
      if case .command = place { return .kept }
      return .node(Node(scalar: .string(project), mark: node.mark))
    case ("in", 2), ("out", 2):
      guard case .command(let inputs, let outputs) = place else {
        report(
          .unknownReference, "'${\(body)}' stands outside of 'run', where alone paths are known",
          number, node)
        return .none
      }
      let ports = parts[0] == "in" ? inputs : outputs
      if ports.contains(parts[1]) { return .kept }
      let clause =
        ports.isEmpty
        ? "; the stage has no '\(parts[0])'" : problems.suggestion(for: parts[1], among: ports)
      report(.unknownPort, "unknown port '\(parts[1])' in '${\(body)}'\(clause)", number, node)
      return .none
    default:
      let roots = ["params", "matrix", "axis", "in", "out", "project"]
      let near =
        parts.count > 1 ? problems.suggestion(for: parts[0], among: roots) : ""
      let hint =
        near.hasPrefix("; did you mean")
        ? near : "; references begin with params, matrix, axis, in, out or project"
      if case .command = place {
        report(
          .unknownReference,
          "unknown reference '${\(body)}'\(near.hasPrefix("; did you mean") ? near : "")"
            + "; write '$${\(body)}' for the shell's '${\(body)}'", number, node)
      } else {
        report(.unknownReference, "unknown reference '${\(body)}'\(hint)", number, node)
      }
      return .none
    }
  }

  private func parameter(
    _ parts: [String], _ body: String, _ number: Int, _ node: Node
  ) -> Found {
    var value = params
    for (depth, part) in parts.enumerated().dropFirst() {
      let path = parts[..<depth].joined(separator: ".")
      guard let entries = value.entries else {
        report(
          .unknownParameter, "'\(path)' is \(value.value.typeName), which has no '\(part)'", number,
          node, notes: [("the value is written here", value.mark)])
        return .none
      }
      guard let entry = value.entry(part) else {
        let clause =
          entries.isEmpty
          ? "; '\(path)' is empty" : problems.suggestion(for: part, among: entries.map(\.key))
        report(
          .unknownParameter, "unknown parameter '\(part)' in '${\(body)}'\(clause)", number, node)
        return .none
      }
      value = entry.value
    }
    return .node(value)
  }

  // MARK: Reporting

  private func report(
    _ rule: Diagnostic.Rule, _ message: String, _ number: Int, _ node: Node,
    notes: [(String, Mark)] = []
  ) {
    problems.report(
      rule, message, at: problems.source(node.mark).place(ofReference: number, after: node.mark),
      notes: notes)
  }

  private func reportUnclosed(_ number: Int, in node: Node) {
    report(
      .unknownReference, "'${' has no '}' after it; write '$${' for the text '${'", number, node)
  }
}

/// The bytes of a text that is put together from pieces, so that no `${` arises that nobody wrote.
private struct CommandText {
  private var bytes: [UInt8] = []
  /// The last byte is a `$` that came from a value.
  private(set) var endsWithDollar = false

  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// - Parameter escaped: Write `$${` for each `${`, as the text of a value stands in a command.
  mutating func append(_ piece: ArraySlice<UInt8>, escaped: Bool = false) {
    let dollar = UInt8(ascii: "$")
    let brace = UInt8(ascii: "{")
    guard let first = piece.first else { return }
    if endsWithDollar, first == brace { bytes.append(dollar) }
    guard escaped else {
      bytes += piece
      endsWithDollar = false
      return
    }
    for (index, byte) in zip(piece.indices, piece) {
      bytes.append(byte)
      if byte == dollar, index + 1 < piece.endIndex, piece[index + 1] == brace {
        bytes.append(dollar)
      }
    }
    endsWithDollar = piece.last == dollar
  }
}
