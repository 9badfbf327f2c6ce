import Foundation
import Glibc
import StageKit
import TestKit
import Testing

@Suite("Two runs at once", .aFewAtATime)
struct ConcurrencyTests {
  @Test("execute each action once, and both succeed")
  func once() async throws {
    let bench = try Workbench(
      """
      stages:
        clips: { uses: import, with: { path: clips } }
        item:
          run: sleep 0.1; cat ${in.clip} > ${out.o}
          each: clip
          in: { clip: clips.videos }
          out: { o: o.txt }
        step:
          run: sleep 0.3; echo ${matrix.k} > ${out.o}
          matrix: { k: [1, 2, 3, 4] }
          out: { o: o.txt }
        end:
          run: cat ${in.o}/k=1 ${in.i}/b.mp4 > ${out.o}
          in: { o: step.o, i: item.o }
          out: { o: o.txt }

      """,
      files: ["clips/a.mp4": "a", "clips/b.mp4": "b", "clips/c.mp4": "c", "clips/d.mp4": "d"])
    let first = try await bench.start("run", "-j", "2")
    let second = try await bench.start("run", "-j", "2")
    let outcomes = [try await first.ended(), try await second.ended()]
    for outcome in outcomes { #expect(outcome.code == 0, "\(outcome.errors)") }
    let runs = try await bench.rows(
      "SELECT instance, count(*) AS n FROM job WHERE decision = 'run' AND instance LIKE 'step%' "
        + "GROUP BY 1 ORDER BY 1")
    #expect(runs.map { $0["instance"]?.text } == (1...4).map { "step@k=\($0)" })
    #expect(runs.allSatisfy { $0["n"]?.integer == 1 })
    let items = try await bench.rows(
      "SELECT item, count(*) AS n FROM job_item WHERE decision = 'run' GROUP BY 1 ORDER BY 1")
    #expect(items.map { $0["item"]?.text } == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"])
    #expect(items.allSatisfy { $0["n"]?.integer == 1 })
    // Every instance is a row of both runs.
    #expect(try await bench.rows("SELECT 1 FROM job").count == 14)
    #expect(try bench.latest("end/o") == "1\nb")
  }

  @Test("may be the very first of a project")
  func first() async throws {
    let bench = try Workbench("stages: { a: { run: \"echo a > ${out.o}\", out: { o: o.txt } } }\n")
    var started: [Running] = []
    for _ in 0..<8 { started.append(try await bench.start("run")) }
    for running in started {
      let outcome = try await running.ended()
      #expect(outcome.code == 0, "\(outcome.errors)")
    }
    #expect(try await bench.rows("SELECT 1 FROM job WHERE decision = 'run'").count == 1)
    #expect(try await bench.rows("SELECT 1 FROM runs WHERE status = 'succeeded'").count == 8)
  }

  @Test("the second waits for the first, or exits with 9 when its patience ends")
  func lockTimeout() async throws {
    let bench = try Workbench(
      "stages: { held: { run: \"\(Gate.command("touch ${out.o}"))\", out: { o: o.txt } } }\n")
    let first = try await bench.start("run")
    let folder = try await Gate.begun(bench)
    let impatient = try await bench.run("--lock-timeout", "300ms", failing: 9)
    #expect(impatient.errors.contains("raise --lock-timeout"), "\(impatient.errors)")
    // Readers never wait.
    #expect(try await bench.fathom("plan").code == 0)
    #expect(try await bench.fathom("status").code == 0)
    #expect(try await bench.fathom("log").code == 0)
    var waiting = bench.invocation(
      ["-c", "exec \"$0\" run 2> waiting.log", Workbench.binaries + "/fathom"])
    waiting.program = "/bin/sh"
    let patient = try await waiting.start()
    try await until("the third run waits") {
      try bench.find("waiting.log").contains { try bench.read($0).contains("held  wait  ") }
    }
    try Gate.open(folder, bench)
    #expect(try await first.ended().code == 0)
    #expect(try await patient.ended().code == 0)
    let rows = try await bench.rows(
      "SELECT decision, reason FROM job WHERE run <> 2 ORDER BY decision")
    #expect(rows.map { $0["decision"]?.text } == ["hit", "run"])
    #expect(rows.first?["reason"]?.text == "another run made it meanwhile")
  }

  @Test("a store shared by two projects gives hits to both")
  func sharedStore() async throws {
    var one = try Workbench("stages: { a: { run: \"echo a > ${out.o}\", out: { o: o.txt } } }\n")
    one.environment["FATHOM_STORE"] = one.scratch.path + "/store"
    try await one.run(expecting: ["a"])
    var two = one
    two.folder = one.scratch.path + "/two"
    try two.write(
      "pipeline: q\nstages: { b: { run: \"echo a > ${out.o}\", out: { o: o.txt } } }\n",
      to: "Pipelines/q.yaml")
    try two.write("", to: ".fathom/config.yaml")
    try await two.run(expecting: [])
    #expect(try two.read("Artifacts/latest/q/b/o") == "a\n")
    #expect(try await two.fathom("why", "b").output.contains("made in another project"))
  }
}
