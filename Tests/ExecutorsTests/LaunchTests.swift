import Engine
import Executors
import Foundation
import Glibc
import StageKit
import TestKit
import Testing

@Suite("A command that is launched")
struct LaunchTests {
  @Test("ends with its own exit code", arguments: [0, 1, 42, 255])
  func exitCode(code: Int) async throws {
    let outcome = try await JobBench().shell("exit \(code)")
    #expect(outcome.exitCode == code)
    #expect(outcome.signal == nil)
    #expect(outcome.succeeded == (code == 0))
    #expect(outcome.ended >= outcome.started && outcome.ended - outcome.started < 10)
    #expect(abs(outcome.started - Date().timeIntervalSince1970) < 60)
    #expect(!outcome.node.isEmpty)
  }

  @Test(
    "that dies of a signal is an outcome with the signal",
    arguments: [("SEGV", SIGSEGV), ("KILL", SIGKILL), ("ABRT", SIGABRT), ("TERM", SIGTERM)])
  func signal(name: String, number: CInt) async throws {
    let outcome = try await JobBench().shell("kill -\(name) $$")
    #expect(outcome.exitCode == nil)
    #expect(outcome.signal == Int(number))
  }

  @Test("writes its output and its errors to the log, in order")
  func log() async throws {
    let bench = try JobBench()
    _ = try await bench.shell("echo one; echo two >&2; echo three > /dev/stderr; echo -n four")
    #expect(bench.log == "one\ntwo\nthree\nfour")
  }

  @Test("may write more than a pipe holds just before it ends")
  func longLog() async throws {
    let bench = try JobBench()
    _ = try await bench.shell("seq 1 200000")
    #expect(bench.log.utf8.count == 1_288_895)
    #expect(bench.log.hasSuffix("\n199999\n200000\n"))
  }

