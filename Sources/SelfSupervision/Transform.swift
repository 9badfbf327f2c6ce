internal import Learning
public import StageKit

/// Something done to a sample that a network must recognise afterwards.
///
/// A new one is one new file, `NameTransform.swift`, with a type named as the file: the catalogue
/// finds it there, and YAML can use it at once.
public protocol Transform: NamedPart, Sendable {
  /// Whole methods around it that have a short name, `{ pretext: rotation }`.
  static var presets: [Preset] { get }
  /// What is to be recognised.
  var target: Target { get }
  /// What it changes. Two transforms of a method never change the same, for then neither could be
  /// recognised.
  var changes: Set<Change> { get }

  /// How much further than the window it shows something, as a factor of the window's sides; 1 where
  /// it stays inside. Windows inside a fan leave room for it.
  ///
  /// - Parameter size: of the rendered frames, `[height, width]`
  func reach(size: [Int]) -> Double

  /// Why it cannot be recognised in what is drawn and varied so, or by this head, and what to write
  /// instead; `nil` where it can.
  func problem(with sampler: Sampler, augmentation: Augmentation, head: any Head) -> String?

  /// What is done to one sample; classes are drawn evenly by whoever calls, and never here.
  func draw(using random: inout CounterRandom) -> Answer

  /// Does it: to the frames, the geometry or the tones of all clips of the sample.
  ///
  /// - Parameters:
  ///   - answer: of the kind that `target` says
  ///   - size: of the rendered frames, `[height, width]`
  /// - Throws: `LearningError` where the sample does not fit, such as too few pieces
  func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws
}

extension Transform {
  public static var presets: [Preset] { [] }
  public var changes: Set<Change> { [] }
  public func reach(size: [Int]) -> Double { 1 }
  public func problem(
    with sampler: Sampler, augmentation: Augmentation, head: any Head
  ) -> String? { nil }
  public func draw(using random: inout CounterRandom) -> Answer { .none }

  /// The class that an answer names.
  func index(_ answer: Answer) throws -> Int {
    guard case .classes(let names) = target else { preconditionFailure("no classes") }
    guard case .index(let index) = answer, names.indices.contains(index) else {
      throw LearningError(
        .badSetting, "'\(Self.name)' has classes 0 to \(names.count - 1); the answer is \(answer)")
    }
    return index
  }
}

extension NamedPart {
  /// Its own options, for a preset that offers them under the same names.
  static var options: [OptionDeclaration] { OptionReader.options(of: Self.self) }

  /// Itself with `${option}` for each of its options, for the same preset.
  static var part: Value {
    .map(
      [.init("name", .string(name))]
        + options.map { .init($0.name, .string("${\($0.name)}")) })
  }
}

/// What a transform asks a network for.
public enum Target: Hashable, Sendable {
  /// One of these, by name; their number decides chance level and the head's size.
  case classes([String])
  /// The class that the labels of the scans give.
  case labels
  /// Several numbers, by name, each of about unit size.
  case numbers([String])
  /// Nothing: clips of one draw belong together.
  case identity

  var hasClasses: Bool {
    switch self {
    case .classes, .labels: true
    case .numbers, .identity: false
    }
  }
}

/// What the network should have said of one sample.
public enum Answer: Hashable, Sendable {
  case index(Int)
  case numbers([Float])
  case none
}

/// A property of a sample that a transform decides, as errors name it.
public enum Change: String, Hashable, Sendable, CaseIterable {
  case order = "the order of frames"
  case pace = "the pace"
  case turn = "the turn"
  case mirroring = "the mirroring"
  case placement = "the placement"
  case cells = "the order of cells"
}
