import Engine
import Executors
import Foundation
import Glibc
import StageKit
import TestKit
import Testing

@Suite("The local executor")
struct LocalExecutorTests {
  @Test("hands over events while a job runs, in order, and all of them")
  func events() async throws {
    let bench = try JobBench()
    let received = Received()
    let running = Task {
      try await bench.executor.run(
        bench.request([
          "/bin/bash", "-c",
          """
          for i in {1..50}; do echo '{"event":"progress","time":1,"done":'$i'}'; done >> ../events.jsonl
          while [ ! -e go ]; do sleep 0.02; done
          printf '{"event":"metric","time":2,"name":"loss","value":"NaN"}\\n{"event":"log",' >> ../events.jsonl
          sleep 0.3
          printf '"time":3,"message":"half"}\\nnonsense\\n{"event":"item","time":4,"item":"a"}\\n' >> ../events.jsonl
          printf '{"event":"failed","time":5,"mess' >> ../events.jsonl
          """,
        ])
      ) { received.add($0) }
    }
    #expect(await eventually { received.all.count == 50 }, "they come before it ends")
    try Data().write(to: URL(fileURLWithPath: bench.layout.work + "/go"))
    #expect(try await running.value.exitCode == 0)
    let all = received.all
    #expect(all.prefix(50).compactMap(\.done) == (1...50).map(Double.init))
    #expect(all.dropFirst(50).map(\.event) == [.metric, .log, .item, .log])
    #expect(all[50].value?.isNaN == true)
    #expect(all[51].message == "half")
    #expect(all.last?.message == "1 lines of events are malformed")
  }

  @Test("takes a last event that lacks only its newline")
  func lastEvent() async throws {
    let bench = try JobBench()
    let received = Received()
    let command = #"printf '{"event":"failed","time":5,"message":"no"}' > ../events.jsonl; exit 1"#
    _ = try await bench.executor.run(bench.request(["/bin/sh", "-c", command])) { received.add($0) }
    #expect(received.all.map(\.message) == ["no"])
  }

  @Test("reports a job that has fallen silent once, and leaves it alone")
  func silence() async throws {
    var quick = try JobBench()
    quick.executor = LocalExecutor(launcher: JobBench.launcher, silence: .milliseconds(200))
    let bench = quick
    let received = Received()
    let command =
      #"echo '{"event":"heartbeat","time":1}' > ../events.jsonl; until [ -e go ]; do sleep 0.02; done"#
    let running = Task {
      try await bench.executor.run(bench.request(["/bin/sh", "-c", command])) { received.add($0) }
    }
    #expect(await eventually { received.all.count == 2 })
    try await Task.sleep(for: .milliseconds(500))
    try Data().write(to: URL(fileURLWithPath: bench.layout.work + "/go"))
    #expect(try await running.value.succeeded)
    #expect(received.all.map(\.event) == [.heartbeat, .log])
    #expect(received.all.last?.message?.contains("no sign of life from 'stage@seed=1'") == true)
  }

  @Test("stops its jobs by SIGTERM, and by SIGKILL those that will not")
  func stop() async throws {
    let bench = try JobBench()
    let gentle = try JobBench.makeJob(project: bench.project, name: "gentle")
    let stubborn = bench.layout
    let jobs = [
      (gentle, "trap 'exit 9' TERM; touch ready; while true; do sleep 0.02; done"),
      (stubborn, "trap '' TERM; touch ready; while true; do sleep 0.02; done"),
    ].map { layout, command in
      Task {
        try await bench.executor.run(
          bench.request(["/bin/bash", "-c", command], layout: layout)
        ) { _ in }
      }
    }
    for layout in [gentle, stubborn] {
      #expect(
        await eventually { FileManager.default.fileExists(atPath: layout.work + "/ready") })
    }
    bench.executor.stop(force: false)
    #expect(try await jobs[0].value.exitCode == 9)
    let late = try await bench.shell("touch late")
    #expect(late.signal == Int(SIGTERM), "a job that comes later ends at once")
    #expect(!FileManager.default.fileExists(atPath: bench.layout.work + "/late"))
    bench.executor.stop(force: true)
    let killed = try await jobs[1].value
    #expect(killed.signal == Int(SIGKILL) && !killed.timedOut)
  }

  @Test("runs 200 jobs, eight at a time, and keeps no descriptor and no process of them")
  func noLeaks() async throws {
    let bench = try JobBench()
    _ = try await bench.shell("true")
    let before = openSockets()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        if number >= 8 { try await group.next() }
        group.addTask {
          let layout = try JobBench.makeJob(project: bench.project, name: "\(number)")
          let outcome = try await bench.executor.run(
            bench.request(["/bin/sh", "-c", "exit \(number % 7)"], layout: layout)
          ) { _ in }
          #expect(outcome.exitCode == number % 7)
        }
      }
      try await group.waitForAll()
    }
    #expect(await eventually { openSockets() <= before + 4 })
  }

  /// Other tests run beside this one, so that only sockets count, of which each job has one.
  private func openSockets() -> Int {
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return descriptors.count {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
      return target?.hasPrefix("socket:") == true
    }
  }
}
