internal import StageKit

/// The labels of a collection of scans: who they are of, and what they show.
struct LabelledScans {
  struct Scan {
    var item: String
    var group: String
    /// Class → share of the scan's labelled frames; 1 in all.
    var classes: [String: Double]
    /// `nil` where the label is the whole video's.
    var labelledFrames: Int?
  }

  struct Group {
    var items: [String] = []
    var classes: Set<String> = []
  }

  /// Sorted by item.
  let items: [Scan]
  let groups: [String: Group]

  /// - Throws: `StageFailure` naming the file, or the item that is in two groups
  init(_ input: Input, in context: StageContext) throws {
    var scans: [String: Scan] = [:]
    for entry in try context.entries(input) {
      let scan = LabelledScans.scan(entry.id, try LabelFile(path: entry.path))
      if let other = scans.updateValue(scan, forKey: scan.item) {
        let groups = Set([other.group, scan.group]).sorted().map { "'\($0)'" }
        throw StageFailure(
          "item '\(scan.item)' occurs twice in '\(input.name)'"
            + (groups.count > 1 ? ", in groups \(groups.joined(separator: " and "))" : "")
            + "; expected one entry an item")
      }
    }
    guard !scans.isEmpty else {
      throw StageFailure("there are no labels, so there is nothing to split; import some")
    }
    items = scans.values.sorted { $0.item < $1.item }
    groups = items.reduce(into: [:]) { groups, scan in
      groups[scan.group, default: Group()].items.append(scan.item)
      groups[scan.group]?.classes.formUnion(scan.classes.keys)
    }
  }

  private static func scan(_ item: String, _ labels: LabelFile) -> Scan {
    var frames: [String: Int] = [:]
    for segment in labels.segments {
      frames[segment.label, default: 0] += segment.frames?.count ?? 1
    }
    let total = frames.values.reduce(0, +)
    return Scan(
      item: item, group: labels.group,
      classes: frames.mapValues { Double($0) / Double(total) },
      labelledFrames: labels.segments.contains { $0.frames == nil } ? nil : total)
  }
}
