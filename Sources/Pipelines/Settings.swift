internal import StageKit

/// The fields that say how an instance runs, and never what it makes.
extension Expansion {
  struct Settings {
    var resources = Resources()
    var retries = Retries()
    var timeoutSeconds: Double?
    var skipsFailedItems = false
    var frozen = false
    var tolerance: Double?
    var description: String?
  }

  func settings(of stage: StageDeclaration, axes: [AxisPoint]) -> Settings {
    var settings = Settings()
    for field in stage.fields {
      switch field.key {
      case "resources": settings.resources = resources(field, axes)
      case "retries": settings.retries = retries(field, axes)
      case "timeout":
        let value = value(field, axes, as: Self.duration("timeout", minimum: 0.001))
        if case .number(let seconds) = value { settings.timeoutSeconds = seconds }
      case "on_error":
        let shape = OptionDeclaration(name: "on_error", shape: .choice, choices: ["fail", "skip"])
        settings.skipsFailedItems = value(field, axes, as: shape) == "skip"
      case "frozen":
        let shape = OptionDeclaration(name: "frozen", shape: .boolean)
        settings.frozen = value(field, axes, as: shape) == true
      case "tolerance":
        let shape = OptionDeclaration(name: "tolerance", shape: .number, minimum: 0)
        if case .number(let share) = value(field, axes, as: shape) { settings.tolerance = share }
      case "description":
        let shape = OptionDeclaration(name: "description", shape: .text)
        if case .string(let text) = value(field, axes, as: shape) { settings.description = text }
      default: break
      }
    }
    return settings
  }

  private func resources(_ field: Node.Entry, _ axes: [AxisPoint]) -> Resources {
    var resources = Resources()
    guard let entries = map(field, axes, of: "resources such as {cpu: 2, memory: 4GiB}") else {
      return resources
    }
    for entry in entries {
      switch entry.key {
      case "cpu":
        resources.cpu = count(entry, axes, minimum: 1, unit: "processors") ?? resources.cpu
      case "gpu": resources.gpu = count(entry, axes, minimum: 0, unit: "GPUs") ?? resources.gpu
      case "memory":
        let shape = OptionDeclaration(name: "memory", shape: .size, minimum: 0)
        if case .integer(let bytes) = value(entry, axes, as: shape) {
          resources.memoryBytes = bytes
        }
      case "time":
        let value = value(entry, axes, as: Self.duration("time", minimum: 0))
        if case .number(let seconds) = value { resources.timeSeconds = seconds }
      default:
        if let problem = Name.problem(entry.key) {
          problems.report(
            .invalidName, "the name '\(entry.key)' of a resource \(problem)", at: entry.keyMark)
        }
        if let amount = count(entry, axes, minimum: 0, unit: nil) {
          resources.named[entry.key] = amount
        }
      }
    }
    return resources
  }

  private func retries(_ field: Node.Entry, _ axes: [AxisPoint]) -> Retries {
    var retries = Retries()
    guard let entries = map(field, axes, of: "{times, backoff}") else { return retries }
    for entry in entries {
      switch entry.key {
      case "times":
        retries.times = count(entry, axes, minimum: 0, unit: "retries") ?? retries.times
      case "backoff":
        let value = value(entry, axes, as: Self.duration("backoff", minimum: 0))
        if case .number(let seconds) = value { retries.backoffSeconds = seconds }
      default:
        problems.report(
          .unknownField,
          "unknown field '\(entry.key)' of 'retries'"
            + problems.suggestion(for: entry.key, among: ["times", "backoff"]), at: entry.keyMark)
      }
    }
    return retries
  }

  private static func duration(_ name: String, minimum: Double) -> OptionDeclaration {
    OptionDeclaration(name: name, shape: .duration, minimum: minimum, unit: "seconds")
  }

  private func count(
    _ entry: Node.Entry, _ axes: [AxisPoint], minimum: Double, unit: String?
  ) -> Int? {
    let shape = OptionDeclaration(
      name: entry.key, shape: .integer, minimum: minimum, unit: unit)
    if case .integer(let count) = value(entry, axes, as: shape) { return count }
    return nil
  }

  // MARK: Checked values, for the other fields as well

  /// The value of a field in canonical form; `nil` where it is wrong, which is reported.
  func value(
    _ entry: Node.Entry, _ axes: [AxisPoint], as shape: OptionDeclaration
  ) -> Value? {
    guard let node = template.resolve(entry.value, axes: axes) else { return nil }
    return canonical(node, of: entry, as: shape, label: "'\(shape.name)'")
  }

  /// Checks a resolved value against a declaration.
  ///
  /// A problem stands where the value is written, which may be in `params`; then a note says where
  /// it is used.
  func canonical(
    _ node: Node, of entry: Node.Entry, as shape: OptionDeclaration, label: String
  ) -> Value? {
    do throws(OptionDeclaration.Problem) {
      return try shape.canonical(node.value)
    } catch {
      problems.report(
        error.rule, "\(label)\(error.place) \(error.message)", at: node.mark(at: error.path),
        notes: usage(of: node, entry))
      return nil
    }
  }

  /// "used here", for a value that is written elsewhere.
  func usage(of node: Node, _ entry: Node.Entry) -> [(String, Mark)] {
    node.mark == entry.value.mark || !entry.value.holdsReferences
      ? [] : [("used here", entry.value.mark)]
  }

  /// The entries of a field that is a map, or one reference to a map; `nil` where it is none,
  /// which is reported. References inside the entries are not resolved yet.
  func map(_ field: Node.Entry, _ axes: [AxisPoint]?, of what: String) -> [Node.Entry]? {
    if case .map(let entries) = field.value.content { return entries }
    guard let node = template.resolve(field.value, axes: axes) else { return nil }
    guard let entries = node.entries else {
      problems.report(
        .wrongType, "'\(field.key)' is \(node.value.typeName); expected a map of \(what)",
        at: node.mark, notes: usage(of: node, field))
      return nil
    }
    return entries
  }
}
