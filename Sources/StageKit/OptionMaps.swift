/// Options that belong together: what a map of them is read into.
public protocol OptionMap {
  /// Reads every option, whatever the values of the others.
  init(options: inout OptionReader) throws(Diagnostic)
}

/// Something with a name and options of its own, one of several that an option chooses from.
public protocol NamedPart: OptionMap {
  /// As YAML names it, in snake_case.
  static var name: String { get }
  /// One line for people.
  static var summary: String { get }
}

extension NamedPart {
  /// What the catalogue says of this part.
  static var description: PartDescription {
    PartDescription(
      name: name, summary: summary, options: OptionReader.options(of: Self.self))
  }
}

/// A named group of options, as data.
public struct PartDescription: Hashable, Sendable, Codable {
  public var name: String
  public var summary: String
  public var options: [OptionDeclaration]

  public init(name: String, summary: String, options: [OptionDeclaration]) {
    self.name = name
    self.summary = summary
    self.options = options
  }
}

/// A whole value with a name, so that one line can stand for many.
public struct Preset: Hashable, Sendable, Codable {
  public var name: String
  public var summary: String
  /// What may be given beside the name.
  public var options: [OptionDeclaration]
  /// What the name stands for. A text that is `${option}` stands for the option's value, and its
  /// entry is left out where that is null. A map whose only key is `${option}` stands for its entry
  /// that the option's value names, and is left out where it has none.
  public var value: Value

  public init(name: String, summary: String, options: [OptionDeclaration] = [], value: Value) {
    self.name = name
    self.summary = summary
    self.options = options
    self.value = value
  }
}

/// The presets of a record, and the entry that names one of them.
public struct Presets: Hashable, Sendable, Codable {
  public var key: String
  public var all: [Preset]

  public init(key: String, _ all: [Preset]) {
    self.key = key
    self.all = all
  }

  /// The entries that a named preset stands for; `nil` where none is named.
  ///
  /// What is given beside the preset's name and options replaces what the preset says, maps entry
  /// by entry, as overrides of a pipeline's params do.
  func expand(
    _ pairs: [Value.Pair], fields: [OptionDeclaration]
  ) throws(OptionDeclaration.Problem) -> [Value.Pair]? {
    guard let chosen = pairs.first(where: { $0.key == key }) else { return nil }
    guard case .string(let name) = chosen.value,
      let preset = all.first(where: { $0.name == name })
    else {
      throw OptionDeclaration.Problem(
        rule: .outOfRange,
        message: "cannot be \(chosen.value.display)"
          + Suggestion.clause(for: chosen.value.text, among: all.map(\.name)), path: [key])
    }
    var values: [String: Value] = [:]
    for option in preset.options {
      do throws(OptionDeclaration.Problem) {
        if let given = pairs.first(where: { $0.key == option.name }) {
          values[option.name] = try option.canonical(given.value)
        } else if let standard = option.defaultValue {
          values[option.name] = try option.canonical(standard)
        } else {
          throw OptionDeclaration.Problem(
            rule: .missingOption,
            message: "is required by '\(name)': \(option.expectation)")
        }
      } catch { throw error.below(option.name) }
    }
    let names = fields.map(\.name)
    let known = Set(preset.options.map(\.name) + [key])
    let changes = pairs.filter { !known.contains($0.key) }
    for change in changes where !names.contains(change.key) {
      throw OptionDeclaration.Problem(
        rule: .unknownOption,
        message: "is unknown to '\(name)'"
          + Suggestion.clause(for: change.key, among: preset.options.map(\.name) + names),
        path: [change.key])
    }
    guard case .map(let expanded)? = Presets.filled(preset.value, with: values) else { return [] }
    guard case .map(let merged) = Value.map(expanded).merged(with: .map(changes)) else { return [] }
    return merged
  }

  private static func filled(_ value: Value, with values: [String: Value]) -> Value? {
    switch value {
    case .string(let text) where text.hasPrefix("${") && text.hasSuffix("}"):
      let found = values[String(text.dropFirst(2).dropLast())]
      return found == .null ? nil : found
    case .map(let pairs) where pairs.count == 1 && pairs[0].key.hasPrefix("${"):
      guard let chosen = filled(.string(pairs[0].key), with: values) else { return nil }
      return pairs[0].value[chosen.text].flatMap { filled($0, with: values) }
    case .list(let elements): return .list(elements.compactMap { filled($0, with: values) })
    case .map(let pairs):
      return .map(
        pairs.compactMap { pair in
          filled(pair.value, with: values).map { Value.Pair(pair.key, $0) }
        })
    default: return value
    }
  }
}

extension Value {
  /// Maps entry by entry, everything else replaced; null takes an entry away.
  func merged(with changes: Value) -> Value {
    guard case .map(var pairs) = self, case .map(let others) = changes else { return changes }
    for other in others {
      let place = pairs.firstIndex { $0.key == other.key }
      switch (place, other.value) {
      case (let place?, .null): pairs.remove(at: place)
      case (nil, .null): break
      case (let place?, _): pairs[place].value = pairs[place].value.merged(with: other.value)
      case (nil, _): pairs.append(other)
      }
    }
    return .map(pairs)
  }
}

extension OptionDeclaration.Problem {
  /// The same problem, seen from the map or list that holds it.
  func below(_ key: String) -> Self {
    var problem = self
    problem.path.insert(key, at: 0)
    return problem
  }

  /// ", 'sampler.stride'," where a part of the option is wrong.
  public var place: String { path.isEmpty ? "" : ", '\(path.joined(separator: "."))'," }
}

extension OptionDeclaration {
  /// Every entry that is given or has a default, in the order declared; null ones are left out.
  func canonicalFields(of pairs: [Value.Pair]) throws(Problem) -> [Value.Pair] {
    try canonicalEntries(pairs, fields ?? [])
  }

  /// `name` first, then the options of the part.
  func canonicalPart(_ name: String, _ pairs: [Value.Pair]) throws(Problem) -> Value {
    let parts = parts ?? []
    guard let part = parts.first(where: { $0.name == name }) else {
      throw Problem(
        rule: .outOfRange,
        message: "cannot be '\(name)'\(Suggestion.clause(for: name, among: parts.map(\.name)))")
    }
    return .map([.init("name", .string(name))] + (try canonicalEntries(pairs, part.options)))
  }

  private func canonicalEntries(
    _ pairs: [Value.Pair], _ fields: [OptionDeclaration]
  ) throws(Problem) -> [Value.Pair] {
    for pair in pairs where !fields.contains(where: { $0.name == pair.key }) {
      let clause =
        fields.isEmpty
        ? "; there are no options here"
        : Suggestion.clause(for: pair.key, among: fields.map(\.name))
      throw Problem(rule: .unknownOption, message: "is unknown\(clause)", path: [pair.key])
    }
    var entries: [Value.Pair] = []
    for field in fields {
      let given = pairs.first { $0.key == field.name }?.value
      guard let value = given ?? field.defaultValue else {
        throw Problem(
          rule: .missingOption, message: "is required: \(field.expectation)", path: [field.name])
      }
      do throws(OptionDeclaration.Problem) {
        let canonical = try field.canonical(value)
        if canonical != .null { entries.append(.init(field.name, canonical)) }
      } catch { throw error.below(field.name) }
    }
    return entries
  }
}
