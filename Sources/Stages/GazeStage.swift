internal import Analysis
internal import Foundation
internal import StageKit

/// Cleans a gaze: where somebody looked in each frame, maps of it, and how good the recording is.
///
/// The valid eyes of one time are averaged; what is off the picture (off the part that `frames`
/// show, where they are given) is dropped; a frame's place is the geometric median of its points;
/// at most `bridge` frames without gaze between two with gaze are filled along a straight line.
///
/// Reads a `GazeFile`; writes a `FixationFile`, a `MapSet` with the map of each n-th frame that has
/// gaze, and scores: `gaze_valid` (share of valid samples), `gaze_off_picture` (share of the times
/// with a valid eye that were dropped), `gaze_frames` and `gaze_frames_bridged` (share of frames with
/// gaze before and after bridging), `gaze_bridged` (frames), `gaze_fixations` (how many, by the
/// dispersion rule), `gaze_fixation_duration` (their mean, in seconds), `gaze_precision` (root mean
/// square of the distance from point to point within fixations, as a share of the height).
/// Source: Droste et al. (IPMI 2019); Salvucci & Goldberg (2000) for the dispersion rule;
/// Holmqvist et al. (2012) for the precision.
struct GazeStage: Stage {
  static let kind = "gaze"
  static let version = 1
  static let summary = "Cleans a gaze: a place for each frame, maps of it, figures of its quality"
  static let gaze = Input("gaze", "gaze", help: "TSV: " + GazeFile.columns.joined(separator: ", "))
  static let frames = Input(
    "frames", "frames", optional: true,
    help: "of the same video: which frames there are, and which part of the picture they show")
  static let fixations = Output(
    "fixations", "fixations",
    help: "TSV: frame, x, y (shares of the video's picture), bridged; at most one row a frame")
  static let maps = Output(
    "maps", "maps",
    help: "maps f32 [T', h, w] of sum 1; frame_index, source_frames i64, times f64 [T']")
  static let scores = Output(
    "scores", "scores",
    help: "JSON: gaze_valid, gaze_off_picture, gaze_frames, gaze_frames_bridged, gaze_bridged, "
      + "gaze_fixations, gaze_fixation_duration, gaze_precision")
  static let inputs = [gaze, frames]
  static let outputs = [fixations, maps, scores]

  let bridge: Int
  let grid: [Int]
  let sigma: Double
  let every: Int
  let dispersion: Double
  let duration: Double

  init(options: inout OptionReader) throws(Diagnostic) {
    bridge = try options.integer(
      "bridge", in: 0...1000, default: 4, unit: "frames",
      help: "longest run of frames without gaze that is filled along a straight line")
    grid = try options.integers(
      "grid", count: 2, in: 1..., default: [28, 36], unit: "cells",
      help: "[height, width] of a map, each at most 1024")
    sigma = try options.number(
      "sigma", from: FixationMap.leastSigma, to: 1024, default: 1.5, unit: "cells of a map",
      help: "deviation of the Gaussian at a point; 1.5 of [28, 36] are 12 px of [224, 288]")
    every = try options.integer(
      "every", in: 1..., default: 8, unit: "frames",
      help: "a map for each n-th frame, from the first, that has gaze")
    dispersion = try options.number(
      "dispersion", from: 0, to: 2, default: 0.2, unit: "of the height",
      help: "scores: most of a fixation's width and height together; 0.05 is about one degree")
    duration = try options.number(
      "duration", from: 0.001, to: 10, default: 0.1, unit: "s",
      help: "scores: least time from a fixation's first sample to its last")
    guard grid.allSatisfy({ $0 <= 1024 }) else {
      throw Diagnostic(
        .outOfRange, "option 'grid' is \(grid) cells; expected at most 1024 each",
        at: SourcePosition(path: "with.grid", line: 0, column: 0))
    }
  }

