import Analysis
import Foundation
import StageKit
import Video

/// Decodes one video into grey frames of one size.
///
/// Reads a file of any container and codec that the linked libavformat and libavcodec know, and
/// of its streams the best video stream. Writes `frames` u8 `[T, H, W]`, full range (0 black, 255
/// white), `times` f64 `[T]`, seconds after the first frame, `source_frames` i64 `[T]`, and `segments`
/// i64 `[S, 2]`, first frame and count of runs without freezes. Neither pixel aspect ratio nor
/// display rotation is applied. Memory does not grow with the length of the video; to find the fan
/// or overlays it is read twice.
///
/// Data that cannot be decoded without loss fails the item by default: what a decoder conceals
/// looks like anatomy and is none.
struct DecodeStage: Stage {
  static let kind = "decode"
  static let version = 3
  static let summary = "Decodes a video into grey frames of one size"
  static let video = Input("video", "video", help: "a video file of any container and codec")
  static let frames = Output(
    "frames", "frames",
    help:
      "frames u8 [T, H, W]; times f64 [T] in seconds; source_frames i64 [T]; segments i64 [S, 2]"
  )
  static let info = Output(
    "info", "info",
    help: "JSON: codec, container, size, fps, frames, calibration, fan, freezes, damage")
  static let inputs = [video]
  static let outputs = [frames, info]

