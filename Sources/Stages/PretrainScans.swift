internal import Learning
internal import SelfSupervision
internal import StageKit

/// The scans that a method learns from, and those of other groups that it is measured on.
struct PretrainScans {
  let training: ScanSet
  let held: ScanSet
  /// Sorted.
  let heldGroups: [String]
  /// Those held out too: they may have decided which weights are kept.
  var seen: VideoModel.Seen {
    let scans = training.scans + held.scans
    return VideoModel.Seen(scans: Set(scans.map(\.id)), groups: Set(scans.map(\.group)))
  }

  /// - Parameter share: of the groups that are held out, at least one
  /// - Throws: `StageFailure`, `SafetensorsError` or `LearningError` naming the scan, the group or the
  ///   class
  init(_ listing: ScanListing, holdingOut share: Double) throws {
    let found = try listing.entries.map { try FoundScan($0, in: listing) }
    let usable = found.filter { !$0.runs.isEmpty }
    guard !usable.isEmpty else {
      throw StageFailure(
        "none of the \(found.count) scans of '\(listing.port)' has a "
          + (listing.labels == nil ? "moving frame" : "moving frame with a label"))
    }
    var classes: [String: Set<String>] = [:]
    for scan in usable {
      classes[scan.group, default: []].formUnion(scan.runs.compactMap(\.label))
    }
    let names = Set(classes.values.joined()).sorted()
    guard listing.labels == nil || names.count >= 2 else {
      throw StageFailure(
        "the scans of '\(listing.port)' are all of class '\(names.first ?? "")'; expected at least "
          + "two classes")
    }
    let held = try PretrainScans.heldOut(of: classes, share: share, port: listing.port)
    let all = try ScanSet(try usable.map { try $0.scan(classes: names) }, classes: names)
    training = try all.of(Set(classes.keys).subtracting(held))
    self.held = try all.of(held)
    heldGroups = held.sorted()
  }

  /// Which groups are held out: always those that come first in an order that follows from their
  /// names alone, so that methods and seeds are measured on the same ones, and a new group moves few.
  ///
  /// A group stays where it is the last to show a class, since nobody could learn it then.
  /// - Parameter groups: with the classes that each shows
  static func heldOut(
    of groups: [String: Set<String>], share: Double, port: String
  ) throws -> Set<String> {
    guard groups.count >= 2 else {
      throw StageFailure(
        "the scans of '\(port)' are all of group '\(groups.keys.first ?? "")'; expected at least two "
          + "groups, of which one is held out")
    }
    let order = groups.keys.map { group in
      var random = CounterRandom(
        seed: 0, kind: PretrainStage.kind, item: group, purpose: "held-out groups")
      return (place: random.next(), group: group)
    }.sorted { ($0.place, $0.group) < ($1.place, $1.group) }.map(\.group)
    let wanted = min(max(1, Int((Double(groups.count) * share).rounded())), groups.count - 1)
    var left = groups
    var held: Set<String> = []
    for group in order where held.count < wanted {
      let others = left.filter { $0.key != group }
      guard (groups[group] ?? []).isSubset(of: Set(others.values.joined())) else { continue }
      left = others
      held.insert(group)
    }
    guard !held.isEmpty else {
      let only = groups.keys.sorted().map { group in
        let rest = Set(groups.filter { $0.key != group }.values.joined())
        return "'\(groups[group]?.subtracting(rest).min() ?? "")' of '\(group)'"
      }
      throw StageFailure(
        "no group of '\(port)' can be held out: each shows a class that no other one shows "
          + "(\(only.prefix(3).joined(separator: ", "))); add scans of these classes")
    }
    return held
  }
}
