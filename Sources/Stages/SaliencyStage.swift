internal import Analysis
internal import Foundation
internal import StageKit

/// Says where a viewer would look: a map that sums to 1, for every frame or every n-th.
///
/// Reads a `FrameSet` and, for `vam`, a `SaliencyModel`; writes a `MapSet`.
/// Source: Hou & Zhang (2007) for `spectral_residual`, Droste et al. (2019) for `vam`.
struct SaliencyStage: Stage {
  enum Method: String, CaseIterable {
    case spectralResidual = "spectral_residual"
    case vam
  }

  static let kind = "saliency"
  static let version = 2
  static let tolerance: Double? = 1e-5
  static let summary = "Predicts where a viewer would look, as a map for each frame"
  static let frames = Input(
    "frames", "frames", help: "frames u8 [T, H, W], times f64 [T] in seconds")
  static let model = Input(
    "model", "model", optional: true, help: "of saliency_train; read by vam alone")
  static let maps = Output(
    "maps", "maps",
    help: "maps f32 [T', h, w] of sum 1; frame_index, source_frames i64, times f64 [T']")
  static let inputs = [frames, model]
  static let outputs = [maps]

  let method: Method
  /// `nil`: the method's own.
  let grid: [Int]?
  let every: Int
  let network: NetworkSaliency

  init(options: inout OptionReader) throws(Diagnostic) {
    method = try options.choice(
      "method", default: .spectralResidual, help: "how saliency is predicted")
    grid = try options.integersIfGiven(
      "grid", count: 2, in: 1..., unit: "cells",
      help:
        "[height, width] of a map, each at most 1024; by default [28, 36], with vam the network's "
        + "own: an eighth of the frames")
    every = try options.integer(
      "every", in: 1..., default: 1, unit: "frames", help: "take each n-th frame, from the first")
    network = try NetworkSaliency(options: &options)
    guard grid?.allSatisfy({ $0 <= 1024 }) ?? true else {
      throw Diagnostic(
        .outOfRange, "option 'grid' is \(grid ?? []) cells; expected at most 1024 each",
        at: SourcePosition(path: "with.grid", line: 0, column: 0))
    }
  }

  func run(in context: StageContext) async throws {
    let set = try FrameSet(path: context.path(SaliencyStage.frames))
    let chosen = Array(stride(from: 0, to: set.count, by: every))
    switch method {
    case .spectralResidual:
      if context.has(SaliencyStage.model) {
        context.log("the input 'model' is not read by method \(method.rawValue)")
      }
      guard network.weights == nil else {
        throw StageFailure(
          "option 'weights' is given, and method is \(method.rawValue), which reads none; expected "
            + "method vam")
      }
      let grid = grid ?? [28, 36]
      let residual =
        chosen.isEmpty
        ? nil : SpectralResidual(height: set.height, width: set.width, grid: grid)
      try write(chosen, of: set, grid: grid, [:], in: context) { indexes in
        guard let residual else { return [] }
        return mapChunks(of: indexes.count, size: 4, threads: context.cpus) { chunk in
          indexes[chunk].flatMap { set.frames.withRow($0) { residual.map(of: $0) } }
        }
      }
    case .vam:
      let mapping = try network.open(in: context, for: set)
      guard grid == nil || grid == mapping.grid else {
        throw StageFailure(
          "option 'grid' is \(grid ?? []), and the network's maps of frames of "
            + "\([set.height, set.width]) pixels are \(mapping.grid); leave it out")
      }
      try write(chosen, of: set, grid: mapping.grid, mapping.metadata, in: context) {
        try mapping.maps(of: $0, in: set)
      }
    }
  }

  /// - Parameter maps: the maps of some frames, in order, in any number of parts
  private func write(
    _ chosen: [Int], of set: FrameSet, grid: [Int], _ metadata: [String: String],
    in context: StageContext, maps: ([Int]) throws -> [[Float]]
  ) throws {
    let writer = try MapSetWriter(
      path: context.path(SaliencyStage.maps), frames: chosen, of: set, grid: grid,
      metadata: ["method": method.rawValue, "every": "\(every)"].merging(metadata) { $1 })
    let round = 64 * context.cpus
    for start in stride(from: 0, to: chosen.count, by: round) {
      let indexes = Array(chosen[start..<min(start + round, chosen.count)])
      for part in try maps(indexes) { try writer.append(part) }
      context.progress(start + indexes.count, of: chosen.count, unit: "frames")
    }
    try writer.finish()
  }
}
