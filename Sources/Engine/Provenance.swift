public import StageKit

/// The record of what was run, when, why and with what result.
///
/// One process writes at a time in short transactions; failing to record fails the run.
public protocol Provenance: Sendable {
  /// Writes the run's row and returns its id.
  func begin(_ run: RunRow) throws -> Int
  /// Writes jobs, with what they are made of, and events in one transaction.
  func record(_ jobs: [JobReport], events: [EventRow], run: Int) throws
  /// Remembers that a run executed something from a working tree that differs from its commit.
  func note(_ changes: SourceChanges, run: Int) throws
  /// Closes the run; refreshes what the stable views read.
  func end(run: Int, status: RunStatus, at time: Double) throws
  /// The job of this instance that an explanation compares with: the newest one with an action.
  func latestJob(of instance: String) throws -> JobRow?
  /// Those of these actions that have no row yet.
  func unknownActions(among keys: [Digest]) throws -> Set<Digest>
  /// The components of an action's key, in the order of the key.
  func fields(of action: Digest) throws -> [ActionField]
  /// The results of all items known of an `each:` action without its items, sorted by item.
  func itemResults(of action: Digest, _ body: (ItemResult) -> Void) throws
  /// What each output of an instance linked to in `latest/`, last time.
  func latestLinks(of pipeline: String) throws -> [LatestLink]
  /// Remembers what these ports show now; other ports keep what they have.
  func setLatestLinks(_ links: [LatestLink], pipeline: String) throws
  func forgetLatestLink(instance: String, port: String, pipeline: String) throws
}

/// How the user's working tree differs from the commit that it is at.
public struct SourceChanges: Hashable, Sendable {
  public var isDirty: Bool
  /// The object that holds the patch of tracked files, where there is one.
  public var patch: Digest?

  public init(isDirty: Bool, patch: Digest?) {
    self.isDirty = isDirty
    self.patch = patch
  }
}

/// Something that happened in a run, as `RunEvent.value` says it.
public struct EventRow: Hashable, Sendable {
  /// Seconds since 1970.
  public var time: Double
  public var json: String

  public init(time: Double, json: String) {
    self.time = time
    self.json = json
  }
}

public enum RunStatus: String, Hashable, Sendable {
  case running, succeeded, failed, interrupted
}

/// Why an instance has the outputs that it has in a run.
public enum Decision: String, Hashable, Sendable, CaseIterable {
  /// Nothing upstream ran and the key has a result.
  case hit
  case run
  case remote
  /// A producer ran in this run and the key still had a result.
  case cutOff = "cut-off"
  case skipped, failed, cancelled, interrupted
}

/// One invocation.
public struct RunRow: Hashable, Sendable {
  public var started: Double
  public var arguments: [String]
  public var user: String
  public var host: String
  public var os: String
  public var cpu: String
  public var memoryBytes: Int
  public var gpu: String?
  public var toolVersion: String
  public var toolDigest: Digest?
  public var gitCommit: String?
  public var gitRef: String?
  public var pipeline: String
  public var pipelineDigest: Digest
  public var verb: String

  public init(
    started: Double, arguments: [String], user: String, host: String, os: String, cpu: String,
    memoryBytes: Int, gpu: String?, toolVersion: String, toolDigest: Digest?, gitCommit: String?,
    gitRef: String?, pipeline: String, pipelineDigest: Digest, verb: String
  ) {
    self.started = started
    self.arguments = arguments
    self.user = user
    self.host = host
    self.os = os
    self.cpu = cpu
    self.memoryBytes = memoryBytes
    self.gpu = gpu
    self.toolVersion = toolVersion
    self.toolDigest = toolDigest
    self.gitCommit = gitCommit
    self.gitRef = gitRef
    self.pipeline = pipeline
    self.pipelineDigest = pipelineDigest
    self.verb = verb
  }
}

/// One component of an action key: the key is computed from these, in this order.
public struct ActionField: Hashable, Sendable {
  /// `kind`, `version`, `run`, `with.clusters`, `files.analysis.py`, `env.LANG`, `out.summary`,
  /// `in.features`, `each`, `item`.
  public var path: String
  public var value: Value
  /// Where the user wrote it, if anywhere.
  public var position: SourcePosition?

  public init(path: String, value: Value, position: SourcePosition?) {
    self.path = path
    self.value = value
    self.position = position
  }
}

/// One instance in one run.
public struct JobRow: Hashable, Sendable {
  public var id: Int
  public var run: Int
  public var instance: String
  public var actionKey: Digest?
  public var decision: Decision
  public var reason: String
  /// The job whose action this one was compared with, where it ran for a change.
  public var comparedJob: Int?
  public var attempt: Int
  public var executor: String?
  public var node: String?
  public var queued: Double?
  public var started: Double?
  public var ended: Double?
  public var exitCode: Int?
  public var signal: Int?
  public var cpuSeconds: Double?
  public var maxResidentBytes: Int?
  public var logDigest: Digest?
  /// When its worker last said that it was alive, in seconds since 1970; a command says nothing.
  public var heartbeat: Double?

