import Foundation
import Learning
import Synchronization
import TestKit
import Testing

extension LearningTests {
  @Suite("a training in a process that ends before its time") struct KillTests {
    /// The training of all processes: a checkpoint after each third step, 24 steps.
    private static func training(in folder: String) -> TinyTraining {
      var training = TinyTraining()
      training.options.checkpoint = folder + "/checkpoint.safetensors"
      training.options.checkpointEvery = 3
      return training
    }

    private static func checkpoint(in folder: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: folder + "/checkpoint.safetensors"))
    }

    @Test("killed by SIGKILL at random steps and taken up, it ends with the same bytes")
    func killed() async throws {
      let (undisturbed, scratch) = (try Scratch(), try Scratch())
      _ = try KillTests.training(in: undisturbed.path).run()
      let expected = try KillTests.checkpoint(in: undisturbed.path)

      let folder = scratch.path
      let kills = (0..<6).map { _ in Int.random(in: 0..<24) }.sorted()
      for step in kills {
        // Up to several steps later, and at any place in them or in a checkpoint.
        let delay = UInt32.random(in: 0..<3000)
        await #expect(processExitsWith: .signal(SIGKILL)) {
          [folder = folder as String, step = step as Int, delay = delay as UInt32] in
          let isDue = Atomic(false)
          let killer = Thread {
            while !isDue.load(ordering: .acquiring) { usleep(20) }
            usleep(delay)
            kill(getpid(), SIGKILL)
          }
          killer.start()
          _ = try KillTests.training(in: folder).run { event in
            if case .step(let done) = event, done.step >= step {
              isDue.store(true, ordering: .releasing)
            }
          }
          // The last steps may be done before the signal comes.
          isDue.store(true, ordering: .releasing)
          while true { pause() }
        }
      }
      var first: Int?
      _ = try KillTests.training(in: folder).run {
        if case .step(let step) = $0, first == nil { first = step.step }
      }
      // It began at a checkpoint that a killed process left, or had nothing left to do.
      #expect((first ?? 24) % 3 == 0, "\(kills)")
      #expect(try KillTests.checkpoint(in: folder) == expected, "killed after steps \(kills)")
    }
  }
}

extension LearningTests {
  @Suite("the example of the documentation") struct ExampleTests {
    /// Beside the tests.
    private static let program: String = {
      let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
      let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
      return URL(fileURLWithPath: bundle).deletingLastPathComponent().path + "/train-tiny"
    }()

    /// Runs it, and sends SIGTERM when it has begun its first step.
    private func run(in folder: String, stopping: Bool = false) throws -> (lines: [String], Int32) {
      let (process, output) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: ExampleTests.program)
      process.arguments = [folder]
      process.standardOutput = output
      let setPipeSize: Int32 = 1031  // F_SETPIPE_SZ, which glibc declares for GNU sources alone
      // So small that it waits for its reader long before its last step.
      #expect(fcntl(output.fileHandleForWriting.fileDescriptor, setPipeSize, 4096) >= 4096)
      // Threads of the test library block signals, and a process inherits that.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, SIGTERM)
      pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      try process.run()
      var text = try output.fileHandleForReading.read(upToCount: 1) ?? Data()
      if stopping { kill(process.processIdentifier, SIGTERM) }
      text += try output.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      return (
        String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init),
        process.terminationStatus
      )
    }

    @Test("it learns; stopped by SIGTERM and started again, it ends with the same bytes")
    func example() throws {
      let scratch = try Scratch()
      let (whole, parts) = (scratch.path + "/whole", scratch.path + "/parts")
      let undisturbed = try run(in: whole)
      #expect(undisturbed.1 == 0)
      #expect(undisturbed.lines.last?.hasPrefix("complete after 100 steps") == true)
      let accuracy = undisturbed.lines.last { $0.hasPrefix("epoch 4 ") }?.split(separator: " ").last
      #expect(try #require(accuracy.flatMap { Double($0) }) > 0.9)

      let first = try run(in: parts, stopping: true)
      #expect(first.1 == 0)
      #expect(first.lines.last?.hasPrefix("stopped after ") == true)
      let second = try run(in: parts)
      #expect(second.lines.last?.hasPrefix("complete after 100 steps") == true)
      func steps(_ lines: [String]) -> [String] { lines.filter { $0.hasPrefix("step ") } }
      #expect(steps(first.lines + second.lines) == steps(undisturbed.lines))
      func bytes(_ folder: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: folder + "/checkpoint.safetensors"))
      }
      #expect(try bytes(parts) == bytes(whole))
    }
  }
}
