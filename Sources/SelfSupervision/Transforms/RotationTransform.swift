internal import Learning
public import StageKit

/// The whole clip turned clockwise by one of several right angles.
///
/// Source: Jing et al. (2018), section 3: 0, 90, 180 and 270 degrees, all four in one batch.
public struct RotationTransform: Transform {
  public static let name = "rotation"
  public static let summary = "The whole clip turned by one of several right angles"
  /// Degrees.
  let angles: [Int]

  public init(options: inout OptionReader) throws(Diagnostic) {
    angles = try options.integers(
      "angles", in: 0..., default: [0, 90, 180, 270], unit: "degrees",
      help: "clockwise: two or more of 0, 90, 180 and 270")
    guard angles.count > 1, Set(angles).count == angles.count,
      angles.allSatisfy({ $0 < 360 && $0 % 90 == 0 })
    else {
      throw options.problem(
        "angles", "is \(angles); expected two or more of 0, 90, 180 and 270, each once")
    }
  }

  public static var presets: [Preset] {
    [
      Preset(
        name: name, summary: "Which way up is it? Jing et al. (2018)", options: options,
        value: [
          "sampler": ["stride": 2, "copies": 4],
          "augment": ["inside_fan": true],
          "objectives": [["transform": part]],
        ])
    ]
  }

  public var target: Target { .classes(angles.map { "\($0)°" }) }
  public var changes: Set<Change> { [.turn] }

  public func problem(
    with sampler: Sampler, augmentation: Augmentation, head: any Head
  ) -> String? {
    if augmentation.rotation >= 45 {
      return "the augmentation turns clips too, by up to \(augmentation.rotation) degrees; write"
        + " rotation: 10 there"
    }
    guard augmentation.flip > 0, augmentation.verticalFlip > 0 else { return nil }
    return
      "the augmentation flips clips both ways, which is a turn too; write flip_vertical: 0 there"
  }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    let angle = angles[try index(answer)]
    guard size[0] == size[1] || angles.allSatisfy({ $0 % 180 == 0 }) else {
      throw LearningError(
        .badSetting,
        "'rotation' turns clips of \(size[0]) x \(size[1]) pixels by 90 degrees; expected square"
          + " clips, or angles: [0, 180]")
    }
    let turn = Affine.clockwise(quarters: angle / 90, size: size)
    sample.editFrames { $0.geometry = $0.geometry.after(turn) }
  }
}

extension Affine {
  /// Turns what is rendered clockwise about the frame's centre, exactly.
  ///
  /// - Parameter size: `[height, width]`, equal for an odd number of quarters
  static func clockwise(quarters: Int, size: [Int]) -> Affine {
    let (bottom, right) = (Double(size[0] - 1), Double(size[1] - 1))
    return switch quarters % 4 {
    case 1: Affine(yy: 0, yx: -1, y0: bottom, xy: 1, xx: 0)
    case 2: Affine(yy: -1, y0: bottom, xx: -1, x0: right)
    case 3: Affine(yy: 0, yx: 1, xy: -1, xx: 0, x0: right)
    default: .identity
    }
  }
}

extension Sample {
  /// Edits every frame of every clip.
  mutating func editFrames(_ edit: (inout FramePlan) -> Void) {
    for clip in clips.indices {
      for frame in clips[clip].frames.indices { edit(&clips[clip].frames[frame]) }
    }
  }
}