  func run(in context: StageContext) async throws {
    let path = try context.path(GazeStage.gaze)
    let gaze = try GazeFile(path: path)
    let set =
      context.has(GazeStage.frames) ? try FrameSet(path: context.path(GazeStage.frames)) : nil
    let view = GazeView(set?.geometry, grid: grid)
    let track = GazeTrack(gaze, view: view, bridge: bridge)
    guard !track.samples.isEmpty else {
      let valid = gaze.samples.count { $0.position != nil }
      throw StageFailure(
        "'\(path)' has no gaze on the picture: of \(gaze.samples.count) samples \(valid) are valid"
          + (valid > 0 ? ", all of them off the \(set == nil ? "picture" : "frames")" : "")
          + "; expected x and y from 0 to 1 in shares of the video's picture. Leave the video out, "
          + "or set on_error: skip")
    }
    try track.fixations.write(to: context.path(GazeStage.fixations))
    try writeMaps(of: track, set, in: context)
    try Scores(metrics(of: track, gaze, set))
      .write(to: GazeStage.scores, in: context)
  }

  private func writeMaps(
    of track: GazeTrack, _ set: FrameSet?, in context: StageContext
  ) throws {
    let chosen: [(index: Int, point: GazeTrack.Point)]
    if let set {
      let byFrame = Dictionary(uniqueKeysWithValues: track.points.map { ($0.frame, $0) })
      chosen = stride(from: 0, to: set.count, by: every).compactMap { index in
        byFrame[set.sourceFrames[index]].map { (index, $0) }
      }
    } else {
      chosen = track.points.filter { $0.frame % every == 0 }.map { ($0.frame, $0) }
    }
    let writer = try MapSetWriter(
      path: context.path(GazeStage.maps), frameIndex: chosen.map(\.index),
      sourceFrames: chosen.map(\.point.frame),
      times: chosen.map { set?.times[$0.index] ?? $0.point.time }, geometry: track.view.geometry,
      grid: grid, metadata: ["method": "gaze", "sigma": "\(sigma)", "every": "\(every)"])
    let fixationMap = FixationMap(height: grid[0], width: grid[1], sigma: sigma)
    for (number, entry) in chosen.enumerated() {
      try writer.append(fixationMap.map(of: [entry.point.place]))
      context.progress(number + 1, of: chosen.count, unit: "maps")
    }
    try writer.finish()
  }

  private func metrics(
    of track: GazeTrack, _ gaze: GazeFile, _ set: FrameSet?
  ) -> [Scores.Metric] {
    let valid = gaze.samples.count { $0.position != nil }
    // Without frames there are all up to the gaze's last.
    let frames = set.map { Set($0.sourceFrames) }
    let frameCount = frames.map { Double($0.count) } ?? Double(gaze.samples.last?.frame ?? -1) + 1
    let known = track.points.filter { frames?.contains($0.frame) ?? true }
    let measuredCount = known.count { !$0.isBridged }
    let places = track.samples.map { $0.place * track.view.scale }
    let times = track.samples.map(\.time)
    let fixations = gazeFixations(
      of: places, times: times, dispersion: dispersion, duration: duration, gap: duration)
    let lasting = fixations.map { times[$0.upperBound - 1] - times[$0.lowerBound] }
    let squares = fixations.flatMap { fixation in
      fixation.dropFirst().map { index in
        let step = places[index] - places[index - 1]
        return (step * step).sum()
      }
    }
    func share(_ part: Int, of whole: Double) -> Double? {
      whole > 0 ? Double(part) / whole : nil
    }
    func mean(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    let rule: [Value.Pair] = [
      .init("dispersion", .number(dispersion)), .init("duration", .number(duration)),
    ]
    return [
      .init(
        name: "gaze_valid", value: share(valid, of: Double(gaze.samples.count)), direction: .higher),
      .init(
        name: "gaze_off_picture",
        value: share(track.droppedCount, of: Double(track.droppedCount + track.samples.count)),
        direction: .lower),
      .init(
        name: "gaze_frames", value: share(measuredCount, of: frameCount), direction: .higher),
      .init(
        name: "gaze_frames_bridged",
        value: share(known.count, of: frameCount), direction: .higher,
        attributes: [.init("bridge", .integer(bridge))]),
      .init(
        name: "gaze_bridged", value: Double(known.count - measuredCount), unit: "frames"),
      .init(
        name: "gaze_fixations", value: Double(fixations.count), unit: "fixations",
        attributes: rule),
      .init(name: "gaze_fixation_duration", value: mean(lasting), unit: "s", attributes: rule),
      .init(
        name: "gaze_precision", value: mean(squares).map { $0.squareRoot() }, unit: "of the height",
        direction: .lower, attributes: rule),
    ]
  }
}
