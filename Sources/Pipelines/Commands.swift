internal import StageKit

/// What an instance takes from its surroundings and, for a command, its text and outputs.
extension Expansion {
  func command(of stage: StageDeclaration, axes: [AxisPoint]) -> Positioned<String>? {
    guard let run = stage.field("run")?.value, run.isScalar else { return nil }
    let place = Template.Place.command(
      inputs: stage.inputs.map(\.name), outputs: stage.outputs.map(\.name))
    // `run: true` is a command as well.
    guard let node = template.resolve(run, axes: axes, for: place) else { return nil }
    return Positioned(node.value.text, at: problems.position(run.mark))
  }

  /// `out:` of a command: a path that ends in `/` is a folder.
  func outputs(of stage: StageDeclaration, axes: [AxisPoint]) -> [OutputPort] {
    guard let field = stage.field("out"), let entries = map(field, axes, of: "port: path") else {
      return []
    }
    var ports: [(port: OutputPort, mark: Mark)] = []
    for entry in entries {
      guard let node = template.resolve(entry.value, axes: axes) else { continue }
      guard let path = node.text else {
        problems.report(
          .wrongType, "output '\(entry.key)' is \(node.value.typeName); expected a relative path",
          at: node.mark, notes: usage(of: node, entry))
        continue
      }
      if let problem = Name.pathProblem(path) ?? controlProblem(path) {
        problems.report(
          .invalidPath, "the path '\(path)' of output '\(entry.key)' \(problem)",
          at: entry.value.mark)
        continue
      }
      let isFolder = path.utf8.last == UInt8(ascii: "/")
      let port = OutputPort(
        name: entry.key, type: .any, form: isFolder ? .folder : .file, many: false,
        path: isFolder ? String(path.dropLast()) : path)
      if let other = ports.first(where: { overlap($0.port.path ?? "", port.path ?? "") }) {
        problems.report(
          .duplicateEntry, "outputs '\(other.port.name)' and '\(entry.key)' lie in one place",
          at: entry.value.mark, notes: [("the other one", other.mark)])
      }
      ports.append((port, entry.value.mark))
    }
    // As written they are a map: its order decides nothing.
    return ports.map(\.port).sorted { $0.name < $1.name }
  }

  private func controlProblem(_ path: String) -> String? {
    if path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "holds a control character" }
    let parts = path.utf8.split(separator: UInt8(ascii: "/"))
    return parts.contains { $0.elementsEqual(".".utf8) } ? "holds '.'; leave it out" : nil
  }

  private func overlap(_ a: String, _ b: String) -> Bool {
    a == b || a.hasPrefix(b + "/") || b.hasPrefix(a + "/")
  }

  /// `files:` in the order written; a path without `*`, `?` or `[` must exist.
  func files(of stage: StageDeclaration, axes: [AxisPoint]) -> [Positioned<String>] {
    guard let field = stage.field("files"),
      let node = template.resolve(field.value, axes: axes)
    else { return [] }
    let nodes = if case .list(let nodes) = node.content { nodes } else { [node] }
    var files: [Positioned<String>] = []
    var seen: Set<String> = []
    for node in nodes {
      guard let path = node.text else {
        problems.report(
          .wrongType, "'files' holds \(node.value.typeName); expected relative paths and globs",
          at: node.mark)
        continue
      }
      if let problem = Name.pathProblem(path) {
        problems.report(
          .invalidPath, "the path '\(path)' of 'files' \(problem)", at: node.mark)
        continue
      }
      if !seen.insert(path).inserted {
        problems.report(.duplicateEntry, "'files' names '\(path)' twice", at: node.mark)
        continue
      }
      let isGlob = path.utf8.contains { $0 == 0x2A || $0 == 0x3F || $0 == 0x5B }
      if !isGlob, !fileExists(Paths.absolute(path, from: root)) {
        problems.report(
          .missingInput, "'\(path)' does not exist\(place(of: path))", at: node.mark)
        continue
      }
      files.append(Positioned(path, at: problems.position(node.mark)))
    }
    return files
  }

  /// `env:`, a map of literal values or a list of names that are passed through, sorted by name.
  func environment(of stage: StageDeclaration, axes: [AxisPoint]) -> [EnvironmentVariable] {
    guard let field = stage.field("env"), let node = template.resolve(field.value, axes: axes)
    else { return [] }
    var variables: [EnvironmentVariable] = []
    func add(_ name: String, _ value: String?, _ mark: Mark) {
      if let problem = Name.variableProblem(name) {
        problems.report(.invalidName, "'\(name)' \(problem)", at: mark)
      } else if variables.contains(where: { $0.name == name }) {
        problems.report(.duplicateEntry, "'env' names '\(name)' twice", at: mark)
      } else if value?.utf8.contains(0) == true {
        problems.report(.wrongType, "the value of '\(name)' holds a NUL character", at: mark)
      } else {
        variables.append(
          EnvironmentVariable(name: name, value: value, position: problems.position(mark)))
      }
    }
    switch node.content {
    case .map(let entries):
      for entry in entries {
        guard entry.value.isScalar, !entry.value.isNull else {
          problems.report(
            .wrongType,
            "variable '\(entry.key)' is \(entry.value.value.typeName); expected text (to pass the"
              + " caller's value, make 'env' a list of names)",
            at: entry.value.isNull ? entry.keyMark : entry.value.mark)
          continue
        }
        add(entry.key, entry.value.value.text, entry.keyMark)
      }
    case .list(let nodes):
      for node in nodes {
        guard let name = node.text else {
          problems.report(
            .wrongType, "'env' holds \(node.value.typeName); expected names of variables",
            at: node.mark)
          continue
        }
        add(name, nil, node.mark)
      }
    default:
      problems.report(
        .wrongType,
        "'env' is \(node.value.typeName); expected a map of values, or a list of names",
        at: node.mark)
    }
    return variables.sorted { $0.name < $1.name }
  }
}