  private let format: GreyFormat
  private let selection: FrameSelection
  private let damage: VideoReader.Damage
  private let fan: FramePlan.Fan
  private let overlays: FramePlan.Overlays
  private let segmentLength: Int?
  private let freezeThreshold: Double
  private let freezeFrames: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    let size = try options.integers(
      "size", count: 2, in: 1..., default: [224, 288], unit: "pixels",
      help: "[height, width] of the frames written")
    let scaler = try options.choice(
      "scaler", default: GreyFormat.Scaler.bicubic, help: "libswscale's filter")
    let crop = try options.integersIfGiven(
      "crop", count: 4, in: 0..., unit: "pixels of the source",
      help: "[top, left, height, width] of the part that is scaled; all where it is left out")
    let every = try options.integer(
      "every", in: 1..., default: 1, unit: "frames", help: "keeps every n-th frame, from the first")
    let framesPerSecond = try options.numberIfGiven(
      "rate", from: 0.001, to: 1000, unit: "frames/s",
      help: "keeps for each tick of this rate the first frame at or after it")
    let maximumFrames =
      try options.integerIfGiven(
        "max_frames", in: 1..., unit: "frames", help: "stops after this many frames") ?? .max
    damage = try options.choice(
      "on_corrupt", default: VideoReader.Damage.error,
      help: "corrupt data: fail, stop before it, or keep what the decoder conceals")
    fan = try options.choice(
      "fan", default: FramePlan.Fan.keep,
      help: "what lies outside the fan: keep it, mask it black, or crop to the fan as well")
    overlays = try options.choice(
      "overlays", default: FramePlan.Overlays.keep,
      help: "still text and marks over the moving picture: keep, or fill from their surroundings")
    let segment = try options.integer(
      "segment", in: 0..., default: 0, unit: "frames",
      help: "cuts runs without freezes into segments of this length; whole runs where it is 0")
    freezeThreshold = try options.number(
      "freeze_threshold", from: 0, to: 255, default: 0.3, unit: "grey levels",
      help: "a frame is still where it differs less than this from the one before, on average")
    freezeFrames = try options.integer(
      "freeze_frames", in: 1..., default: 6, unit: "frames",
      help: "so many still frames in a row are a freeze; fewer come from the frame rate")
    guard size.allSatisfy({ $0 <= 8192 }) else {
      throw DecodeStage.refusal("size", "is \(size); expected at most 8192 pixels a side")
    }
    if let crop, crop[2] == 0 || crop[3] == 0 {
      throw DecodeStage.refusal("crop", "is \(crop); expected a height and width of at least 1")
    }
    if framesPerSecond != nil, every != 1 {
      throw DecodeStage.refusal("rate", "cannot be given together with 'every'; drop one of them")
    }
    segmentLength = segment > 0 ? segment : nil
    selection = FrameSelection(
      every: every, framesPerSecond: framesPerSecond, maximumFrames: maximumFrames)
    format = GreyFormat(
      height: size[0], width: size[1], scaler: scaler,
      crop: crop.map { Crop(top: $0[0], left: $0[1], height: $0[2], width: $0[3]) })
  }

  func run(in context: StageContext) async throws {
    let path = try context.path(DecodeStage.video)
    do {
      try decode(path, in: context)
    } catch let error as VideoError {
      let item = context.item.map { "item '\($0)': " } ?? ""
      throw StageFailure("\(item)\(error); \(DecodeStage.advice(for: error))")
    }
  }

  private func decode(_ path: String, in context: StageContext) throws {
    let plan = try plan(for: path)
    let reader = try VideoReader(path: path, damage: damage)
    let scaler = GreyScaler(plan.format)
    let writer = try SafetensorsWriter(
      path: try context.path(DecodeStage.frames),
      tensors: [
        .init("frames", .u8, rows: nil, of: [format.height, format.width]),
        .init("times", .f64, rows: nil), .init("source_frames", .i64, rows: nil),
        .init("segments", .i64, rows: nil, of: [2]),
      ], metadata: geometry(in: reader.info, plan).metadata)
    var freezes = FreezeDetector(threshold: freezeThreshold, pixels: plan.livePixels)
    var cleaned: [UInt8] = []
    var times: [Double] = []
    var sourceFrames: [Int64] = []
    var isFullRange = false
    while times.count < selection.maximumFrames, try reader.next() {
      if reader.framesRead == 1 { isFullRange = reader.isFullRange }
      let copies = selection.copies(of: reader, kept: times.count)
      if copies > 0 {
        try reader.withGreyFrame(scaler) { pixels in
          func write(_ pixels: UnsafeBufferPointer<UInt8>) throws {
            for _ in 0..<copies {
              try writer.append(pixels)
              freezes.append(pixels)
            }
          }
          guard !plan.cleaner.changesNothing else { return try write(pixels) }
          cleaned = Array(pixels)
          plan.cleaner.clean(&cleaned)
          try cleaned.withUnsafeBufferPointer(write)
        }
        times += Array(repeating: reader.timeSeconds, count: copies)
        sourceFrames += Array(repeating: Int64(reader.framesRead - 1), count: copies)
      }
      context.progress(reader.framesRead, of: reader.info.announcedFrames, unit: "frames")
    }
    let runs = freezes.movingRuns(least: freezeFrames)
    let segments = segments(of: runs, length: segmentLength)
    writer.next()
    try writer.append(times)
    writer.next()
    try writer.append(sourceFrames)
    writer.next()
    try writer.append(segments.flatMap { [Int64($0.lowerBound), Int64($0.count)] })
    try writer.finish()
    for error in reader.damages { context.log("\(error) (on_corrupt: \(damage.rawValue))") }
    for note in plan.notes { context.log("'\(context.item ?? path)' \(note)") }
    let description =
      describe(reader, kept: times.count, isFullRange: isFullRange)
      + describe(plan, in: reader.info) + [
        .init("segments", .integer(segments.count)),
        .init("frozen_frames", .integer(times.count - runs.reduce(0) { $0 + $1.count })),
      ]
    try writeText(Value.map(description).json + "\n", to: context.path(DecodeStage.info))
  }

  /// What the first pass says, where one is needed.
  private func plan(for path: String) throws -> FramePlan {
    guard fan != .keep || overlays != .keep else { return FramePlan(format) }
    return try FramePlan(
      format, fan: fan, overlays: overlays, selection: selection,
      reader: VideoReader(path: path, damage: damage))
  }

  private func geometry(in info: VideoInfo, _ plan: FramePlan) -> FrameGeometry {
    FrameGeometry(
      sourceSize: [info.height, info.width],
      crop: plan.format.crop.map { [$0.top, $0.left, $0.height, $0.width] }, square: plan.square)
  }

  private func describe(
    _ reader: VideoReader, kept: Int, isFullRange: Bool
  ) -> [Value.Pair] {
    let info = reader.info
    return [
      .init("codec", .string(info.codec)), .init("container", .string(info.container)),
      .init("pixel_format", .string(info.pixelFormat)),
      .init("range", isFullRange ? "full" : "limited"),
      .init("source_size", [.integer(info.height), .integer(info.width)]),
      .init("source_frames", .integer(reader.framesRead)),
      .init("fps", info.framesPerSecond.map { .number($0) } ?? .null),
      .init("duration_s", info.durationSeconds.map { .number($0) } ?? .null),
      .init("frames", .integer(kept)),
      .init("size", [.integer(format.height), .integer(format.width)]),
      .init("damaged_frames", .list(reader.damages.compactMap { $0.frame.map { .integer($0) } })),
    ]
  }

  private func describe(_ plan: FramePlan, in info: VideoInfo) -> [Value.Pair] {
    let crop = geometry(in: info, plan).crop
    // A pixel of the frames shows as many of the source as the crop was scaled by.
    let scale = [
      Double(crop[2]) / Double(format.height), Double(crop[3]) / Double(format.width),
    ]
    func list(_ numbers: [Double]?) -> Value {
      numbers.map { .list($0.map(Value.number)) } ?? .null
    }
    return [
      .init("source_mm_per_pixel", list(info.millimetresPerPixel)),
      .init("mm_per_pixel", list(info.millimetresPerPixel.map { zip($0, scale).map(*) })),
      .init("crop", .list(crop.map(Value.integer))),
      .init("square", plan.square.map { .list($0.map(Value.integer)) } ?? .null),
      .init("fan_share", plan.fanShare.map(Value.number) ?? .null),
      .init("overlay_pixels", plan.drawnPixels.map(Value.integer) ?? .null),
    ]
  }

  private static func advice(for error: VideoError) -> String {
    switch error.code {
    case .corrupt, .truncated:
      "export the file again, set 'on_corrupt: stop' to keep the frames before, "
        + "or leave it out with 'on_error: skip'"
    case .badCrop: "change 'crop'"
    case .unreadable: "check the file and its permissions"
    default: "leave it out of the import, or skip it with 'on_error: skip'"
    }
  }

  private static func refusal(_ option: String, _ message: String) -> Diagnostic {
    Diagnostic(
      .outOfRange, "option '\(option)' \(message)",
      at: SourcePosition(path: "with.\(option)", line: 0, column: 0))
  }
}
