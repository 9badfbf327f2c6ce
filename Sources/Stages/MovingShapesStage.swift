import StageKit
import Video

/// Makes small clips of moving textured shapes: the smallest real data for tests and first runs.
///
/// Each clip shows one shape, its label, that turns and bounces over a darker still texture.
/// Labels, codecs and groups are crossed, so that none of them gives another away.
struct MovingShapesStage: Stage {
  static let kind = "moving_shapes"
  static let version = 2
  static let summary = "Makes small clips of moving textured shapes"
  static let videos = Output("videos", "video", many: true, help: "shape_000.mp4 and so on")
  static let labels = Output("labels", "labels", many: true, help: "TSV with one row: label, group")
  static let inputs: [Input] = []
  static let outputs = [videos, labels]

  /// What a clip shows: the clip's label.
  enum Shape: String, CaseIterable {
    case disc
    case square
    case triangle
    case ring

    /// Whether a place belongs to the shape of radius 1 around the origin.
    func contains(_ x: Double, _ y: Double) -> Bool {
      switch self {
      case .disc: x * x + y * y <= 0.8
      case .square: max(abs(x), abs(y)) <= 0.75
      case .triangle: y <= 0.6 && abs(x) <= (y + 1) * 0.6
      case .ring: (0.35...0.95).contains(x * x + y * y)
      }
    }
  }

  private let clips: Int
  private let frames: Int
  private let height: Int
  private let width: Int
  private let framesPerSecond: Int
  private let shapes: [Shape]
  private let codecs: [VideoWriter.Codec]
  private let groups: Int
  private let seed: Int
  private let noise: Double

  init(options: inout OptionReader) throws(Diagnostic) {
    clips = try options.integer("clips", in: 1...10_000, default: 12, help: "how many clips")
    frames = try options.integer(
      "frames", in: 1...10_000, default: 24, unit: "frames", help: "length of each clip")
    let size = try options.integers(
      "size", count: 2, in: 16..., default: [96, 128], unit: "pixels",
      help: "[height, width] of the clips, even")
    framesPerSecond = try options.integer(
      "fps", in: 1...240, default: 25, unit: "frames/s", help: "frames per second")
    let shapeNames = try options.texts(
      "shapes", default: ["disc", "square", "triangle"],
      help: "the labels: disc, square, triangle, ring")
    let codecNames = try options.texts(
      "codecs", default: ["h264", "mpeg2", "mjpeg"],
      help: "codecs that the clips cycle through: h264, mpeg2, mjpeg, ffv1")
    groups = try options.integer(
      "groups", in: 1...10_000, default: 4, help: "how many groups (patients) the clips come from")
    seed = try options.integer("seed", in: 0..., default: 0, help: "other seeds, other clips")
    noise = try options.number(
      "noise", from: 0, to: 128, default: 4, unit: "grey levels",
      help: "standard deviation of each frame's noise")
    shapes = try MovingShapesStage.choices("shapes", shapeNames)
    codecs = try MovingShapesStage.choices("codecs", codecNames)
    (height, width) = (size[0], size[1])
    guard size.allSatisfy({ $0 % 2 == 0 && $0 <= 4096 }) else {
      throw MovingShapesStage.refusal("size", "is \(size); expected even numbers from 16 to 4096")
    }
    if let codec = codecs.first(where: { !$0.supports(framesPerSecond: framesPerSecond) }) {
      throw MovingShapesStage.refusal(
        "fps", "is \(framesPerSecond), which \(codec.rawValue) cannot have; expected 25 or 30")
    }
  }

  func run(in context: StageContext) async throws {
    for clip in 0..<clips {
      // A Latin square: every label meets every codec, and every group both.
      let codec = codecs[clip % codecs.count]
      let shape = shapes[(clip % codecs.count + clip / codecs.count) % shapes.count]
      let group = clip * min(groups, clips) / clips
      let digits = String(clip)
      let name = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
      let id = "shape_\(name).\(codec.fileExtension)"
      try write(
        id, shape, codec, to: try context.path(MovingShapesStage.videos, id: id))
      let table = IndexFile(
        columns: ["label", "group"], rows: [[shape.rawValue, "group_\(group)"]])
      try table.write(to: context.path(MovingShapesStage.labels, id: id))
      context.progress(clip + 1, of: clips, unit: "clips")
    }
  }

  private func write(
    _ id: String, _ shape: Shape, _ codec: VideoWriter.Codec, to path: String
  ) throws {
    let writer = try VideoWriter(
      path: path, codec: codec, height: height, width: width, framesPerSecond: framesPerSecond)
    var scene = MovingScene(shape, height: height, width: width) { purpose in
      CounterRandom(seed: seed, kind: MovingShapesStage.kind, item: id, purpose: purpose)
    }
    var random = CounterRandom(
      seed: seed, kind: MovingShapesStage.kind, item: id, purpose: "noise")
    for _ in 0..<frames {
      try writer.append(scene.next(noise: noise, &random))
    }
    try writer.finish()
  }

  private static func choices<Choice: RawRepresentable & CaseIterable>(
    _ option: String, _ names: [String]
  ) throws(Diagnostic) -> [Choice] where Choice.RawValue == String {
    guard !names.isEmpty else { throw refusal(option, "is empty; expected at least one") }
    var choices: [Choice] = []
    for name in names {
      guard let choice = Choice(rawValue: name) else {
        let clause = Suggestion.clause(for: name, among: Choice.allCases.map(\.rawValue))
        throw refusal(option, "holds '\(name)'\(clause)")
      }
      choices.append(choice)
    }
    return choices
  }

  private static func refusal(_ option: String, _ message: String) -> Diagnostic {
    Diagnostic(
      .outOfRange, "option '\(option)' \(message)",
      at: SourcePosition(path: "with.\(option)", line: 0, column: 0))
  }
}
