public import Pipelines

/// Decides what may start: a pure state machine over what the machine has and what waits.
///
/// Requests start in order of priority, equal ones in order of arrival. One that does not fit
/// keeps later ones from taking what it waits for, so that a stream of small jobs cannot starve
/// a large one; later ones that ask for nothing it lacks may pass it.
public struct Scheduler: ~Copyable {
  /// What the machine has: processors, bytes, devices, and the user's own resources.
  public struct Capacity: Hashable, Sendable {
    public var cpu: Int
    public var memoryBytes: Int
    public var gpu: Int
    public var named: [String: Int]

    public init(cpu: Int, memoryBytes: Int, gpu: Int = 0, named: [String: Int] = [:]) {
      self.cpu = cpu
      self.memoryBytes = memoryBytes
      self.gpu = gpu
      self.named = named
    }

    /// What of a request can never be met: `"cpu: 8 asked for, 2 there"`.
    public func shortage(for request: Resources) -> String? {
      if request.cpu > cpu { return "cpu: \(request.cpu) asked for, \(cpu) there" }
      if request.memoryBytes > memoryBytes {
        return "memory: \(request.memoryBytes) bytes asked for, \(memoryBytes) there"
      }
      if request.gpu > gpu { return "gpu: \(request.gpu) asked for, \(gpu) there" }
      for (name, count) in request.named.sorted(by: { $0.key < $1.key })
      where count > named[name] ?? 0 {
        return "\(name): \(count) asked for, \(named[name] ?? 0) there"
      }
      return nil
    }
  }

  private struct Waiting {
    var id: Int
    var resources: Resources
    var priority: Int
    var arrival: Int
  }

  private var free: Capacity
  private var waiting: [Waiting] = []
  private var running: [Int: Resources] = [:]
  private var arrivals = 0

  public init(capacity: Capacity) { free = capacity }

  public var runningCount: Int { running.count }

  /// A request with a name of its own; a higher priority goes first.
  public mutating func add(_ id: Int, resources: Resources, priority: Int) {
    let request = Waiting(id: id, resources: resources, priority: priority, arrival: arrivals)
    arrivals += 1
    let place = waiting.partitioningIndex {
      ($0.priority, -$0.arrival) < (request.priority, -request.arrival)
    }
    waiting.insert(request, at: place)
  }

  /// The requests that start now; each stays running until `finish`.
  public mutating func start() -> [Int] {
    var started: [Int] = []
    var reserved = Reserved()
    var kept: [Waiting] = []
    for request in waiting {
      guard !reserved.touches(request.resources), free.shortage(for: request.resources) == nil
      else {
        reserved.add(request.resources, lackingIn: free)
        kept.append(request)
        continue
      }
      take(request.resources, sign: -1)
      running[request.id] = request.resources
      started.append(request.id)
    }
    if !started.isEmpty { waiting = kept }
    return started
  }

  public mutating func finish(_ id: Int) {
    guard let resources = running.removeValue(forKey: id) else { return }
    take(resources, sign: 1)
  }

  /// Forgets all that waits and returns it.
  public mutating func cancelWaiting() -> [Int] {
    defer { waiting = [] }
    return waiting.map(\.id)
  }

  private mutating func take(_ resources: Resources, sign: Int) {
    free.cpu += sign * resources.cpu
    free.memoryBytes += sign * resources.memoryBytes
    free.gpu += sign * resources.gpu
    for (name, count) in resources.named { free.named[name, default: 0] += sign * count }
  }

  /// What requests that could not start are waiting for.
  private struct Reserved {
    var cpu = false
    var memory = false
    var gpu = false
    var named: Set<String> = []

    func touches(_ resources: Resources) -> Bool {
      (cpu && resources.cpu > 0) || (memory && resources.memoryBytes > 0)
        || (gpu && resources.gpu > 0)
        || resources.named.contains { $0.value > 0 && named.contains($0.key) }
    }

    mutating func add(_ resources: Resources, lackingIn free: Capacity) {
      if resources.cpu > free.cpu { cpu = true }
      if resources.memoryBytes > free.memoryBytes { memory = true }
      if resources.gpu > free.gpu { gpu = true }
      for (name, count) in resources.named where count > free.named[name] ?? 0 {
        named.insert(name)
      }
    }
  }
}

extension Array {
  /// The first index whose element satisfies the predicate, in an array partitioned by it.
  fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = (low + high) / 2
      if predicate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
