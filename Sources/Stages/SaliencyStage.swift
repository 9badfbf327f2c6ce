internal import Analysis
internal import StageKit

/// Says where a viewer would look: a map that sums to 1, for every frame or every n-th.
///
/// Reads a `FrameSet`, writes a `MapSet`.
/// Source: Hou & Zhang (2007) for `spectral_residual`.
struct SaliencyStage: Stage {
  enum Method: String, CaseIterable {
    case spectralResidual = "spectral_residual"
  }

  static let kind = "saliency"
  static let version = 2
  static let summary = "Predicts where a viewer would look, as a map for each frame"
  static let frames = Input(
    "frames", "frames", help: "frames u8 [T, H, W], times f64 [T] in seconds")
  static let model = Input("model", "model", optional: true, help: "not read by spectral_residual")
  static let maps = Output(
    "maps", "maps",
    help: "maps f32 [T', h, w] of sum 1; frame_index, source_frames i64, times f64 [T']")
  static let inputs = [frames, model]
  static let outputs = [maps]

  let method: Method
  let grid: [Int]
  let every: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    method = try options.choice(
      "method", default: .spectralResidual, help: "how saliency is predicted")
    grid = try options.integers(
      "grid", count: 2, in: 1..., default: [28, 36], unit: "cells",
      help: "[height, width] of a map, each at most 1024")
    guard grid.allSatisfy({ $0 <= 1024 }) else {
      throw Diagnostic(
        .outOfRange, "option 'grid' is \(grid) cells; expected at most 1024 each",
        at: SourcePosition(path: "with.grid", line: 0, column: 0))
    }
    every = try options.integer(
      "every", in: 1..., default: 1, unit: "frames", help: "take each n-th frame, from the first")
  }

  func run(in context: StageContext) async throws {
    let set = try FrameSet(path: context.path(SaliencyStage.frames))
    let frames = set.frames
    if context.has(SaliencyStage.model) {
      context.log("the input 'model' is not read by method \(method.rawValue)")
    }
    let chosen = Array(stride(from: 0, to: frames.shape[0], by: every))
    let writer = try MapSetWriter(
      path: context.path(SaliencyStage.maps), frames: chosen, of: set, grid: grid,
      metadata: ["method": method.rawValue, "every": "\(every)"])
    guard !chosen.isEmpty else { return try writer.finish() }
    let residual = SpectralResidual(height: frames.shape[1], width: frames.shape[2], grid: grid)
    let batch = 64 * context.cpus
    for start in stride(from: 0, to: chosen.count, by: batch) {
      let indexes = Array(chosen[start..<min(start + batch, chosen.count)])
      let maps = mapChunks(of: indexes.count, size: 4, threads: context.cpus) { chunk in
        indexes[chunk].flatMap { frames.withRow($0) { residual.map(of: $0) } }
      }
      for map in maps { try writer.append(map) }
      context.progress(start + indexes.count, of: chosen.count, unit: "frames")
    }
    try writer.finish()
  }
}
