internal import StageKit

/// Passes on the items that have a role: the same artifacts under the same ids, no copy of them.
///
/// Items of any type; of a collection with several key columns the last one is the item.
struct SelectStage: Stage {
  static let kind = "select"
  static let version = 1
  static let summary = "Passes on the items that have a role"
  static let items = Input("items", .any, many: true, help: "a collection of any type, by item")
  static let roles = Input("roles", "roles", help: "TSV: item, group, role, fold")
  static let selected = Output(
    "items", .any, many: true, help: "the items that have the role, as they came")
  static let inputs = [items, roles]
  static let outputs = [selected]

  private let role: RolesFile.Role
  private let fold: Int?
  private let otherThanFold: Int?

  init(options: inout OptionReader) throws(Diagnostic) {
    role = try options.choice("role", help: "the role whose items are passed on")
    fold = try options.integerIfGiven("fold", in: 0..., help: "only this fold of the role")
    otherThanFold = try options.integerIfGiven(
      "fold_not", in: 0..., help: "only the folds of the role other than this one")
    if fold != nil, otherThanFold != nil {
      throw Diagnostic(
        .outOfRange, "options 'fold' and 'fold_not' exclude each other; drop one of them",
        at: SourcePosition(path: "with.fold_not", line: 0, column: 0))
    }
  }

  func run(in context: StageContext) async throws {
    let path = try context.path(SelectStage.roles)
    let roles = try RolesFile(path: path)
    try checkFold(of: roles, path)
    let byItem = Dictionary(uniqueKeysWithValues: roles.entries.map { ($0.item, $0) })
    let entries = try context.entries(SelectStage.items)
    try SelectStage.check(entries, against: byItem)
    var count = 0
    for entry in entries {
      guard let known = byItem[entry.id], isWanted(known) else { continue }
      context.add(entry, to: SelectStage.selected)
      count += 1
    }
    guard count > 0 else {
      let known = roles.entries.count(where: isWanted)
      throw StageFailure(
        "none of the \(entries.count) items is \(wanted), and \(known) of the "
          + "\(roles.entries.count) items in 'roles' are; give the role more groups, or the stage "
          + "other items")
    }
    context.log("\(count) of \(entries.count) items are \(wanted)")
  }

  private func isWanted(_ entry: RolesFile.Entry) -> Bool {
    entry.role == role && (fold == nil || entry.fold == fold)
      && (otherThanFold == nil || entry.fold != otherThanFold)
  }

  private var wanted: String {
    role.rawValue + (fold.map { ", fold \($0)" } ?? "")
      + (otherThanFold.map { ", not fold \($0)" } ?? "")
  }

  /// - Throws: where a fold is asked for that the role does not have
  private func checkFold(of roles: RolesFile, _ path: String) throws {
    guard let asked = fold ?? otherThanFold else { return }
    let folds = Set(roles.entries.filter { $0.role == role }.compactMap(\.fold)).sorted()
    guard !folds.contains(asked) else { return }
    let known = folds.map { "\($0)" }.joined(separator: ", ")
    throw StageFailure(
      "role '\(role.rawValue)' has no fold \(asked); it has "
        + (folds.isEmpty ? "none" : "the folds \(known)"))
  }

  private static func check(
    _ entries: [StageContext.Entry], against roles: [String: RolesFile.Entry]
  ) throws {
    let unknown = entries.filter { roles[$0.id] == nil }.map { "'\($0.id)'" }
    guard unknown.isEmpty else {
      throw StageFailure(
        "\(unknown.count) of \(entries.count) items have no row in 'roles': "
          + "\(unknown.prefix(5).joined(separator: ", "))\(unknown.count > 5 ? ", …" : ""); "
          + "split the labels of the same videos")
    }
    var seen: Set<String> = []
    if let twice = entries.first(where: { !seen.insert($0.id).inserted }) {
      let columns = twice.key.map(\.column).joined(separator: ", ")
      throw StageFailure(
        "item '\(twice.id)' occurs twice among items keyed by \(columns); give the stage the same "
          + "axes, or pick one by 'stage@axis=value.port'")
    }
  }
}
