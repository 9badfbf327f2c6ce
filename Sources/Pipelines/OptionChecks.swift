internal import StageKit

/// The options of a kind, `with:`, checked against its declarations.
extension Expansion {
  /// Every option that is given or has a default, in the order of the catalogue.
  func options(of stage: StageDeclaration, _ kind: KindDescription, axes: [AxisPoint])
    -> [Work.Option]
  {
    var given: [Node.Entry] = []
    if let with = stage.field("with") {
      guard let entries = map(with, axes, of: "options") else { return [] }
      given = entries
    }
    for entry in given where !kind.options.contains(where: { $0.name == entry.key }) {
      let clause =
        kind.options.isEmpty
        ? ", which has none"
        : problems.suggestion(for: entry.key, among: kind.options.map(\.name))
      problems.report(
        .unknownOption, "unknown option '\(entry.key)' of kind '\(kind.kind)'\(clause)",
        at: entry.keyMark)
    }
    var options: [Work.Option] = []
    options.reserveCapacity(kind.options.count)
    for declaration in kind.options {
      if let entry = given.first(where: { $0.key == declaration.name }) {
        if let option = option(entry, declaration, axes) { options.append(option) }
      } else if let standard = declaration.defaultValue {
        // The catalogue's JSON does not tell 1.0 from 1; the canonical form does.
        let value = (try? declaration.canonical(standard)) ?? standard
        if value != .null {
          options.append(
            Work.Option(
              name: declaration.name, value: value, position: nil,
              namesFiles: declaration.shape == .files))
        }
      } else {
        problems.report(
          .missingOption,
          "option '\(declaration.name)' of kind '\(kind.kind)' is required: \(declaration.expectation)",
          at: stage.place("with"))
      }
    }
    return options
  }

  /// `nil` where it is wrong, or null and so as if it were not given.
  private func option(
    _ entry: Node.Entry, _ declaration: OptionDeclaration, _ axes: [AxisPoint]
  ) -> Work.Option? {
    guard let node = template.resolve(entry.value, axes: axes),
      let value = canonical(
        node, of: entry, as: declaration, label: "option '\(declaration.name)'"),
      value != .null
    else { return nil }
    let namesFiles = declaration.shape == .files
    if namesFiles, case .string(let path) = value {
      if path.isEmpty || path.utf8.contains(0) {
        problems.report(
          .invalidPath,
          "option '\(declaration.name)' is no path; expected \(declaration.expectation)",
          at: node.mark, notes: usage(of: node, entry))
      } else if !fileExists(Paths.absolute(path, from: root)) {
        problems.report(
          .missingInput, "'\(path)' does not exist\(place(of: path))", at: node.mark,
          notes: usage(of: node, entry))
      }
    }
    var nested: [String: SourcePosition] = [:]
    collect(node, below: "", into: &nested)
    return Work.Option(
      name: declaration.name, value: value, position: problems.position(node.mark),
      namesFiles: namesFiles, nested: nested)
  }

  /// " in the project FOLDER", for a relative path.
  func place(of path: String) -> String {
    path.utf8.first == UInt8(ascii: "/") ? "" : " in the project, \(root)"
  }

  private func collect(
    _ node: Node, below path: String, into nested: inout [String: SourcePosition]
  ) {
    func visit(_ key: String, _ value: Node) {
      let below = path.isEmpty ? key : "\(path).\(key)"
      nested[below] = problems.position(value.mark)
      collect(value, below: below, into: &nested)
    }
    switch node.content {
    case .list(let nodes): for (index, node) in nodes.enumerated() { visit("\(index)", node) }
    case .map(let entries): for entry in entries { visit(entry.key, entry.value) }
    default: break
    }
  }
}
