import Foundation
import Pipelines
public import StageKit
import Synchronization

/// Executes actions again that have their result, and compares what comes out with it.
///
/// What is made goes to a store of its own, checkpoints too, and is read by nobody: every action
/// gets the inputs that it had, so a difference shows where it arises and nowhere after. The
/// project's store and its records stay as they are.
public struct Verification: Sendable {
  public enum Verdict: String, Hashable, Sendable, CaseIterable {
    case identical
    /// Other bytes, and every number within the tolerance that the stage declares.
    case within = "within tolerance"
    case different
    /// It had a result, and now fails.
    case failed
  }

  public struct Finding: Hashable, Sendable {
    public var instance: String
    public var action: Digest
    /// `ActionRecord.resultDigest` of the result, and of what came out now.
    public var expected: Digest
    public var actual: Digest?
    public var verdict: Verdict
    /// Where it differs first, by how much at most, or why it failed.
    public var detail: String
    /// Seconds that executing it took.
    public var seconds: Double?
  }

  /// An instance whose action can be executed again.
  public struct Candidate: Sendable {
    /// Its index in the plan.
    public var index: Int
    public var record: ActionRecord
  }

  /// The setup whose run executes them; it forces what is verified.
  public let setup: RunSetup
  private let candidates: [Candidate]
  private let store: OverlayStore
  private let cache: ReplayCache

  /// - Parameters:
  ///   - setup: as for a run
  ///   - candidates: what is verified
  ///   - scratch: an empty store, for what is made
  public init(_ setup: RunSetup, of candidates: [Candidate], scratch: any ArtifactStore) {
    store = OverlayStore(base: setup.store, top: scratch)
    cache = ReplayCache(setup.cache)
    self.candidates = candidates
    var setup = setup
    setup.forced = Set(candidates.map(\.index))
    setup.selection = setup.plan.upstream(of: setup.forced)
    setup.store = store
    setup.cache = cache
    setup.provenance = RunRowOnly(setup.provenance)
    setup.showsLatest = false
    setup.keepsGoing = true
    self.setup = setup
  }

  /// What came of it, in the order of the plan; an action that an interruption left out is not in
  /// it.
  ///
  /// - Parameters:
  ///   - failures: what each instance that failed said
  ///   - processor: the type of processor that first made this result of the action, where known
  ///   - current: the type of processor of now
  /// - Throws: `EnvironmentError` where the store is at fault
  public func findings(
    failures: [String: String], madeOn processor: (ActionRecord) throws -> String?,
    current: String
  ) throws -> [Finding] {
    try candidates.sorted { $0.index < $1.index }.compactMap { candidate in
      let instance = setup.plan.instances[candidate.index]
      let known = candidate.record
      var finding = Finding(
        instance: instance.address, action: known.key, expected: known.resultDigest, actual: nil,
        verdict: .identical, detail: "")
      guard let made = cache.made(known.key) else {
        guard let failure = failures[instance.address] else { return nil }
        finding.verdict = .failed
        finding.detail = failure
        return finding
      }
      finding.actual = made.resultDigest
      finding.seconds = made.seconds
      if made.resultDigest == known.resultDigest { return finding }
      var tolerance = instance.tolerance?.share
      if instance.tolerance?.betweenProcessorsOnly != false {
        let before = try processor(known)
        if before == nil || before == current {
          tolerance = nil
        } else {
          finding.detail = "made on \(before ?? "")"
        }
      }
      let difference = try OutputComparison(store: store, tolerance: tolerance)
        .difference(of: known, and: made)
      switch difference {
      case .none: finding.verdict = .identical
      case .within(let share):
        finding.verdict = .within
        finding.detail = words("numbers differ by \(share) at most", finding.detail)
      case .different(let place):
        finding.verdict = .different
        finding.detail = words(place, finding.detail)
      }
      return finding
    }
  }

  private func words(_ first: String, _ second: String) -> String {
    second.isEmpty ? first : "\(first); \(second)"
  }
}

