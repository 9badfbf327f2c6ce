internal import Foundation
internal import Learning
internal import StageKit

/// A file of type `model` with the weights of a 3D ResNet-18 that reads grey clips.
///
/// safetensors, names as torchvision's `r3d_18`, the backbone alone. Metadata, which files from
/// elsewhere need not have: `network` (`r3d_18`); `width`, `se` and `dilate` of the network; `clip`
/// (frames) and `size` ([height, width], pixels) of the clips that it was trained on; `grid` (its last
/// layer has a cell for so many pixels); `normalisation` of the clips; `method` (JSON), `seed` and
/// `steps` of the training; `scans` and `groups` (JSON lists) that it has seen.
struct VideoModel {
  /// What decides the shapes of the weights, and where the last layer looks.
  struct Shape: Hashable {
    var width: Double
    /// Squeeze-and-excitation in each block.
    var excites: Bool
    /// The last layer is dilated in place of its stride.
    var dilates: Bool
  }

  /// What a network has seen in all its trainings, so that nothing is measured on it.
  struct Seen: Hashable {
    var scans: Set<String> = []
    var groups: Set<String> = []

    func union(_ other: Seen) -> Seen {
      Seen(scans: scans.union(other.scans), groups: groups.union(other.groups))
    }
  }

  let network: ResNet3D
  let shape: Shape
  /// Frames of a clip; `nil` where the file does not say.
  let clip: Int?
  /// [height, width] of a clip, in pixels; `nil` where the file does not say.
  let size: [Int]?
  /// `nil` where the file does not say.
  private(set) var seen: Seen?

  static let networkName = "r3d_18"
  /// What a clip's values are: grey, then this.
  static let normalisation = "zero mean and unit variance of each clip"
  /// What is no part of the backbone: torchvision's classifier, heads of a training.
  private static let heads = ["fc.", "head"]

  /// The last layer has a cell for so many pixels.
  var gridStep: Int { shape.dilates ? 8 : 16 }

  /// A network with the seed's initial weights.
  ///
  /// - Parameter channels: that it is trained with, 1 or 3 that are all alike; whoever reads its file
  ///   sums the weights of three
  init(_ shape: Shape, channels: Int, clip: Int, size: [Int], seed: Int) throws {
    (self.shape, self.clip, self.size, seen) = (shape, clip, size, Seen())
    network = try VideoModel.network(shape, channels: channels, seed: seed)
  }

  /// Reads what `save` wrote, or weights of torchvision's names from elsewhere; heads are left out.
  ///
  /// - Throws: `StageFailure`, `SafetensorsError` or `LearningError` naming the file and what does
  ///   not fit
  init(path: String) throws {
    let facts = try VideoModelFacts(path: path)
    (shape, clip, size, seen) = (facts.shape, facts.clip, facts.size, facts.seen)
    network = try VideoModel.network(facts.shape, seed: 0)
    try network.load(from: path, leavingOut: VideoModel.heads)
  }

  private static func network(
    _ shape: Shape, channels: Int = 1, seed: Int
  ) throws -> ResNet3D {
    try ResNet3D(
      .init(
        channels: channels, width: shape.width, excites: shape.excites, dilates: shape.dilates),
      initializer: Initializer(seed: seed))
  }

  /// Takes over the weights of a file: of a backbone of the same width, dilated or not.
  ///
  /// - Throws: as `init(path:)`
  mutating func takeWeights(from path: String) throws {
    let facts = try VideoModelFacts(path: path)
    let other = facts.shape
    guard other.width == shape.width, other.excites == shape.excites else {
      throw StageFailure(
        "'\(path)' has the weights of a network of width \(other.width), se \(other.excites); the "
          + "stage's is of width \(shape.width), se \(shape.excites): set 'width' and 'se' to the "
          + "file's")
    }
    try network.load(from: path, leavingOut: VideoModel.heads)
    seen = facts.seen
  }

