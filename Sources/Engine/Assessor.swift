public import Pipelines
public import StageKit

/// Decides for one instance after another, in the order of the plan, whether its outputs exist.
///
/// Runs nothing. `Runner` uses it between jobs, `Preview` on its own.
public final class Assessor {
  /// An instance whose outputs are known.
  public struct Resolved: Sendable {
    public var record: ActionRecord
    public var decision: Decision
    /// Items that were left out here or upstream, by display id.
    public var skipped: Set<String>
  }

  public enum Assessment {
    case hit(ActionRecord)
    case miss(Miss)
  }

  /// An instance that has to execute: whole, or for some of its items.
  public struct Miss {
    public var key: ActionKey
    public var digest: Digest
    /// For each input port: one artifact, or a collection.
    public var inputs: [ResolvedInput]
    /// The items of an `each:` stage.
    public var items: ItemSet?
    public var cause: Cause
  }

  /// Why there is no result to use.
  public enum Cause: Hashable, Sendable {
    case noResult
    case forced
    /// The record is there, an object is not.
    case objectMissing(port: String)
    /// The result lacks items that failed, and the stage now wants all of them.
    case itemsLeftOut
  }

  public struct ResolvedInput: Sendable {
    public var binding: InputBinding
    public var digest: Digest
    public var content: Content

    public enum Content: Sendable {
      case one(Artifact)
      case many(Collection)
    }
  }

  public let plan: Plan
  public let files: SourceFiles
  public private(set) var resolved: [Resolved?]
  private let store: any ArtifactStore
  private let cache: any ActionCache
  private let provenance: any Provenance
  private let environment: [String: String]
  private var collections: [Digest: Collection] = [:]
  /// Instances of whose results an object was missed.
  private var distrusted: Set<String> = []

  public init(
    plan: Plan, store: any ArtifactStore, cache: any ActionCache, provenance: any Provenance,
    digests: any FileDigests, environment: [String: String]
  ) {
    self.plan = plan
    self.store = store
    self.cache = cache
    self.provenance = provenance
    self.environment = environment
    files = SourceFiles(project: plan.project, digests: digests)
    resolved = Array(repeating: nil, count: plan.instances.count)
  }

  public func resolve(_ index: Int, with record: ActionRecord, decision: Decision) {
    var skipped = Set(record.skipped)
    for binding in plan.instances[index].inputs {
      for source in binding.sources {
        if let upstream = resolved[source.producer]?.skipped { skipped.formUnion(upstream) }
      }
    }
    resolved[index] = Resolved(record: record, decision: decision, skipped: skipped)
  }

  /// Makes an instance unknown again, because objects of its result are gone.
  public func unresolve(_ index: Int) {
    resolved[index] = nil
    distrusted.insert(plan.instances[index].address)
  }

  /// Whether all that the instance reads is known.
  public func isReady(_ index: Int) -> Bool {
    plan.instances[index].inputs.allSatisfy { binding in
      binding.sources.allSatisfy { resolved[$0.producer] != nil }
    }
  }

  /// The key of a ready instance.
  public func key(of index: Int) throws -> (key: ActionKey, digest: Digest) {
    let instance = plan.instances[index]
    try files.prepare(instance)
    let inputs = try instance.inputs.map { ($0, try digest(of: $0)) }
    let key = ActionKey(of: instance, files: files, environment: environment)
      .adding(inputs: inputs)
    return (key, key.digest)
  }

  /// Decides about a ready instance.
  public func assess(_ index: Int, forced: Bool) throws -> Assessment {
    let instance = plan.instances[index]
    let (key, digest) = try key(of: index)
    var cause = forced ? Cause.forced : .noResult
    if !forced, let record = try cache.record(for: digest) {
      if !record.skipped.isEmpty && !instance.skipsFailedItems {
        cause = .itemsLeftOut
      } else if let port = missingPort(of: record) {
        cause = .objectMissing(port: port)
      } else {
        return .hit(record)
      }
    }
    if !forced, instance.frozen, let record = try latestRecord(of: instance) {
      return .hit(record)
    }
    let inputs = try instance.inputs.map { try resolve($0) }
    let items =
      instance.each.isEmpty
      ? nil : try itemSet(of: instance, key: key, inputs: inputs, forced: forced)
    return .miss(Miss(key: key, digest: digest, inputs: inputs, items: items, cause: cause))
  }

  /// Whether the bytes behind an artifact can be read: in the store, or where the user has them.
  public func isPresent(_ artifact: Artifact) -> Bool {
    store.contains(artifact.digest) || files.places[artifact.digest] != nil
  }

  /// The producers of a miss whose objects are gone, though their records are there.
  public func producersWithLostObjects(of miss: Miss) -> [Int] {
    var lost: Set<Int> = []
    for input in miss.inputs {
      switch input.content {
      case .one(let artifact):
        if !isComplete(artifact) { lost.formUnion(input.binding.sources.map(\.producer)) }
      case .many(let collection):
        let gone =
          if let needed = miss.items?.pendingInputs(of: input.binding.port) {
            needed.contains { !isComplete($0) }
          } else {
            (0..<collection.count).contains { !isComplete(collection.artifact(at: $0)) }
          }
        if gone { lost.formUnion(input.binding.sources.map(\.producer)) }
      }
    }
    return lost.sorted()
  }

