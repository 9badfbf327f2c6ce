import Foundation
import StageKit
import TestKit

/// Small films of a disc and three squares that drift over a noisy ground, with gaze that follows the
/// disc.
///
/// Where the disc is differs from film to film and frame to frame, so a map that is always the same
/// says little; the squares have more contrast, so a map of contrast says the wrong thing.
struct GazeBench {
  let bench: AnalysisBench
  var height = 40
  var width = 48
  var seed = 0

  init() throws { bench = try AnalysisBench() }

  /// Frames and fixations of films `film_0` and so on.
  func films(_ count: Int, frames: Int) throws -> (frames: JobInput, fixations: JobInput) {
    let made = try (0..<count).map { try film("film_\($0)", frames: frames) }
    return (
      try bench.many("item", made.map { ($0.id, $0.frames) }),
      try bench.many("item", made.map { ($0.id, $0.fixations) })
    )
  }

  func film(_ id: String, frames count: Int) throws -> (
    id: String, frames: String, fixations: String
  ) {
    var random = CounterRandom(seed: seed, kind: "test", item: id, purpose: "film")
    let radius = Double(height) / 8
    var places = (0..<4).map { _ in
      (
        x: random.uniform(radius, Double(width) - radius),
        y: random.uniform(radius, Double(height) - radius), dx: random.uniform(-1, 1),
        dy: random.uniform(-1, 1)
      )
    }
    var pixels: [UInt8] = []
    var rows: [[String]] = []
    for frame in 0..<count {
      for index in places.indices {
        places[index].x += places[index].dx
        places[index].y += places[index].dy
        if !(radius...Double(width) - radius).contains(places[index].x) { places[index].dx *= -1 }
        if !(radius...Double(height) - radius).contains(places[index].y) { places[index].dy *= -1 }
      }
      for y in 0..<height {
        for x in 0..<width {
          let disc = places[0]
          let away = (Double(x) - disc.x, Double(y) - disc.y)
          let isDisc = away.0 * away.0 + away.1 * away.1 < radius * radius
          let isSquare = places.dropFirst().contains {
            max(abs(Double(x) - $0.x), abs(Double(y) - $0.y)) < radius * 0.7
          }
          let level = isDisc ? 110 : isSquare && (x / 2 + y / 2) % 2 == 0 ? 215 : 50
          pixels.append(UInt8(level + Int(random.next() % 40)))
        }
      }
      let (x, y) = (places[0].x / Double(width), places[0].y / Double(height))
      rows.append(["\(frame)", "\(min(max(x, 0), 1))", "\(min(max(y, 0), 1))", "0"])
    }
    let path = bench.scratch.path + "/\(id).safetensors"
    try SafetensorsWriter.write(
      [
        .init("times", (0..<count).map { Double($0) / 30 }, shape: [count]),
        .init("frames", pixels, shape: [count, height, width]),
      ], to: path)
    let table = IndexFile(columns: ["frame", "x", "y", "bridged"], rows: rows)
    return (id, path, try bench.scratch.write(table.text, to: "\(id).fixations.tsv"))
  }

  /// A training that takes a second.
  static let options: [String: Value] = [
    "every": 1, "width": 0.125, "groups": 8, "epochs": 8, "batch": 8, "threads": 1,
    "precision": "float32", "checkpoint_every": 5, "rate": 0.05, "sigma": 1,
  ]

  @discardableResult
  func train(
    _ films: (frames: JobInput, fixations: JobInput), _ changes: [String: Value] = [:],
    roles: String? = nil, checkpoints: String? = nil, sources: String? = nil
  ) async throws -> [JobEvent] {
    var inputs = ["frames": films.frames, "fixations": films.fixations]
    if let roles { inputs["roles"] = .one(path: roles) }
    return try await bench.run(
      "saliency_train", options: GazeBench.options.merging(changes) { $1 }, inputs: inputs,
      sources: sources, checkpoints: checkpoints)
  }

  func bytes(_ port: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: bench.path(port)))
  }
}
