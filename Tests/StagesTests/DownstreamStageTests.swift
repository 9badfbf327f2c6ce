import Foundation
import StageKit
import TestKit
import Testing

@testable import Stages

@Suite("downstream", .serialized) struct DownstreamStageTests {
  /// Six patients in three folds, whose films are half plain and half with squares; a small network
  /// with random weights.
  private struct Patients {
    let bench: PretrainBench
    var inputs: [String: JobInput] = [:]

    static let options: [String: Value] = [
      "fold": 0, "clip": 2, "epochs": 12, "batch": 8, "rate": 0.05, "every": 2, "threads": 1,
      "precision": "float32", "checkpoint_every": 3,
    ]

    init(roles: [RolesFile.Role?] = .init(repeating: .downstream, count: 6)) async throws {
      bench = try PretrainBench()
      let (frames, labels) = try bench.labelledFilms(6)
      let model = try await network(["frames": bench.films(1)], ["task": ["pretext": "none"]])
      inputs = [
        "frames": frames, "labels": labels, "model": model, "roles": try self.roles(roles),
      ]
    }

    func network(_ inputs: [String: JobInput], _ options: [String: Value]) async throws -> JobInput
    {
      try await bench.train(inputs, options)
      return .one(path: try bench.bench.keep("model", as: UUID().uuidString))
    }

    func roles(_ roles: [RolesFile.Role?]) throws -> JobInput {
      let path = bench.bench.scratch.path + "/\(UUID().uuidString).tsv"
      try RolesFile(
        roles.enumerated().map {
          .init(
            item: "p\($0)/a", group: "p\($0)", role: $1, fold: $1 == .downstream ? $0 % 3 : nil)
        }
      ).write(to: path)
      return .one(path: path)
    }

    @discardableResult
    func run(
      _ changes: [String: Value] = [:], _ others: [String: JobInput] = [:],
      checkpoints: String? = nil
    ) async throws -> [JobEvent] {
      try await bench.bench.run(
        "downstream", options: Patients.options.merging(changes) { $1 },
        inputs: inputs.merging(others) { $1 }, checkpoints: checkpoints)
    }

    func failure(
      _ changes: [String: Value] = [:], _ others: [String: JobInput] = [:]
    ) async -> String {
      do { try await run(changes, others) } catch { return "\(error)" }
      return "no error"
    }

    func outputs() throws -> [Data] {
      try ["scores", "predictions", "confusion", "classes", "curves"].map {
        try Data(contentsOf: URL(fileURLWithPath: bench.bench.path($0)))
      }
    }

    func table(_ port: String) throws -> TextTable {
      try TextTable(path: bench.bench.path(port), isCommaSeparated: true)
    }
  }

