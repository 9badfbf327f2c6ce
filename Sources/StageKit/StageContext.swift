import Foundation
import Synchronization

/// What a running stage sees of its job: inputs to read, outputs to write, a voice.
public final class StageContext: Sendable {
  /// One entry of a collection.
  public struct Entry: Hashable, Sendable {
    /// Column → value, such as `["method": "pace", "item": "p01/scan.mp4"]`, in order of columns.
    public var key: [(column: String, value: String)]
    public var path: String
    /// Which entry of which input it is, counted from 0.
    fileprivate var place: (port: String, number: Int)

    /// The value of the last column: the item's id where the collection came from an `each:`.
    public var id: String { key.last?.value ?? "" }

    public static func == (a: Self, b: Self) -> Bool {
      a.path == b.path && a.key.elementsEqual(b.key, by: ==)
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(path) }
  }

  /// A file of the user behind a `files` option: known by digest, read where it lies.
  public struct Source: Hashable, Sendable {
    /// Path relative to the folder that the option names.
    public var id: String
    public var digest: Digest
    /// Bytes.
    public var size: Int
    public var path: String

    public init(id: String, digest: Digest, size: Int, path: String) {
      self.id = id
      self.digest = digest
      self.size = size
      self.path = path
    }
  }

  /// The item's id in an `each:` stage.
  public let item: String?
  /// The files behind the kind's `files` option, sorted by id.
  public let sources: [Source]
  /// How many processors the stage may keep busy.
  public let cpus: Int
  /// A folder that survives the job, for checkpoints.
  public let checkpointFolder: String
  private let inputs: [String: JobInput]
  private let layout: JobLayout
  private let itemNumber: Int?
  private let events: EventWriter
  private let collections = Mutex<[String: IndexFile]>([:])

  public init(
    job: JobDescription, item: Int?, sources: [Source], events: EventWriter
  ) {
    var inputs = job.inputs
    if let item, let own = job.items?[item] {
      for (port, path) in own.inputs { inputs[port] = .one(path: path) }
      self.item = own.id
    } else {
      self.item = nil
    }
    self.inputs = inputs
    self.sources = sources
    self.events = events
    cpus = job.cpus
    checkpointFolder = job.checkpointFolder
    layout = JobLayout(folder: job.folder)
    itemNumber = item
  }

  // MARK: Reading

  public func has(_ input: Input) -> Bool { inputs[input.name] != nil }

  /// The file or folder of an input of one artifact.
  ///
  /// - Throws: `StageFailure` where the port is not connected.
  public func path(_ input: Input) throws -> String {
    guard case .one(let path) = inputs[input.name] else {
      throw StageFailure("input '\(input.name)' is not connected to one artifact")
    }
    return path
  }

  /// The entries of an input of many artifacts, sorted by key; none where it is not connected.
  public func entries(_ input: Input) throws -> [Entry] {
    switch inputs[input.name] {
    case nil: return []
    case .one(let path): return [Entry(key: [], path: path, place: (input.name, 0))]
    case .many(let indexPath):
      let text = try String(contentsOfFile: indexPath, encoding: .utf8)
      guard let index = IndexFile(text: text), index.columns.last == "path" else {
        throw StageFailure("'\(indexPath)' is no index of a collection")
      }
      let folder = String(
        indexPath.prefix(upTo: indexPath.lastIndex(of: "/") ?? indexPath.endIndex))
      return index.rows.enumerated().map { number, row in
        let path = row[row.count - 1]
        return Entry(
          key: zip(index.columns.dropLast(), row.dropLast()).map { ($0, $1) },
          path: path.hasPrefix("/") ? path : folder + "/" + path, place: (input.name, number))
      }
    }
  }

  // MARK: Writing

  /// Where to write the one file of an output; for a folder, the folder, which exists.
  public func path(_ output: Output) throws -> String {
    precondition(!output.many, "'\(output.name)' is a collection")
    let path = layout.output(output.name, item: itemNumber)
    try makeFolder(output.form == .folder ? path : parent(path))
    return path
  }

  /// Where to write one entry of a collection; for a folder, the folder, which exists.
  public func path(_ output: Output, id: String) throws -> String {
    precondition(output.many, "'\(output.name)' is no collection")
    let name = collections.withLock { collections in
      collections[output.name, default: StageContext.emptyIndex].rows.append([id, "", "", ""])
      let last = collections[output.name]!.rows.count - 1
      let name = String(last)
      collections[output.name]!.rows[last][2] = name
      return name
    }
    let folder = layout.output(output.name)
    try makeFolder(output.form == .folder ? "\(folder)/\(name)" : folder)
    return "\(folder)/\(name)"
  }

  /// Makes a file of the user an entry of a collection, without a copy of it.
  public func add(_ source: Source, to output: Output, id: String? = nil) {
    refer(to: [id ?? source.id, source.digest.hex, "", ""], in: output)
  }

  /// Makes an entry of an input, a file or a folder, an entry of a collection, without a copy of it.
  public func add(_ entry: Entry, to output: Output, id: String? = nil) {
    refer(to: [id ?? entry.id, "", "", "\(entry.place.port)/\(entry.place.number)"], in: output)
  }

  private func refer(to row: [String], in output: Output) {
    precondition(output.many, "'\(output.name)' is no collection")
    collections.withLock { collections in
      collections[output.name, default: StageContext.emptyIndex].rows.append(row)
    }
  }

  /// Writes the index of every collection, the empty ones too. Called once, after `run`.
  public func finish(outputs: [Output]) throws {
    for output in outputs where output.many {
      let index = collections.withLock { $0[output.name] } ?? StageContext.emptyIndex
      let path = layout.collectionIndex(output.name)
      try makeFolder(parent(path))
      let table = try IndexFileWriter(path: path, columns: index.columns)
      for row in index.rows { try table.append(row) }
      try table.close()
    }
  }

  // MARK: Stopping

  /// Whether the job was asked to end, by SIGTERM.
  ///
  /// Whoever asks for the first time takes it upon himself to end soon: until then the signal ends
  /// the process at once. A stage that stops so fails with a message; its checkpoints stay.
  public var shouldStop: Bool { StopRequest.wasMade }

  // MARK: Speaking

  /// Says how much is done; cheap enough to call for every frame.
  public func progress(_ done: Int, of total: Int?, unit: String) {
    events.progress(item: item, done: done, total: total, unit: unit)
  }

  /// Records a number under one of the names of metrics.
  public func metric(
    _ name: String, _ value: Double, split: String? = nil, step: Int? = nil, unit: String? = nil,
    direction: String? = nil
  ) {
    events.metric(
      item: item, name: name, value: value, split: split, step: step, unit: unit,
      direction: direction)
  }

  /// A line for the user to read.
  public func log(_ message: String) { events.log(item: item, message) }

  private static let emptyIndex = IndexFile(columns: JobLayout.collectionColumns)

  private func parent(_ path: String) -> String {
    String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
  }

  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
}
