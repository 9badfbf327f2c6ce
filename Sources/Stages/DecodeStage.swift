import Foundation
import StageKit
import Video

/// Decodes one video into grey frames of one size.
///
/// Reads a file of any container and codec that the linked libavformat and libavcodec know, and
/// of its streams the best video stream. Writes `frames` u8 `[T, H, W]`, full range (0 black, 255
/// white), `times` f64 `[T]`, seconds after the first frame, and `source_frames` i64 `[T]`. Neither pixel aspect ratio nor
/// display rotation is applied. Memory does not grow with the length of the video.
///
/// Data that cannot be decoded without loss fails the item by default: what a decoder conceals
/// looks like anatomy and is none.
struct DecodeStage: Stage {
  static let kind = "decode"
  static let version = 2
  static let summary = "Decodes a video into grey frames of one size"
  static let video = Input("video", "video", help: "a video file of any container and codec")
  static let frames = Output(
    "frames", "frames", help: "frames u8 [T, H, W]; times f64 [T] in seconds; source_frames i64 [T]"
  )
  static let info = Output(
    "info", "info", help: "JSON: codec, container, size, fps, range, frames, damage")
  static let inputs = [video]
  static let outputs = [frames, info]

  private let format: GreyFormat
  private let every: Int
  private let framesPerSecond: Double?
  private let maximumFrames: Int
  private let damage: VideoReader.Damage

  init(options: inout OptionReader) throws(Diagnostic) {
    let size = try options.integers(
      "size", count: 2, in: 1..., default: [224, 288], unit: "pixels",
      help: "[height, width] of the frames written")
    let scaler = try options.choice(
      "scaler", default: GreyFormat.Scaler.bicubic, help: "libswscale's filter")
    let crop = try options.integersIfGiven(
      "crop", count: 4, in: 0..., unit: "pixels of the source",
      help: "[top, left, height, width] of the part that is scaled; all where it is left out")
    every = try options.integer(
      "every", in: 1..., default: 1, unit: "frames", help: "keeps every n-th frame, from the first")
    framesPerSecond = try options.numberIfGiven(
      "rate", from: 0.001, to: 1000, unit: "frames/s",
      help: "keeps for each tick of this rate the first frame at or after it")
    maximumFrames =
      try options.integerIfGiven(
        "max_frames", in: 1..., unit: "frames", help: "stops after this many frames") ?? .max
    damage = try options.choice(
      "on_corrupt", default: VideoReader.Damage.error,
      help: "corrupt data: fail, stop before it, or keep what the decoder conceals")
    guard size.allSatisfy({ $0 <= 8192 }) else {
      throw DecodeStage.refusal("size", "is \(size); expected at most 8192 pixels a side")
    }
    if let crop, crop[2] == 0 || crop[3] == 0 {
      throw DecodeStage.refusal("crop", "is \(crop); expected a height and width of at least 1")
    }
    if framesPerSecond != nil, every != 1 {
      throw DecodeStage.refusal("rate", "cannot be given together with 'every'; drop one of them")
    }
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
    let reader = try VideoReader(path: path, damage: damage)
    let scaler = GreyScaler(format)
    let writer = try SafetensorsWriter(
      path: try context.path(DecodeStage.frames),
      tensors: [
        .init("frames", .u8, rows: nil, of: [format.height, format.width]),
        .init("times", .f64, rows: nil), .init("source_frames", .i64, rows: nil),
      ], metadata: geometry(in: reader.info).metadata)
    var times: [Double] = []
    var sourceFrames: [Int64] = []
    var isFullRange = false
    while times.count < maximumFrames, try reader.next() {
      if reader.framesRead == 1 { isFullRange = reader.isFullRange }
      let copies = min(copies(of: reader, kept: times.count), maximumFrames - times.count)
      if copies > 0 {
        try reader.withGreyFrame(scaler) { pixels in
          for _ in 0..<copies { try writer.append(pixels) }
        }
        times += Array(repeating: reader.timeSeconds, count: copies)
        sourceFrames += Array(repeating: Int64(reader.framesRead - 1), count: copies)
      }
      context.progress(reader.framesRead, of: reader.info.announcedFrames, unit: "frames")
    }
    writer.next()
    try writer.append(times)
    writer.next()
    try writer.append(sourceFrames)
    try writer.finish()
    for error in reader.damages { context.log("\(error) (on_corrupt: \(damage.rawValue))") }
    let text = describe(reader, kept: times.count, isFullRange: isFullRange).json + "\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: try context.path(DecodeStage.info)))
  }

  private func geometry(in info: VideoInfo) -> FrameGeometry {
    FrameGeometry(
      sourceSize: [info.height, info.width],
      crop: format.crop.map { [$0.top, $0.left, $0.height, $0.width] })
  }

  /// How often the current frame is to be written.
  private func copies(of reader: VideoReader, kept: Int) -> Int {
    guard let framesPerSecond else { return (reader.framesRead - 1) % every == 0 ? 1 : 0 }
    // The tolerance is for time stamps that the container rounded to its own ticks.
    let ticks = ((reader.timeSeconds + 1e-6) * framesPerSecond).rounded(.down)
    guard ticks < 1e15 else { return 0 }
    return max(0, Int(ticks) + 1 - kept)
  }

  private func describe(_ reader: VideoReader, kept: Int, isFullRange: Bool) -> Value {
    let info = reader.info
    return [
      "codec": .string(info.codec), "container": .string(info.container),
      "pixel_format": .string(info.pixelFormat), "range": isFullRange ? "full" : "limited",
      "source_size": [.integer(info.height), .integer(info.width)],
      "source_frames": .integer(reader.framesRead),
      "fps": info.framesPerSecond.map { .number($0) } ?? .null,
      "duration_s": info.durationSeconds.map { .number($0) } ?? .null,
      "frames": .integer(kept), "size": [.integer(format.height), .integer(format.width)],
      "damaged_frames": .list(reader.damages.compactMap { $0.frame.map { .integer($0) } }),
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