  public init(
    id: Int = 0, run: Int = 0, instance: String, actionKey: Digest?, decision: Decision,
    reason: String, comparedJob: Int? = nil, attempt: Int = 1, executor: String? = nil,
    node: String? = nil, queued: Double? = nil, started: Double? = nil, ended: Double? = nil,
    exitCode: Int? = nil, signal: Int? = nil, cpuSeconds: Double? = nil,
    maxResidentBytes: Int? = nil, logDigest: Digest? = nil, heartbeat: Double? = nil
  ) {
    self.id = id
    self.run = run
    self.instance = instance
    self.actionKey = actionKey
    self.decision = decision
    self.reason = reason
    self.comparedJob = comparedJob
    self.attempt = attempt
    self.executor = executor
    self.node = node
    self.queued = queued
    self.started = started
    self.ended = ended
    self.exitCode = exitCode
    self.signal = signal
    self.cpuSeconds = cpuSeconds
    self.maxResidentBytes = maxResidentBytes
    self.logDigest = logDigest
    self.heartbeat = heartbeat
  }
}

/// A job and all that is recorded with it. A hit needs its row alone.
public struct JobReport: Sendable {
  public var row: JobRow
  /// The action, where it was executed: what the key is made of.
  public var action: ActionReport?
  public var inputs: [PortDigest]
  public var items: [ItemReport]
  public var metrics: [MetricRow]
  public var cells: [TableCell]

  public init(
    row: JobRow, action: ActionReport? = nil, inputs: [PortDigest] = [],
    items: [ItemReport] = [], metrics: [MetricRow] = [], cells: [TableCell] = []
  ) {
    self.row = row
    self.action = action
    self.inputs = inputs
    self.items = items
    self.metrics = metrics
    self.cells = cells
  }
}

/// An executed action: `action`, `action_field`, and, where it gave one, `result`.
public struct ActionReport: Sendable {
  public var key: Digest
  public var keyVersion: Int
  public var kind: String
  public var version: Int
  public var fields: [ActionField]
  public var result: ActionRecord?

  public init(
    key: Digest, keyVersion: Int, kind: String, version: Int, fields: [ActionField],
    result: ActionRecord?
  ) {
    self.key = key
    self.keyVersion = keyVersion
    self.kind = kind
    self.version = version
    self.fields = fields
    self.result = result
  }
}

public struct PortDigest: Hashable, Sendable {
  public var port: String
  public var digest: Digest
  /// The instance that made it.
  public var producer: String

  public init(port: String, digest: Digest, producer: String) {
    self.port = port
    self.digest = digest
    self.producer = producer
  }
}

/// An item that ran or failed in a job.
public struct ItemReport: Sendable {
  public var item: String
  public var key: Digest
  public var decision: Decision
  public var started: Double
  public var ended: Double
  public var error: String?
  /// What it gave, for the items to come.
  public var result: ItemResult?

  public init(
    item: String, key: Digest, decision: Decision, started: Double, ended: Double, error: String?,
    result: ItemResult?
  ) {
    self.item = item
    self.key = key
    self.decision = decision
    self.started = started
    self.ended = ended
    self.error = error
    self.result = result
  }
}

/// The result of one item of an `each:` action.
public struct ItemResult: Hashable, Sendable {
  public var item: String
  public var key: Digest
  /// The `each:` action without its items.
  public var action: Digest
  /// In the order of the instance's ports.
  public var outputs: [Artifact]

  public init(item: String, key: Digest, action: Digest, outputs: [Artifact]) {
    self.item = item
    self.key = key
    self.action = action
    self.outputs = outputs
  }
}

public struct MetricRow: Hashable, Sendable {
  public var name: String
  public var split: String?
  public var step: Int?
  public var value: Double
  public var unit: String?
  /// `higher` or `lower`: which is better.
  public var direction: String?

  public init(
    name: String, split: String?, step: Int?, value: Double, unit: String?, direction: String?
  ) {
    self.name = name
    self.split = split
    self.step = step
    self.value = value
    self.unit = unit
    self.direction = direction
  }
}

/// One cell of a table that a stage made.
public struct TableCell: Hashable, Sendable {
  public var table: String
  public var row: String
  public var column: String
  /// As printed.
  public var text: String
  public var value: Double?
  /// How several values became one: `mean`, `value`.
  public var aggregate: String
  public var n: Int
  /// The keys of the entries that it was made of: axis or item → value.
  public var keys: [[String: String]]
  /// Addresses of the instances whose metric, of the column's name, it was made of.
  public var sources: [String]

  public init(
    table: String, row: String, column: String, text: String, value: Double?, aggregate: String,
    n: Int, keys: [[String: String]] = [], sources: [String] = []
  ) {
    self.table = table
    self.row = row
    self.column = column
    self.text = text
    self.value = value
    self.aggregate = aggregate
    self.n = n
    self.keys = keys
    self.sources = sources
  }
}

/// What `latest/<pipeline>/<instance>/<port>` shows.
public struct LatestLink: Hashable, Sendable {
  public var instance: String
  public var port: String
  public var artifact: Artifact

  public init(instance: String, port: String, artifact: Artifact) {
    self.instance = instance
    self.port = port
    self.artifact = artifact
  }
}
