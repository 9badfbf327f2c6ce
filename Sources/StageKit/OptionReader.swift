/// Reads a stage's options, each declared in the place that reads it.
///
/// The catalogue is made by the same code: an initialiser that runs with a *recording* reader
/// declares its options and reads their defaults. So an initialiser reads every option, whatever
/// the values of the others.
public struct OptionReader {
  /// What has been declared so far.
  public private(set) var declarations: [OptionDeclaration] = []
  /// What has been read so far, as it enters the key: after defaults, presets written out.
  public private(set) var canonicalValues: [String: Value] = [:]
  private let values: [String: Value]
  private let recording: Bool
  /// Where the options stand, for errors.
  private let place: String

  /// Reads from `values`, as they come after defaults in a job description.
  public init(_ values: [String: Value]) { self.init(values, recording: false, at: "with") }

  /// Records declarations; required options read as the smallest value that is allowed.
  public static var recorder: OptionReader { OptionReader([:], recording: true, at: "with") }

  private init(_ values: [String: Value], recording: Bool, at place: String) {
    self.values = values
    self.recording = recording
    self.place = place
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

  mutating func read(_ declaration: OptionDeclaration) throws(Diagnostic) -> Value {
    precondition(
      !declarations.contains { $0.name == declaration.name },
      "option '\(declaration.name)' is declared twice")
    declarations.append(declaration)
    if recording { return declaration.defaultValue ?? .null }
    let place = SourcePosition(path: "\(self.place).\(declaration.name)", line: 0, column: 0)
    guard let value = values[declaration.name] ?? declaration.defaultValue else {
      throw Diagnostic(
        .missingOption, "option '\(declaration.name)' is required: \(declaration.expectation)",
        at: place)
    }
    do {
      let canonical = try declaration.canonical(value)
      canonicalValues[declaration.name] = canonical
      return canonical
    } catch {
      throw Diagnostic(
        error.rule, "option '\(declaration.name)'\(error.place) \(error.message)", at: place)
    }
  }

  // MARK: Options of options

  /// A map of declared entries.
  ///
  /// - Parameters:
  ///   - presets: whole values that one entry names
  ///   - defaultValue: empty where every entry has a default
  public mutating func record<Group: OptionMap>(
    _ name: String, of type: Group.Type = Group.self, presets: Presets? = nil,
    default defaultValue: Value? = nil, help: String
  ) throws(Diagnostic) -> Group {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .record, defaultValue: defaultValue, help: help,
        fields: OptionReader.options(of: type), presets: presets))
    var reader = reader(of: value, at: name)
    return try Group(options: &reader)
  }

  /// A list of maps of declared entries.
  public mutating func records<Group: OptionMap>(
    _ name: String, of type: Group.Type = Group.self, default defaultValue: Value? = nil,
    help: String
  ) throws(Diagnostic) -> [Group] {
    let value = try read(
      OptionDeclaration(
        name: name, shape: .records, defaultValue: defaultValue, help: help,
        fields: OptionReader.options(of: type)))
    guard case .list(let values) = value else { return [] }
    var groups: [Group] = []
    for (index, value) in values.enumerated() {
      var reader = reader(of: value, at: "\(name).\(index)")
      groups.append(try Group(options: &reader))
    }
    return groups
  }

  /// One of several types of part, each with options of its own.
  ///
  /// - Parameters:
  ///   - type: the protocol that all of them conform to
  ///   - defaultValue: a name, or a map of `name` and options
  public mutating func part<Part>(
    _ name: String, as type: Part.Type = Part.self, among types: [any NamedPart.Type],
    default defaultValue: Value? = nil, help: String
  ) throws(Diagnostic) -> Part {
    let declaration = OptionDeclaration(
      name: name, shape: .part, defaultValue: defaultValue, help: help,
      parts: types.map { $0.description })
    var value = try read(declaration)
    // While declarations are recorded, a default has not been brought to its canonical form.
    if recording { value = (try? declaration.canonical(value)) ?? .null }
    let chosen = types.first { value["name"] == .string($0.name) } ?? types[0]
    var reader = reader(of: value, at: name)
    guard let part = try chosen.init(options: &reader) as? Part else {
      preconditionFailure("\(chosen) is no \(type)")
    }
    return part
  }

  private func reader(of value: Value, at name: String) -> OptionReader {
    var values: [String: Value] = [:]
    if case .map(let pairs) = value { for pair in pairs { values[pair.key] = pair.value } }
    return OptionReader(values, recording: recording, at: "\(place).\(name)")
  }

  /// What a value that passed its own checks is wrong in, beside others.
  ///
  /// - Parameter name: of the option, or of a part of it such as `objectives.0.loss`
  public func problem(_ name: String, _ message: String) -> Diagnostic {
    Diagnostic(
      .outOfRange, "option '\(name)' \(message)",
      at: SourcePosition(path: "\(place).\(name)", line: 0, column: 0))
  }

  /// What a group of options declares.
  public static func options(of type: any OptionMap.Type) -> [OptionDeclaration] {
    var recorder = OptionReader.recorder
    do { _ = try type.init(options: &recorder) } catch {
      preconditionFailure("\(type) refuses its own defaults: \(error)")
    }
    return recorder.declarations
  }
}
