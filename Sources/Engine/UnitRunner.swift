import Foundation
import Glibc
import Pipelines
import StageKit
import Synchronization

/// How one unit ended.
struct UnitResult: Sendable {
  struct ItemResult: Sendable {
    var item: Unit.Item
    var outcome: Result<[Artifact], Failure>
    var started: Double
    var ended: Double
  }

  /// `nil` where the process was never started.
  var outcome: JobOutcome?
  /// A whole instance: its outputs.
  var outputs: Result<[Artifact], Failure>?
  /// An `each:` stage: the items that ended, well or badly.
  var items: [ItemResult] = []
  /// Items that were not begun, because the worker died before.
  var untouched: [Unit.Item] = []
  var metrics: [MetricRow] = []
  var cells: [TableCell] = []
  var logDigest: Digest?
  /// When the worker last said that it was alive, in seconds since 1970.
  var heartbeat: Double?
}

/// Runs units: folder, process, outputs. Safe to use from many tasks at once.
struct UnitRunner: Sendable {
  let store: any ArtifactStore
  let digests: any FileDigests
  let executor: any Executor
  let machine: JobMachine
  let places: Places
  /// Where logs of this run go: `Artifacts/logs/<run>`.
  let logs: String
  let observer: any RunObserver

  /// - Throws: `EnvironmentError` where the store or the machine is at fault; a job that fails is
  ///   a result.
  func run(_ unit: Unit) async throws -> UnitResult {
    let path = try store.makeStagingFolder(for: "job")
    defer { store.removeStagingFolder(path) }
    let checkpoint = try store.checkpointFolder(for: unit.checkpointKey)
    var folder = JobFolder(path: path, unit: unit, places: places, machine: machine)
    let request: JobRequest
    do {
      request = try folder.prepare(checkpointFolder: checkpoint)
    } catch let changed as InputChanged {
      return wholeFailure(of: unit, inputChanged(changed.path, unit))
    }
    let collector = EventCollector(unit: unit, observer: observer)
    let outcome = try await executor.run(request) { collector.take($0) }
    var result = UnitResult(outcome: outcome)
    result.metrics = collector.metrics
    result.heartbeat = collector.heartbeat
    let log = try keepLog(of: unit, layout: folder.layout)
    result.logDigest = log.digest

    func failure(_ message: String) -> Failure {
      Failure(
        instance: unit.instance.address, item: nil, message: message, logTail: log.tail,
        logPath: log.path, exitCode: outcome.exitCode, signal: outcome.signal)
    }
    let changed = try changedInputs(of: unit, folder)
    if let path = changed.shared {
      var failed = wholeFailure(of: unit, inputChanged(path, unit))
      failed.outcome = outcome
      failed.logDigest = log.digest
      return failed
    }
    let taker = JobOutputs(layout: folder.layout, unit: unit, places: places)
    if let items = unit.items {
      try collectItems(
        items, unit, outcome, collector, taker, changed.items, failure, into: &result)
    } else if outcome.succeeded {
      do {
        let isCommand = if case .command = unit.instance.work { true } else { false }
        let files = unit.sources.first?.paths ?? []
        let outputs =
          isCommand
          ? try taker.takeCommandOutputs(files: files) : try taker.takeKindOutputs(item: nil)
        result.outputs = .success(outputs)
        result.cells = try TableCell.read(outputs, of: unit.instance, in: store)
      } catch let problem as Failure {
        result.outputs = .failure(failure(problem.message))
      }
    } else {
      result.outputs = .failure(failure(collector.failureMessage ?? ending(outcome, unit)))
    }
    let succeeded = if case .success = result.outputs { true } else { false }
    if succeeded || (unit.checkpointKey != unit.key && outcome.succeeded) {
      store.removeCheckpointFolder(for: unit.checkpointKey)
    }
    return result
  }

  private func collectItems(
    _ items: [Unit.Item], _ unit: Unit, _ outcome: JobOutcome, _ collector: EventCollector,
    _ taker: JobOutputs, _ changed: [Digest: String], _ failure: (String) -> Failure,
    into result: inout UnitResult
  ) throws {
    var started = outcome.started
    let isCommand = if case .command = unit.instance.work { true } else { false }
    let ends = collector.itemEnds
    var culpritFound = false
    for (number, item) in items.enumerated() {
      func end(_ value: Result<[Artifact], Failure>, at time: Double) {
        result.items.append(
          UnitResult.ItemResult(item: item, outcome: value, started: started, ended: time))
        started = time
      }
      func fail(_ message: String, at time: Double) {
        var failure = failure(message)
        failure.item = item.id
        end(.failure(failure), at: time)
      }
      do {
        if let path = item.inputs.values.compactMap({ changed[$0.digest] }).first {
          var problem = inputChanged(path, unit)
          problem.item = item.id
          end(.failure(problem), at: outcome.ended)
        } else if isCommand {
          // A command runs for one item at a time.
          if outcome.succeeded {
            let files = unit.sources.first?.paths ?? []
            end(.success(try taker.takeCommandOutputs(files: files)), at: outcome.ended)
          } else {
            fail(ending(outcome, unit), at: outcome.ended)
          }
        } else if let event = ends[item.id] {
          if let message = event.message {
            fail(message, at: event.time)
          } else {
            end(.success(try taker.takeKindOutputs(item: number)), at: event.time)
          }
        } else if !culpritFound {
          // The worker ended while it was at this item.
          culpritFound = true
          fail(collector.failureMessage ?? ending(outcome, unit), at: outcome.ended)
        } else {
          result.untouched.append(item)
        }
      } catch let problem as Failure {
        fail(problem.message, at: outcome.ended)
      }
    }
  }

