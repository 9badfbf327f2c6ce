import Foundation
import StageKit
import TestKit
import Testing

@Suite("Targets, forcing and looking ahead", .aFewAtATime)
struct SelectionTests {
  static let pipeline = """
    stages:
      base: { run: "echo base > ${out.o}", out: { o: o.txt } }
      made:
        run: cat ${in.b} > ${out.o}; echo ${matrix.k} >> ${out.o}
        matrix: { k: [1, 2] }
        in: { b: base.o }
        out: { o: o.txt }
      all:
        run: cat ${in.o}/k=1 ${in.o}/k=2 | wc -l > ${out.n}
        in: { o: made.o }
        out: { n: n.txt }
      apart: { run: "echo apart > ${out.o}", out: { o: o.txt } }

    """
  static let everything: Set = ["base", "made@k=1", "made@k=2", "all", "apart"]

  @Test("a target runs what it needs and nothing else")
  func targets() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run("made@k=1", expecting: ["base", "made@k=1"])
    try await bench.run("made", expecting: ["made@k=2"])
    try await bench.run("a*", expecting: ["all", "apart"])
    try await bench.run(expecting: [])
    #expect(try bench.latest("all/n") == "4\n")
  }

  @Test("a glob over axes chooses instances")
  func globs() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run("made@k=?", expecting: ["base", "made@k=1", "made@k=2"])
  }

  @Test("a pipeline file may be named before the targets, and --cd comes before all paths")
  func file() async throws {
    var bench = try Workbench(Self.pipeline)
    try bench.write(
      "pipeline: q\nstages: { only: { run: \"touch ${out.o}\", out: { o: o } } }\n",
      to: "Pipelines/q.yaml")
    try await bench.run("Pipelines/q.yaml", expecting: ["only"])
    let ambiguous = try await bench.run(failing: 2)
    #expect(ambiguous.errors.contains("p.yaml, q.yaml; name the one you mean"))
    let project = bench.folder
    bench.folder = bench.scratch.path
    let outcome = try await bench.fathom("run", "Pipelines/p.yaml", "apart", "--cd", project)
    #expect(outcome.code == 0, "\(outcome.errors)")
    bench.folder = project
    #expect(try await bench.ran() == ["apart"])
  }

  @Test("--force executes the targets and only them")
  func force() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: Self.everything)
    try await bench.run("-f", "made@k=1", expecting: ["made@k=1"])
    try await bench.run("--force", expecting: Self.everything)
    #expect(
      try await bench.rows("SELECT DISTINCT reason FROM latest_jobs").map {
        $0["reason"]?.text
      } == ["forced"])
  }

  @Test(
    "-n says hit, run or maybe of each instance, and executes nothing",
    arguments: [
      ["run", "-n"], ["plan"],
    ])
  func plan(words: [String]) async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: Self.everything)
    try bench.edit("echo base", to: "echo basis")
    let outcome = try await bench.invocation(words).run()
    #expect(outcome.code == 0)
    #expect(
      outcome.output == """
        1 of 5 instances would run; 3 more may be cut off
          run    base      run changed
          maybe  made@k=1  follows base
          maybe  made@k=2  follows base
          maybe  all       follows made@k=1
          hit    apart

        """)
    #expect(try await bench.rows("SELECT id FROM runs").count == 1)
    #expect(try bench.latest("base/o") == "base\n")
    let json = try await bench.invocation(words + ["--json"]).run().json
    #expect(json["schema_version"]?.integer == 1)
    #expect(
      json["instances"]?.elements.map { $0["verdict"]?.text } == [
        "run", "may be cut off", "may be cut off", "may be cut off", "hit",
      ])
  }

  @Test("-n in an empty project makes no store and no database")
  func planFirst() async throws {
    let bench = try Workbench(Self.pipeline)
    let outcome = try await bench.fathom("run", "-n")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("first run"))
    #expect(!FileManager.default.fileExists(atPath: bench.path("Artifacts/latest")))
    #expect(bench.find("o.txt").isEmpty)
  }

  @Test("status says what is stale, and with --exit-code exits with 1 for it")
  func status() async throws {
    let bench = try Workbench(Self.pipeline)
    #expect(try await bench.fathom("status", "--exit-code").code == 1)
    try await bench.run(expecting: Self.everything)
    let fresh = try await bench.fathom("status", "--exit-code")
    #expect(fresh.code == 0)
    #expect(
      fresh.output.hasPrefix("0 of 5 instances would run; 0 more may be cut off   last run 1"))
    try bench.edit("echo apart", to: "echo a part")
    let stale = try await bench.fathom("status", "--exit-code")
    #expect(stale.code == 1)
    #expect(stale.output.contains("run    apart     run changed"), "\(stale.output)")
    #expect(try await bench.fathom("status").code == 0)
  }

  @Test("a profile and -S change parameters for one run")
  func profiles() async throws {
    let bench = try Workbench(
      """
      params: { n: 1 }
      profiles: { quick: { n: 2 } }
      stages:
        a: { run: "echo ${params.n} > ${out.o}", out: { o: o.txt } }

      """)
    try await bench.run("--profile", "quick", expecting: ["a"])
    #expect(try bench.latest("a/o") == "2\n")
    try await bench.run("--profile", "quick", "-S", "n=3", expecting: ["a"])
    #expect(try bench.latest("a/o") == "3\n")
    try await bench.run("-S", "n=2", expecting: [])
    #expect(try bench.latest("a/o") == "2\n")
  }
}