  /// Present, with all files where it is a folder.
  private func isComplete(_ artifact: Artifact) -> Bool {
    guard isPresent(artifact) else { return false }
    guard artifact.form == .folder else { return true }
    guard let bytes = try? store.read(artifact.digest), let folder = FolderManifest(bytes: bytes)
    else { return false }
    return folder.files.allSatisfy { store.contains($0.digest) }
  }

  private func missingPort(of record: ActionRecord) -> String? {
    record.outputs.first { !isPresent($0.artifact) }?.port
  }

  /// Of the instance's newest job, where all of it is there.
  private func latestRecord(of instance: Instance) throws -> ActionRecord? {
    guard let key = try provenance.latestJob(of: instance.address)?.actionKey,
      let record = try cache.record(for: key), missingPort(of: record) == nil
    else { return nil }
    return record
  }

  // MARK: Inputs

  private func artifact(_ source: InputBinding.Source, of binding: InputBinding) throws -> Artifact
  {
    guard let artifact = resolved[source.producer]?.record[source.port] else {
      throw EnvironmentError(
        .integrity,
        "the result of '\(plan.instances[source.producer].address)' has no port '\(source.port)'")
    }
    return artifact
  }

  /// Whether the port carries exactly what one producer made, not gathered or joined.
  private func isPlain(_ binding: InputBinding) -> Bool {
    binding.sources.count == 1 && binding.sources[0].key.isEmpty
  }

  private func digest(of binding: InputBinding) throws -> Digest {
    if isPlain(binding) { return try artifact(binding.sources[0], of: binding).digest }
    var encoder = CanonicalEncoder()
    encoder.encode("fathom gather")
    encoder.encodeList(count: binding.columns.count)
    for column in binding.columns { encoder.encode(column) }
    encoder.encodeList(count: binding.sources.count)
    for source in binding.sources {
      let artifact = try artifact(source, of: binding)
      for part in source.key { encoder.encode(part) }
      encoder.encode(artifact.form.rawValue)
      encoder.encode(artifact.digest)
    }
    return encoder.digest
  }

  private func resolve(_ binding: InputBinding) throws -> ResolvedInput {
    let digest = try digest(of: binding)
    if isPlain(binding) {
      let artifact = try artifact(binding.sources[0], of: binding)
      guard artifact.form == .collection else {
        return ResolvedInput(binding: binding, digest: digest, content: .one(artifact))
      }
      return ResolvedInput(
        binding: binding, digest: digest, content: .many(try collection(artifact.digest)))
    }
    var builder = CollectionBuilder(columns: binding.columns)
    for source in binding.sources {
      let artifact = try artifact(source, of: binding)
      guard artifact.form == .collection else {
        builder.append(source.key, artifact)
        continue
      }
      for entry in try collection(artifact.digest).entries {
        builder.append(source.key + entry.key, entry.artifact)
      }
    }
    let collection = builder.finish()
    if let key = collection.duplicateKey {
      throw Diagnostic(
        .duplicateEntry,
        "input '\(binding.port)' gets '\(Collection.display(key, columns: binding.columns))' twice",
        at: binding.position)
    }
    return ResolvedInput(binding: binding, digest: digest, content: .many(collection))
  }

  private func collection(_ digest: Digest) throws -> Collection {
    if let known = collections[digest] { return known }
    guard let collection = Collection(bytes: try store.read(digest)) else {
      throw EnvironmentError(.integrity, "object \(digest) is no collection; run fathom fsck")
    }
    collections[digest] = collection
    return collection
  }

  // MARK: Items

  private func itemSet(
    of instance: Instance, key: ActionKey, inputs: [ResolvedInput], forced: Bool
  ) throws -> ItemSet {
    let base = ActionKey(
      fields: key.fields.filter { field in
        !instance.each.contains { field.path == "in.\($0)" }
      }
    ).digest
    var set = try ItemSet(
      instance: instance, base: base, key: key, inputs: inputs,
      skipped: upstreamSkipped(of: instance))
    guard !forced else { return set }
    let store = store
    let isPresent: @Sendable (Artifact) -> Bool = { store.contains($0.digest) }
    let known = { (body: (ItemResult) -> Void) in
      try self.provenance.itemResults(of: base, body)
    }
    try set.recall(known, isPresent: try isTrusted(instance) ? nil : isPresent)
    for index in set.pending {
      if let record = try cache.record(for: set.keys[index]), missingPort(of: record) == nil {
        set.setOutputs(record.outputs.map(\.artifact), at: index)
      }
    }
    return set
  }

  /// Whether the instance's last result is there, as a hit would want it: then so are the items
  /// that it was made of, and are not looked for one by one.
  private func isTrusted(_ instance: Instance) throws -> Bool {
    try !distrusted.contains(instance.address) && latestRecord(of: instance) != nil
  }

  private func upstreamSkipped(of instance: Instance) -> Set<String> {
    var skipped: Set<String> = []
    for binding in instance.inputs {
      for source in binding.sources {
        if let upstream = resolved[source.producer]?.skipped { skipped.formUnion(upstream) }
      }
    }
    return skipped
  }
}
