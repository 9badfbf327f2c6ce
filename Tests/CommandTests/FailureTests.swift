import Foundation
import StageKit
import TestKit
import Testing

@Suite("A stage that fails", .aFewAtATime)
struct FailureTests {
  static let pipeline = """
    stages:
      bad:
        run: for i in $(seq 30); do echo line $i; done; exit 3
        out: { o: o.txt }
      after:
        run: cat ${in.o} > ${out.p}
        in: { o: bad.o }
        out: { p: p.txt }
      later:
        run: echo later > ${out.o}
        out: { o: o.txt }

    """

  @Test("stops the run with exit code 1; what needs it is skipped, what waits is cancelled")
  func firstFailureStops() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run("-j", "1", failing: 1)
    #expect(
      try await bench.decisions() == ["bad": "failed", "after": "skipped", "later": "cancelled"])
    let reasons = try await bench.rows("SELECT instance, reason FROM latest_jobs ORDER BY instance")
    #expect(
      reasons.map { $0["reason"]?.text } == [
        "needs bad, which failed", "exit code 3", "stopped after a failure",
      ])
  }

  @Test("lets the rest go on with --keep-going, and the exit code is still 1")
  func keepGoing() async throws {
    let bench = try Workbench(Self.pipeline)
    let outcome = try await bench.run("-k", "-j", "1", failing: 1)
    #expect(try await bench.decisions() == ["bad": "failed", "after": "skipped", "later": "run"])
    #expect(outcome.errors.contains("1 run, 0 cached, 0 cut off, 1 failed, 1 skipped"))
    #expect(
      try await bench.rows("SELECT status FROM runs").map { $0["status"]?.text } == ["failed"])
  }

  @Test("shows the end of its log and where the whole of it is")
  func log() async throws {
    let bench = try Workbench(Self.pipeline)
    let outcome = try await bench.run("bad", failing: 1)
    #expect(outcome.errors.contains("failed  bad: exit code 3\n"), "\(outcome.errors)")
    #expect(outcome.errors.contains("    | line 30\n"))
    #expect(!outcome.errors.contains("| line 2\n"))
    #expect(outcome.errors.contains("log: Artifacts/logs/1/bad.log\n"))
    #expect(try bench.read("Artifacts/logs/1/bad.log").hasPrefix("line 1\nline 2\n"))
  }

  @Test("is tried again in the next run, which says that it failed last time")
  func nextRun() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run("bad", failing: 1)
    try await bench.run("bad", failing: 1)
    let plan = try await bench.fathom("plan", "bad", "--json")
    #expect(try plan.json["instances"]?.elements.first?["reason"]?.text == "it failed last time")
    try bench.edit("exit 3", to: "echo good > ${out.o}")
    try await bench.run(expecting: ["bad", "after", "later"])
  }

  @Test("is tried again after a growing pause as often as it says", .timeLimit(.minutes(15)))
  func retries() async throws {
    let bench = try Workbench(
      """
      stages:
        flaky:
          run: |
            echo try >> $FATHOM_CHECKPOINT_DIR/tries
            test $(wc -l < $FATHOM_CHECKPOINT_DIR/tries) -ge 3
            cp $FATHOM_CHECKPOINT_DIR/tries ${out.o}
          out: { o: o.txt }
          retries: { times: 2, backoff: 0.5s }

      """)
    let outcome = try await bench.run(expecting: ["flaky"])
    #expect(outcome.errors.contains("attempt 2 in 0.5 s"), "\(outcome.errors)")
    #expect(outcome.errors.contains("attempt 3 in 1.0 s"), "\(outcome.errors)")
    #expect(try bench.latest("flaky/o") == "try\ntry\ntry\n")
    let row = try #require(
      try await bench.rows("SELECT attempt, ended - started AS s FROM job").first)
    #expect(row["attempt"]?.integer == 3)
    #expect(try #require(Double(row["s"]?.text ?? "")) >= 1.5)
  }

  @Test("fails for good when its retries are used up; --retries decides for all stages")
  func retriesUsedUp() async throws {
    let bench = try Workbench(
      """
      stages:
        flaky:
          run: |
            echo try >> $FATHOM_CHECKPOINT_DIR/tries
            test $(wc -l < $FATHOM_CHECKPOINT_DIR/tries) -ge 4
            touch ${out.o}
          out: { o: o.txt }
          retries: { times: 1, backoff: 0.01s }

      """)
    try await bench.run(failing: 1)
    #expect(try await bench.rows("SELECT attempt FROM job").first?["attempt"]?.integer == 2)
    try await bench.run("--retries", "0", failing: 1)
    try await bench.run("--retries", "0", expecting: ["flaky"])
  }

  @Test("is stopped after its time limit", .timeLimit(.minutes(15)))
  func timeLimit() async throws {
    let bench = try Workbench(
      """
      stages:
        slow: { run: "sleep 300; touch ${out.o}", out: { o: o.txt }, timeout: 0.5s }

      """)
    let outcome = try await bench.run(failing: 1)
    #expect(outcome.errors.contains("stopped after its time limit of 0.5 s"), "\(outcome.errors)")
    try bench.edit("0.5s", to: "1h")
    let own = try await bench.run("--timeout", "300ms", failing: 1)
    #expect(own.errors.contains("stopped after its time limit of 0.3 s"), "\(own.errors)")
  }

  @Test("that dies of a signal is reported with the signal's name and the end of its log")
  func signal() async throws {
    let bench = try Workbench(
      """
      stages:
        crash: { run: "echo last words; kill -SEGV $$", out: { o: o.txt } }

      """)
    let outcome = try await bench.run(failing: 1)
    #expect(outcome.errors.contains("crash: died of SIGSEGV"), "\(outcome.errors)")
    #expect(outcome.errors.contains("| last words"))
    #expect(try await bench.rows("SELECT signal FROM job").first?["signal"]?.integer == 11)
  }

  @Test("a worker that is killed fails its job with the signal's name; its heartbeat is kept")
  func killedWorker() async throws {
    let bench = try Workbench(
      """
      stages:
        shapes: { uses: moving_shapes, with: { clips: 500, frames: 200, size: [480, 640] } }

      """)
    let running = try await bench.start("run")
    try await until("the worker has begun") {
      bench.find("events.jsonl").contains { (try? bench.read($0))?.contains("progress") == true }
    }
    let worker = try #require(try Self.process(running: "fathom-worker", of: bench.folder))
    kill(worker, SIGKILL)
    let outcome = try await running.ended()
    #expect(outcome.code == 1)
    #expect(outcome.errors.contains("shapes: died of SIGKILL"), "\(outcome.errors)")
    let rows = try await bench.rows(
      "SELECT decision, signal, heartbeat BETWEEN started AND ended AS beat FROM job")
    #expect(rows.count == 1)
    #expect(rows[0]["decision"]?.text == "failed")
    #expect(rows[0]["signal"]?.integer == 9)
    #expect(rows[0]["beat"]?.integer == 1)
    #expect(bench.find("latest/p/shapes").isEmpty)
  }

  /// The process of a program one of whose arguments lies in the folder.
  private static func process(running program: String, of folder: String) throws -> pid_t? {
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
      guard let id = pid_t(name),
        let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline")
      else { continue }
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      if words.first?.hasSuffix("/" + program) == true,
        words.contains(where: { $0.hasPrefix(folder) })
      {
        return id
      }
    }
    return nil
  }

  @Test("fails where a command writes what it did not declare, or not what it declared")
  func outputs() async throws {
    let bench = try Workbench(
      """
      stages:
        more: { run: "touch ${out.o} extra.txt", out: { o: o.txt } }
        less: { run: "true", out: { o: o.txt } }
        folder: { run: "mkdir ${out.o}", out: { o: o.txt } }
        file: { run: "rmdir ${out.o}; touch ${out.o}", out: { o: o/ } }
        link: { run: "ln -s /etc/passwd ${out.o}", out: { o: o.txt } }

      """)
    let errors = try await bench.run("-k", failing: 1).errors
    #expect(errors.contains("the command wrote 'extra.txt', which is not declared"), "\(errors)")
    #expect(errors.contains("declared output 'o' ('o.txt') was not written"), "\(errors)")
    #expect(errors.contains("output 'o' is a folder; declare it as 'o.txt/'"), "\(errors)")
    #expect(errors.contains("output 'o' ('o') is declared as a folder but is a file"), "\(errors)")
    #expect(errors.contains("link:"), "\(errors)")
    #expect(Set(try await bench.decisions().values) == ["failed"])
    #expect(bench.find("o.txt").isEmpty)
  }

  @Test("fails where a command of its pipe fails")
  func pipe() async throws {
    let bench = try Workbench(
      """
      stages:
        pipe: { run: "false | cat > ${out.o}", out: { o: o.txt } }
        script: { run: "false; touch ${out.o}", out: { o: o.txt } }

      """)
    try await bench.run("-k", failing: 1)
    #expect(try await bench.decisions() == ["pipe": "failed", "script": "failed"])
  }
}
