/// One option of a stage kind, as data: what the catalogue, the checks and the JSON Schema know.
public struct OptionDeclaration: Hashable, Sendable, Codable {
  public enum Shape: String, Hashable, Sendable, Codable {
    case boolean, integer, number, text, choice
    /// Text such as `512MiB`, or an integer of bytes; read as bytes.
    case size
    /// Text such as `90s`, or a number of seconds; read as seconds.
    case duration
    /// A list of integers or numbers.
    case integers, numbers
    /// A list of texts.
    case texts
    /// Files below a folder, relative to the project: their paths and contents enter the key.
    case files
    /// Any map or list; the stage checks it by itself.
    case tree
    /// A map whose entries are `fields`, or one of `presets` with changes.
    case record
    /// A list of maps whose entries are `fields`.
    case records
    /// One of `parts`: its name, or a map of `name` and that part's options.
    case part
  }

  public var name: String
  public var shape: Shape
  /// `nil` where the option must be given. `.null` means "absent unless given".
  public var defaultValue: Value?
  public var minimum: Double?
  public var maximum: Double?
  /// Of a list of integers or numbers: how many there must be.
  public var count: Int?
  public var choices: [String]?
  /// Choices that mean another one on this machine, such as `auto`: the other one enters the key.
  public var meanings: [String: String]?
  public var unit: String?
  public var help: String
  /// Of a record and of records: the entries of the map.
  public var fields: [OptionDeclaration]?
  /// Of a part: what there is to choose from.
  public var parts: [PartDescription]?
  /// Of a record: whole values with a name.
  public var presets: Presets?

  public init(
    name: String, shape: Shape, defaultValue: Value? = nil, minimum: Double? = nil,
    maximum: Double? = nil, count: Int? = nil, choices: [String]? = nil,
    meanings: [String: String]? = nil, unit: String? = nil, help: String = "",
    fields: [OptionDeclaration]? = nil, parts: [PartDescription]? = nil,
    presets: Presets? = nil
  ) {
    self.name = name
    self.shape = shape
    self.defaultValue = defaultValue
    self.minimum = minimum
    self.maximum = maximum
    self.count = count
    self.choices = choices
    self.meanings = meanings
    self.unit = unit
    self.help = help
    self.fields = fields
    self.parts = parts
    self.presets = presets
  }