extension Assessor {
  /// Those of the selected instances that have a result of what they are now, and all that
  /// executing them again needs; of several with one action the first.
  public func candidates(for selection: Set<Int>) throws -> [Verification.Candidate] {
    var candidates: [Verification.Candidate] = []
    var seen: Set<Digest> = []
    let needed = plan.upstream(of: selection)
    for index in plan.instances.indices where needed.contains(index) {
      guard isReady(index), case .hit(let record) = try assess(index, forced: false) else {
        continue
      }
      resolve(index, with: record, decision: .hit)
      // A frozen instance shows what an action of other inputs made.
      guard selection.contains(index), try key(of: index).digest == record.key,
        case .miss(let miss) = try assess(index, forced: true),
        producersWithLostObjects(of: miss).isEmpty, seen.insert(record.key).inserted
      else { continue }
      candidates.append(.init(index: index, record: record))
    }
    return candidates
  }
}

/// Reads what the project's store has; writes go to another one, which keeps only what is new.
private struct OverlayStore: ArtifactStore {
  let base: any ArtifactStore
  let top: any ArtifactStore

  private func owner(of digest: Digest) -> any ArtifactStore {
    top.contains(digest) ? top : base
  }

  func path(of digest: Digest) -> String { owner(of: digest).path(of: digest) }
  func contains(_ digest: Digest) -> Bool { top.contains(digest) || base.contains(digest) }
  func read(_ digest: Digest) throws -> [UInt8] { try owner(of: digest).read(digest) }
  func quarantine(_ digest: Digest) { owner(of: digest).quarantine(digest) }

  func take(file path: String) throws -> Artifact {
    let artifact = try top.take(file: path)
    drop(artifact.digest)
    return artifact
  }

  func take(folder path: String) throws -> Artifact {
    let artifact = try top.take(folder: path)
    let manifest = FolderManifest(bytes: try top.read(artifact.digest))
    for file in manifest?.files ?? [] { drop(file.digest) }
    return artifact
  }

  /// What is identical needs no place twice.
  private func drop(_ digest: Digest) {
    if base.contains(digest) { try? FileManager.default.removeItem(atPath: top.path(of: digest)) }
  }

  func put(_ bytes: [UInt8]) throws -> Digest { try top.put(bytes) }

  func makeStagingFolder(for purpose: String) throws -> String {
    try top.makeStagingFolder(for: purpose)
  }
  func removeStagingFolder(_ path: String) { top.removeStagingFolder(path) }
  func checkpointFolder(for key: Digest) throws -> String { try top.checkpointFolder(for: key) }
  func removeCheckpointFolder(for key: Digest) { top.removeCheckpointFolder(for: key) }
  func tryLock(_ key: Digest) throws -> (any ActionLock)? { try top.tryLock(key) }
}

/// Answers with the records that are known, and keeps what is made beside them.
private final class ReplayCache: ActionCache {
  private let base: any ActionCache
  private let records = Mutex<[Digest: ActionRecord]>([:])

  init(_ base: any ActionCache) { self.base = base }

  func made(_ key: Digest) -> ActionRecord? { records.withLock { $0[key] } }

  func record(for key: Digest) throws -> ActionRecord? { try base.record(for: key) }

  func save(_ record: ActionRecord) throws -> ActionRecord {
    records.withLock { $0[record.key] = record }
    return try base.record(for: record.key) ?? record
  }

  func forget(_ key: Digest) throws {}
}

/// Records that a run took place, and none of its jobs: they are no news of their instances.
private struct RunRowOnly: Provenance {
  let base: any Provenance

  init(_ base: any Provenance) { self.base = base }

  func begin(_ run: RunRow) throws -> Int { try base.begin(run) }
  func record(_ jobs: [JobReport], events: [EventRow], run: Int) throws {
    try base.record([], events: events, run: run)
  }
  func note(_ changes: SourceChanges, run: Int) throws { try base.note(changes, run: run) }
  func end(run: Int, status: RunStatus, at time: Double) throws {
    try base.end(run: run, status: status, at: time)
  }
  func latestJob(of instance: String) throws -> JobRow? { try base.latestJob(of: instance) }
  func unknownActions(among keys: [Digest]) throws -> Set<Digest> { [] }
  func fields(of action: Digest) throws -> [ActionField] { try base.fields(of: action) }
  func itemResults(of action: Digest, _ body: (ItemResult) -> Void) throws {
    try base.itemResults(of: action, body)
  }
  func latestLinks(of pipeline: String) throws -> [LatestLink] { [] }
  func setLatestLinks(_ links: [LatestLink], pipeline: String) throws {}
  func forgetLatestLink(instance: String, port: String, pipeline: String) throws {}
}
