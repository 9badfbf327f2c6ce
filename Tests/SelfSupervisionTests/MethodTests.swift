import Foundation
import SelfSupervision
import StageKit
import TestKit
import Testing

@Suite("Methods: presets and parts")
struct MethodTests {
  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/methods/presets.txt")
    .path(percentEncoded: false)

  @Test("every preset stands for the parts that are on record, and these for themselves")
  func expansions() throws {
    let declaration = try methodDeclaration()
    var text = ""
    for name in shortNames {
      let value = try declaration.canonical(name)
      #expect(try declaration.canonical(value) == value, "\(name.display)")
      _ = try method(value)
      text += "\(name.display):\n\(outline(value, indent: "  "))"
    }
    if ProcessInfo.processInfo.environment["FATHOM_RECORD_GOLDENS"] == "1" {
      try text.write(toFile: MethodTests.golden, atomically: true, encoding: .utf8)
    }
    // A change here is a change of keys: it belongs into the changelog.
    let recorded = try String(contentsOfFile: MethodTests.golden, encoding: .utf8)
    #expect(recorded == text)
  }

  private func outline(_ value: Value, indent: String) -> String {
    guard case .map(let pairs) = value else { return "\(indent)\(value.display)\n" }
    return pairs.map { pair in
      switch pair.value {
      case .map(let inner) where !inner.isEmpty:
        "\(indent)\(pair.key):\n\(outline(pair.value, indent: indent + "  "))"
      case .list(let elements) where elements.contains { !$0.isScalar }:
        "\(indent)\(pair.key):\n"
          + elements.map { "\(indent)  -\n\(outline($0, indent: indent + "    "))" }.joined()
      default: "\(indent)\(pair.key): \(pair.value.display)\n"
      }
    }.joined()
  }

  @Test("what is given beside a preset replaces its part, and nothing else")
  func overrides() throws {
    let declaration = try methodDeclaration()
    let plain = try declaration.canonical(["pretext": "rotation"])
    let changed = try declaration.canonical([
      "pretext": "rotation", "angles": [0, 180], "sampler": ["copies": 2],
    ])
    #expect(changed["sampler"]?["copies"] == 2)
    #expect(changed["sampler"]?["stride"] == plain["sampler"]?["stride"])
    #expect(changed["augment"] == plain["augment"])
    guard case .list(let objectives)? = changed["objectives"] else {
      Issue.record("no objectives")
      return
    }
    #expect(objectives[0]["transform"]?["angles"] == [0, 180])
    let replaced = try method([
      "pretext": "rotation", "objectives": [["transform": "pace", "weight": 2]],
      "sampler": ["stride": 1],
    ])
    #expect(replaced.objectives.map(\.weight) == [2])
    #expect(replaced.sampler.copies == 4)
  }

