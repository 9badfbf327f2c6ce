import Foundation
import StageKit
import TestKit
import Testing
import Video

@testable import Stages

@Suite("simulate")
struct SimulateStageTests {
  private static let tiny: [String: Value] = [
    "patients": 2, "frames": 4, "size": [56, 72], "lines": 32, "samples": 96, "density": 1,
    "codec": "ffv1",
  ]
  private static let ports = ["videos", "labels", "gaze", "truth"]

  private func run(
    _ options: [String: Value], _ scratch: Scratch, cpus: Int = 1
  ) async throws -> WholeStageRun {
    try await WholeStageRun(
      "simulate", options: Self.tiny.merging(options) { $1 }, scratch: scratch,
      collectionPorts: Self.ports, cpus: cpus)
  }

  private func bytes(_ run: WholeStageRun) throws -> [String: Digest] {
    var digests: [String: Digest] = [:]
    for port in Self.ports {
      for (id, path) in run.collections[port] ?? [:] {
        digests["\(port) \(id)"] = Digest(of: try Data(contentsOf: URL(fileURLWithPath: path)))
      }
    }
    return digests
  }

  @Test("scans are videos with labels, gaze and truth under the same ids")
  func outputs() async throws {
    let scratch = try Scratch()
    let run = try await run(["patients": 3, "codec": "h264"], scratch)
    let ids = (1...3).flatMap { ["p0\($0)/scan_1.mp4", "p0\($0)/scan_2.mp4"] }
    for port in Self.ports { #expect(run.order[port] == ids, "\(port)") }
    for id in ids {
      let reader = try VideoReader(path: #require(run.collections["videos"]?[id]))
      while try reader.next() {}
      #expect(reader.framesRead == 28)
      #expect(reader.info.codec == "h264")
      #expect((reader.info.height, reader.info.width) == (56, 72))

      let labels = try LabelFile(path: #require(run.collections["labels"]?[id]))
      #expect(labels.group == String(id.prefix(3)))
      #expect(labels.segments.first?.frames?.lowerBound == 0)
      #expect(labels.segments.last?.frames?.upperBound == 27)
      #expect((0..<28).allSatisfy { labels.label(ofFrame: $0) != nil })

      let gaze = try GazeFile(path: #require(run.collections["gaze"]?[id]))
      #expect(gaze.samples.map(\.frame) == Array(0..<28))
      #expect(gaze.samples.allSatisfy { $0.eye == .both })
      #expect(isClose(gaze.samples[27].time, 0.9))

      let truth = try TruthFile(path: #require(run.collections["truth"]?[id]))
      #expect(!truth.structures.isEmpty)
      for structure in truth.structures {
        #expect(structure.label == labels.label(ofFrame: structure.frame))
        #expect((0...1).contains(structure.x) && (0...1).contains(structure.y))
        #expect(structure.longAxis > 0)
      }
    }
  }

  @Test("a patient's scans show all fourteen classes, each scan for as many frames")
  func classes() async throws {
    let scratch = try Scratch()
    for scans in [1, 2, 4] {
      let run = try await run(["scans": .integer(scans)], scratch)
      for patient in ["p01", "p02"] {
        var seen: Set<String> = []
        for (id, path) in run.collections["labels"] ?? [:] where id.hasPrefix(patient) {
          let labels = try LabelFile(path: path)
          seen.formUnion(labels.segments.map(\.label))
          #expect(labels.segments.last?.frames?.upperBound == (14 + scans - 1) / scans * 4 - 1)
        }
        #expect(seen.count == 14, "\(patient) of \(scans) scans")
      }
    }
  }

  @Test("the same seed makes the same bytes for any number of threads, another seed others")
  func deterministic() async throws {
    let scratch = try Scratch()
    let first = try bytes(try await run(["seed": 7], scratch))
    #expect(first.count == 16)
    #expect(first == (try bytes(try await run(["seed": 7], scratch, cpus: 2))))
    let other = try bytes(try await run(["seed": 8], scratch))
    for (id, digest) in other { #expect(digest != first[id], "\(id)") }
  }

  /// Which of the classes a scan shows is 50 % chance where each of two scans shows half of them.
  @Test("no scan is longer than another, and its size in bytes does not tell what it shows")
  func fileProperties() async throws {
    let scratch = try Scratch()
    let run = try await run(
      [
        "patients": 20, "frames": 6, "size": [84, 108], "lines": 64, "samples": 256,
        "density": 3, "codec": "h264", "seed": 3,
      ], scratch, cpus: 2)
    var scans: [(patient: Substring, size: Double, classes: Set<String>)] = []
    for id in run.order["videos"] ?? [] {
      let path = try #require(run.collections["videos"]?[id])
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
      let labels = try LabelFile(path: #require(run.collections["labels"]?[id]))
      #expect(labels.segments.last?.frames?.upperBound == 41)
      scans.append((id.prefix(3), Double(try #require(size)), Set(labels.segments.map(\.label))))
    }
    let classes = Set(scans.flatMap(\.classes)).subtracting(["BACKGROUND"])
    #expect(classes.count == 13)
    var (hits, count) = (0, 0)
    for name in classes {
      for held in scans {
        // The nearer of two means over the other patients.
        func mean(_ shows: Bool) -> Double {
          let sizes = scans.filter {
            $0.patient != held.patient && $0.classes.contains(name) == shows
          }.map(\.size)
          return sizes.reduce(0, +) / Double(sizes.count)
        }
        let guess = abs(held.size - mean(true)) < abs(held.size - mean(false))
        hits += guess == held.classes.contains(name) ? 1 : 0
        count += 1
      }
    }
    let accuracy = Double(hits) / Double(count)
    #expect(accuracy < 0.6, "\(accuracy)")
  }

  @Test("fewer planes make shorter scans")
  func planes() async throws {
    let scratch = try Scratch()
    let run = try await run(["planes": ["4CH", "FEMUR", "LIPS"], "scans": 1], scratch)
    let labels = try LabelFile(path: #require(run.collections["labels"]?["p01/scan_1.mkv"]))
    #expect(labels.segments.last?.frames?.upperBound == 11)
    #expect(
      Set(labels.segments.map(\.label)).subtracting(["4CH", "FEMUR", "LIPS", "BACKGROUND"]) == [])
  }

  @Test(
    "options that make no scan are refused",
    arguments: [
      (["patients": 0], "option 'patients' is 0; expected an integer, 1 to 10000"),
      (["size": [57, 72]], "option 'size' is [57, 72]; expected even numbers from 32 to 2048"),
      (["size": [56, 16]], "option 'size' is 16 pixels"),
      (["planes": ["4CG"]], "option 'planes' holds '4CG'; did you mean '4CH'?"),
      (["planes": []], "option 'planes' is empty"),
      (["planes": ["LIPS", "LIPS"]], "option 'planes' holds 'LIPS' twice"),
      (["planes": ["LIPS"]], "option 'scans' is 2 per patient; expected at most 1"),
      (["f0": [5, 3]], "option 'f0' is [5.0, 3.0] MHz; expected [from, to] in order"),
      (["f0": [3]], "option 'f0' has 1 values; expected a list of 2 numbers"),
      (["depth": [20, 90]], "option 'depth' is 20 mm"),
      (["codec": "h265"], "option 'codec' cannot be 'h265'; did you mean 'h264'?"),
      (["lines": 4], "option 'lines' is 4; expected an integer, 16 to 1024"),
    ] as [([String: Value], String)])
  func refused(options: [String: Value], message: String) async throws {
    let run = try await run(options, try Scratch())
    #expect(run.failure?.contains(message) == true, "\(run.failure ?? "no failure")")
  }
}
