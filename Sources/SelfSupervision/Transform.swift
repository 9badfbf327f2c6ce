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

  /// What is done to one sample; classes are drawn evenly by whoever calls, and never here.
  func draw(using random: inout CounterRandom) -> Answer

  /// Does it: to the frames, the geometry or the tones of all clips of the sample.
  ///
  /// - Parameter answer: of the kind that `target` says
  /// - Throws: `LearningError` where the sample does not fit, such as too few pieces
  func apply(_ answer: Answer, to sample: inout Sample, using random: inout CounterRandom) throws
}

extension Transform {
  public static var presets: [Preset] { [] }
  public func draw(using random: inout CounterRandom) -> Answer { .none }
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
}

/// What the network should have said of one sample.
public enum Answer: Hashable, Sendable {
  case index(Int)
  case numbers([Float])
  case none
}
