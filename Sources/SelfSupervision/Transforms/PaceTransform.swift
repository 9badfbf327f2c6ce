internal import Learning
public import StageKit

/// The clip played at one of several paces: its frames are start, start + p, start + 2p, …
///
/// Past the end of the segment a clip goes on at the segment's first frame. The jump comes sooner at a
/// high pace and so tells of it: in segments of 50 frames its place alone gives the pace of 37 % of
/// clips of 8 frames, in those of 224 frames of 27 %, where 25 % is chance.
/// Source: Wang et al. (ECCV 2020); their public code for the end of a video and for tones that change
/// from frame to frame; section 3.3 for the contrastive losses, which weigh 0.1.
public struct PaceTransform: Transform {
  public static let name = "pace"
  public static let summary = "The clip played at one of several paces"
  /// Frames of the file from one of the clip to the next.
  let paces: [Int]

  public init(options: inout OptionReader) throws(Diagnostic) {
    paces = try options.integers(
      "paces", in: 1..., default: [1, 2, 3, 4], unit: "frames",
      help: "from one frame of a clip to the next: two or more")
    guard paces.count > 1, Set(paces).count == paces.count else {
      throw options.problem("paces", "is \(paces); expected two or more, each once")
    }
  }

  public static var presets: [Preset] {
    [
      Preset(
        name: name, summary: "How fast is it played? Wang et al. (2020)",
        options: options + [
          OptionDeclaration(
            name: "contrastive", shape: .choice, defaultValue: "none",
            choices: ["none", "same_context", "same_pace"],
            help: "clips to bring together besides: those of one segment, or of one pace")
        ],
        value: [
          "sampler": [
            "copies": ["${contrastive}": ["same_context": 2]],
            "apart": ["${contrastive}": ["same_context": true]],
          ],
          "augment": ["per": "frame"],
          "objectives": [
            ["transform": part],
            ["${contrastive}": ["same_context": together("draw"), "same_pace": together("class")]],
          ],
        ])
    ]
  }

  private static func together(_ positives: Value) -> Value {
    [
      "transform": "views", "head": "projection",
      "loss": ["name": "contrastive", "positives": positives], "weight": 0.1,
    ]
  }

  public var target: Target { .classes(paces.map { "\($0)x" }) }
  public var changes: Set<Change> { [.pace] }

  public func problem(
    with sampler: Sampler, augmentation: Augmentation, head: any Head
  ) -> String? {
    guard sampler.stride > 1 else { return nil }
    return "a pace replaces the sampler's stride of \(sampler.stride); leave the stride out and"
      + " write the paces in frames"
  }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    let pace = paces[try index(answer)]
    for clip in sample.clips.indices {
      var next = sample.clips[clip].frames.first?.index ?? sample.segment.lowerBound
      guard sample.segment.contains(next) else {
        throw LearningError(
          .badShape, "a clip begins at frame \(next), outside of its segment \(sample.segment)")
      }
      for frame in sample.clips[clip].frames.indices {
        sample.clips[clip].frames[frame].index = next
        next += pace
        if next >= sample.segment.upperBound { next = sample.segment.lowerBound }
      }
    }
  }
}
