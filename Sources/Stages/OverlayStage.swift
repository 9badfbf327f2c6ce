internal import Pictures
internal import StageKit
internal import Video

/// Draws a scan for people: frames with saliency, landmarks, gaze and true structures over them.
///
/// Reads a `FrameSet` and what is connected of `MapSet`, `LandmarkFile`, `FixationFile`, `LabelFile` and
/// `TruthFile`; each frame has the newest map and landmarks at or before it. Writes a contact sheet as
/// PNG and a short video, H.264 in MP4, with the frames as they are beside them.
struct OverlayStage: Stage {
  static let kind = "overlay"
  static let version = 2
  static let summary = "Draws saliency, landmarks, gaze and truth over frames: a sheet and a clip"
  static let frames = Input(
    "frames", "frames", help: "frames u8 [T, H, W], times f64 [T] in seconds")
  static let maps = Input("maps", "maps", optional: true, help: "drawn as a transparent tint")
  static let landmarks = Input(
    "landmarks", "landmarks", optional: true, help: "drawn as open circles")
  static let fixations = Input(
    "fixations", "fixations", optional: true, help: "drawn as a cross with a trail of 0.4 s")
  static let labels = Input("labels", "labels", optional: true, help: "written below the frames")
  static let truth = Input(
    "truth", "truth", optional: true, help: "structures of simulated scans, drawn as dots")
  static let sheet = Output(
    "sheet", "picture", fileExtension: "png", help: "PNG: frames of the whole scan, with a legend")
  static let clip = Output(
    "clip", "video", fileExtension: "mp4", help: "H.264 in MP4: frames, and frames with overlays")
  static let inputs = [frames, maps, landmarks, fixations, labels, truth]
  static let outputs = [sheet, clip]

  private let title: String
  private let count: Int
  private let columns: Int
  private let sheetSide: Int
  private let clipSide: Int
  private let from: Double?
  private let seconds: Double
  private let framesPerSecond: Int?
  private let opacity: Double

  init(options: inout OptionReader) throws(Diagnostic) {
    title = try options.text(
      "title", default: "", help: "above sheet and clip; the item unless given")
    count = try options.integer(
      "frames", in: 1...200, default: 12, unit: "frames",
      help: "in the sheet at most: spread evenly, at least one of each run of a label")
    columns = try options.integer("columns", in: 1...20, default: 4, help: "frames in a row")
    sheetSide = try options.integer(
      "sheet_side", in: 32...1600, default: 320, unit: "pixels",
      help: "the longer side of a frame in the sheet, however large the frames are")
    clipSide = try options.integer(
      "clip_side", in: 32...1600, default: 480, unit: "pixels",
      help: "the longer side of a frame in the clip")
    from = try options.numberIfGiven(
      "from", from: 0, to: 1e6, unit: "seconds",
      help: "where the clip begins; where most moves if left out")
    seconds = try options.number(
      "seconds", from: 0.1, to: 600, default: 6, unit: "seconds", help: "length of the clip")
    framesPerSecond = try options.integerIfGiven(
      "fps", in: 1..., unit: "frames/s", help: "of the clip; the scan's own if left out")
    opacity = try options.number(
      "opacity", from: 0, to: 1, default: 0.75, help: "of the tint at a map's maximum")
  }

  func run(in context: StageContext) async throws {
    let set = try readFrames(context)
    func path(_ input: Input) throws -> String? {
      context.has(input) ? try context.path(input) : nil
    }
    let annotations = try ScanAnnotations(
      of: set,
      ScanAnnotations.Paths(
        maps: path(OverlayStage.maps), landmarks: path(OverlayStage.landmarks),
        fixations: path(OverlayStage.fixations), labels: path(OverlayStage.labels),
        truth: path(OverlayStage.truth)))
    let painter = OverlayPainter(set: set, annotations: annotations, opacity: opacity)
    let title = title.isEmpty ? context.item ?? "scan" : title
    do {
      try ContactSheet(
        painter: painter, title: title, frames: count, columns: columns, side: sheetSide
      ).write(to: context.path(OverlayStage.sheet)) {
        context.progress($0, of: $1, unit: "frames of the sheet")
      }
      try OverlayClip(
        painter: painter, title: title, side: clipSide, from: from, seconds: seconds,
        framesPerSecond: framesPerSecond
      ).write(to: context.path(OverlayStage.clip)) {
        context.progress($0, of: $1, unit: "frames of the clip")
      }
    } catch let error as PictureError {
      throw StageFailure(
        error.code == .badSize
          ? "\(error); make 'frames' or 'sheet_side' smaller" : error.description)
    } catch let error as VideoError {
      throw StageFailure(
        error.code == .badSettings ? "\(error); change 'clip_side' or 'fps'" : error.description)
    }
  }

  private func readFrames(_ context: StageContext) throws -> FrameSet {
    let set = try FrameSet(path: context.path(OverlayStage.frames))
    guard set.count > 0 else {
      throw StageFailure("'\(set.path)' has no frames; expected at least one to draw")
    }
    guard set.times.allSatisfy({ abs($0) < 1e9 }) else {
      throw StageFailure("'\(set.path)' has times that are not finite or no seconds of a scan")
    }
    for frame in 1..<max(1, set.count) where !(set.times[frame] >= set.times[frame - 1]) {
      throw StageFailure(
        "'\(set.path)' has frame \(frame) at \(set.times[frame]) s, after \(set.times[frame - 1]) s; "
          + "expected times that do not fall")
    }
    if let from, from >= set.times[set.count - 1] + set.secondsPerFrame {
      throw StageFailure(
        "option 'from' is \(from) s; the scan ends at "
          + "\(OverlayPainter.decimal(set.times[set.count - 1] + set.secondsPerFrame, 2)) s")
    }
    return set
  }
}