  @Test(
    "each mode recognises squares on patients that it did not learn from",
    arguments: [
      "fine_tune", "linear", "knn",
    ])
  func learns(mode: String) async throws {
    let patients = try await Patients()
    let events = try await patients.run(["mode": .string(mode)])
    let scores = try patients.bench.scores()
    for name in ["precision", "recall", "f1", "accuracy"] {
      #expect(try #require(scores[name]) >= 0.9, "\(mode) \(name)")
    }
    #expect(scores["chance"] == 0.5)
    // Fold 0 is patients 0 and 3, 16 frames each, every second of them.
    let predictions = try patients.table("predictions")
    #expect(predictions.columns == ["item", "group", "frame", "label", "predicted", "confidence"])
    #expect(
      predictions.rows.map { $0[0] } == ["p0/a", "p3/a"].flatMap { Array(repeating: $0, count: 8) })
    #expect(predictions.rows.prefix(8).map { $0[2] } == (0..<8).map { "\(2 * $0 + 1)" })
    #expect(predictions.rows[0][3] == "plain" && predictions.rows[7][3] == "checks")
    let right = predictions.rows.count { $0[3] == $0[4] }
    #expect(try abs(#require(scores["accuracy"]) - Double(right) / 16) < 1e-12)
    let confusion = try patients.table("confusion")
    #expect(confusion.columns == ["label", "checks", "plain"])
    #expect(confusion.rows.joined().compactMap { Int($0) }.reduce(0, +) == 16)
    #expect(try patients.table("classes").rows.map { $0[1] } == ["8", "8"])
    let message = "learns from 4 scans of 4 groups, measured on 2 of fold 0; 2 classes"
    #expect(events.contains { $0.message == message })
  }

  @Test("all frames of a class called another: the scores are those of the predictions by hand")
  func byHand() async throws {
    let patients = try await Patients()
    // One vote of the nearest on features that say nothing: whatever comes out, scores follow from it.
    try await patients.run(["mode": "knn", "voters": 999])
    let rows = try patients.table("predictions").rows
    let (truth, called) = (rows.map { $0[3] }, rows.map { $0[4] })
    func precision(_ name: String) -> Double {
      let all = called.count { $0 == name }
      return all == 0
        ? 0 : Double(zip(truth, called).count { $0 == name && $1 == name }) / Double(all)
    }
    let scores = try patients.bench.scores()
    #expect(
      abs((precision("plain") + precision("checks")) / 2 - (scores["precision"] ?? -1)) < 1e-12)
    // All known frames vote: as many of each class, so the nearest decides.
    #expect(rows.allSatisfy { $0[5] == "0.5" })
  }

  @Test("equal inputs give equal bytes; other seeds and folds give others")
  func determinism() async throws {
    let patients = try await Patients()
    var seen: [[Data]] = []
    for changes: [String: Value] in [[:], [:], ["seed": 1], ["fold": 1]] {
      try await patients.run(changes.merging(["epochs": 2]) { $1 })
      seen.append(try patients.outputs())
    }
    #expect(seen[0] == seen[1])
    #expect(seen[0] != seen[2])
    #expect(seen[0] != seen[3])
  }

  @Test("the rate falls after 3/7 and 11/14 of the epochs, the paper's 30 and 55 of 70")
  func schedule() async throws {
    let patients = try await Patients()
    try await patients.run(["epochs": 14, "rate": 0.01])
    let table = try patients.table("curves")
    let rates = try table.rows.indices.map { try table.number($0, 1) }
    // 4 scans with 2 runs of 8 frames: 32 clips of 2 frames, 4 steps of 8.
    #expect(table.rows.map { $0[0] } == (1...14).map { "\(4 * $0)" })
    #expect(
      rates == Array(repeating: 0.01, count: 6) + Array(repeating: 0.001, count: 5)
        + Array(repeating: 0.0001, count: 3))
  }

  @Test("killed by SIGKILL after a checkpoint, it ends with the same bytes")
  func killed() async throws {
    @Sendable func run(_ checkpoints: String?) async throws -> [Data] {
      let patients = try await Patients()
      try await patients.run(checkpoints: checkpoints)
      return try patients.outputs()
    }
    let expected = try await run(nil)
    let scratch = try Scratch()
    let folder = scratch.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String] in
      signalThisProcess(SIGKILL, atCheckpointIn: folder)
      let patients = try await Patients()
      try await patients.run(checkpoints: folder)
      while true { pause() }
    }
    #expect(FileManager.default.fileExists(atPath: folder + "/training.safetensors"))
    #expect(try await run(folder) == expected)
  }

  @Test("few labels: fewer patients to learn from, the same for all, each share part of the larger")
  func fewLabels() async throws {
    let patients = try await Patients()
    let events = try await patients.run(["mode": "knn", "label_share": 0.5])
    #expect(
      events.contains { $0.message?.hasPrefix("learns from 2 scans of 2 groups") == true })
    let least = try await patients.run(["mode": "knn", "label_share": 0.01])
    #expect(least.contains { $0.message?.hasPrefix("learns from 1 scans of 1 groups") == true })
  }

  @Test("the protocol says what decides whether two networks can be compared, not the seed")
  func conditions() async throws {
    let patients = try await Patients()
    func fields(_ changes: [String: Value]) async throws -> String {
      try await patients.run(changes.merging(["mode": "linear"]) { $1 })
      let scores = try Scores(path: patients.bench.bench.path("scores"))
      return try Value.map(#require(scores.conditions).fields).display
    }
    let first = try await fields([:])
    #expect(first.contains("downstream 1"))
    #expect(try await fields(["seed": 3]) == first)
    for change: [String: Value] in [
      ["fold": 1], ["label_share": 0.5], ["strength": 2], ["every": 1], ["clip": 3],
      ["size": [24, 24]],
    ] {
      #expect(try await fields(change) != first, "\(change)")
    }
  }

  // MARK: Guards

  @Test("a scan of another role, without a role, or an unknown fold is refused by name")
  func roles() async throws {
    let patients = try await Patients()
    let test = try patients.roles([.downstream, .downstream, .test, .downstream, nil, .downstream])
    #expect(
      await patients.failure([:], ["roles": test])
        == "'frames' has the scan 'p2/a' of group 'p2', whose role is test; expected scans of role "
        + "downstream with a fold: select those")
    let few = try patients.roles(.init(repeating: .downstream, count: 5))
    #expect(
      await patients.failure([:], ["roles": few])
        .hasPrefix("'frames' has the scan 'p5/a', which has no role; did you mean 'p"))
    #expect(
      await patients.failure(["fold": 3]) == "the scans have no fold 3; there are 0, 1, 2")
    let own = try patients.bench.bench.many(
      "item",
      ["p0/a", "p3/a"].map { ($0, try patients.bench.film($0, frames: 16, squares: 8..<16)) })
    #expect(
      await patients.failure([:], ["frames": own])
        .hasPrefix("all scans are of fold 0, so there is none to learn from"))
  }

  @Test("a network that has learnt from a scan of any fold, or its patient, is refused")
  func leak() async throws {
    let patients = try await Patients()
    let films = try patients.bench.films(2)
    let seen = try await patients.network(["frames": films], [:])
    let text = await patients.failure([:], ["model": seen])
    #expect(
      text.hasSuffix(
        "was trained on scan 'p0/a', so the folds would be measured on what the network has seen; "
          + "select scans of other groups for one of them"))
    // What was learnt before counts too.
    let other = try patients.bench.bench.many(
      "item", ["q0/a", "q1/a"].map { ($0, try patients.bench.film($0, frames: 16)) })
    let heir = try await patients.network(["frames": other, "init": seen], [:])
    #expect(await patients.failure([:], ["model": heir]).contains("scan 'p0/a'"))
    let stranger = try await patients.network(["frames": other], [:])
    try await patients.run(["mode": "knn"], ["model": stranger])
  }

  @Test("wrong labels and options say what to do")
  func badInput() async throws {
    let patients = try await Patients()
    let clip = await patients.failure(["clip": 9])
    #expect(clip.contains("take fewer frames"), "\(clip)")
    #expect(await patients.failure(["mode": "tune"]).contains("fine_tune"))
    #expect(await patients.failure(["label_share": 0]).contains("label_share"))
    let bad = try patients.bench.bench.scratch.write("{}", to: "bad.safetensors")
    let model = await patients.failure([:], ["model": .one(path: bad)])
    #expect(model.contains("bad.safetensors"), "\(model)")
    // Its files take the place of the others.
    let plain = try patients.bench.labels(
      (0..<6).map {
        ("p\($0)/a", LabelFile(group: "p\($0)", labels: Array(repeating: "plain", count: 16)))
      })
    #expect(
      await patients.failure([:], ["labels": plain])
        == "all scans are of class 'plain'; expected at least two classes")
  }
}
