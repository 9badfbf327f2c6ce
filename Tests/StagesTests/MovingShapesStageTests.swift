import Foundation
import StageKit
import Stages
import TestKit
import Testing
import Video

@Suite("moving_shapes")
struct MovingShapesStageTests {
  private static let tiny: [String: Value] = ["clips": 6, "frames": 3, "size": [16, 32]]

  private func run(
    _ options: [String: Value], _ scratch: Scratch, cpus: Int = 1
  ) async throws -> WholeStageRun {
    try await WholeStageRun(
      "moving_shapes", options: Self.tiny.merging(options) { $1 }, scratch: scratch,
      collectionPorts: ["videos", "labels"], cpus: cpus)
  }

  private func bytes(_ run: WholeStageRun) throws -> [String: Digest] {
    try (run.collections["videos"] ?? [:]).mapValues {
      Digest(of: try Data(contentsOf: URL(fileURLWithPath: $0)))
    }
  }

  @Test("clips are videos of the codecs asked for, with as many frames as asked for")
  func clips() async throws {
    let scratch = try Scratch()
    let run = try await run([:], scratch)
    #expect(
      run.order["videos"] == [
        "shape_000.mp4", "shape_001.mpeg", "shape_002.avi", "shape_003.mp4", "shape_004.mpeg",
        "shape_005.avi",
      ])
    #expect(run.order["labels"] == run.order["videos"])
    for (id, codec) in [
      ("shape_000.mp4", "h264"), ("shape_001.mpeg", "mpeg2video"), ("shape_005.avi", "mjpeg"),
    ] {
      let reader = try VideoReader(path: #require(run.collections["videos"]?[id]))
      while try reader.next() {}
      #expect(reader.framesRead == 3)
      #expect(reader.info.codec == codec)
      #expect((reader.info.height, reader.info.width) == (16, 32))
    }
  }

  @Test("neither codec nor group gives the label away")
  func crossed() async throws {
    let scratch = try Scratch()
    let run = try await run(["clips": 9, "frames": 1, "groups": 3], scratch)
    var seen: [String: Set<String>] = [:]
    for id in run.order["labels"] ?? [] {
      let table = try #require(IndexFile(text: try run.text("labels", id)))
      #expect(table.columns == ["label", "group"])
      let codec = String(id.split(separator: ".")[1])
      seen[codec, default: []].insert(table.rows[0][0])
      seen[table.rows[0][1], default: []].insert(table.rows[0][0])
    }
    #expect(seen.count == 6)
    #expect(seen.values.allSatisfy { $0 == ["disc", "square", "triangle"] })
  }

  @Test("the same seed makes the same bytes for any number of threads, another seed others")
  func deterministic() async throws {
    let scratch = try Scratch()
    let first = try bytes(try await run(["seed": 7], scratch))
    #expect(first.count == 6)
    #expect(first == (try bytes(try await run(["seed": 7], scratch, cpus: 2))))
    let other = try bytes(try await run(["seed": 8], scratch))
    for (id, digest) in other { #expect(digest != first[id], "\(id)") }
  }

  @Test(
    "options that make no clip are refused",
    arguments: [
      (["size": [17, 32]], "option 'size' is [17, 32]; expected even numbers"),
      (["shapes": ["disk"]], "option 'shapes' holds 'disk'; did you mean 'disc'?"),
      (["shapes": []], "option 'shapes' is empty"),
      (["codecs": ["h265"]], "option 'codecs' holds 'h265'; did you mean 'h264'?"),
      (["fps": 7], "option 'fps' is 7, which mpeg2 cannot have"),
    ] as [([String: Value], String)])
  func refused(options: [String: Value], message: String) async throws {
    let run = try await run(options, try Scratch())
    #expect(run.failure?.contains(message) == true, "\(run.failure ?? "no failure")")
  }
}
