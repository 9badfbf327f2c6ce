internal import StageKit

/// What a split came to: counts, classes, and how far each side is from the whole.
struct SplitSummary {
  private struct Side {
    var role: RolesFile.Role?
    /// `nil` for the role as a whole.
    var fold: Int?
    var groups: Set<String>
    var items: [LabelledScans.Scan]
    /// Class → share, each scan counting one.
    var classes: [String: Double]

    var name: String { RolesFile.Entry(item: "", group: "", role: role, fold: fold).side }
  }

  private let sides: [Side]
  private let scans: LabelledScans
  private let frames: [String: Int]

  init(_ roles: RolesFile, scans: LabelledScans, frames: [String: Int]) {
    let byItem = Dictionary(uniqueKeysWithValues: scans.items.map { ($0.item, $0) })
    var sides: [Side] = []
    let parts = RolesFile.Role.allCases.map(Optional.some) + [nil]
    for role in parts {
      let own = roles.entries.filter { $0.role == role }
      let folds = Set(own.compactMap(\.fold)).sorted()
      for fold in own.isEmpty ? [] : [nil] + folds.map(Optional.some) {
        let part = own.filter { fold == nil || $0.fold == fold }
        let items = part.compactMap { byItem[$0.item] }
        sides.append(
          Side(
            role: role, fold: fold, groups: Set(part.map(\.group)), items: items,
            classes: SplitSummary.classes(of: items)))
      }
    }
    self.sides = sides
    self.scans = scans
    self.frames = frames
  }

  /// Classes that a role or fold lacks, and items that are of no use.
  var warnings: [String] {
    let all = SplitSummary.classes(of: scans.items).keys.sorted()
    let groups = scans.groups.values.reduce(into: [String: Int]()) { counts, group in
      for name in group.classes { counts[name, default: 0] += 1 }
    }
    var lines: [String] = []
    for side in sides where side.role != nil {
      let missing = all.filter { side.classes[$0] == nil }
      if !missing.isEmpty {
        let names = missing.map { "'\($0)' (in \(groups[$0] ?? 0) groups)" }
        lines.append("warning: \(side.name) lacks \(names.joined(separator: ", "))")
      }
    }
    for side in sides where side.role == nil {
      let names = side.groups.sorted()
      lines.append(
        "warning: \(names.count) groups have no role: "
          + names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
          + "\(names.count > 5 ? ", …" : ""); raise the numbers of 'patients' or 'shares'")
    }
    if !frames.isEmpty, frames.count < scans.items.count {
      lines.append(
        "warning: \(scans.items.count - frames.count) items have no frames, so that nothing was "
          + "looked for in them")
    }
    return lines
  }

  var value: Value {
    let whole = SplitSummary.classes(of: scans.items)
    let names = whole.keys.sorted()
    let described = sides.map { side -> Value in
      let own = side.classes
      let distance = names.reduce(0) { $0 + abs((own[$1] ?? 0) - (whole[$1] ?? 0)) } / 2
      let counts = side.items.map { frames[$0.item] }
      let labelled = side.items.map(\.labelledFrames)
      return [
        "role": side.role.map { .string($0.rawValue) } ?? .null,
        "fold": side.fold.map { .integer($0) } ?? .null,
        "groups": .integer(side.groups.count), "items": .integer(side.items.count),
        "frames": SplitSummary.sum(counts), "labelled_frames": SplitSummary.sum(labelled),
        "classes": SplitSummary.map(own),
        "missing_classes": .list(names.filter { own[$0] == nil }.map { .string($0) }),
        "distance": .number(distance),
      ]
    }
    return [
      "groups": .integer(scans.groups.count), "items": .integer(scans.items.count),
      "classes": SplitSummary.map(whole), "roles": .list(described),
    ]
  }

  private static func classes(of items: [LabelledScans.Scan]) -> [String: Double] {
    var sums: [String: Double] = [:]
    for scan in items {
      for (name, share) in scan.classes { sums[name, default: 0] += share }
    }
    return sums.mapValues { $0 / Double(items.count) }
  }

  private static func map(_ shares: [String: Double]) -> Value {
    .map(shares.sorted { $0.key < $1.key }.map { Value.Pair($0.key, .number($0.value)) })
  }

  /// Null where one of them is not known.
  private static func sum(_ counts: [Int?]) -> Value {
    let known = counts.compactMap { $0 }
    return known.count == counts.count ? .integer(known.reduce(0, +)) : .null
  }
}
