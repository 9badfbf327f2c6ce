import Foundation
import Learning
import StageKit
import TestKit
import Testing

@testable import Stages

extension PretrainStageTests {
  @Suite("guards") struct GuardTests {
    private static let supervised: [String: Value] = ["task": ["pretext": "supervised"]]

    @Test(
      "a scan of test or downstream is refused by name, in 'frames' and in 'labelled'",
      arguments: [
        (RolesFile.Role.test, "test", "frames"), (.downstream, "downstream, fold 0", "labelled"),
      ])
    func roles(role: RolesFile.Role, side: String, port: String) async throws {
      let bench = try PretrainBench()
      let films = try bench.films(4)
      let missing = try bench.bench.many("item", [("p0/a", "/nonexistent")])
      let roles = try bench.roles([.pretrain, .pretrain, role, .pretrain])
      let text = await bench.failure([
        "frames": port == "frames" ? films : missing, "labelled": films, "roles": roles,
      ])
      #expect(
        text == "'\(port)' has the scan 'p2/a' of group 'p2', whose role is \(side); nothing is "
          + "learnt from scans of test and downstream: select those of role pretrain or labelled")
    }

    @Test("none refuses them too, and so does a scan without a role")
    func always() async throws {
      let bench = try PretrainBench()
      let films = try bench.films(2)
      let none: [String: Value] = ["task": ["pretext": "none"]]
      #expect(
        try await bench.failure(
          ["frames": films, "roles": bench.roles([.pretrain, .test])], none
        ).hasPrefix("'frames' has the scan 'p1/a' of group 'p1', whose role is test"))
      #expect(
        try await bench.failure(["frames": films, "roles": bench.roles([.pretrain])], none)
          == "'frames' has the scan 'p1/a', which has no role; did you mean 'p0/a'?")
      // Left over by the split: nobody measures on it.
      try await bench.train(["frames": films, "roles": bench.roles([.pretrain, nil])], none)
    }

    @Test("groups are held out whole, the same ones for each task and seed")
    func groups() async throws {
      let bench = try PretrainBench()
      let films = try bench.films(6)
      let path = bench.bench.scratch.path + "/groups.tsv"
      try RolesFile(
        (0..<6).map {
          .init(item: "p\($0)/a", group: "g\($0 / 2)", role: .pretrain, fold: nil)
        }
      ).write(to: path)
      func held(_ changes: [String: Value]) async throws -> String {
        let events = try await bench.train(["frames": films, "roles": .one(path: path)], changes)
        return try #require(events.compactMap(\.message).first { $0.contains("held out are") })
      }
      let first = try await held([:])
      #expect(first.hasPrefix("4 scans to train on; held out are 2 scans of g"))
      #expect(try await held(["seed": 7]) == first)
      #expect(try await held(["task": ["pretext": "pace"]]) == first)
    }

    @Test("labels say whose a scan is where there are no roles; without both it is said")
    func groupsOfLabels() async throws {
      let bench = try PretrainBench()
      let films = try bench.films(2)
      let labels = try bench.labels(
        ["p0/a", "p1/a", "p2/a"].map { ($0, LabelFile(group: "one", labels: ["x"])) })
      #expect(
        await bench.failure(["frames": films, "labels": labels])
          == "the scans of 'frames' are all of group 'one'; expected at least two groups, of which "
          + "one is held out")
      let events = try await bench.train(["frames": films])
      #expect(
        events.contains {
          $0.message
            == "warning: no roles or labels say whose the scans are; each is held out by itself"
        })
    }

    @Test("a class that one group alone shows stays in the training")
    func lastOfClass() throws {
      let groups = ["a": ["x", "y"], "b": ["x"], "c": ["x"]].mapValues { Set($0) }
      for share in [0.1, 0.5, 0.9] {
        let held = try PretrainScans.heldOut(of: groups, share: share, port: "labelled")
        #expect(!held.contains("a"))
        #expect(held.count == (share == 0.1 ? 1 : 2))
      }
      #expect(
        throws: StageFailure(
          "no group of 'labelled' can be held out: each shows a class that no other one shows ('x' "
            + "of 'a', 'y' of 'b'); add scans of these classes")
      ) { try PretrainScans.heldOut(of: ["a": ["x"], "b": ["y"]], share: 0.5, port: "labelled") }
    }

    @Test("a new group moves few of those held out")
    func stable() throws {
      func held(_ count: Int) throws -> Set<String> {
        try PretrainScans.heldOut(
          of: Dictionary(uniqueKeysWithValues: (0..<count).map { ("p\($0)", []) }), share: 0.25,
          port: "frames")
      }
      let (before, after) = (try held(20), try held(21))
      #expect(before.count == 5)
      #expect(after.count == 5)
      #expect(before.intersection(after).count >= 4)
    }

    // MARK: Scans that do not do

    @Test("frames of several sizes, no scan, one group and short segments are named")
    func frames() async throws {
      var bench = try PretrainBench()
      let first = try bench.film("p0/a", frames: 8)
      bench.size = [24, 32]
      let second = try bench.film("p1/a", frames: 8)
      let both = try bench.bench.many("item", [("p0/a", first), ("p1/a", second)])
      #expect(
        await bench.failure(["frames": both]).contains(
          "scan 'p1/a' has frames of 24 x 32 pixels, and 'p0/a' of 24 x 24; decode all to one size")
      )
      #expect(
        try await bench.failure(["frames": bench.bench.many("item", [("p0/a", first)])]).contains(
          "are all of group 'p0/a'; expected at least two groups"))
      #expect(
        try await bench.failure(["frames": bench.bench.many("item", [])]).hasPrefix(
          "'frames' has no scans"))
      let short = try await bench.failure(["frames": bench.films(3, frames: 2)])
      #expect(short.contains("segment"), "\(short)")
      let empty = try await bench.failure(["frames": bench.films(3, frames: 0)])
      #expect(empty == "none of the 3 scans of 'frames' has a moving frame")
    }

    @Test("runs that are too short for the task's clips are counted")
    func shortRuns() async throws {
      let bench = try PretrainBench()
      let ids = ["p0/a", "p1/a", "p2/a", "p3/a"]
      let held = try PretrainScans.heldOut(
        of: Dictionary(uniqueKeysWithValues: ids.map { ($0, []) }), share: 0.25, port: "frames")
      let short = try #require(ids.first { !held.contains($0) })
      let films = try bench.bench.many(
        "item", ids.map { ($0, try bench.film($0, frames: $0 == short ? 2 : 16)) })
      let events = try await bench.train(["frames": films])
      #expect(
        events.contains {
          $0.message
            == "training: 1 of 3 runs of moving frames are shorter than the task's clips, and never "
            + "drawn"
        })
    }

    @Test("a class whose runs are all too short is named")
    func shortClass() async throws {
      let bench = try PretrainBench()
      let ids = (0..<3).map { "p\($0)/a" }
      let films = try bench.bench.many("item", ids.map { ($0, try bench.film($0, frames: 16)) })
      let names = (0..<16).map { $0 < 8 ? "plain" : $0 < 15 ? "heart" : "spine" }
      let labels = try bench.labels(
        ids.map { ($0, LabelFile(group: String($0.prefix(2)), labels: names)) })
      let events = try await bench.train(["labelled": films, "labels": labels], Self.supervised)
      let warnings = events.compactMap(\.message).filter { $0.contains("no run of") }
      #expect(
        warnings.sorted()
          == ["held out", "training"].map {
            "warning: \($0): no run of spine is as long as a clip, so nothing of it is seen; take"
              + " fewer frames or a smaller stride"
          })
    }

    @Test("labelled scans must be connected, labelled, and of two classes")
    func labels() async throws {
      let bench = try PretrainBench()
      let (films, labels) = try bench.labelledFilms(3)
      #expect(
        await bench.failure(["frames": films], Self.supervised)
          == "'labelled' has no scans, and the method learns from them; connect it")
      #expect(
        await bench.failure(["frames": films, "labelled": films], Self.supervised)
          == "scan 'p0/a' of 'labelled' has no entry in 'labels'; connect the labels of these scans"
      )
      let one = try bench.labels(
        (0..<3).map {
          ("p\($0)/a", LabelFile(group: "p\($0)", segments: [.init(frames: nil, label: "heart")]))
        })
      #expect(
        await bench.failure(
          ["frames": films, "labelled": films, "labels": one], Self.supervised)
          == "the scans of 'labelled' are all of class 'heart'; expected at least two classes")
      let roles = RolesFile(
        (0..<3).map { .init(item: "p\($0)/a", group: "q", role: .labelled, fold: nil) })
      let path = bench.bench.scratch.path + "/other.tsv"
      try roles.write(to: path)
      #expect(
        await bench.failure(
          ["frames": films, "labelled": films, "labels": labels, "roles": .one(path: path)],
          Self.supervised)
          == "scan 'p0/a' is of group 'q' by its role, and of 'p0' by 'labels'; split the same labels"
      )
      let late = try bench.labels(
        (0..<3).map {
          (
            "p\($0)/a",
            LabelFile(group: "p\($0)", segments: [.init(frames: 90...99, label: "heart")])
          )
        })
      #expect(
        await bench.failure(
          ["frames": films, "labelled": films, "labels": late], Self.supervised)
          == "none of the 3 scans of 'labelled' has a moving frame with a label")
    }

    // MARK: Options and weights that do not do

    @Test("settings that do not fit each other are named")
    func settings() async throws {
      let bench = try PretrainBench()
      let films = try bench.films(3)
      #expect(
        await bench.failure(["frames": films], ["steps": 5]).contains(
          "'evaluate_every' is 2; expected a divisor of 'steps', 5"))
      let batch = await bench.failure(["frames": films], ["batch": 6])
      #expect(batch.contains("copies"), "\(batch)")
      #expect(
        await bench.failure(["frames": films], ["task": ["pretext": "rotatoin"]]).contains(
          "did you mean 'rotation'?"))
      let text = await bench.failure(
        ["frames": films], ["rate": 10, "decay": 1, "steps": 400, "evaluate_every": 400])
      #expect(text.hasPrefix("step ") && text.contains("is NaN or infinite"), "\(text)")
    }

    @Test("weights of another network, width or file are refused by name")
    func weights() async throws {
      let bench = try PretrainBench()
      let films = try bench.films(1)
      let none: [String: Value] = ["task": ["pretext": "none"]]
      try await bench.train(["frames": films], none)
      let model = try bench.bench.keep("model", as: "model.safetensors")
      func failure(_ path: String, _ changes: [String: Value] = [:]) async -> String {
        await bench.failure(
          ["frames": films, "init": .one(path: path)], none.merging(changes) { $1 })
      }
      #expect(
        await failure(model, ["width": 0.25])
          == "'\(model)' has the weights of a network of width 0.125, se true; the stage's is of "
          + "width 0.25, se true: set 'width' and 'se' to the file's")
      #expect(
        await failure(model, ["se": false]).contains("of width 0.125, se true; the stage's is"))
      #expect(await failure(model, ["dilate": false]) == "no error")
      let other = bench.bench.scratch.path + "/other.safetensors"
      try SaliencyModel(width: 0.125, groups: 8, size: [24, 24], seed: 0).save(
        to: other, options: .map([]))
      #expect(
        await failure(other) == "'\(other)' holds the network 'saliency_vam'; expected 'r3d_18'")
      let frames = try bench.film("p0/a", frames: 4)
      #expect(
        await failure(frames)
          == "'\(frames)' has no 'stem.0.weight' [out, in, 3, 7, 7]; expected the weights of a network "
          + "with the names of torchvision's r3d_18")
      #expect(
        try await bench.failure(
          ["frames": films, "init": .one(path: model)], none.merging(["weights": "w"]) { $1 },
          sources: bench.sources("w", model))
          == "both option 'weights' and input 'init' say what to begin with; expected one of them")
    }

    @Test("metadata that cannot be read are named")
    func metadata() throws {
      let scratch = try Scratch()
      let model = try VideoModel(
        .init(width: 0.0625, excites: false, dilates: false), channels: 1, clip: 4, size: [16, 24],
        seed: 0)
      let path = scratch.path + "/m.safetensors"
      for (key, value, expectation) in [
        ("clip", "many", "a number of frames"), ("size", "16", "height,width in pixels"),
        ("width", "-1", "a number above 0"), ("dilate", "maybe", "true or false"),
      ] {
        try model.network.save(to: path, metadata: [key: value])
        #expect(
          throws: StageFailure("'\(path)' has '\(value)' as \(key); expected \(expectation)")
        ) { try VideoModel(path: path) }
      }
      // As torchvision's own files: nothing said.
      try model.network.save(to: path)
      let read = try VideoModel(path: path)
      #expect(read.shape == .init(width: 0.0625, excites: false, dilates: false))
      #expect(read.clip == nil)
      #expect(read.size == nil)
      #expect(read.gridStep == 16)
    }
  }
}
