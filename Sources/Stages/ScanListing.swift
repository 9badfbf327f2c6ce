internal import StageKit

/// Which scans a network may learn from, whose they are, and what they show.
struct ScanListing {
  /// How errors call them.
  let port: String
  let entries: [StageContext.Entry]
  /// By item; `nil` where nothing is learnt from labels.
  let labels: [String: LabelFile]?
  private let groups: [String: String]
  /// Whether a file says whose the scans are; else each is a group of its own.
  let knowsGroups: Bool

  /// - Parameters:
  ///   - readsLabels: a scan without labels is an error then; else labels only say whose scans are,
  ///     where there are no roles
  /// - Throws: `StageFailure` naming the scan
  init(
    _ port: Input, roles: RolesFile?, labels: Input, readsLabels: Bool, in context: StageContext
  ) throws {
    self.port = port.name
    entries = try context.entries(port)
    guard !entries.isEmpty else {
      throw StageFailure(
        "'\(port.name)' has no scans, and the method learns from them"
          + (context.has(port) ? "" : "; connect it"))
    }
    let known = roles.map { file in
      Dictionary(file.entries.map { ($0.item, $0.group) }) { first, _ in first }
    }
    var files: [String: LabelFile] = [:]
    if readsLabels || known == nil {
      let wanted = Set(entries.map(\.id))
      for entry in try context.entries(labels) where wanted.contains(entry.id) {
        files[entry.id] = try LabelFile(path: entry.path)
      }
    }
    if let known {
      for (item, file) in files.sorted(by: { $0.key < $1.key }) where known[item] != file.group {
        throw StageFailure(
          "scan '\(item)' is of group '\(known[item] ?? "")' by its role, and of '\(file.group)' by "
            + "'\(labels.name)'; split the same labels")
      }
    }
    groups = known ?? files.mapValues(\.group)
    knowsGroups = known != nil || !files.isEmpty
    self.labels = readsLabels ? files : nil
  }

  func group(of item: String) -> String { groups[item] ?? item }

  /// - Throws: `StageFailure` where a scan that is learnt from has no labels
  func label(of item: String) throws -> LabelFile? {
    guard let labels else { return nil }
    guard let file = labels[item] else {
      throw StageFailure(
        "scan '\(item)' of '\(port)' has no entry in 'labels'; connect the labels of these scans")
    }
    return file
  }

  /// Fails where a scan is kept for measuring: what is learnt from it would be measured on itself.
  ///
  /// - Throws: `StageFailure` naming scan, group and role
  static func refuseMeasured(
    _ ports: [Input], by roles: RolesFile, in context: StageContext
  ) throws {
    let known = Dictionary(roles.entries.map { ($0.item, $0) }) { first, _ in first }
    for port in ports {
      for scan in try context.entries(port).map(\.id) {
        guard let entry = known[scan] else {
          throw StageFailure(
            "'\(port.name)' has the scan '\(scan)', which has no role"
              + Suggestion.clause(for: scan, among: known.keys.sorted()))
        }
        guard entry.role != .test, entry.role != .downstream else {
          throw StageFailure(
            "'\(port.name)' has the scan '\(scan)' of group '\(entry.group)', whose role is "
              + "\(entry.side); nothing is learnt from scans of test and downstream: select those of "
              + "role pretrain or labelled")
        }
      }
    }
  }
}
