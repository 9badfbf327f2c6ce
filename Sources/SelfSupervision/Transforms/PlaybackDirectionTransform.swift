public import StageKit

/// The clip played forward or backward; several pieces are played backward as one.
///
/// Source: Wei et al. (2018).
public struct PlaybackDirectionTransform: Transform {
  public static let name = "playback_direction"
  public static let summary = "The clip played forward or backward"

  public init(options: inout OptionReader) throws(Diagnostic) {}

  public static var presets: [Preset] {
    [
      Preset(
        name: name, summary: "Does time run forward? Wei et al. (2018)",
        value: ["sampler": ["motion": true], "objectives": [["transform": part]]])
    ]
  }

  public var target: Target { .classes(["forward", "backward"]) }
  public var changes: Set<Change> { [.order] }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    guard try index(answer) == 1 else { return }
    var indices = sample.clips.flatMap { $0.frames.map(\.index) }
    sample.editFrames { $0.index = indices.removeLast() }
  }
}
