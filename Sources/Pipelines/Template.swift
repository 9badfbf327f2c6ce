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
      let bytes = Array(text.utf8)
      var out: [UInt8] = []
      for piece in Pieces(bytes) {
        switch piece {
        case .text(let range): out += bytes[range]
        case .escape: out += "${".utf8
        case .reference(let range, let number):
          let body = String(decoding: bytes[range], as: UTF8.self)
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

  /// A part of a text, as ranges of its bytes.
  private enum Piece {
    case text(Range<Int>)
    /// `$${`
    case escape
    /// What stands in the braces, and how many `${` there are before it.
    case reference(Range<Int>, number: Int)
    case unclosed(number: Int)
  }

  private struct Pieces: Sequence, IteratorProtocol {
    let bytes: [UInt8]
    private var at = 0
    private var number = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Piece? {
      let start = at
      while at < bytes.count {
        guard bytes[at] == UInt8(ascii: "$"), at + 1 < bytes.count else {
          at += 1
          continue
        }
        if bytes[at + 1] == UInt8(ascii: "{") {
          if start < at { return .text(start..<at) }
          return reference()
        }
        if bytes[at + 1] == UInt8(ascii: "$"), at + 2 < bytes.count,
          bytes[at + 2] == UInt8(ascii: "{")
        {
          if start < at { return .text(start..<at) }
          at += 3
          number += 1
          return .escape
        }
        at += 1
      }
      return start < at ? .text(start..<at) : nil
    }

    private mutating func reference() -> Piece {
      let own = number
      var end = at + 2
      number += 1
      while end < bytes.count, bytes[end] != UInt8(ascii: "}") {
        // What was taken for one reference may hold further ones: `${a${b}`.
        if bytes[end] == UInt8(ascii: "{"), bytes[end - 1] == UInt8(ascii: "$") { number += 1 }
        end += 1
      }
      guard end < bytes.count else {
        at = bytes.count
        return .unclosed(number: own)
      }
      var body = at + 2..<end
      at = end + 1
      while let first = body.first, isSpace(first) { body.removeFirst() }
      while let last = body.last, isSpace(last) { body.removeLast() }
      return .reference(body, number: own)
    }

    private func isSpace(_ index: Int) -> Bool { bytes[index] == 0x20 || bytes[index] == 0x09 }
  }

  private func resolve(
    _ text: String, of node: Node, axes: [AxisPoint]?, for place: Place
  ) -> Node? {
    let bytes = Array(text.utf8)
    var isCommand = false
    var isAddress = false
    switch place {
    case .command: isCommand = true
    case .address: isAddress = true
    case .value: break
    }
    var pieces = Pieces(bytes)
    var piece = pieces.next()
    if !isCommand, case .reference(let range, let number) = piece {
      let second = pieces.next()
      if second == nil {
        let body = String(decoding: bytes[range], as: UTF8.self)
        if case .node(let value) = lookUp(body, number, node, axes, place) { return value }
        return nil
      }
      pieces = Pieces(bytes)
      piece = pieces.next()
    }
    var out = CommandText(capacity: bytes.count + 16)
    var isFine = true
    while let part = piece {
      piece = pieces.next()
      switch part {
      case .text(let range): out.append(bytes[range])
      case .escape: out.append(isCommand ? "$${" : "${")
      case .unclosed(let number):
        reportUnclosed(number, in: node)
        isFine = false
      case .reference(let range, let number):
        let body = String(decoding: bytes[range], as: UTF8.self)
        switch lookUp(body, number, node, axes, place) {
        case .none: isFine = false
        case .kept:
          if out.endsWithDollar {
            report(
              .unknownReference, "a value that ends in '$' stands right before '${\(body)}'",
              number, node)
            isFine = false
          }
          out.append("${")
          out.append(bytes[range])
          out.append("}")
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
          if isCommand {
            out.append(escaping: text)
          } else {
            out.append(isAddress ? Name.encoded(text) : text)
          }
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
    let dot = body.utf8.firstIndex(of: UInt8(ascii: "."))
    let root = String(body[..<(dot ?? body.endIndex)])
    let name = dot.map { String(body[body.utf8.index(after: $0)...]) }
    let isPath = name?.utf8.contains(UInt8(ascii: ".")) == true
    switch (root, name) {
    case ("params", let name?): return parameter(name, body, number, node)
    case ("matrix", let name?) where !isPath, ("axis", let name?) where !isPath:
      guard let axes else {
        report(
          .unknownReference, "'${\(body)}' stands where no matrix is known yet; use params", number,
          node)
        return .none
      }
      guard let point = axes.first(where: { $0.axis == name }) else {
        let clause =
          axes.isEmpty
          ? "; the stage has no matrix"
          : problems.suggestion(for: name, among: axes.map(\.axis))
        report(.unknownAxis, "unknown axis '\(name)' in '${\(body)}'\(clause)", number, node)
        return .none
      }
      if root == "matrix" { return .node(point.value) }
      return .node(Node(scalar: .string(point.name), mark: point.value.mark))
    case ("project", nil):
      if case .command = place { return .kept }
      return .node(Node(scalar: .string(project), mark: node.mark))
    case ("in", let name?) where !isPath, ("out", let name?) where !isPath:
      guard case .command(let inputs, let outputs) = place else {
        report(
          .unknownReference, "'${\(body)}' stands outside of 'run', where alone paths are known",
          number, node)
        return .none
      }
      let ports = root == "in" ? inputs : outputs
      if ports.contains(name) { return .kept }
      let clause =
        ports.isEmpty
        ? "; the stage has no '\(root)'" : problems.suggestion(for: name, among: ports)
      report(.unknownPort, "unknown port '\(name)' in '${\(body)}'\(clause)", number, node)
      return .none
    default:
      let roots = ["params", "matrix", "axis", "in", "out", "project"]
      let near =
        name == nil ? "" : problems.suggestion(for: root, among: roots)
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
    _ name: String, _ body: String, _ number: Int, _ node: Node
  ) -> Found {
    var value = params
    let parts =
      ["params"] + name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
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
    var mark = problems.source(node.mark).place(ofReference: number, after: node.mark)
    mark.length = min(mark.length, 2)
    problems.report(
      .unknownReference, "'${' has no '}' after it; write '$${' for the text '${'", at: mark)
  }
}

/// A text put together from pieces, so that no `${` arises that nobody wrote.
private struct CommandText {
  private var bytes: [UInt8] = []
  /// The last byte is a `$` that came from a value.
  private(set) var endsWithDollar = false

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  var text: String { String(decoding: bytes, as: UTF8.self) }

  mutating func append(_ piece: ArraySlice<UInt8>) {
    if endsWithDollar, piece.first == UInt8(ascii: "{") { bytes.append(UInt8(ascii: "$")) }
    bytes += piece
    endsWithDollar = false
  }

  mutating func append(_ piece: String) {
    bytes += piece.utf8
    endsWithDollar = false
  }

  /// Adds the text of a value to a command, where it writes `$${` for each `${`.
  mutating func append(escaping piece: String) {
    for byte in piece.utf8 {
      if byte == UInt8(ascii: "{"), endsWithDollar { bytes.append(UInt8(ascii: "$")) }
      bytes.append(byte)
      endsWithDollar = byte == UInt8(ascii: "$")
    }
  }
}
