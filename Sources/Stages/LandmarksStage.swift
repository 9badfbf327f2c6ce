internal import Analysis
internal import Foundation
internal import StageKit

/// Takes the local maxima of saliency maps as landmarks.
///
/// Reads a `MapSet`; writes CSV with a line for each landmark: `frame` (index among the frames), `time` (seconds), `row` and `column`
/// of the cell, `grid_height` and `grid_width` (cells), `y` and `x` (sub-pixel position in cells,
/// where a cell's centre has its whole-numbered row and column), `saliency` (the map's value at the
/// cell).
/// Source: Droste et al. (ISBI 2020), section 2.
struct LandmarksStage: Stage {
  enum Mode: String, CaseIterable {
    /// Local maxima above a share of the map's maximum, as many as there are.
    case paper
  }

  static let kind = "landmarks"
  static let version = 1
  static let summary = "Finds the local maxima of saliency maps"
  static let maps = Input(
    "maps", "maps", help: "maps f32 [T', h, w], frame_index i64 [T'], times f64 [T']")
  static let landmarks = Output(
    "landmarks", "landmarks",
    help: "CSV: frame, time, row, column, grid_height, grid_width, y, x, saliency")
  static let inputs = [maps]
  static let outputs = [landmarks]

  let mode: Mode
  let distance: Int
  let threshold: Double

  init(options: inout OptionReader) throws(Diagnostic) {
    mode = try options.choice("mode", default: .paper, help: "which maxima are landmarks")
    distance = try options.integer(
      "distance", in: 1...1000, default: 2, unit: "cells",
      help: "a landmark is the maximum of the (2 distance + 1)² cells around it")
    threshold = try options.number(
      "threshold", from: 0, to: 1, default: 0.1,
      help: "least value of a landmark, as a share of its map's maximum")
  }

  func run(in context: StageContext) async throws {
    let set = try MapSet(path: context.path(LandmarksStage.maps))
    let (maps, grid) = (set.maps, set.grid)
    var landmarks: [Landmark] = []
    for (index, frame) in set.frameIndex.enumerated() {
      let found: [Peak]
      do {
        found = try maps.withRow(index) {
          try peaks(
            of: $0, height: grid[0], width: grid[1], distance: distance, threshold: threshold)
        }
      } catch let error as AnalysisError {
        throw StageFailure("map \(index) of '\(set.path)' (frame \(frame)): \(error)")
      }
      landmarks += found.map { peak in
        Landmark(
          frame: frame, time: set.times[index], row: peak.row, column: peak.column, grid: grid,
          y: peak.y, x: peak.x, saliency: peak.value)
      }
      context.progress(index + 1, of: set.count, unit: "maps")
    }
    try LandmarkFile.text(landmarks).write(
      toFile: context.path(LandmarksStage.landmarks), atomically: false, encoding: .utf8)
  }
}
