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

  public init(
    name: String, shape: Shape, defaultValue: Value? = nil, minimum: Double? = nil,
    maximum: Double? = nil, count: Int? = nil, choices: [String]? = nil,
    meanings: [String: String]? = nil, unit: String? = nil, help: String = ""
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
  }

  /// What is wrong with a value, as the end of the sentence "option 'clusters' …".
  public struct Problem: Error, Hashable, Sendable {
    public var rule: Diagnostic.Rule
    public var message: String
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

  private func checkCount(_ found: Int) throws(Problem) {
    if let count, count != found {
      throw Problem(
        rule: .wrongType, message: "has \(found) values; expected \(expectation)")
    }
  }

  private func wrongType(_ value: Value, inList: Bool = false) -> Problem {
    Problem(
      rule: .wrongType,
      message:
        "\(inList ? "holds" : "is") \(value.typeName) (\(value.display)); expected \(expectation)")
  }
}

/// Reads a stage's options, each declared in the place that reads it.
///
/// The catalogue is made by the same code: an initialiser that runs with a *recording* reader
/// declares its options and reads their defaults. So an initialiser reads every option, whatever
/// the values of the others.
public struct OptionReader {
  /// What has been declared so far.
  public private(set) var declarations: [OptionDeclaration] = []
  private let values: [String: Value]
  private let recording: Bool

  /// Reads from `values`, as they come after defaults in a job description.
  public init(_ values: [String: Value]) {
    self.values = values
    recording = false
  }

  /// Records declarations; required options read as the smallest value that is allowed.
  public static var recorder: OptionReader { OptionReader() }

  private init() {
    values = [:]
    recording = true
  }

