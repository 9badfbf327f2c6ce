import Foundation
import StageKit
import Testing

@Suite("Weights of one's own", .aFewAtATime)
struct WeightsTests {
  private static let network = "every: 2, batch: 4, validation: 0.5, threads: 1"
  private static let pipeline = """
    stages:
      scans:
        uses: simulate
        with:
          { patients: 2, scans: 1, planes: [FEMUR], frames: 6, size: [48, 64], lines: 32,
            samples: 128, density: 2 }
      decode: { uses: decode, each: video, in: { video: scans.videos }, with: { size: [48, 64] } }
      gaze: { uses: gaze, each: [gaze, frames], in: { gaze: scans.gaze, frames: decode.frames } }
      vam:
        uses: saliency_train
        in: { frames: decode.frames, fixations: gaze.fixations }
        with: { \(network), width: 0.0625, groups: 4, epochs: 1 }

    """
  /// Scores, and maps of, the network in `mine/vam.safetensors`.
  private static let taken = """
      scored:
        uses: saliency_train
        in: { frames: decode.frames, fixations: gaze.fixations }
        with: { \(network), weights: mine/vam.safetensors }
      mapped:
        uses: saliency
        each: frames
        in: { frames: decode.frames }
        with: { method: vam, weights: mine/vam.safetensors, every: 2 }
      trained:
        uses: saliency
        each: frames
        in: { frames: decode.frames, model: vam.model }
        with: { method: vam, every: 2 }

    """
  private static let first: Set = ["scans", "decode", "gaze", "vam"]

  /// A project with a network that its first run has trained, and its bytes.
  private func project() async throws -> (bench: Workbench, weights: Data) {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: Self.first)
    let model = bench.path("Artifacts/latest/p/vam/model")
    try bench.write(try bench.read(Workbench.pipeline) + Self.taken, to: Workbench.pipeline)
    return (bench, try Data(contentsOf: URL(fileURLWithPath: model)))
  }

  private func scores(of instance: String, _ bench: Workbench) async throws -> [Value] {
    try await bench.rows(
      "SELECT name, split, value FROM metrics WHERE instance = '\(instance)' AND step IS NULL "
        + "ORDER BY name")
  }

  @Test("that an earlier run has trained are scored and used as they are, without training")
  func scored() async throws {
    let (bench, weights) = try await project()
    let expected = try await scores(of: "vam", bench)
    #expect(expected.count == 15)
    try bench.write(weights, to: "mine/vam.safetensors")
    try await bench.run(expecting: ["scored", "mapped", "trained"])
    #expect(try await scores(of: "scored", bench) == expected)
    let steps = try await bench.rows("SELECT 1 FROM metrics WHERE instance = 'scored' AND step > 0")
    #expect(steps.isEmpty)
    #expect(
      try bench.latest("scored/curves") == "epoch,steps,rate,training_loss,held_out_loss\n")
    let maps = try bench.contents(of: "Artifacts/latest/p/trained/maps")
    #expect(maps.count == 2)
    #expect(try bench.contents(of: "Artifacts/latest/p/mapped/maps") == maps)
    try await bench.run(expecting: [])
    // Other bytes are another network: what it was read from is in the key.
    var other = weights
    other[other.count - 1] ^= 1
    try bench.write(other, to: "mine/vam.safetensors")
    try await bench.run(expecting: ["scored", "mapped"])
  }

  @Test(
    "that are broken fail with the file's name and what is wrong",
    arguments: [
      ("cut", "is truncated in tensor '"),
      ("text", "is no safetensors file: its first eight bytes"),
      ("empty", "has 0 bytes, too few"), ("nan", "holds nan at element "),
    ])
  func broken(what: String, message: String) async throws {
    let (bench, weights) = try await project()
    let bad =
      switch what {
      case "cut": weights.prefix(weights.count / 2)
      case "text": Data("these are no weights\n".utf8)
      case "empty": Data()
      default: weights.dropLast(4) + Data([0, 0, 0xc0, 0x7f])
      }
    try bench.write(bad, to: "mine/vam.safetensors")
    let outcome = try await bench.run("scored", "mapped", "-k", failing: 1)
    // Items are worked on side by side: either may be the first to fail.
    for stage in ["scored: ", "mapped p0"] {
      let line = outcome.errors.split(separator: "\n").first { $0.hasPrefix("failed  \(stage)") }
      guard let line else {
        Issue.record("\(stage) did not fail: [\(outcome.errors)] [\(outcome.output)]")
        continue
      }
      #expect(line.contains("mine/vam.safetensors': "), "\(line)")
      #expect(line.contains(message), "\(line)")
    }
    let decisions = try await bench.decisions()
    #expect([decisions["scored"], decisions["mapped"]] == ["failed", "failed"])
  }

  @Test("that are not there are refused before anything runs")
  func missing() async throws {
    let bench = try await project().bench
    let outcome = try await bench.run("scored", failing: 3)
    #expect(outcome.errors.contains("mine/vam.safetensors"), "\(outcome.errors)")
    #expect(outcome.errors.contains("[missing-input]"), "\(outcome.errors)")
    try bench.write("a", to: "mine/vam.safetensors/a")
    try bench.write("b", to: "mine/vam.safetensors/b")
    let folder = try await bench.run("scored", failing: 1)
    #expect(folder.errors.contains("holds 2 files; expected one safetensors file"))
  }
}