  private func ending(_ outcome: JobOutcome, _ unit: Unit) -> String {
    if outcome.timedOut {
      let limit = machine.timeoutSeconds ?? unit.instance.timeoutSeconds ?? 0
      return "stopped after its time limit of \(limit) s; raise 'timeout:' or make it faster"
    }
    if let signal = outcome.signal {
      return "died of \(Signal.name(signal))"
    }
    let code = outcome.exitCode ?? -1
    return switch code {
    case 126: "exit code 126: the command cannot be executed"
    case 127: "exit code 127: a command was not found"
    default: "exit code \(code)"
    }
  }

  private func inputChanged(_ path: String, _ unit: Unit) -> Failure {
    var failure = Failure(
      instance: unit.instance.address, item: nil,
      message: "input changed while the job ran: '\(path)'; nothing was stored; run again")
    failure.inputChanged = true
    return failure
  }

  private func wholeFailure(of unit: Unit, _ failure: Failure) -> UnitResult {
    var result = UnitResult()
    guard let items = unit.items else {
      result.outputs = .failure(failure)
      return result
    }
    let now = Date().timeIntervalSince1970
    result.items = items.map { item in
      var own = failure
      own.item = item.id
      return UnitResult.ItemResult(item: item, outcome: .failure(own), started: now, ended: now)
    }
    return result
  }

  /// The user's files are digested again where their stamp moved; objects are checked likewise.
  ///
  /// - Returns: a changed file that all of the unit reads, and those that items read, by the
  ///   digest of the item's artifact.
  private func changedInputs(of unit: Unit, _ folder: JobFolder) throws -> (
    shared: String?, items: [Digest: String]
  ) {
    for listing in unit.sources where !listing.paths.isEmpty {
      let isMoved = try concurrentMap(count: listing.paths.count) { index in
        let stamp = listing.digests[index].stamp
        return stamp == nil || FileStamp(following: listing.absolute(index)) != stamp
      }
      let moved = listing.paths.indices.filter { isMoved[$0] }
      let now = try digests.digests(of: moved.map(listing.absolute))
      for (index, file) in zip(moved, now) where file?.digest != listing.digests[index].digest {
        return (listing.paths[index], [:])
      }
    }
    var items: [Digest: String] = [:]
    for file in folder.read where FileStamp(following: file.path) != file.stamp {
      let now = try digests.digests(of: [file.path])
      guard now[0]?.digest != file.digest else { continue }
      if places.references[file.digest] == nil { store.quarantine(file.digest) }
      guard let artifact = file.itemArtifact else { return (file.path, [:]) }
      items[artifact] = file.path
    }
    return (nil, items)
  }

  /// Moves the log to where it stays and reads its end.
  private func keepLog(of unit: Unit, layout: JobLayout) throws -> (
    path: String?, digest: Digest?, tail: [String]
  ) {
    var status = stat()
    guard stat(layout.log, &status) == 0, status.st_size > 0 else { return (nil, nil, []) }
    var name = PercentCode.fileName(unit.instance.address)
    if let items = unit.items {
      name += "/" + PercentCode.fileName(items.count == 1 ? items[0].id : "from " + items[0].id)
    }
    let path = "\(logs)/\(name)\(unit.attempt > 1 ? ".\(unit.attempt)" : "").log"
    try FileManager.default.createDirectory(
      atPath: String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)),
      withIntermediateDirectories: true)
    if rename(layout.log, path) != 0 {
      try FileManager.default.copyItem(atPath: layout.log, toPath: path)
    }
    let digest = try digests.digests(of: [path])[0]?.digest
    return (path, digest, LogTail.lines(of: path, count: 10))
  }
}

/// Keeps what a job says while it runs, and passes it on.
private final class EventCollector: Sendable {
  private struct State {
    var metrics: [MetricRow] = []
    var ends: [String: JobEvent] = [:]
    var failure: String?
    var heartbeat: Double?
  }

  private let unit: Unit
  private let observer: any RunObserver
  private let state = Mutex(State())

  init(unit: Unit, observer: any RunObserver) {
    self.unit = unit
    self.observer = observer
  }

  var metrics: [MetricRow] { state.withLock { $0.metrics } }
  var heartbeat: Double? { state.withLock { $0.heartbeat } }
  var itemEnds: [String: JobEvent] { state.withLock { $0.ends } }
  var failureMessage: String? { state.withLock { $0.failure } }

  func take(_ event: JobEvent) {
    let instance = unit.instance.address
    switch event.event {
    case .heartbeat: state.withLock { $0.heartbeat = event.time }
    case .progress:
      observer.observe(
        .progress(
          instance: instance, item: event.item, done: event.done ?? 0, total: event.total,
          unit: event.unit ?? ""))
    case .metric:
      guard let name = event.name, let value = event.value else { return }
      let row = MetricRow(
        name: name, split: event.split ?? event.item, step: event.step, value: value,
        unit: event.unit, direction: event.direction)
      state.withLock { $0.metrics.append(row) }
      observer.observe(.metric(instance: instance, row))
    case .log:
      observer.observe(
        .message(instance: instance, item: event.item, event.message ?? ""))
    case .item:
      if let item = event.item { state.withLock { $0.ends[item] = event } }
    case .failed: state.withLock { $0.failure = event.message }
    }
  }
}
