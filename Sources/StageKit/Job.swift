/// What a worker is told to do: `fathom-worker run job.json`.
///
/// All paths are absolute. The worker writes below `folder` alone: outputs as `JobLayout` says,
/// events to `events.jsonl`.
public struct JobDescription: Hashable, Sendable, Codable {
  public var schemaVersion = 1
  public var kind: String
  public var version: Int
  /// After defaults, in canonical form.
  public var options: [String: Value]
  /// By port: what all items share, or all inputs where the stage runs whole.
  public var inputs: [String: JobInput]
  /// The items to work on, in order; `nil` where the stage runs whole.
  public var items: [JobItem]?
  /// An index file (`JobLayout.sourceColumns`) of the files behind the kind's `files` option.
  public var sources: String?
  /// `staging/<job>/` of the store.
  public var folder: String
  /// Survives the job: the stage keeps its checkpoints there.
  public var checkpointFolder: String
  /// How many processors the job may keep busy, at least 1.
  public var cpus: Int

  public init(
    kind: String, version: Int, options: [String: Value], inputs: [String: JobInput],
    items: [JobItem]?, sources: String?, folder: String, checkpointFolder: String, cpus: Int
  ) {
    self.kind = kind
    self.version = version
    self.options = options
    self.inputs = inputs
    self.items = items
    self.sources = sources
    self.folder = folder
    self.checkpointFolder = checkpointFolder
    self.cpus = cpus
  }
}

/// Where a job finds the artifact or the collection of one input port.
public enum JobInput: Hashable, Sendable, Codable {
  /// A file or a folder.
  case one(path: String)
  /// An `IndexFile` whose last column, `path`, leads to a file or folder; the columns before it
  /// are the key.
  case many(index: String)
}

/// One item of an `each:` stage.
public struct JobItem: Hashable, Sendable, Codable {
  public var id: String
  /// By port: the path of this item's artifact.
  public var inputs: [String: String]

  public init(id: String, inputs: [String: String]) {
    self.id = id
    self.inputs = inputs
  }
}

/// Where a job's files lie below its folder; the one place that knows.
public struct JobLayout: Hashable, Sendable {
  public var folder: String

  public init(folder: String) { self.folder = folder }

  public var description: String { folder + "/job.json" }
  public var events: String { folder + "/events.jsonl" }
  public var log: String { folder + "/log" }
  /// Written by the launcher when the job has ended.
  public var exit: String { folder + "/exit.json" }
  /// The current folder of the job's process.
  public var work: String { folder + "/work" }
  public var temporary: String { folder + "/tmp" }
  public var inputs: String { folder + "/in" }

  /// The artifact that a worker writes for `port`; `item` counts from 0 in `JobDescription.items`.
  public func output(_ port: String, item: Int? = nil) -> String {
    "\(folder)/out/\(item.map { "\($0)/" } ?? "")\(port)"
  }

  /// Of the index of the files behind a `files` option.
  public static let sourceColumns = ["id", "digest", "size", "path"]
  /// Of the index of a collection that a worker writes.
  public static let collectionColumns = ["id", "digest", "path", "input"]

  /// The index of a collection that a worker writes for `port`: `collectionColumns`.
  ///
  /// Exactly one of `digest` (of a source), `path` (relative to the folder `output(port)`) and
  /// `input` (`port/number`: an entry of an input, counted from 0) is filled in a row.
  public func collectionIndex(_ port: String) -> String { "\(folder)/out/\(port).tsv" }
}

/// One line of a job's `events.jsonl`.
public struct JobEvent: Hashable, Sendable, Codable {
  public enum Kind: String, Hashable, Sendable, Codable {
    case heartbeat, progress, metric, log
    /// An item has ended: well where `message` is absent, else failed with it.
    case item
    /// The job as a whole failed with `message`.
    case failed
  }

  public var event: Kind
  /// Seconds since 1970.
  public var time: Double
  public var item: String?
  public var message: String?
  /// Progress: how much of `total` is done, in `unit` ("frames", "step").
  public var done: Double?
  public var total: Double?
  public var unit: String?
  /// A metric: `name`, optional `split` and `step`, `value`; `direction` is "higher" or "lower".
  public var name: String?
  public var split: String?
  public var step: Int?
  public var value: Double?
  public var direction: String?

  public init(_ event: Kind, time: Double, item: String? = nil, message: String? = nil) {
    self.event = event
    self.time = time
    self.item = item
    self.message = message
  }
}
