import Engine
import Executors
import Foundation
import Pipelines
import StageKit
import Synchronization
import TestKit

/// A project with one job's folder laid out in it, and the executor to run it.
struct JobBench {
  let scratch: Scratch
  let project: String
  let layout: JobLayout
  var environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
  var executor = LocalExecutor(launcher: launcher)

  /// `fathom-launch` lies beside the bundle of the tests.
  static var launcher: String {
    let program = Bundle.allBundles.map(\.bundlePath) + CommandLine.arguments
    let bundle = program.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent()
      .appending(path: "fathom-launch").path(percentEncoded: false)
  }

  init(job: String = "job one") throws {
    scratch = try Scratch()
    project = scratch.path + "/project"
    layout = try JobBench.makeJob(project: project, name: job)
  }

  static func makeJob(project: String, name: String) throws -> JobLayout {
    let layout = JobLayout(folder: "\(project)/Artifacts/store/staging/\(name)")
    for folder in [layout.work, layout.temporary, layout.inputs] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    return layout
  }

  func request(
    _ arguments: [String], isolated: Bool = false, readable: [String] = [],
    timeoutSeconds: Double? = nil, layout other: JobLayout? = nil
  ) -> JobRequest {
    let layout = other ?? layout
    return JobRequest(
      address: "stage@seed=1", layout: layout, arguments: arguments, environment: environment,
      isolation: isolated
        ? Isolation(
          hidden: [project], readable: [layout.inputs] + readable,
          writable: [layout.work, layout.temporary])
        : nil,
      timeoutSeconds: timeoutSeconds, resources: Resources())
  }

  func shell(
    _ command: String, isolated: Bool = false, readable: [String] = [],
    timeoutSeconds: Double? = nil
  ) async throws -> JobOutcome {
    try await executor.run(
      request(
        ["/bin/bash", "-c", command], isolated: isolated, readable: readable,
        timeoutSeconds: timeoutSeconds)
    ) { _ in }
  }

  var log: String { (try? String(contentsOfFile: layout.log, encoding: .utf8)) ?? "" }
}

/// Collects what a job sends.
final class Received: Sendable {
  private let events = Mutex<[JobEvent]>([])

  func add(_ event: JobEvent) { events.withLock { $0.append(event) } }
  var all: [JobEvent] { events.withLock { $0 } }
}

/// Waits until `condition` holds, for ten seconds at most.
func eventually(_ condition: () -> Bool) async -> Bool {
  for _ in 0..<500 {
    if condition() { return true }
    try? await Task.sleep(for: .milliseconds(20))
  }
  return condition()
}

/// Whether a process, by the id that it wrote to a file, is alive.
func isAlive(_ file: String) -> Bool {
  guard let text = try? String(contentsOfFile: file, encoding: .utf8),
    let process = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)),
    let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
  else { return false }
  return !status.contains(") Z ")
}
