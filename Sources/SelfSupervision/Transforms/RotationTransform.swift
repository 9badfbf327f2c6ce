internal import Learning
public import StageKit

/// The whole clip turned by one of several angles.
///
/// Source: Jing et al. (2018), section 3: 0, 90, 180 and 270 degrees, all four in one batch.
public struct RotationTransform: Transform {
  public static let name = "rotation"
  public static let summary = "The whole clip turned by one of several right angles"
  private let angles: [Int]

  public init(options: inout OptionReader) throws(Diagnostic) {
    angles = try options.integers(
      "angles", in: 0..., default: [0, 90, 180, 270], unit: "degrees",
      help: "clockwise, multiples of 90")
  }

  public static var presets: [Preset] {
    [
      Preset(
        name: name, summary: "Which way up is it? Jing et al. (2018)",
        options: [
          OptionDeclaration(
            name: "angles", shape: .integers, defaultValue: [0, 90, 180, 270], minimum: 0,
            unit: "degrees", help: "clockwise, multiples of 90")
        ],
        value: [
          "sampler": ["stride": 2, "copies": 4],
          "augment": ["inside_fan": true],
          "objectives": [["transform": ["name": "rotation", "angles": "${angles}"]]],
        ])
    ]
  }

  public var target: Target { .classes(angles.map { "\($0)°" }) }

  public func apply(
    _ answer: Answer, to sample: inout Sample, using random: inout CounterRandom
  ) throws {
    guard case .index(let index) = answer, angles.indices.contains(index) else {
      throw LearningError(.badSetting, "a rotation is one of \(angles.count) angles")
    }
  }
}
