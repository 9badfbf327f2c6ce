import Foundation
import StageKit
import TestKit
import Testing

@Suite("Resources", .aFewAtATime)
struct ResourceTests {
  /// Two jobs that write when they began and when they ended, in nanoseconds.
  static func pipeline(_ resources: String) -> String {
    """
    stages:
      job:
        run: date +%s%N > ${out.t}; sleep 1; date +%s%N >> ${out.t}; echo ${matrix.k} >> ${out.t}
        matrix: { k: [1, 2] }
        out: { t: t.txt }
        resources: \(resources)

    """
  }

  private func overlap(_ bench: Workbench) throws -> Bool {
    let times = try [1, 2].map { number in
      try bench.latest("job@k=\(number)/t").split(separator: "\n").compactMap { Int($0) }
    }
    try #require(times.allSatisfy { $0.count == 3 })
    return times[0][0] < times[1][1] && times[1][0] < times[0][1]
  }

  @Test(
    "one licence makes two jobs run one after the other",
    arguments: [
      "{ licence: 1 }", "{ cpu: 2 }", "{ memory: 600MiB }",
    ])
  func serial(resources: String) async throws {
    let bench = try Workbench(
      Self.pipeline(resources),
      files: [".fathom/config.yaml": "resources: { licence: 1, memory: 1GiB }\n"])
    try await bench.run("-j", "2", expecting: ["job@k=1", "job@k=2"])
    #expect(try !overlap(bench))
  }

  @Test("without one they run at the same time")
  func parallel() async throws {
    let bench = try Workbench(Self.pipeline("{ cpu: 1 }"))
    try await bench.run("-j", "2", expecting: ["job@k=1", "job@k=2"])
    #expect(try overlap(bench))
  }

  @Test(
    "a request that can never be met exits with 3, names it, and starts nothing",
    arguments: [
      ("{ licence: 2 }", "licence: 2 asked for, 1 there"),
      ("{ cpu: 3 }", "cpu: 3 asked for, 2 there"),
      ("{ gpu: 65 }", "gpu: 65 asked for"),
      ("{ memory: 4GiB }", "memory: 4294967296 bytes asked for"),
    ])
  func impossible(resources: String, message: String) async throws {
    let bench = try Workbench(
      Self.pipeline(resources) + "  first: { run: \"touch ${out.o}\", out: { o: o } }\n",
      files: [".fathom/config.yaml": "resources: { licence: 1, memory: 1GiB }\n"])
    let outcome = try await bench.run("-j", "2", failing: 3)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(outcome.errors.contains("job@k=1"), "\(outcome.errors)")
    #expect(outcome.errors.contains("Pipelines/p.yaml:3:3: error:"), "\(outcome.errors)")
    #expect(try await bench.ran().isEmpty)
  }

  @Test("what has its result needs no resources")
  func cached() async throws {
    let bench = try Workbench(Self.pipeline("{ cpu: 2 }"))
    try await bench.run("-j", "2", expecting: ["job@k=1", "job@k=2"])
    try await bench.run("-j", "1", expecting: [])
  }
}
