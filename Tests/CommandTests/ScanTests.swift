import Foundation
import StageKit
import TestKit
import Testing

/// From simulated scans with gaze to salient landmarks and pictures, at the smallest size.
@Suite("Scans, gaze and landmarks", .aFewAtATime)
struct ScanTests {
  private static let pipeline = """
    params: { precision: auto, threshold: 0.1, new: new }
    stages:
      scans:
        uses: simulate
        with:
          patients: 5
          scans: 1
          planes: [BRAIN-TV, FEMUR]
          frames: 6
          size: [64, 80]
          lines: 32
          samples: 128
          density: 2
      decode: { uses: decode, each: video, in: { video: scans.videos }, with: { size: [48, 64] } }
      roles:
        uses: split
        in: { labels: scans.labels, frames: decode.frames }
        with: { patients: { pretrain: 2, labelled: 1, downstream: 1, test: 1 }, folds: 1 }
      by_role:
        uses: select
        matrix: { role: [pretrain, test] }
        in: { items: decode.frames, roles: roles.roles }
        with: { role: "${matrix.role}" }
      gaze: { uses: gaze, each: [gaze, frames], in: { gaze: scans.gaze, frames: decode.frames } }
      vam:
        uses: saliency_train
        in:
          frames: by_role@role=pretrain.items
          fixations: gaze.fixations
          roles: roles.roles
        with:
          width: 0.0625
          groups: 4
          every: 2
          epochs: 1
          batch: 4
          validation: 0.5
          threads: 1
          precision: "${params.precision}"
      saliency:
        uses: saliency
        each: frames
        in: { frames: decode.frames, model: vam.model }
        with: { method: vam, every: 2 }
      landmarks:
        uses: landmarks
        each: maps
        in: { maps: saliency.maps }
        with: { threshold: "${params.threshold}" }
      anatomy:
        uses: landmark_scores
        in: { landmarks: landmarks.landmarks, truth: scans.truth }
      pictures:
        uses: overlay
        each: [frames, maps, landmarks, fixations, labels, truth]
        in:
          frames: by_role@role=test.items
          maps: saliency.maps
          landmarks: landmarks.landmarks
          fixations: gaze.fixations
          labels: scans.labels
          truth: scans.truth
        with: { seconds: 0.2, frames: 4 }
      new: { uses: import, with: { path: "${params.new}" } }
      decode_new: { uses: decode, each: video, in: { video: new.videos }, with: { size: [48, 64] } }
      saliency_new:
        uses: saliency
        each: frames
        in: { frames: decode_new.frames, model: vam.model }
        with: { method: vam, every: 2 }

    """
  private static let all: Set = [
    "scans", "decode", "roles", "by_role@role=pretrain", "by_role@role=test", "gaze", "vam",
    "saliency", "landmarks", "anatomy", "pictures", "new", "decode_new", "saliency_new",
  ]

  /// Two clips of moving shapes: scans that nobody has seen.
  private func project() async throws -> Clips {
    let clips = try await Clips(Self.pipeline, made: 2, taken: 0)
    try clips.bench.write(try clips.data(of: clips.made[0]), to: "new/\(clips.made[0])")
    return clips
  }

  @Test(
    "all of it runs once; a new scan trains nothing; another threshold runs what reads landmarks")
  func incremental() async throws {
    let clips = try await project()
    let bench = clips.bench
    try await bench.run(expecting: Self.all)
    // Links of pictures end as people's tools know them; a video's own ending is not said twice.
    let pictures = Set(bench.find("scan_1.mp4.png") + bench.find("scan_1.mp4"))
      .filter { $0.hasPrefix("Artifacts/latest/p/pictures/") }
      .map { $0.split(separator: "/").suffix(3).joined(separator: "/") }
    #expect(pictures.count == 2)
    #expect(pictures.contains { $0.hasPrefix("sheet/p") && $0.hasSuffix("/scan_1.mp4.png") })
    #expect(pictures.contains { $0.hasPrefix("clip/p") && $0.hasSuffix("/scan_1.mp4") })
    try await bench.run(expecting: [])

    let name = clips.made[1]
    try bench.write(try clips.data(of: name), to: "new/\(name)")
    try await bench.run(expecting: ["new", "decode_new", "saliency_new"])
    #expect(try await bench.ranItems() == ["decode_new \(name)", "saliency_new \(name)"])

    // What is the same with another threshold cuts off what reads it.
    let outcome = try await bench.fathom("run", "-S", "threshold=0.5")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let decisions = try await bench.decisions()
    let readers: Set = ["anatomy", "pictures"]
    #expect(decisions["landmarks"] == "run")
    #expect(readers.allSatisfy { ["run", "cut-off"].contains(decisions[$0] ?? "") })
    let others = Self.all.subtracting(readers).subtracting(["landmarks"])
    #expect(others.allSatisfy { decisions[$0] == "hit" })
  }

  @Test("precision is recorded as what it means here, which is what enters the key")
  func precision() async throws {
    let bench = try await project().bench
    try await bench.run(
      "vam",
      expecting: Self.all.intersection([
        "scans", "decode", "roles", "by_role@role=pretrain", "gaze", "vam",
      ]))
    let rows = try await bench.rows(
      "SELECT p.json AS json FROM param p JOIN job j ON j.id = p.job "
        + "WHERE j.instance = 'vam' AND p.path = 'with.precision'")
    let text = try #require(rows.first?["json"]?.text)
    #expect(text == "\"float32\"" || text == "\"bfloat16\"")
    let meant = text.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
    try await bench.run("vam", "-S", "precision=\(meant)", expecting: [])
    guard meant == "bfloat16" else { return }
    try await bench.run("vam", "-S", "precision=float32", expecting: ["vam"])
    #expect(
      try await bench.why("vam")["with.precision"]?["old"]?.text.contains("bfloat16") == true)
  }

  @Test("scores of the model and of both baselines, and of landmarks, are recorded")
  func scores() async throws {
    let bench = try await project().bench
    try await bench.run(
      "vam", "anatomy",
      expecting: Self.all.subtracting([
        "by_role@role=test", "pictures", "new", "decode_new", "saliency_new",
      ]))
    let names = Set(
      try await bench.rows("SELECT instance || ' ' || name AS name FROM metrics")
        .compactMap { $0["name"]?.text })
    for who in ["", "static.", "spectral_residual."] {
      for score in ["kld", "nss", "auc_judd", "cc", "sim"] {
        #expect(names.contains("vam \(who)\(score)"))
      }
    }
    for score in ["landmark_distance", "landmarks_within", "structures_found"] {
      #expect(names.contains("anatomy \(score)"))
    }
  }
}
