import Foundation
import Glibc
import StageKit
import TestKit
import Testing

@Suite("A run that is stopped", .aFewAtATime)
struct SignalTests {
  /// The first time it waits to be stopped, with half an output; the second time it ends well.
  static let pipeline = """
    stages:
      done: { run: "echo done > ${out.o}", out: { o: o.txt } }
      long:
        run: |
          cat ${in.o}
          test -e $FATHOM_CHECKPOINT_DIR/begun && { echo whole > ${out.o}; exit 0; }
          echo half > ${out.o}
          sleep 301 & echo $! > $FATHOM_CHECKPOINT_DIR/child
          echo $$ > $FATHOM_CHECKPOINT_DIR/begun
          wait
        in: { o: done.o }
        out: { o: o.txt }
      after: { run: "cat ${in.o} > ${out.o}", in: { o: long.o }, out: { o: o.txt } }

    """

  private func process(_ name: String, _ bench: Workbench) throws -> pid_t {
    let path = try #require(bench.find(name).first)
    return try #require(pid_t(try bench.read(path).trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  private func isGone(_ process: pid_t) -> Bool {
    guard kill(process, 0) == 0 else { return true }
    // A zombie whose parent has not looked yet is dead as well.
    let state = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return state.isEmpty || state.contains(") Z ")
  }

  @Test(
    "by a signal exits with 128 and its number, and the next run completes it",
    arguments: [
      (SIGINT, 130), (SIGTERM, 143),
    ])
  func stopped(signal: Int32, code: Int) async throws {
    let bench = try Workbench(Self.pipeline)
    let running = try await bench.start("run")
    _ = try await Gate.begun(bench)
    let processes = [try process("begun", bench), try process("child", bench)]
    running.send(signal)
    let outcome = try await running.ended()
    #expect(outcome.code == code, "\(outcome.errors)")
    #expect(
      try await bench.decisions()
        == ["done": "run", "long": "interrupted", "after": "cancelled"])
    #expect(
      try await bench.rows("SELECT status FROM runs").map { $0["status"]?.text } == ["interrupted"])
    for process in processes { #expect(isGone(process)) }
    #expect(bench.find("latest/p/long/o").isEmpty)
    try await bench.run(expecting: ["long", "after"])
    #expect(try bench.latest("after/o") == "whole\n")
  }

  @Test("twice kills a command that ignores SIGTERM", .timeLimit(.minutes(15)))
  func twice() async throws {
    let bench = try Workbench(
      """
      stages:
        stubborn:
          run: |
            trap "" TERM INT
            echo $$ > $FATHOM_CHECKPOINT_DIR/begun
            for i in $(seq 600); do sleep 0.1; done
            touch ${out.o}
          out: { o: o.txt }

      """)
    let running = try await bench.start("run")
    _ = try await Gate.begun(bench)
    let command = try process("begun", bench)
    running.send(SIGINT)
    try await Task.sleep(for: .milliseconds(500))
    #expect(!isGone(command))
    running.send(SIGINT)
    let outcome = try await running.ended()
    #expect(outcome.code == 130, "\(outcome.errors)")
    #expect(isGone(command))
    #expect(try await bench.decisions() == ["stubborn": "interrupted"])
  }

  @Test("by SIGKILL leaves no process, no half output, and nothing to repair")
  func killed() async throws {
    let bench = try Workbench(Self.pipeline)
    let running = try await bench.start("run")
    _ = try await Gate.begun(bench)
    let processes = [try process("begun", bench), try process("child", bench)]
    running.send(SIGKILL)
    #expect(try await running.ended().code == -9)
    try await until("the command and its child are gone") { processes.allSatisfy(isGone) }
    #expect(bench.find("latest/p/long/o").isEmpty)
    try await bench.run(expecting: ["long", "after"])
    #expect(try bench.latest("after/o") == "whole\n")
    let runs = try await bench.rows("SELECT status FROM runs ORDER BY id")
    #expect(runs.map { $0["status"]?.text } == ["interrupted", "succeeded"])
  }

  @Test("again and again at any moment always leads to the same outputs", .timeLimit(.minutes(15)))
  func killedAnywhere() async throws {
    let bench = try Workbench(
      """
      stages:
        clips: { uses: import, with: { path: clips } }
        item:
          run: sleep 0.02; cat ${in.clip} > ${out.o}
          each: clip
          in: { clip: clips.videos }
          out: { o: o.txt }
        joined:
          run: cat ${in.i}/* > /dev/null; cat ${in.i}/[0-9]*.mp4 > ${out.o}
          in: { i: item.o }
          out: { o: o.txt }

      """,
      files: Dictionary(
        uniqueKeysWithValues: (0..<8).map { ("clips/\($0).mp4", "\($0)") }))
    for milliseconds in stride(from: 10, through: 160, by: 15) {
      let running = try await bench.start("run")
      try await Task.sleep(for: .milliseconds(milliseconds))
      running.send(SIGKILL)
      let outcome = try await running.ended()
      #expect([-9, 0].contains(outcome.code), "\(outcome.errors)")
    }
    #expect(try await bench.run(failing: 0).code == 0)
    #expect(try bench.latest("joined/o") == "01234567")
    let twice = try await bench.rows("SELECT action_key FROM result GROUP BY 1 HAVING count(*) > 1")
    #expect(twice.isEmpty)
  }
}
