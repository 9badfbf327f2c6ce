internal import Foundation
internal import Learning
internal import SelfSupervision
internal import StageKit
internal import Synchronization

/// How `extract` reads features of a network: its options.
struct NetworkFeatures {
  enum Layer: String, CaseIterable {
    case stem, layer1, layer2, layer3, layer4
  }

  /// What the network sees of a landmark's frame.
  enum Temporal: String, CaseIterable {
    /// The frames around it.
    case clip
    /// Nothing but it, again and again.
    case still = "static"
  }

  let layer: Layer
  let temporal: Temporal
  let clip: Int?
  let size: [Int]?
  let precision: Precision
  let allowsSeen: Bool

  init(options: inout OptionReader) throws(Diagnostic) {
    layer = try options.choice(
      "layer", default: .layer4, help: "model: the layer whose result is read, mean over time")
    temporal = try options.choice(
      "temporal", default: .clip,
      help: "model: the network sees the frames around the landmark's, or that frame repeated")
    clip = try options.integerIfGiven(
      "clip", in: 1..., unit: "frames",
      help: "model: that the network sees at once; as many as in its training unless given")
    size = try options.integersIfGiven(
      "size", count: 2, in: 8..., unit: "pixels",
      help:
        "model: [height, width] that whole frames are brought to, each at most 4096; their own unless "
        + "given")
    precision = try options.precision(default: .float32)
    allowsSeen = try options.boolean(
      "allow_seen", default: false,
      help: "model: scans that it was trained on are no error; what is measured on them says little"
    )
    guard size?.allSatisfy({ $0 <= 4096 }) ?? true else {
      throw options.problem("size", "is \(size ?? []) pixels; expected at most 4096 each")
    }
  }

  /// Opens a model for the frames of one scan.
  ///
  /// - Parameter scan: its id, where it is known
  /// - Throws: `StageFailure` where the file is no such model, does not say what clips it wants, or was
  ///   trained on this scan
  func open(
    _ path: String, for set: FrameSet, of scan: String?, cpus: Int
  ) throws -> NetworkExtraction {
    let model = try VideoModel(path: path)
    if let scan, !allowsSeen {
      try model.refuse(scans: [scan], groups: [], path: path, for: "its features")
    }
    guard let clip = clip ?? model.clip else {
      throw StageFailure(
        "'\(path)' does not say how many frames its clips have; expected the option 'clip'")
    }
    // A scan without frames may have no size either.
    let own = [set.height, set.width].map { max($0, 8) }
    return try NetworkExtraction(
      model, of: set, shape: [clip] + (size ?? own), layer: layer, temporal: temporal,
      precision: precision, copies: cpus)
  }
}

/// The features of one scan by a network, which has a copy for each processor.
///
/// Each copy computes on one thread, and what is made of a frame depends on that frame and those
/// around it alone: bytes are the same for any number of processors.
struct NetworkExtraction {
  /// Values of a row.
  let dimension: Int
  let metadata: [String: String]
  private let set: FrameSet
  private let scan: Scan
  private let shape: [Int]
  private let temporal: NetworkFeatures.Temporal
  private let renderer: Renderer
  private let copies: [Copy]
  /// How many clips a copy encodes at once.
  private static let batch = 4
  /// How many clips a copy encodes before it is heard of.
  private static let round = 16

  private final class Copy: @unchecked Sendable {
    // Sendable: one thread at a time uses a copy, which shares nothing that changes.
    let encoder: ClipEncoder
    init(_ encoder: ClipEncoder) { self.encoder = encoder }
  }

  /// - Parameter shape: `[t, height, width]` of the clips
  fileprivate init(
    _ model: VideoModel, of set: FrameSet, shape: [Int], layer: NetworkFeatures.Layer,
    temporal: NetworkFeatures.Temporal, precision: Precision, copies count: Int
  ) throws {
    self.set = set
    self.shape = shape
    self.temporal = temporal
    scan = Scan(
      id: set.path, group: "", frames: try FrameFile(path: set.path), segments: [],
      inside: [0, 0, set.height, set.width])
    renderer = try Renderer(size: Array(shape.dropFirst()))
    copies = try (0..<count).map { _ in
      let backend = try OneDNNBackend(threads: 1)
      return Copy(
        try ClipEncoder(
          model.network, upTo: layer.rawValue, shape: shape, batch: NetworkExtraction.batch,
          type: precision.resolved(on: backend), on: backend))
    }
    dimension = copies.first?.encoder.channels ?? 0
    metadata = [
      "network": VideoModel.networkName, "layer": layer.rawValue, "temporal": temporal.rawValue,
      "clip": "\(shape[0])", "size": "\(shape[1]),\(shape[2])", "precision": precision.rawValue,
    ]
  }

  /// A row for each landmark, in their order; one clip serves all landmarks of its frame.
  ///
  /// - Parameter progress: is told how many clips are done, and of how many
  func rows(
    at landmarks: [Landmark], progress: (Int, Int) -> Void
  ) throws -> [[Float]] {
    let frames = Dictionary(grouping: landmarks.indices, by: { landmarks[$0].frame })
      .sorted { $0.key < $1.key }.map { (frame: $0.key, landmarks: $0.value) }
    var rows = [[Float]](repeating: [], count: landmarks.count)
    let round = NetworkExtraction.round * copies.count
    for start in stride(from: 0, to: frames.count, by: round) {
      let chosen = Array(frames[start..<min(start + round, frames.count)])
      let share = (chosen.count + copies.count - 1) / copies.count
      let parts = Mutex([Result<[Row], any Error>?](repeating: nil, count: copies.count))
      DispatchQueue.concurrentPerform(iterations: copies.count) { number in
        let first = min(number * share, chosen.count)
        let own = Array(chosen[first..<min(first + share, chosen.count)])
        let result = Result { try self.rows(of: own, at: landmarks, by: copies[number].encoder) }
        parts.withLock { $0[number] = result }
      }
      for part in parts.withLock({ $0 }) {
        for row in try part?.get() ?? [] { rows[row.landmark] = row.values }
      }
      progress(start + chosen.count, frames.count)
    }
    return rows
  }

  private struct Row {
    /// Its place among all landmarks.
    var landmark: Int
    var values: [Float]
  }

  private func rows(
    of frames: [(frame: Int, landmarks: [Int])], at landmarks: [Landmark],
    by encoder: ClipEncoder
  ) throws -> [Row] {
    var rows: [Row] = []
    try encoder.encode(frames.count) { number, values in
      try renderer.append(clip(around: frames[number].frame), of: scan, to: &values)
    } use: { number, result in
      rows += frames[number].landmarks.map { index in
        let (landmark, grid) = (landmarks[index], landmarks[index].grid)
        return Row(
          landmark: index,
          values: result.feature(
            atY: (Double(landmark.row) + 0.5) / Double(grid[0]),
            x: (Double(landmark.column) + 0.5) / Double(grid[1])))
      }
    }
    return rows
  }

  /// Whole frames.
  private func clip(around frame: Int) -> ClipPlan {
    let run = temporal == .clip ? set.run(of: frame) : frame..<frame + 1
    let geometry = Affine.showing(
      [0, 0, Double(set.height), Double(set.width)], at: Array(shape.dropFirst()))
    return ClipPlan(around: frame, count: shape[0], in: run, geometry: geometry)
  }
}
