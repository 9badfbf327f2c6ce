import Foundation
import PictureKit
import StageKit
import TestKit

/// Small scans and what is known of them, and what `overlay` draws of it.
struct OverlayBench {
  let bench: AnalysisBench

  init() throws { bench = try AnalysisBench() }

  init(_ bench: AnalysisBench) { self.bench = bench }

  /// Three frames with one of everything, by port.
  func everything() throws -> [String: String] {
    [
      "frames": try frames([60, 90, 120]),
      "maps": try maps(frames: [0, 2], peaks: [(3, 5), (2, 2)]),
      "landmarks": try landmarks([(0, 3, 5), (2, 1.25, 2.5)]),
      "fixations": try fixations([(0, 0.4, 0.4), (1, 0.5, 0.5), (2, 0.7, 0.2)]),
      "labels": try labels([(0, 0, "Femur"), (1, 2, "Kidneys")]),
      "truth": try truth([(1, 0.5, 0.5), (2, 0.3, 0.7)]),
    ]
  }

  /// Frames of one grey level each, at 25 frames per second.
  func frames(
    _ levels: [UInt8], height: Int = 56, width: Int = 72, metadata: [String: String] = [:],
    times: [Double]? = nil, sourceFrames: [Int64]? = nil
  ) throws -> String {
    let count = levels.count
    return try write(
      [
        .init("times", times ?? (0..<count).map { Double($0) / 25 }, shape: [count]),
        .init("source_frames", sourceFrames ?? (0..<count).map { Int64($0) }, shape: [count]),
        .init(
          "frames", levels.flatMap { Array(repeating: $0, count: height * width) },
          shape: [count, height, width]),
      ], metadata, "frames")
  }

  /// Maps of one peak each, in an otherwise empty grid.
  func maps(
    frames: [Int64], peaks: [(row: Int, column: Int)], grid: [Int] = [7, 9],
    times: [Double]? = nil, peak: Float = 0.5, metadata: [String: String] = [:]
  ) throws -> String {
    var values: [Float] = []
    for place in peaks {
      var map = [Float](repeating: 0, count: grid[0] * grid[1])
      map[place.row * grid[1] + place.column] = peak
      values += map
    }
    return try write(
      [
        .init("frame_index", frames, shape: [frames.count]),
        .init("times", times ?? frames.map { Double($0) / 25 }, shape: [frames.count]),
        .init("maps", values, shape: [frames.count] + grid),
      ], metadata, "maps")
  }

  private func write(
    _ tensors: [SafetensorsWriter.TensorValue], _ metadata: [String: String], _ name: String
  ) throws -> String {
    let path = "\(bench.scratch.path)/\(name)-\(UUID().uuidString).safetensors"
    try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
    return path
  }

  /// CSV of landmarks on a grid of [7, 9].
  func landmarks(_ places: [(frame: Int, y: Double, x: Double)]) throws -> String {
    var csv = "frame,time,row,column,grid_height,grid_width,y,x,saliency,"
    csv += "source_frame,source_x,source_y,source_height,source_width\n"
    for (frame, y, x) in places {
      csv += "\(frame),\(Double(frame) / 25),\(Int(y)),\(Int(x)),7,9,\(y),\(x),0.5,"
      csv += "\(frame),\((x + 0.5) / 9),\((y + 0.5) / 7),56,72\n"
    }
    return try text(csv, "landmarks")
  }

  func fixations(_ points: [(frame: Int, x: Double, y: Double)]) throws -> String {
    try text(
      "frame\tx\ty\tbridged\n" + points.map { "\($0.frame)\t\($0.x)\t\($0.y)\t0\n" }.joined(),
      "fixations")
  }

  func truth(_ points: [(frame: Int, x: Double, y: Double)]) throws -> String {
    try text(
      "frame\tlabel\tstructure\tx\ty\tlong_axis\n"
        + points.map { "\($0.frame)\tFemur\tshaft\t\($0.x)\t\($0.y)\t0.5\n" }.joined(), "truth")
  }

  func labels(_ segments: [(first: Int, last: Int, label: String)]) throws -> String {
    try text(
      "first\tlast\tlabel\tgroup\n"
        + segments.map { "\($0.first)\t\($0.last)\t\($0.label)\tp01\n" }.joined(), "labels")
  }

  private func text(_ text: String, _ name: String) throws -> String {
    try bench.scratch.write(text, to: "\(name)-\(UUID().uuidString)")
  }

  struct Drawn {
    var sheet: ColourVideo
    var clip: ColourVideo
    var sheetBytes: Data
    var clipBytes: Data
  }

  /// Draws sheet and clip; by default one frame of 72 by 56 pixels in the sheet, and of 64 pixels in
  /// the clip.
  func draw(_ inputs: [String: String], _ options: [String: Value] = [:]) async throws -> Drawn {
    let defaults: [String: Value] = ["frames": 1, "sheet_side": 72, "clip_side": 72]
    try await bench.run(
      "overlay", options: defaults.merging(options) { $1 },
      inputs: inputs.mapValues { .one(path: $0) })
    func bytes(_ port: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: bench.path(port)))
    }
    return Drawn(
      sheet: try ColourVideo(path: bench.path("sheet")),
      clip: try ColourVideo(path: bench.path("clip")), sheetBytes: try bytes("sheet"),
      clipBytes: try bytes("clip"))
  }

  /// The stage's own words where it fails.
  func failure(_ inputs: [String: String], _ options: [String: Value] = [:]) async -> String? {
    do {
      _ = try await draw(inputs, options)
      return nil
    } catch { return "\(error)" }
  }
}
