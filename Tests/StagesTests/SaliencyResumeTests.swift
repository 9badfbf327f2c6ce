import Foundation
import StageKit
import TestKit
import Testing

extension SaliencyTrainStageTests {
  @Suite("taken up again") struct ResumeTests {
    /// A film's bytes follow from its name, so each process makes the same.
    private static func train(checkpoints: String? = nil) async throws -> [Data] {
      let bench = try GazeBench()
      try await bench.train(
        bench.films(3, frames: 16), ["epochs": 4, "checkpoint_every": 3], checkpoints: checkpoints)
      return try ["model", "scores", "curves"].map { try bench.bytes($0) }
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
  }
}
