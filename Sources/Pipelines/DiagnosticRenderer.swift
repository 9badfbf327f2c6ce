public import StageKit

/// Problems as people and as programs read them.
///
/// ```
/// paper.yaml:41:7: error: unknown option 'epoch'; did you mean 'epochs'? [unknown-option]
///   41 |       epoch: 20
///      |       ^~~~~
/// 1 error
/// ```
public struct DiagnosticRenderer {
  private let isColoured: Bool
  private let read: (String) -> [UInt8]?

  /// - Parameters:
  ///   - project: The folder that relative paths of positions start at.
  ///   - isColoured: Writes ANSI escapes; they repeat what the words say.
  public init(project: String, isColoured: Bool = false) {
    self.init(isColoured: isColoured) { path in
      try? SourceText.read(Paths.absolute(path, from: Paths.absolute(project))).get()
    }
  }

  /// - Parameter read: The bytes of a file named as positions name it.
  public init(isColoured: Bool = false, read: @escaping (String) -> [UInt8]?) {
    self.isColoured = isColoured
    self.read = read
  }

  /// All problems with their source lines and notes, and how many there are.
  public func text(_ problems: [Diagnostic]) -> String {
    var files: [String: SourceText?] = [:]
    var out = ""
    for problem in problems {
      out += heading(problem.position, "error", "31", problem.message, problem.rule)
      out += excerpt(problem.position, &files)
      for note in problem.notes {
        out += heading(note.position, "note", "36", note.message, nil)
        out += excerpt(note.position, &files)
      }
    }
    return out + "\(problems.count) error\(problems.count == 1 ? "" : "s")\n"
  }

  /// One document: `{"schema_version": 1, "errors": [{path, line, column, …}]}`.
  public static func json(_ problems: [Diagnostic]) -> Value {
    func place(_ position: SourcePosition) -> [Value.Pair] {
      [
        .init("path", .string(position.path)), .init("line", .integer(position.line)),
        .init("column", .integer(position.column)), .init("length", .integer(position.length)),
      ]
    }
    return [
      "schema_version": 1,
      "errors": .list(
        problems.map { problem in
          .map(
            place(problem.position) + [
              .init("rule", .string(problem.rule.rawValue)),
              .init("message", .string(problem.message)),
              .init(
                "notes",
                .list(
                  problem.notes.map {
                    .map(place($0.position) + [.init("message", .string($0.message))])
                  })),
            ])
        }),
    ]
  }

  private func heading(
    _ position: SourcePosition, _ severity: String, _ colour: String, _ message: String,
    _ rule: Diagnostic.Rule?
  ) -> String {
    let rule = rule.map { " [\($0.rawValue)]" } ?? ""
    let line = "\(paint(position.description, "1")): \(paint(severity + ":", "1;" + colour)) "
    return line + Self.visible(message.unicodeScalars) + paint(rule, "2") + "\n"
  }

  private func paint(_ text: String, _ code: String) -> String {
    isColoured && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }

  /// The source line and a caret under the place; nothing where the file has no such line.
  private func excerpt(
    _ position: SourcePosition, _ files: inout [String: SourceText?]
  ) -> String {
    guard position.line > 0 else { return "" }
    let file: SourceText?
    if let known = files[position.path] {
      file = known
    } else {
      file = read(position.path).map { SourceText(path: position.path, bytes: $0) }
      files[position.path] = file
    }
    guard let line = file?.line(position.line) else { return "" }
    let scalars = Array(String(decoding: line, as: UTF8.self).unicodeScalars)
    let column = min(max(0, position.column - 1), scalars.count)
    // A window around the place, so that a line of a megabyte stays readable.
    let start = column > 120 ? column - 60 : 0
    let end = min(scalars.count, start + 160)
    let lead = start > 0 ? "…" : ""
    let shown = lead + Self.visible(scalars[start..<end]) + (end < scalars.count ? "…" : "")
    let indent =
      (lead.isEmpty ? "" : " ")
      + String(scalars[start..<column].map { $0 == "\t" ? "\t" : " " as Character })
    let length = max(1, min(position.length, end - column))
    let caret = paint("^" + String(repeating: "~", count: length - 1), "1;32")
    let number = String(position.line)
    let blank = String(repeating: " ", count: number.utf8.count)
    return "  \(number) | \(shown)\n  \(blank) | \(indent)\(caret)\n"
  }

  /// Control characters would move the cursor or colour the terminal: they are shown as `�`.
  private static func visible(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in scalars {
      let isControl =
        (scalar.value < 0x20 && scalar != "\t") || (0x7F...0x9F).contains(scalar.value)
      text.append(isControl ? "\u{FFFD}" : scalar)
    }
    return String(text)
  }
}
