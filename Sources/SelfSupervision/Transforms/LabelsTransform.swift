public import StageKit

/// Nothing is done; the labels of the scans are asked for.
public struct LabelsTransform: Transform {
  public static let name = "labels"
  public static let summary = "Nothing is done; the labels of the scans are asked for"

  public init(options: inout OptionReader) throws(Diagnostic) {}

  public static var presets: [Preset] {
    [
      Preset(
        name: "supervised", summary: "Which label has it? The upper bound",
        value: [
          "sampler": ["balanced": true], "augment": ["scale": [0.95, 1]],
          "objectives": [["transform": part]],
        ])
    ]
  }

  public var target: Target { .labels }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {}
}