  /// Fails where the network was trained on what it is about to be measured on.
  ///
  /// - Parameters:
  ///   - purpose: what is measured, as in "fold 0"
  ///   - path: of the model, for the error
  /// - Throws: `StageFailure` naming the scan or the group
  func refuse(scans: [String], groups: [String], path: String, for purpose: String) throws {
    guard let seen else { return }
    let (scan, group) = (
      scans.first { seen.scans.contains($0) }, groups.first { seen.groups.contains($0) }
    )
    guard scan != nil || group != nil else { return }
    let what = scan.map { "scan '\($0)'" } ?? "other scans of group '\(group ?? "")'"
    throw StageFailure(
      "'\(path)' was trained on \(what), so \(purpose) would be measured on what the network has "
        + "seen; select scans of other groups for one of them")
  }

  /// - Parameters:
  ///   - method: how it was trained, written out
  ///   - steps: how many were taken
  ///   - more: what the training has seen besides what the weights came with
  func save(
    to path: String, method: Value, seed: Int, steps: Int, afterSeeing more: Seen
  ) throws {
    let seen = self.seen?.union(more)
    var metadata = [
      "network": VideoModel.networkName, "width": "\(shape.width)", "se": "\(shape.excites)",
      "dilate": "\(shape.dilates)", "grid": "\(gridStep)",
      "normalisation": VideoModel.normalisation, "method": method.json, "seed": "\(seed)",
      "steps": "\(steps)",
    ]
    if let clip { metadata["clip"] = "\(clip)" }
    if let size { metadata["size"] = size.map { "\($0)" }.joined(separator: ",") }
    if let seen {
      metadata["scans"] = Value.list(seen.scans.sorted().map { .string($0) }).json
      metadata["groups"] = Value.list(seen.groups.sorted().map { .string($0) }).json
    }
    try network.save(to: path, metadata: metadata)
  }
}

/// What a file says of the network whose weights it holds, by its metadata or its tensors' shapes.
private struct VideoModelFacts {
  var shape: VideoModel.Shape
  var clip: Int?
  var size: [Int]?
  var seen: VideoModel.Seen?

  init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    if let other = file.metadata["network"], other != VideoModel.networkName {
      throw StageFailure(
        "'\(path)' holds the network '\(other)'; expected '\(VideoModel.networkName)'")
    }
    guard let stem = file.entries.first(where: { $0.name == "stem.0.weight" })?.shape,
      stem.count == 5
    else {
      throw StageFailure(
        "'\(path)' has no 'stem.0.weight' [out, in, 3, 7, 7]; expected the weights of a network with "
          + "the names of torchvision's r3d_18")
    }
    func value<Value>(_ key: String, _ form: String, _ parse: (String) -> Value?) throws -> Value? {
      guard let text = file.metadata[key] else { return nil }
      guard let value = parse(text) else {
        throw StageFailure("'\(path)' has '\(text)' as \(key); expected \(form)")
      }
      return value
    }
    let width = try value("width", "a number above 0") { Double($0).flatMap { $0 > 0 ? $0 : nil } }
    let excites = file.entries.contains { $0.name.hasPrefix("layer1.0.se.") }
    shape = VideoModel.Shape(
      width: width ?? Double(stem[0]) / 64, excites: excites,
      dilates: try value("dilate", "true or false") { Bool($0) } ?? false)
    clip = try value("clip", "a number of frames") { Int($0).flatMap { $0 > 0 ? $0 : nil } }
    size = try value("size", "height,width in pixels") { text in
      let numbers = text.split(separator: ",").compactMap { Int($0) }
      return numbers.count == 2 && numbers.allSatisfy { $0 > 0 } ? numbers : nil
    }
    func names(_ key: String) throws -> Set<String>? {
      try value(key, "a JSON list of names") { text in
        (try? JSONDecoder().decode([String].self, from: Data(text.utf8))).map { Set($0) }
      }
    }
    if let scans = try names("scans"), let groups = try names("groups") {
      seen = VideoModel.Seen(scans: scans, groups: groups)
    }
  }
}