  @Test(
    "an unknown entry is named with its place and what was probably meant",
    arguments: [
      (["pretext": "rotaton"], ["pretext"], "did you mean 'rotation'?"),
      (["pretext": "pace", "pace": [1, 2]], ["pace"], "did you mean 'paces'?"),
      (["pretext": "pace", "sampler": ["strid": 2]], ["sampler", "strid"], "'stride'"),
      (
        ["objectives": [["transform": "rotatoin"]]], ["objectives", "0", "transform"],
        "did you mean 'rotation'?"
      ),
      (
        ["objectives": [["transform": ["name": "pace", "pacs": [1]]]]],
        ["objectives", "0", "transform", "pacs"], "did you mean 'paces'?"
      ),
      (
        ["objectives": [["transform": "pace", "head": "linar"]]], ["objectives", "0", "head"],
        "'linear'"
      ),
      (
        ["objectives": [["transform": "pace"], ["transform": "flip", "loss": "entropy"]]],
        ["objectives", "1", "loss"], "expected one of"
      ),
      (["objectives": [["head": "linear"]]], ["objectives", "0", "transform"], "is required"),
    ] as [(Value, [String], String)])
  func unknownEntries(_ value: Value, _ path: [String], _ meant: String) throws {
    let error = #expect(throws: OptionDeclaration.Problem.self) {
      _ = try methodDeclaration().canonical(value)
    }
    #expect(error?.path == path)
    #expect(error?.message.contains(meant) == true, "\(error?.message ?? "")")
  }

  @Test("two heads need no preset")
  func combinations() throws {
    let sorting = try method([
      "sampler": ["frames": 4, "stride": 6],
      "objectives": [
        ["transform": "order"],
        ["transform": "affine", "loss": "mean_squared_error", "weight": 0.5],
      ],
    ])
    #expect(sorting.objectives.map(\.weight) == [1, 0.5])
    let still: Value = ["flip": 0]
    _ = try method([
      "augment": still, "objectives": [["transform": "rotation"], ["transform": "flip"]],
    ])
    _ = try method(["objectives": [["transform": "pace"], ["transform": "playback_direction"]]])
  }

  @Test(
    "parts that do not fit are refused with what to write instead",
    arguments: [
      (
        [["transform": "affine"]], "objectives.0.loss", "write loss: mean_squared_error"
      ),
      (
        [["transform": "flip", "loss": "mean_squared_error"]], "objectives.0.loss",
        "write loss: cross_entropy"
      ),
      (
        [["transform": "flip"], ["transform": "flip"]], "objectives.1.transform",
        "decides the mirroring as 'flip'"
      ),
      (
        [["transform": "playback_direction"], ["transform": "pace"]], "objectives.1.transform",
        "write it first"
      ),
      (
        [["transform": "rotation"], ["transform": ["name": "flip", "axes": "both"]]],
        "objectives.1.transform", "decides the turn as 'rotation'"
      ),
      (
        [["transform": "order"]], "objectives.0.transform", "write frames: 4 in the sampler"
      ),
      ([["transform": "views"]], "objectives.0.head", "write head: projection"),
      (
        [["transform": "views", "head": "projection"]], "objectives.0.loss",
        "write loss: contrastive or vicreg"
      ),
      (
        [["transform": "views", "head": "projection", "loss": "mean_squared_error"]],
        "objectives.0.loss", "write loss: contrastive or vicreg"
      ),
      (
        [["transform": "views", "head": "projection", "loss": "contrastive"]],
        "objectives.0.loss", "write copies: 2"
      ),
      (
        [["transform": "views", "head": "projection", "loss": "vicreg"]],
        "objectives.0.loss", "write copies: 2"
      ),
      (
        [
          [
            "transform": "views", "head": "projection",
            "loss": ["name": "contrastive", "positives": "class"],
          ]
        ], "objectives.0.loss", "write positives: draw"
      ),
      ([["transform": "flip", "head": "projection"]], "objectives.0.head", "write head: linear"),
      (
        [["transform": "flip", "loss": "vicreg"]], "objectives.0.loss", "write loss: cross_entropy"
      ),
      (
        [["transform": "affine", "loss": "contrastive"]], "objectives.0.loss",
        "write loss: mean_squared_error"
      ),
      (
        [["transform": "flip", "head": "pairwise"]], "objectives.0.head",
        "write pieces in the sampler, or head: linear"
      ),
      (
        [
          ["transform": "playback_direction"],
          ["transform": ["name": "puzzle", "grid": [4, 1, 1]]],
        ],
        "objectives.1.transform", "decides the order of frames as 'playback_direction'"
      ),
    ] as [(Value, String, String)])
  func conflicts(_ objectives: Value, _ place: String, _ advice: String) throws {
    let error = #expect(throws: Diagnostic.self) {
      _ = try method(["augment": ["flip": 0], "objectives": objectives])
    }
    #expect(error?.position.path == "with.task.\(place)")
    #expect(error?.message.contains(advice) == true, "\(error?.message ?? "")")
  }

  @Test("what the augmentation changes at random cannot be asked for")
  func augmentations() throws {
    for (augment, transform, advice): (Value, Value, String) in [
      ([:], "flip", "write flip: 0"),
      (["flip": 0, "flip_vertical": 0.5], ["name": "flip", "axes": "both"], "flip_vertical: 0"),
      (["flip_vertical": 0.1], "rotation", "write flip_vertical: 0"),
      (["rotation": 90], "rotation", "write rotation: 10"),
    ] {
      let error = #expect(throws: Diagnostic.self) {
        _ = try method(["augment": augment, "objectives": [["transform": transform]]])
      }
      #expect(error?.position.path == "with.task.objectives.0.transform")
      #expect(error?.message.contains(advice) == true, "\(error?.message ?? "")")
    }
    _ = try method(["augment": ["flip_vertical": 0.5, "flip": 0], "pretext": "rotation"])
  }

  @Test("a sampler that does not fit is refused")
  func samplers() throws {
    let order: Value = [["transform": "order"]]
    for (sampler, advice): (Value, String) in [
      (["frames": 16, "pieces": 3], "write items: 3"),
      (["frames": 16, "pieces": 4], "write head: pairwise"),
      (["frames": 5], "write frames: 4"),
      ([:], "write frames: 4"),
    ] {
      let error = #expect(throws: Diagnostic.self) {
        _ = try method(["sampler": sampler, "objectives": order])
      }
      #expect(error?.message.contains(advice) == true, "\(error?.message ?? "")")
    }
    for (value, words): (Value, String) in [
      (["pretext": "pace", "sampler": ["stride": 2]], "replaces the sampler's stride of 2"),
      (["pretext": "vicreg", "sampler": ["copies": 3]], "there are 3; write copies: 2"),
      (["pretext": "vicreg", "sampler": ["pieces": 2]], "there are 4; write copies: 2"),
      (["pretext": "simclr", "sampler": ["copies": 1]], "write copies: 2"),
      (["pretext": "clip_order", "sampler": ["pieces": 4]], "write items: 4"),
    ] {
      let error = #expect(throws: Diagnostic.self) { _ = try method(value) }
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
  }
}