  @Test("begins in its work folder, with its environment alone and nothing to read")
  func surroundings() async throws {
    var bench = try JobBench()
    bench.environment["ODD"] = "a b\n'c\" = ü"
    _ = try await bench.shell(#"pwd; echo "$ODD"; echo "${HOME-none}"; cat; ls /proc/self/fd"#)
    // The fourth is the listing's own.
    #expect(bench.log == "\(bench.layout.work)\na b\n'c\" = ü\nnone\n0\n1\n2\n3\n")
  }

  @Test("that does not exist gives 127, one that is no program 126, and the log says why")
  func notExecutable() async throws {
    let bench = try JobBench()
    let missing = try await bench.executor.run(bench.request(["no-such-program"])) { _ in }
    #expect(missing.exitCode == 127)
    #expect(bench.log.contains("cannot execute 'no-such-program': No such file"))
    let folder = try await bench.executor.run(bench.request([bench.layout.work])) { _ in }
    #expect(folder.exitCode == 126)
    #expect(bench.log.contains("Permission denied"))
  }

  @Test("whose work folder is missing, or whose arguments hold a NUL, is an error of ours")
  func cannotStart() async throws {
    let bench = try JobBench()
    await #expect(throws: EnvironmentError.self) {
      try await bench.executor.run(bench.request(["true", "a\0b"])) { _ in }
    }
    try FileManager.default.removeItem(atPath: bench.layout.work)
    await #expect {
      try await bench.executor.run(bench.request(["true"])) { _ in }
    } throws: { error in
      "\(error)".contains("cannot enter the work folder: No such file or directory")
    }
    try FileManager.default.removeItem(atPath: bench.layout.folder)
    await #expect(throws: EnvironmentError.self) {
      try await bench.executor.run(bench.request(["true"])) { _ in }
    }
  }

  @Test("needs a launcher: where it is missing the error says where it belongs")
  func noLauncher() async throws {
    let bench = try JobBench()
    let executor = LocalExecutor(launcher: bench.project + "/fathom-launch")
    await #expect {
      try await executor.run(bench.request(["true"])) { _ in }
    } throws: { error in "\(error)".contains("must lie beside") }
  }

  @Test("that runs out of time gets SIGTERM, and may end well by it")
  func timeLimit() async throws {
    let bench = try JobBench()
    let outcome = try await bench.shell(
      "trap 'echo saved; exit 3' TERM; sleep 100 & wait", timeoutSeconds: 0.3)
    #expect(outcome.timedOut && !outcome.succeeded)
    #expect(outcome.exitCode == 3)
    #expect(bench.log == "saved\n")
  }

  @Test("that ignores SIGTERM is killed after the grace")
  func timeLimitIgnored() async throws {
    var bench = try JobBench()
    bench.executor = LocalExecutor(launcher: JobBench.launcher, graceSeconds: 0.3)
    let outcome = try await bench.shell(
      "trap '' TERM; while true; do sleep 0.05; done", timeoutSeconds: 0.2)
    #expect(outcome.timedOut)
    #expect(outcome.signal == Int(SIGKILL))
    #expect(outcome.ended - outcome.started >= 0.5 && outcome.ended - outcome.started < 60)
  }

  @Test("takes its background processes with it, those of another session too")
  func leftovers() async throws {
    let bench = try JobBench()
    let outcome = try await bench.shell(
      "sleep 1000 & echo $! > a; setsid -f bash -c 'echo $$ > b; exec sleep 1000' >/dev/null 2>&1;"
        + " while [ ! -s b ]; do sleep 0.01; done")
    #expect(outcome.exitCode == 0)
    #expect(outcome.ended - outcome.started < 60)
    for file in ["a", "b"] {
      #expect(FileManager.default.fileExists(atPath: "\(bench.layout.work)/\(file)"))
      #expect(!isAlive("\(bench.layout.work)/\(file)"))
    }
  }

  @Test("can signal its whole group and is still recorded")
  func ownGroup() async throws {
    let outcome = try await JobBench().shell("kill -TERM 0; sleep 10")
    #expect(outcome.signal == Int(SIGTERM))
  }

  @Test("whose launcher is killed dies with it, and the outcome has the signal")
  func launcherKilled() async throws {
    let bench = try JobBench()
    let outcome = try await bench.shell("echo $$ > pid; kill -KILL $PPID; sleep 100")
    #expect(outcome.signal == Int(SIGKILL))
    let file = bench.layout.work + "/pid"
    #expect(await eventually { !isAlive(file) })
  }

  @Test("dies when its coordinator does, whose end of the launcher's input closes then")
  func coordinatorGone() async throws {
    let bench = try JobBench()
    _ = try await bench.shell("true")  // for its spec, whose command is replaced below
    let spec = try String(contentsOfFile: bench.layout.folder + "/launch", encoding: .utf8)
      .replacingOccurrences(of: "arg\0true\0", with: "arg\0echo $$ > pid; exec sleep 100\0")
    let path = try bench.scratch.write(spec, to: "spec")
    let file = bench.layout.work + "/pid"
    // Its standard input is what holds it to us.
    let launched = Process()
    launched.executableURL = URL(fileURLWithPath: JobBench.launcher)
    launched.arguments = [path]
    let pipe = Pipe()
    launched.standardInput = pipe
    try launched.run()
    #expect(await eventually { isAlive(file) })
    try pipe.fileHandleForWriting.close()
    #expect(await eventually { !isAlive(file) })
  }

  @Test("is measured with all its children: processor time and the largest resident set")
  func usage() async throws {
    let outcome = try await JobBench().shell(
      """
      perl -e 'my $text = "x" x (64 << 20); 1 while (times)[0] + (times)[1] < 0.4' &
      perl -e '1 while (times)[0] + (times)[1] < 0.3' & wait
      """)
    #expect(outcome.exitCode == 0)
    #expect(outcome.cpuSeconds >= 0.7 && outcome.cpuSeconds < 1.5)
    #expect(outcome.maxResidentBytes >= 64 << 20 && outcome.maxResidentBytes < 200 << 20)
  }
}