  public mutating func boolean(
    _ name: String, default defaultValue: Bool? = nil, help: String
  ) throws(Diagnostic) -> Bool {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .boolean, defaultValue: defaultValue.map { .bool($0) }, help: help))
    return value == .bool(true)
  }

  public mutating func integer(
    _ name: String, in range: ClosedRange<Int>, default defaultValue: Int? = nil,
    unit: String? = nil, help: String
  ) throws(Diagnostic) -> Int {
    try optionalInteger(
      name, range.lowerBound, range.upperBound, defaultValue.map { .integer($0) }, unit, help)
      ?? range.lowerBound
  }

  public mutating func integer(
    _ name: String, in range: PartialRangeFrom<Int>, default defaultValue: Int? = nil,
    unit: String? = nil, help: String
  ) throws(Diagnostic) -> Int {
    try optionalInteger(
      name, range.lowerBound, nil, defaultValue.map { .integer($0) }, unit, help)
      ?? range.lowerBound
  }

  /// An integer that may be left out.
  public mutating func integerIfGiven(
    _ name: String, in range: PartialRangeFrom<Int>, unit: String? = nil, help: String
  ) throws(Diagnostic) -> Int? {
    try optionalInteger(name, range.lowerBound, nil, .null, unit, help)
  }

  /// A finite number between the bounds, both included.
  public mutating func number(
    _ name: String, from minimum: Double? = nil, to maximum: Double? = nil,
    default defaultValue: Double? = nil, unit: String? = nil, help: String
  ) throws(Diagnostic) -> Double {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .number, defaultValue: defaultValue.map { .number($0) },
        minimum: minimum, maximum: maximum, unit: unit, help: help))
    if case .number(let number) = value { return number }
    return minimum ?? 0
  }

  /// A finite number between the bounds that may be left out.
  public mutating func numberIfGiven(
    _ name: String, from minimum: Double? = nil, to maximum: Double? = nil, unit: String? = nil,
    help: String
  ) throws(Diagnostic) -> Double? {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .number, defaultValue: .null, minimum: minimum, maximum: maximum,
        unit: unit, help: help))
    if case .number(let number) = value { return number }
    return nil
  }

  public mutating func text(
    _ name: String, default defaultValue: String? = nil, help: String
  ) throws(Diagnostic) -> String {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .text, defaultValue: defaultValue.map { .string($0) }, help: help))
    if case .string(let text) = value { return text }
    return ""
  }

  /// One of the raw values of an enumeration.
  ///
  /// - Parameter meaning: what a choice means on this machine, which is what the stage gets; itself
  ///   as a rule
  public mutating func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, of type: Choice.Type = Choice.self, default defaultValue: Choice? = nil,
    meaning: (Choice) -> Choice = { $0 }, help: String
  ) throws(Diagnostic) -> Choice where Choice.RawValue == String {
    let cases = Array(Choice.allCases)
    precondition(!cases.isEmpty, "an option of no choices")
    let meanings = cases.map { ($0.rawValue, meaning($0).rawValue) }.filter { $0 != $1 }
    let value = try read(
      OptionDeclaration(
        name: name, shape: .choice, defaultValue: defaultValue.map { .string($0.rawValue) },
        choices: cases.map(\.rawValue),
        meanings: meanings.isEmpty ? nil : Dictionary(uniqueKeysWithValues: meanings), help: help))
    if case .string(let text) = value, let choice = Choice(rawValue: text) { return choice }
    return defaultValue ?? cases[0]
  }

  /// Integers; `count` of them where it is given, as in `[height, width]`.
  public mutating func integers(
    _ name: String, count: Int? = nil, in range: PartialRangeFrom<Int>,
    default defaultValue: [Int]? = nil, unit: String? = nil, help: String
  ) throws(Diagnostic) -> [Int] {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .integers,
        defaultValue: defaultValue.map { .list($0.map { .integer($0) }) },
        minimum: Double(range.lowerBound), count: count, unit: unit, help: help))
    guard case .list(let values) = value else {
      return Array(repeating: range.lowerBound, count: count ?? 0)
    }
    return values.compactMap { if case .integer(let integer) = $0 { integer } else { nil } }
  }

  /// Integers that may be left out.
  public mutating func integersIfGiven(
    _ name: String, count: Int? = nil, in range: PartialRangeFrom<Int>, unit: String? = nil,
    help: String
  ) throws(Diagnostic) -> [Int]? {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .integers, defaultValue: .null, minimum: Double(range.lowerBound),
        count: count, unit: unit, help: help))
    guard case .list(let values) = value else { return nil }
    return values.compactMap { if case .integer(let integer) = $0 { integer } else { nil } }
  }

  /// Finite numbers between the bounds; `count` of them where it is given, as in `[from, to]`.
  public mutating func numbers(
    _ name: String, count: Int? = nil, from minimum: Double? = nil, to maximum: Double? = nil,
    default defaultValue: [Double]? = nil, unit: String? = nil, help: String
  ) throws(Diagnostic) -> [Double] {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .numbers,
        defaultValue: defaultValue.map { .list($0.map { .number($0) }) }, minimum: minimum,
        maximum: maximum, count: count, unit: unit, help: help))
    guard case .list(let values) = value else {
      return Array(repeating: minimum ?? 0, count: count ?? 0)
    }
    return values.compactMap { if case .number(let number) = $0 { number } else { nil } }
  }

  public mutating func texts(
    _ name: String, default defaultValue: [String]? = nil, help: String
  ) throws(Diagnostic) -> [String] {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .texts,
        defaultValue: defaultValue.map { .list($0.map { .string($0) }) }, help: help))
    guard case .list(let values) = value else { return [] }
    return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
  }

  /// A folder or file of the user whose contents enter the key.
  ///
  /// The engine lists and digests the files below it; the stage gets them as
  /// `StageContext.sources`, never by opening the path itself.
  public mutating func files(_ name: String, help: String) throws(Diagnostic) -> String {
    let value = try read(OptionDeclaration(name: name, shape: .files, help: help))
    if case .string(let text) = value { return text }
    return ""
  }

  /// A folder or file of the user that may be left out.
  public mutating func filesIfGiven(_ name: String, help: String) throws(Diagnostic) -> String? {
    let value = try read(
      OptionDeclaration(name: name, shape: .files, defaultValue: .null, help: help))
    if case .string(let text) = value { return text }
    return nil
  }

  /// A map or list that the stage checks by itself.
  public mutating func tree(
    _ name: String, default defaultValue: Value? = nil, help: String
  ) throws(Diagnostic) -> Value {
    try read(
      OptionDeclaration(name: name, shape: .tree, defaultValue: defaultValue, help: help))
  }

  private mutating func optionalInteger(
    _ name: String, _ minimum: Int, _ maximum: Int?, _ defaultValue: Value?, _ unit: String?,
    _ help: String
  ) throws(Diagnostic) -> Int? {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .integer, defaultValue: defaultValue, minimum: Double(minimum),
        maximum: maximum.map(Double.init), unit: unit, help: help))
    if case .integer(let integer) = value { return integer }
    return nil
  }

  private mutating func read(_ declaration: OptionDeclaration) throws(Diagnostic) -> Value {
    precondition(
      !declarations.contains { $0.name == declaration.name },
      "option '\(declaration.name)' is declared twice")
    declarations.append(declaration)
    if recording { return declaration.defaultValue ?? .null }
    let place = SourcePosition(path: "with.\(declaration.name)", line: 0, column: 0)
    guard let value = values[declaration.name] ?? declaration.defaultValue else {
      throw Diagnostic(
        .missingOption, "option '\(declaration.name)' is required: \(declaration.expectation)",
        at: place)
    }
    do {
      return try declaration.canonical(value)
    } catch {
      throw Diagnostic(error.rule, "option '\(declaration.name)' \(error.message)", at: place)
    }
  }
}
