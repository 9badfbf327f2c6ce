import Engine
import Pipelines
import Testing

@Suite("The scheduler")
struct SchedulerTests {
  private func scheduler(cpu: Int, memory: Int = 1000, named: [String: Int] = [:]) -> Scheduler {
    Scheduler(
      capacity: Scheduler.Capacity(cpu: cpu, memoryBytes: memory, gpu: 0, named: named))
  }

  @Test("as many jobs start as there are processors, the next when one ends")
  func fillsProcessors() {
    var scheduler = scheduler(cpu: 2)
    for id in 1...4 { scheduler.add(id, resources: Resources(), priority: 0) }
    #expect(scheduler.start() == [1, 2])
    #expect(scheduler.start() == [])
    scheduler.finish(2)
    #expect(scheduler.start() == [3])
    scheduler.finish(1)
    scheduler.finish(3)
    #expect(scheduler.start() == [4])
  }

  @Test("a higher priority starts first, equal ones in order of arrival")
  func priorities() {
    var scheduler = scheduler(cpu: 1)
    scheduler.add(1, resources: Resources(), priority: 0)
    scheduler.add(2, resources: Resources(), priority: 5)
    scheduler.add(3, resources: Resources(), priority: 5)
    var order: [Int] = []
    while let next = scheduler.start().first {
      order.append(next)
      scheduler.finish(next)
    }
    #expect(order == [2, 3, 1])
  }

  @Test("a job that waits for two processors is not starved by a stream of small ones")
  func noStarvation() {
    var scheduler = scheduler(cpu: 2)
    scheduler.add(1, resources: Resources(), priority: 0)
    #expect(scheduler.start() == [1])
    scheduler.add(2, resources: Resources(cpu: 2), priority: 0)
    scheduler.add(3, resources: Resources(), priority: 0)
    #expect(scheduler.start() == [])
    scheduler.finish(1)
    #expect(scheduler.start() == [2])
    scheduler.finish(2)
    #expect(scheduler.start() == [3])
  }

  @Test("a job that asks for nothing a waiting one lacks may pass it")
  func backfill() {
    var scheduler = scheduler(cpu: 4, named: ["licence": 1])
    let licensed = Resources(named: ["licence": 1])
    scheduler.add(1, resources: licensed, priority: 0)
    scheduler.add(2, resources: licensed, priority: 0)
    scheduler.add(3, resources: Resources(), priority: 0)
    #expect(scheduler.start() == [1, 3])
    scheduler.finish(1)
    #expect(scheduler.start() == [2])
  }

  @Test("memory, devices and named resources are weighed like processors")
  func weights() {
    var scheduler = scheduler(cpu: 8, memory: 100, named: ["disk": 3])
    scheduler.add(1, resources: Resources(memoryBytes: 60), priority: 0)
    scheduler.add(2, resources: Resources(memoryBytes: 60), priority: 0)
    scheduler.add(3, resources: Resources(named: ["disk": 2]), priority: 0)
    scheduler.add(4, resources: Resources(named: ["disk": 2]), priority: 0)
    #expect(scheduler.start() == [1, 3])
    scheduler.finish(1)
    #expect(scheduler.start() == [2])
    scheduler.finish(3)
    #expect(scheduler.start() == [4])
  }

  @Test(
    "a request that can never be met names the resource",
    arguments: [
      (Resources(cpu: 9), "cpu: 9 asked for, 8 there"),
      (Resources(gpu: 1), "gpu: 1 asked for, 0 there"),
      (Resources(named: ["licence": 2]), "licence: 2 asked for, 1 there"),
    ])
  func shortages(_ resources: Resources, _ expected: String) {
    let capacity = Scheduler.Capacity(cpu: 8, memoryBytes: 100, gpu: 0, named: ["licence": 1])
    #expect(capacity.shortage(for: resources) == expected)
    #expect(capacity.shortage(for: Resources(cpu: 8, memoryBytes: 100)) == nil)
  }

  @Test("what waits is forgotten when the run is cancelled, what runs is not")
  func cancelling() {
    var scheduler = scheduler(cpu: 1)
    for id in 1...3 { scheduler.add(id, resources: Resources(), priority: 0) }
    #expect(scheduler.start() == [1])
    #expect(scheduler.cancelWaiting() == [2, 3])
    #expect(scheduler.runningCount == 1)
    scheduler.finish(1)
    #expect(scheduler.start() == [])
  }
}
