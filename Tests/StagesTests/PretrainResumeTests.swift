import Foundation
import StageKit
import TestKit
import Testing

extension PretrainStageTests {
  @Suite("taken up again") struct ResumeTests {
    /// A film's bytes follow from its name, so each process makes the same.
    private static func train(checkpoints: String? = nil) async throws -> [Data] {
      let bench = try PretrainBench()
      try await bench.train(
        ["frames": bench.films(3)],
        ["steps": 12, "evaluate_every": 2, "checkpoint_every": 3, "rate": 0.4, "keep": "best"],
        checkpoints: checkpoints)
      return try bench.outputs()
    }

    @Test("killed by SIGKILL after a checkpoint, it ends with the same bytes")
    func killed() async throws {
      let expected = try await ResumeTests.train()
      let scratch = try Scratch()
      let folder = scratch.path
      await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String] in
        signalThisProcess(SIGKILL, atCheckpointIn: folder)
        _ = try await ResumeTests.train(checkpoints: folder)
        while true { pause() }
      }
      #expect(try await ResumeTests.train(checkpoints: folder) == expected)
      // And once more, from the last step.
      #expect(try await ResumeTests.train(checkpoints: folder) == expected)
    }

    @Test("SIGTERM ends it with a checkpoint and a message; it then ends with the same bytes")
    func terminated() async throws {
      let expected = try await ResumeTests.train()
      let scratch = try Scratch()
      let folder = scratch.path
      await #expect(processExitsWith: .exitCode(75)) { [folder = folder as String] in
        signalThisProcess(SIGTERM, atCheckpointIn: folder)
        do { _ = try await ResumeTests.train(checkpoints: folder) } catch {
          let text = "\(error)"
          let isRight =
            text.hasPrefix("stopped after ")
            && text.hasSuffix(" steps; run it again to take it up from there")
          exit(isRight ? 75 : 1)
        }
      }
      #expect(try await ResumeTests.train(checkpoints: folder) == expected)
    }

    @Test("a checkpoint of another task is refused, and says what differs")
    func otherTask() async throws {
      let bench = try PretrainBench()
      let scratch = try Scratch()
      let films = try bench.films(3)
      try await bench.train(["frames": films], checkpoints: scratch.path)
      do {
        try await bench.train(
          ["frames": films], ["task": ["pretext": "rotation", "angles": [0, 180]], "batch": 8],
          checkpoints: scratch.path)
        Issue.record("no error")
      } catch { #expect("\(error)".contains("checkpoint"), "\(error)") }
    }
  }
}
