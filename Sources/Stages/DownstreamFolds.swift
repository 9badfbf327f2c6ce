internal import SelfSupervision
internal import StageKit

/// The labelled scans of the downstream role: those to learn from, and the fold that is measured.
struct DownstreamFolds {
  /// Some of the scans, with the frames that have a label.
  struct Part {
    let set: ScanSet
    fileprivate let found: [FoundScan]
    fileprivate let classes: [String]

    fileprivate init(_ found: [FoundScan], classes: [String]) throws {
      (self.found, self.classes) = (found, classes)
      set = try ScanSet(try found.map { try $0.scan(classes: classes) }, classes: classes)
    }

    /// Every `every`-th frame of each run of moving frames, from the middle of the first step on, as far as
    /// it has a label; in the scans' order.
    func points(every: Int) -> [LabelledPoint] {
      found.enumerated().flatMap { index, scan in
        scan.frames.segments.flatMap { run in
          stride(from: run.lowerBound + min(every, run.count) / 2, to: run.upperBound, by: every)
            .compactMap { frame -> LabelledPoint? in
              let source = scan.frames.sourceFrames[frame]
              guard let name = scan.labels?.label(ofFrame: source),
                let label = classes.firstIndex(of: name)
              else { return nil }
              return LabelledPoint(
                scan: index, frame: frame, run: run, source: source, label: label)
            }
        }
      }
    }
  }

  /// Of all folds, sorted.
  let classes: [String]
  let all: ScanSet
  let learnt: Part
  let tested: Part
  /// What a user should know.
  let remarks: [String]

  /// - Parameters:
  ///   - fold: that is measured
  ///   - share: of the groups to learn from, at least one
  /// - Throws: `StageFailure`, `SafetensorsError` or `LearningError` naming the scan, fold or class
  init(fold: Int, share: Double, in context: StageContext) throws {
    let roles = try RolesFile(path: context.path(DownstreamStage.roles))
    let foldOf = try DownstreamFolds.folds(of: DownstreamStage.frames, by: roles, in: context)
    let listing = try ScanListing(
      DownstreamStage.frames, roles: roles, labels: DownstreamStage.labels, readsLabels: true,
      in: context)
    let folds = Set(foldOf.values).sorted()
    guard folds.contains(fold) else {
      throw StageFailure(
        "the scans have no fold \(fold); there are \(folds.map { "\($0)" }.joined(separator: ", "))"
      )
    }
    guard folds.count > 1 else {
      throw StageFailure(
        "all scans are of fold \(fold), so there is none to learn from; split them into "
          + "two folds or more")
    }
    let found = try listing.entries.map { try FoundScan($0, in: listing) }
    classes = Set(found.flatMap { $0.runs.compactMap(\.label) }).sorted()
    guard classes.count >= 2 else {
      throw StageFailure(
        classes.first.map { "all scans are of class '\($0)'; expected at least two classes" }
          ?? "none of the \(found.count) scans has a moving frame with a label")
    }
    let groups = Set(found.filter { foldOf[$0.id] != fold }.map(\.group)).sorted()
    let known = DownstreamFolds.known(of: groups, share: share)
    let own = found.filter { foldOf[$0.id] != fold && known.contains($0.group) }
    let other = found.filter { foldOf[$0.id] == fold }
    all = try Part(found, classes: classes).set
    learnt = try Part(own, classes: classes)
    tested = try Part(other, classes: classes)
    let taught = Set(own.flatMap { $0.runs.compactMap(\.label) })
    let untaught = classes.filter { !taught.contains($0) }
    remarks =
      [
        "learns from \(own.count) scans of \(known.count) groups, measured on \(other.count) of fold "
          + "\(fold); \(classes.count) classes"
      ]
      + (untaught.isEmpty
        ? []
        : [
          "warning: nothing to learn from shows \(untaught.joined(separator: ", ")), so it cannot be "
            + "recognised"
        ])
  }

  /// - Throws: `StageFailure` naming a scan that has no fold
  private static func folds(
    of port: Input, by roles: RolesFile, in context: StageContext
  ) throws -> [String: Int] {
    let known = Dictionary(roles.entries.map { ($0.item, $0) }) { first, _ in first }
    var folds: [String: Int] = [:]
    for scan in try context.entries(port).map(\.id) {
      guard let entry = known[scan] else {
        throw StageFailure(
          "'\(port.name)' has the scan '\(scan)', which has no role"
            + Suggestion.clause(for: scan, among: known.keys.sorted()))
      }
      guard entry.role == .downstream, let fold = entry.fold else {
        throw StageFailure(
          "'\(port.name)' has the scan '\(scan)' of group '\(entry.group)', whose role is "
            + "\(entry.side); expected scans of role downstream with a fold: select those")
      }
      folds[scan] = fold
    }
    return folds
  }

  /// The groups whose labels are known: the first ones in an order that follows from their names alone, so
  /// that a smaller share is part of a larger one, and a new group moves few.
  private static func known(of groups: [String], share: Double) -> Set<String> {
    let order = groups.map { group in
      var random = CounterRandom(
        seed: 0, kind: DownstreamStage.kind, item: group, purpose: "known labels")
      return (place: random.next(), group: group)
    }.sorted { ($0.place, $0.group) < ($1.place, $1.group) }.map(\.group)
    return Set(order.prefix(max(1, Int((Double(groups.count) * share).rounded()))))
  }
}

/// A frame with a label, and the moving frames around it.
struct LabelledPoint: Hashable {
  /// Index in its set.
  var scan: Int
  /// Index in its file.
  var frame: Int
  var run: Range<Int>
  /// Which frame of the video it is.
  var source: Int
  /// Index in the classes.
  var label: Int
}