  /// Tells a default of null from no default, which the synthesised one would not.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    name = try values.decode(String.self, forKey: .name)
    shape = try values.decode(Shape.self, forKey: .shape)
    defaultValue =
      values.contains(.defaultValue) ? try values.decode(Value.self, forKey: .defaultValue) : nil
    minimum = try values.decodeIfPresent(Double.self, forKey: .minimum)
    maximum = try values.decodeIfPresent(Double.self, forKey: .maximum)
    count = try values.decodeIfPresent(Int.self, forKey: .count)
    choices = try values.decodeIfPresent([String].self, forKey: .choices)
    meanings = try values.decodeIfPresent([String: String].self, forKey: .meanings)
    unit = try values.decodeIfPresent(String.self, forKey: .unit)
    help = try values.decode(String.self, forKey: .help)
    fields = try values.decodeIfPresent([OptionDeclaration].self, forKey: .fields)
    parts = try values.decodeIfPresent([PartDescription].self, forKey: .parts)
    presets = try values.decodeIfPresent(Presets.self, forKey: .presets)
  }

  /// What is wrong with a value, as the end of the sentence "option 'clusters' …".
  public struct Problem: Error, Hashable, Sendable {
    public var rule: Diagnostic.Rule
    public var message: String
    /// The entry of a map that is wrong, as keys and indexes from the option down.
    public var path: [String] = []
  }

  /// Checks a value and returns its canonical form: what enters the key and reaches the stage.
  ///
  /// An integer given where a number is wanted becomes a number; sizes become bytes and durations
  /// seconds, so that `1GiB` and `1024MiB` are one value. A choice becomes what it means here.
  public func canonical(_ value: Value) throws(Problem) -> Value {
    if value == .null, defaultValue == .null { return .null }
    switch (shape, value) {
    case (.boolean, .bool), (.text, .string), (.files, .string): return value
    case (.tree, .map), (.tree, .list): return value
    case (.integer, .integer(let integer)):
      try checkRange(Double(integer))
      return value
    case (.number, .integer(let integer)):
      try checkRange(Double(integer))
      return .number(Double(integer))
    case (.number, .number(let number)):
      try checkRange(number)
      return value
    case (.choice, .string(let text)):
      let choices = choices ?? []
      guard choices.contains(text) else {
        throw Problem(
          rule: .outOfRange,
          message: "cannot be '\(text)'\(Suggestion.clause(for: text, among: choices))")
      }
      return .string(meanings?[text] ?? text)
    case (.size, .integer(let bytes)):
      try checkRange(Double(bytes))
      return value
    case (.size, .string(let text)):
      guard let bytes = Quantity.bytes(text) else { throw wrongType(value) }
      try checkRange(Double(bytes))
      return .integer(bytes)
    case (.duration, .integer(let seconds)):
      try checkRange(Double(seconds))
      return .number(Double(seconds))
    case (.duration, .number(let seconds)):
      try checkRange(seconds)
      return value
    case (.duration, .string(let text)):
      guard let seconds = Quantity.seconds(text) else { throw wrongType(value) }
      try checkRange(seconds)
      return .number(seconds)
    case (.texts, .list(let values)):
      try checkCount(values.count)
      for case let value in values {
        guard case .string = value else { throw wrongType(value, inList: true) }
      }
      return value
    case (.integers, .list(let values)):
      try checkCount(values.count)
      for value in values {
        guard case .integer(let integer) = value else { throw wrongType(value, inList: true) }
        try checkRange(Double(integer))
      }
      return value
    case (.numbers, .list(let values)):
      try checkCount(values.count)
      var numbers: [Value] = []
      for value in values {
        switch value {
        case .integer(let integer):
          try checkRange(Double(integer))
          numbers.append(.number(Double(integer)))
        case .number(let number):
          try checkRange(number)
          numbers.append(value)
        default: throw wrongType(value, inList: true)
        }
      }
      return .list(numbers)
    case (.record, .map(let pairs)):
      return .map(try canonicalFields(of: presets?.expand(pairs, fields: fields ?? []) ?? pairs))
    case (.records, .list(let values)):
      try checkCount(values.count)
      var records: [Value] = []
      for (index, value) in values.enumerated() {
        guard case .map(let pairs) = value else { throw wrongType(value, inList: true) }
        do throws(OptionDeclaration.Problem) {
          records.append(.map(try canonicalFields(of: pairs)))
        } catch {
          throw error.below("\(index)")
        }
      }
      return .list(records)
    case (.part, .string(let name)): return try canonicalPart(name, [])
    case (.part, .map(let pairs)):
      guard case .string(let name)? = value["name"] else { throw wrongType(value) }
      return try canonicalPart(name, pairs.filter { $0.key != "name" })
    default: throw wrongType(value)
    }
  }

  /// "an integer of clusters, at least 2": what a right value looks like.
  public var expectation: String {
    let noun =
      switch shape {
      case .boolean: "true or false"
      case .integer: "an integer"
      case .number: "a number"
      case .text: "text"
      case .choice: "one of \((choices ?? []).joined(separator: ", "))"
      case .size: "a size such as 512MiB"
      case .duration: "a duration such as 90s"
      case .integers: "a list of \(count.map { "\($0) " } ?? "")integers"
      case .numbers: "a list of \(count.map { "\($0) " } ?? "")numbers"
      case .texts: "a list of texts"
      case .files: "a path relative to the project"
      case .tree: "a map or a list"
      case .record: "a map of \((fields ?? []).map(\.name).joined(separator: ", "))"
      case .records: "a list of maps of \((fields ?? []).map(\.name).joined(separator: ", "))"
      case .part:
        "one of \((parts ?? []).map(\.name).joined(separator: ", ")), or a map of its name and options"
      }
    let unit = unit.map { " (\($0))" } ?? ""
    return noun + unit + (rangeText.map { ", \($0)" } ?? "")
  }

  private var rangeText: String? {
    func show(_ bound: Double) -> String {
      bound == bound.rounded() && abs(bound) < 1e15 ? String(Int(bound)) : "\(bound)"
    }
    return switch (minimum, maximum) {
    case (let low?, let high?): "\(show(low)) to \(show(high))"
    case (let low?, nil): "at least \(show(low))"
    case (nil, let high?): "at most \(show(high))"
    case (nil, nil): nil
    }
  }

  private func checkRange(_ number: Double) throws(Problem) {
    guard number.isFinite, number >= minimum ?? -.infinity, number <= maximum ?? .infinity else {
      let shown =
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : "\(number)"
      throw Problem(
        rule: .outOfRange,
        message: "is \(shown)\(unit.map { " \($0)" } ?? ""); expected \(expectation)")
    }
  }

  func checkCount(_ found: Int) throws(Problem) {
    if let count, count != found {
      throw Problem(
        rule: .wrongType, message: "has \(found) values; expected \(expectation)")
    }
  }

  func wrongType(_ value: Value, inList: Bool = false) -> Problem {
    Problem(
      rule: .wrongType,
      message:
        "\(inList ? "holds" : "is") \(value.typeName) (\(value.display)); expected \(expectation)")
  }
}
