internal import Analysis
internal import StageKit

/// Takes the local maxima of saliency maps as landmarks.
///
/// Reads a `MapSet`; writes CSV with a line for each landmark, by frame, row and column: `frame`
/// (index among the frames), `time` (seconds), `row` and `column` of the cell, `grid_height` and
/// `grid_width` (cells), `y` and `x` (sub-pixel position in cells, where a cell's centre has its
/// whole-numbered row and column), `saliency` (the map's value at the cell), `source_frame` (of the
/// video as it came), `source_x` and `source_y` (the position in shares of the video's picture),
/// `source_height` and `source_width` (of that picture, in pixels).
/// Source: Droste et al. (ISBI 2020), section 2; scikit-image 0.26 for `skimage`.
struct LandmarksStage: Stage {
  enum Mode: String, CaseIterable {
    /// Local maxima above a share of the map's maximum, as many as there are; a plateau is one.
    case paper
    /// The cells that `skimage.feature.peak_local_max` gives.
    case skimage
  }

  static let kind = "landmarks"
  static let version = 2
  static let summary = "Finds the local maxima of saliency maps"
  static let maps = Input(
    "maps", "maps", help: "maps f32 [T', h, w], frame_index i64 [T'], times f64 [T']")
  static let landmarks = Output(
    "landmarks", "landmarks", help: "CSV: " + LandmarkFile.columns.joined(separator: ", "))
  static let inputs = [maps]
  static let outputs = [landmarks]

  let mode: Mode
  let distance: Int
  let threshold: Double
  let peakToMean: Double
  let least: Double?
  let border: Int?
  let count: Int?

  init(options: inout OptionReader) throws(Diagnostic) {
    mode = try options.choice(
      "mode", default: .paper,
      help: "the paper's maxima, or those of scikit-image's peak_local_max")
    distance = try options.integer(
      "distance", in: 1...1000, default: 2, unit: "cells",
      help: "a landmark is the maximum of the (2 distance + 1)² cells around it (min_distance)")
    threshold = try options.number(
      "threshold", from: 0, to: 1, default: 0.1,
      help: "least value of a landmark, as a share of its map's maximum (threshold_rel)")
    peakToMean = try options.number(
      "peak_to_mean", from: 0, to: 1e6, default: 0, unit: "times the map's mean",
      help: "a map whose maximum is below this has no landmark; the paper asks for nothing")
    least = try options.numberIfGiven(
      "threshold_abs", from: 0, unit: "of the map's sum",
      help: "skimage: a landmark's value is above this too; the map's minimum unless given")
    border = try options.integerIfGiven(
      "exclude_border", in: 0..., unit: "cells",
      help: "skimage: no landmark is nearer to the border; distance unless given")
    count = try options.integerIfGiven(
      "num_peaks", in: 1..., help: "skimage: most landmarks of a frame, the highest first")
    let given = [
      "threshold_abs": least != nil, "exclude_border": border != nil, "num_peaks": count != nil,
    ]
    if mode == .paper, let name = given.filter(\.value).keys.min() {
      throw Diagnostic(
        .outOfRange, "option '\(name)' is known to mode skimage only; expected mode: skimage",
        at: SourcePosition(path: "with.\(name)", line: 0, column: 0))
    }
  }

  func run(in context: StageContext) async throws {
    let set = try MapSet(path: context.path(LandmarksStage.maps))
    var text = LandmarkFile.text([])
    let batch = 256 * context.cpus
    for start in stride(from: 0, to: set.count, by: batch) {
      let end = min(start + batch, set.count)
      let chunks = mapChunks(of: end - start, size: 64, threads: context.cpus) { chunk in
        Result { try lines(of: start + chunk.lowerBound..<start + chunk.upperBound, in: set) }
      }
      for chunk in chunks { text += try chunk.get() }
      context.progress(end, of: set.count, unit: "maps")
    }
    try writeText(text, to: context.path(LandmarksStage.landmarks))
  }

  private func lines(of maps: Range<Int>, in set: MapSet) throws -> String {
    let grid = set.grid
    var text = ""
    for index in maps {
      let found: [Peak]
      do {
        found = try set.maps.withRow(index) { try peaks(of: $0, grid: grid) }
      } catch let error as AnalysisError {
        throw StageFailure(
          "map \(index) of '\(set.path)' (frame \(set.frameIndex[index])): \(error)")
      }
      let landmarks = found.map { peak in
        let place = set.geometry.sourcePlace(
          x: (peak.x + 0.5) / Double(grid[1]), y: (peak.y + 0.5) / Double(grid[0]))
        return Landmark(
          frame: set.frameIndex[index], time: set.times[index], row: peak.row, column: peak.column,
          grid: grid, y: peak.y, x: peak.x, saliency: peak.value,
          sourceFrame: set.sourceFrames[index], sourceX: place.x, sourceY: place.y,
          sourceSize: set.geometry.sourceSize)
      }
      LandmarkFile.append(landmarks, to: &text)
    }
    return text
  }

  /// In order of rows and columns.
  private func peaks(
    of map: UnsafeBufferPointer<Float>, grid: [Int]
  ) throws(AnalysisError) -> [Peak] {
    let found = try maxima(of: map, grid: grid)
    let sum = map.reduce(0) { $0 + Double($1) }
    return Double(map.max() ?? 0) * Double(map.count) >= peakToMean * sum ? found : []
  }

  private func maxima(
    of map: UnsafeBufferPointer<Float>, grid: [Int]
  ) throws(AnalysisError) -> [Peak] {
    guard mode == .skimage else {
      return try Analysis.peaks(
        of: map, height: grid[0], width: grid[1], distance: distance, threshold: threshold)
    }
    return try peakLocalMax(
      of: map, height: grid[0], width: grid[1], distance: distance, threshold: threshold,
      least: least, border: border ?? distance, count: count ?? .max
    ).sorted { ($0.row, $0.column) < ($1.row, $1.column) }
  }
}
