internal import Analysis
internal import Foundation
internal import StageKit

/// Reads a feature row at every landmark.
///
/// `model`: what a layer of a video network makes of the clip around the landmark's frame, its mean over
/// time at the landmark's cell. `pixels`: the patch of the frame around the cell, flattened, its mean
/// taken off and divided by its standard deviation: a lower bound that learnt features must beat. Cell
/// (row, column) of a grid `[h, w]` is centred at pixel ((row + ½) H/h − ½, (column + ½) W/w − ½); the
/// patch is centred there, to the nearest pixel, and repeats the frame's border outside it.
///
/// Reads a `FrameSet`, a `LandmarkFile`, for `model` a `VideoModel` and, where connected, a `TruthFile`
/// and a `LabelFile`; writes a folder with `features.safetensors` (`features` f32 `[n, d]`) and
/// `index.csv`, a `FeatureIndex`. See docs/explaining.md.
struct ExtractStage: Stage {
  enum Features: String, CaseIterable {
    case model
    case pixels
  }

  static let kind = "extract"
  static let version = 3
  static let tolerance: Double? = 1e-5
  static let summary = "Reads a feature row at every landmark"
  static let frames = Input(
    "frames", "frames", help: "frames u8 [T, H, W], times f64 [T] in seconds")
  static let landmarks = Input("landmarks", "landmarks", help: "CSV with a landmark a line")
  static let model = Input(
    "model", "model", optional: true, help: "of pretrain; read by features: model alone")
  static let truth = Input(
    "truth", "truth", optional: true, help: "of simulated scans: fills the column 'structure'")
  static let labels = Input(
    "labels", "labels", optional: true, help: "fills the column 'class' of the index")
  static let features = Output(
    "features", "features", form: .folder,
    help: "features.safetensors: features f32 [n, d]; index.csv: scan, landmark, structure, class")
  static let inputs = [frames, landmarks, model, truth, labels]
  static let outputs = [features]

  let source: Features
  let patch: [Int]
  let within: Double
  let network: NetworkFeatures

  init(options: inout OptionReader) throws(Diagnostic) {
    source = try options.choice(
      "features", default: .model, help: "what a row is made of: a network's layer, or pixels")
    patch = try options.integers(
      "patch", count: 2, in: 1..., default: [24, 24], unit: "px",
      help: "pixels: [height, width] of the patch, each at most 1024")
    within = try options.number(
      "within", from: 0, to: 10, default: 0.1, unit: "of the long axis",
      help: "a landmark has the name of the nearest true structure at most this far away")
    network = try NetworkFeatures(options: &options)
    guard patch.allSatisfy({ $0 <= 1024 }) else {
      throw options.problem("patch", "is \(patch) px; expected at most 1024 each")
    }
  }

  func run(in context: StageContext) async throws {
    let set = try FrameSet(path: context.path(ExtractStage.frames))
    let landmarks = try landmarks(in: set, context)
    let index = try index(in: context)
    let folder = try context.path(ExtractStage.features)
    switch (source, context.has(ExtractStage.model)) {
    case (.pixels, false): try writePixels(at: landmarks, of: set, to: folder, context)
    case (.model, true):
      let extraction = try network.open(
        context.path(ExtractStage.model), for: set, of: context.item, cpus: context.cpus)
      let rows = try extraction.rows(at: landmarks) {
        context.progress($0, of: $1, unit: "clips")
      }
      try write(
        rows, count: rows.count, of: extraction.dimension, extraction.metadata,
        to: folder)
    case (.model, false):
      throw StageFailure(
        "features are those of a model; expected the input 'model' connected to pretrain, or the "
          + "option 'features: pixels'")
    case (.pixels, true):
      throw StageFailure(
        "the input 'model' is connected, and features are pixels, which read none; leave out the "
          + "input, or the option 'features'")
    }
    try writeText(index.text(landmarks), to: folder + "/index.csv")
  }

  // MARK: Landmarks

  /// - Throws: `StageFailure` where they are of another scan, or of another part of its picture
  private func landmarks(in set: FrameSet, _ context: StageContext) throws -> [Landmark] {
    let path = try context.path(ExtractStage.landmarks)
    let landmarks = try LandmarkFile.read(path)
    try ScanAnnotations.check(landmarks, path, against: set)
    for (number, landmark) in landmarks.enumerated() {
      // Maps from elsewhere say nothing of the picture but that they show all of it.
      guard landmark.sourceSize != landmark.grid else { continue }
      let place = set.geometry.sourcePlace(
        x: (landmark.x + 0.5) / Double(landmark.grid[1]),
        y: (landmark.y + 0.5) / Double(landmark.grid[0]))
      guard abs(place.x - landmark.sourceX) < 1e-3, abs(place.y - landmark.sourceY) < 1e-3 else {
        throw StageFailure(
          "landmark \(number) of '\(path)' is at (\(landmark.sourceX), \(landmark.sourceY)) of the "
            + "video's picture; in the frames of '\(set.path)' its cell is at (\(place.x), "
            + "\(place.y)): expected landmarks of maps of these frames")
      }
    }
    return landmarks
  }

  private func index(in context: StageContext) throws -> FeatureIndex {
    func path(_ input: Input) throws -> String? {
      context.has(input) ? try context.path(input) : nil
    }
    return FeatureIndex(
      scan: context.item ?? "",
      truth: try path(ExtractStage.truth).map { try TruthFile(path: $0) },
      labels: try path(ExtractStage.labels).map { try LabelFile(path: $0) }, within: within)
  }

  // MARK: Rows

  private func writePixels(
    at landmarks: [Landmark], of set: FrameSet, to folder: String, _ context: StageContext
  ) throws {
    let rows = landmarks.lazy.enumerated().map { number, landmark in
      context.progress(number + 1, of: landmarks.count, unit: "landmarks")
      return set.frames.withRow(landmark.frame) { frame in
        normalisedPatch(
          of: frame, height: set.height, width: set.width,
          centre: (
            ExtractStage.pixel(landmark.row, of: landmark.grid[0], in: set.height),
            ExtractStage.pixel(landmark.column, of: landmark.grid[1], in: set.width)
          ),
          patch: (patch[0], patch[1]))
      }
    }
    try write(
      rows, count: landmarks.count, of: patch[0] * patch[1],
      ["patch": "\(patch[0])x\(patch[1])"], to: folder)
  }

  private func write(
    _ rows: some Sequence<[Float]>, count: Int, of dimension: Int, _ metadata: [String: String],
    to folder: String
  ) throws {
    let writer = try SafetensorsWriter(
      path: folder + "/features.safetensors",
      tensors: [.init("features", .f32, rows: count, of: [dimension])],
      metadata: metadata.merging(["features": source.rawValue]) { $1 })
    for row in rows { try writer.append(row) }
    try writer.finish()
  }

  /// Where a cell of a grid is centred among the pixels of an axis.
  static func pixel(_ cell: Int, of cells: Int, in pixels: Int) -> Double {
    (Double(cell) + 0.5) * Double(pixels) / Double(cells) - 0.5
  }
}
