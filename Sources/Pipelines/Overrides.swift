internal import StageKit

/// What profiles and `-S` change: maps merge, lists and scalars replace, null deletes.
struct Overrides {
  let problems: Problems

  /// Applies profiles to params, left to right.
  ///
  /// Every profile of the file is checked, applied or not.
  func apply(profiles names: [String], to file: inout PipelineFile) {
    let known = Set(file.params.map(\.key))
    for profile in file.profiles {
      guard let entries = profile.value.entries ?? (profile.value.isNull ? [] : nil) else {
        problems.report(
          .wrongType,
          "profile '\(profile.key)' is \(profile.value.value.typeName); expected a map of params",
          at: profile.value.mark)
        continue
      }
      for entry in entries where !known.contains(entry.key) {
        problems.report(
          .unknownParameter,
          "unknown parameter '\(entry.key)' in profile '\(profile.key)'"
            + problems.suggestion(for: entry.key, among: file.params.map(\.key)),
          at: entry.keyMark)
      }
    }
    for name in names {
      guard let profile = file.profiles.first(where: { $0.key == name }) else {
        let clause =
          file.profiles.isEmpty
          ? "; the pipeline has no profiles"
          : problems.suggestion(for: name, among: file.profiles.map(\.key))
        problems.report(
          .unknownProfile, "unknown profile '\(name)'\(clause)",
          at: problems.argument("--profile \(name)"))
        continue
      }
      file.params = merged(file.params, with: profile.value.entries ?? [])
    }
  }

  /// Applies one `-S PATH=VALUE`.
  ///
  /// A path begins with `params`, `stages` or `pipeline`; any other begins inside `params`. Below
  /// a stage a field may be new, since stages are checked afterwards; elsewhere it must exist.
  func apply(set argument: String, to file: inout PipelineFile) {
    let shown = "-S \(argument)"
    guard let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      problems.report(
        .missingField, "'\(argument)' has no '='; expected PATH=VALUE",
        at: problems.argument(shown))
      return
    }
    let mark = problems.argument(shown, value: argument.utf8[argument.utf8.index(after: equals)...])
    guard let value = YAMLReader.read(mark.file, of: problems, isArgument: true) else { return }
    var path = argument[..<equals].split(separator: ".", omittingEmptySubsequences: false)
      .map(String.init)
    if path.isEmpty { path = [""] }
    if path == ["pipeline"] {
      file.name = value
      return
    }
    let isStage = path[0] == "stages"
    if isStage || path[0] == "params" { path.removeFirst() }
    guard !path.isEmpty else {
      problems.report(
        .missingField, "'\(shown)' replaces everything at once; name one entry", at: mark)
      return
    }
    let root = isStage ? "stages" : "params"
    if isStage {
      let entries = set(path[...], in: file.stages, value, below: root, mark, mayCreate: false)
      file.stages = entries ?? file.stages
    } else {
      let entries = set(path[...], in: file.params, value, below: root, mark, mayCreate: false)
      file.params = entries ?? file.params
    }
  }

  /// The entries with the one at a path changed; `nil` where the path is unknown, which is reported.
  private func set(
    _ path: ArraySlice<String>, in entries: [Node.Entry], _ value: Node, below parent: String,
    _ mark: Mark, mayCreate: Bool
  ) -> [Node.Entry]? {
    guard let key = path.first else { return entries }
    var entries = entries
    let place = entries.firstIndex { $0.key == key }
    if place == nil, !mayCreate {
      let isStage = parent == "stages"
      let noun = isStage ? "stage" : "parameter"
      problems.report(
        isStage ? .unknownStage : .unknownParameter,
        "unknown \(noun) '\(key)' in '\(parent)'"
          + problems.suggestion(for: key, among: entries.map(\.key)), at: mark)
      return nil
    }
    if path.count == 1 {
      return merged(
        entries, with: [Node.Entry(key: key, keyMark: mark, value: value)], adds: mayCreate)
    }
    let old = place.map { entries[$0] }
    guard let inner = old?.value.entries ?? (old?.value.isNull ?? true ? [] : nil) else {
      let type = old?.value.value.typeName ?? ""
      problems.report(
        .unknownParameter,
        "'\(parent).\(key)' is \(type), not a map; an override replaces it as a whole", at: mark)
      return nil
    }
    // Below a stage fields may be new: they are checked as if they stood in the file.
    guard
      let changed = set(
        path.dropFirst(), in: inner, value, below: "\(parent).\(key)", mark,
        mayCreate: mayCreate || parent == "stages")
    else { return nil }
    let node = Node(map: changed, mark: old?.value.mark ?? mark)
    if let place {
      entries[place].value = node
    } else {
      entries.append(Node.Entry(key: key, keyMark: mark, value: node))
    }
    return entries
  }

  /// Entries of one map with those of another laid over them.
  private func merged(
    _ base: [Node.Entry], with overlay: [Node.Entry], adds: Bool = true
  ) -> [Node.Entry] {
    var result = base
    for entry in overlay {
      guard let place = result.firstIndex(where: { $0.key == entry.key }) else {
        if adds, !entry.value.isNull { result.append(entry) }
        continue
      }
      if entry.value.isNull {
        result.remove(at: place)
      } else if let old = result[place].value.entries, let new = entry.value.entries {
        result[place].value = Node(map: merged(old, with: new), mark: entry.value.mark)
      } else {
        result[place].value = entry.value
      }
    }
    return result
  }
}
