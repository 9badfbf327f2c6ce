internal import Analysis
internal import Foundation
internal import StageKit

/// Reads a feature row at every landmark.
///
/// `pixels`: the patch of the frame around the landmark's cell, flattened, its mean taken off and
/// divided by its standard deviation: a lower bound that learnt features must beat. Cell (row,
/// column) of a grid `[h, w]` is centred at pixel ((row + ½) H/h − ½, (column + ½) W/w − ½); the
/// patch is centred there, to the nearest pixel, and repeats the frame's border outside it.
///
/// Reads `frames` u8 `[T, H, W]` and landmarks; writes a folder with `features.safetensors`
/// (`features` f32 `[n, d]`) and `index.csv`, the landmark of each row in the columns of landmarks.
struct ExtractStage: Stage {
  enum Features: String, CaseIterable {
    case pixels
  }

  static let kind = "extract"
  static let version = 2
  static let summary = "Reads a feature row at every landmark"
  static let frames = Input("frames", "frames", help: "frames u8 [T, H, W]")
  static let landmarks = Input("landmarks", "landmarks", help: "CSV with a landmark a line")
  static let model = Input("model", "model", optional: true, help: "not read by pixels")
  static let features = Output(
    "features", "features", form: .folder,
    help: "features.safetensors: features f32 [n, d]; index.csv: the landmark of each row")
  static let inputs = [frames, landmarks, model]
  static let outputs = [features]

  let source: Features
  let patch: [Int]

  init(options: inout OptionReader) throws(Diagnostic) {
    source = try options.choice("features", default: .pixels, help: "what a row is made of")
    patch = try options.integers(
      "patch", count: 2, in: 1..., default: [24, 24], unit: "px",
      help: "[height, width] of the patch that pixels takes, each at most 1024")
    guard patch.allSatisfy({ $0 <= 1024 }) else {
      throw Diagnostic(
        .outOfRange, "option 'patch' is \(patch) px; expected at most 1024 each",
        at: SourcePosition(path: "with.patch", line: 0, column: 0))
    }
  }

  func run(in context: StageContext) async throws {
    let path = try context.path(ExtractStage.frames)
    let frames = try SafetensorsFile(path: path).tensor("frames", of: UInt8.self, rank: 3)
    let landmarkPath = try context.path(ExtractStage.landmarks)
    let landmarks = try LandmarkFile.read(landmarkPath)
    if context.has(ExtractStage.model) {
      context.log("the input 'model' is not read by features \(source.rawValue)")
    }
    let folder = try context.path(ExtractStage.features)
    let writer = try SafetensorsWriter(
      path: folder + "/features.safetensors",
      tensors: [.init("features", .f32, rows: landmarks.count, of: [patch[0] * patch[1]])],
      metadata: ["features": source.rawValue, "patch": "\(patch[0])x\(patch[1])"])
    let size = (height: frames.shape[1], width: frames.shape[2])
    for (number, landmark) in landmarks.enumerated() {
      guard (0..<frames.shape[0]).contains(landmark.frame), size.height > 0, size.width > 0 else {
        throw StageFailure(
          "landmark \(number) of '\(landmarkPath)' is in frame \(landmark.frame); '\(path)' has "
            + "frames of the shape \(frames.shape)")
      }
      try writer.append(
        frames.withRow(landmark.frame) { frame in
          normalisedPatch(
            of: frame, height: size.height, width: size.width,
            centre: (
              ExtractStage.pixel(landmark.row, of: landmark.grid[0], in: size.height),
              ExtractStage.pixel(landmark.column, of: landmark.grid[1], in: size.width)
            ),
            patch: (patch[0], patch[1]))
        })
      context.progress(number + 1, of: landmarks.count, unit: "landmarks")
    }
    try writer.finish()
    try writeText(LandmarkFile.text(landmarks), to: folder + "/index.csv")
  }

  /// Where a cell of a grid is centred among the pixels of an axis.
  static func pixel(_ cell: Int, of cells: Int, in pixels: Int) -> Double {
    (Double(cell) + 0.5) * Double(pixels) / Double(cells) - 0.5
  }
}
