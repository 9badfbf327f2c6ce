public import StageKit

/// How clips are drawn from scans.
///
/// A sample is one clip, or `pieces` of them that are encoded one by one; `copies` samples come
/// from one draw and follow each other in the batch.
public struct Sampler: OptionMap, Hashable, Sendable {
  /// Of each clip; `nil`: as many as the stage says.
  public let frames: Int?
  /// From one frame to the next.
  public let stride: Int
  public let pieces: Int
  /// Frames that are left out between pieces.
  public let gap: Int
  public let copies: Int
  /// Copies begin at frames of their own in the same segment.
  public let isApart: Bool
  /// Starts are the likelier the more moves in the frames that follow.
  public let followsMotion: Bool
  /// Every class of the labels is as likely as another.
  public let isBalanced: Bool

  public init(options: inout OptionReader) throws(Diagnostic) {
    frames = try options.integerIfGiven(
      "frames", in: 1..., unit: "frames", help: "of a clip; else the stage's 'clip'")
    stride = try options.integer(
      "stride", in: 1..., default: 1, unit: "frames", help: "from one frame of a clip to the next")
    pieces = try options.integer(
      "pieces", in: 1...8, default: 1, unit: "clips",
      help: "of one sample, one after the other, each encoded by itself")
    gap = try options.integer(
      "gap", in: 0..., default: 0, unit: "frames", help: "left out between one piece and the next")
    copies = try options.integer(
      "copies", in: 1...64, default: 1, unit: "samples",
      help: "of one draw, which follow each other in a batch")
    isApart = try options.boolean(
      "apart", default: false, help: "copies begin at frames of their own in the same segment")
    followsMotion = try options.boolean(
      "motion", default: false, help: "draw more often where more moves")
    isBalanced = try options.boolean(
      "balanced", default: false, help: "draw every class of the labels equally often")
  }
}
