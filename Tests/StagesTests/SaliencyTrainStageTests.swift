import Foundation
import StageKit
import TestKit
import Testing

@testable import Stages

@Suite("saliency_train", .serialized) struct SaliencyTrainStageTests {
  private static let scoreNames = ["kld", "nss", "auc_judd", "cc", "sim"]

  @Test("what is learnt beats the mean map and spectral residual on all five scores")
  func learns() async throws {
    let bench = try GazeBench()
    let events = try await bench.train(bench.films(12, frames: 16), ["epochs": 12])
    let scores = try Scores(path: bench.bench.path("scores"))
    #expect(scores.metrics.allSatisfy { $0.split == "held_out" })
    let values = Dictionary(
      uniqueKeysWithValues: scores.metrics.map { ($0.name, $0.value ?? .nan) })
    for baseline in ["static", "spectral_residual"] {
      for name in Self.scoreNames {
        let (own, other) = (values[name] ?? .nan, values["\(baseline).\(name)"] ?? .nan)
        // The divergence halves; the others grow by a tenth at least.
        #expect(
          name == "kld" ? own < 0.5 * other : own > 1.1 * other,
          "\(name): \(own), \(baseline) \(other)")
      }
    }
    #expect(events.contains { $0.message?.contains("better than static on 5 of 5") == true })
    let curves = try IndexFile(text: bench.bench.text("curves").replacing(",", with: "\t"))
    let losses = try #require(curves).rows.compactMap { Double($0[4]) }
    #expect(losses.count == 12)
    #expect(try #require(losses.last) < 0.7 * losses[0])
  }

  @Test("equal inputs give equal bytes; another seed gives others")
  func determinism() async throws {
    let bench = try GazeBench()
    let films = try bench.films(3, frames: 10)
    var seen: [[Data]] = []
    for seed in [0, 0, 1] {
      try await bench.train(films, ["epochs": 2, "seed": .integer(seed)])
      seen.append(try ["model", "scores", "curves"].map { try bench.bytes($0) })
    }
    #expect(seen[0] == seen[1])
    #expect(seen[0][0] != seen[2][0])
  }

  @Test("the model's metadata say what prediction needs")
  func metadata() async throws {
    let bench = try GazeBench()
    try await bench.train(bench.films(2, frames: 8), ["epochs": 1])
    let file = try SafetensorsFile(path: bench.bench.path("model"))
    #expect(file.metadata["network"] == "saliency_vam")
    #expect(file.metadata["size"] == "40,48")
    #expect(file.metadata["grid"] == "5,6")
    #expect(file.metadata["width"] == "0.125")
    #expect(file.metadata["groups"] == "8")
    #expect(file.metadata["options"]?.contains("\"sigma\":1") == true)
    #expect(try file.tensor("attention.conv3.bias", of: Float.self).shape == [1])
  }

  @Test("the rate falls in one step, or along half a cosine after a warm-up")
  func rates() async throws {
    let bench = try GazeBench()
    let films = try bench.films(3, frames: 8)
    func rates(_ options: [String: Value]) async throws -> [Double] {
      try await bench.train(films, options.merging(["epochs": 4, "rate": 0.02]) { $1 })
      let curves = try bench.bench.text("curves").split(separator: "\n").dropFirst()
      return curves.compactMap { Double($0.split(separator: ",")[2]) }
    }
    #expect(try await rates([:]) == [0.02, 0.02, 0.02, 0.002])
    let cosine = try await rates(["course": "cosine", "warm_up": 2])
    #expect(cosine == cosine.sorted(by: >) && cosine[0] <= 0.02 && cosine[3] < 0.002)
  }

  @Test("groups of the roles are held out whole")
  func groups() async throws {
    let bench = try GazeBench()
    let roles = RolesFile(
      (0..<4).map {
        .init(item: "film_\($0)", group: $0 == 0 ? "a" : "b", role: .pretrain, fold: nil)
      })
    let path = bench.bench.scratch.path + "/roles.tsv"
    try roles.write(to: path)
    let events = try await bench.train(bench.films(4, frames: 8), ["epochs": 1], roles: path)
    // One film of the one, three of the other.
    let log = events.compactMap(\.message).first ?? ""
    #expect(
      log == "8 frames of 1 groups to train on, 24 of 1 held out"
        || log == "24 frames of 1 groups to train on, 8 of 1 held out")
  }

  @Test("weights of the user are scored without a step, and written as they are")
  func scoresWeights() async throws {
    let bench = try GazeBench()
    let films = try bench.films(4, frames: 8)
    try await bench.train(films, ["epochs": 2])
    let (scores, curves) = (try bench.bytes("scores"), try bench.bench.text("curves"))
    let model = try bench.bench.keep("model", as: "model.safetensors")
    let sources = try bench.bench.scratch.write(
      IndexFile(
        columns: JobLayout.sourceColumns, rows: [["m", Digest(of: Data()).hex, "1", model]]
      ).text, to: "sources.tsv")
    let events = try await bench.train(films, ["weights": "m"], sources: sources)
    #expect(try bench.bytes("scores") == scores)
    #expect(
      try bench.bench.text("curves") == curves.split(separator: "\n")[0] + "\n")
    #expect(!events.contains { $0.event == .progress })
    func weights(_ path: String) throws -> [[Float]] {
      let file = try SafetensorsFile(path: path)
      return try file.entries.filter { $0.type == .f32 }.map {
        try file.tensor($0.name, of: Float.self).array
      }
    }
    #expect(try weights(bench.bench.path("model")) == weights(model))
  }

  // MARK: Bad input

  private func failure(_ body: () async throws -> Void) async -> String {
    do { try await body() } catch { return "\(error)" }
    return "no error"
  }

  @Test("items without fixations are named")
  func noFixations() async throws {
    let bench = try GazeBench()
    let films = try bench.films(3, frames: 4)
    let one = try bench.bench.many("item", [("film_1", bench.film("film_1", frames: 4).fixations)])
    #expect(
      await failure { try await bench.train((films.frames, one)) }
        == "2 of 3 items have frames and no fixations: 'film_0', 'film_2'; expected an item of "
        + "'fixations' under the same id for each")
  }

  @Test("frames of two sizes are refused with both")
  func sizes() async throws {
    var bench = try GazeBench()
    let small = try bench.film("a", frames: 4)
    bench.width = 56
    let large = try bench.film("b", frames: 4)
    let films = (
      try bench.bench.many("item", [("a", small.frames), ("b", large.frames)]),
      try bench.bench.many("item", [("a", small.fixations), ("b", large.fixations)])
    )
    #expect(
      await failure { try await bench.train(films) }
        == "frames of 'b' are [40, 56] pixels, those of 'a' [40, 48]; expected one size: decode all "
        + "alike")
  }

  @Test("frames that nobody looked at are refused, and so is one group alone")
  func nobodyLooked() async throws {
    let bench = try GazeBench()
    let films = try bench.films(2, frames: 4)
    let empty = try bench.bench.scratch.write("frame\tx\ty\tbridged\n", to: "empty.tsv")
    let none = try bench.bench.many("item", [("film_0", empty), ("film_1", empty)])
    #expect(
      await failure { try await bench.train((films.frames, none)) }.hasPrefix(
        "none of 2 items has a frame that somebody looked at (every 1 frames, window 0); expected"))
    #expect(
      await failure { try await bench.train(bench.films(1, frames: 4)) }
        == "all frames that somebody looked at are of one group, 'film_0'; expected at least two, of "
        + "which one is held out")
  }

  @Test("a training that diverges ends with the step and the layer")
  func diverges() async throws {
    let bench = try GazeBench()
    let text = await failure {
      try await bench.train(bench.films(2, frames: 8), ["rate": 10, "decay": 1, "epochs": 200])
    }
    #expect(text.contains("is NaN or infinite"), "\(text)")
    #expect(text.hasPrefix("step "), "\(text)")
  }

  @Test("groups that do not divide the channels are refused")
  func badGroups() async throws {
    let bench = try GazeBench()
    let text = await failure { try await bench.train(bench.films(2, frames: 4), ["groups": 3]) }
    #expect(text == "groups is 3; expected a divisor of 8 channels")
  }
}
