public import StageKit

/// The clip mirrored or not.
public struct FlipTransform: Transform {
  public static let name = "flip"
  public static let summary = "The clip mirrored or not"

  enum Axes: String, CaseIterable {
    /// Left becomes right.
    case horizontal
    /// Top becomes bottom.
    case vertical
    /// None, either and both: four classes.
    case both
  }

  let axes: Axes

  public init(options: inout OptionReader) throws(Diagnostic) {
    axes = try options.choice(
      "axes", default: .horizontal,
      help: "horizontal: left becomes right; vertical: top becomes bottom; both: four classes")
  }

  public static var presets: [Preset] {
    [
      Preset(
        name: name, summary: "Is it mirrored?", options: options,
        value: [
          "augment": ["flip": ["${axes}": ["horizontal": 0, "both": 0]]],
          "objectives": [["transform": part]],
        ])
    ]
  }

  private var kinds: [String] {
    switch axes {
    case .horizontal: ["none", "horizontal"]
    case .vertical: ["none", "vertical"]
    case .both: ["none", "horizontal", "vertical", "both"]
    }
  }

  public var target: Target { .classes(kinds) }
  /// Mirrored both ways is turned by 180 degrees.
  public var changes: Set<Change> { axes == .both ? [.mirroring, .turn] : [.mirroring] }

  public func problem(
    with sampler: Sampler, augmentation: Augmentation, head: any Head
  ) -> String? {
    if axes != .vertical, augmentation.flip > 0 {
      return "the augmentation flips clips too; write flip: 0 there"
    }
    if axes != .horizontal, augmentation.verticalFlip > 0 {
      return "the augmentation flips clips too; write flip_vertical: 0 there"
    }
    return nil
  }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    let kind = kinds[try index(answer)]
    var mirror = Affine.identity
    if kind == "vertical" || kind == "both" { (mirror.yy, mirror.y0) = (-1, Double(size[0] - 1)) }
    if kind == "horizontal" || kind == "both" { (mirror.xx, mirror.x0) = (-1, Double(size[1] - 1)) }
    sample.editFrames { $0.geometry = $0.geometry.after(mirror) }
  }
}
