internal import StageKit

/// Gives each group of scans, such as a patient, one role, so that no group is on two sides.
///
/// Roles are `pretrain`, `labelled` (for the supervised reference), `downstream` (with folds) and
/// `test` (for the metrics). Who gets which depends on the groups' names, their classes, the sizes and
/// the seed, and not on the order of the items; see `GroupAssignment` for how classes are kept in
/// balance and what a new group moves.
///
/// Where the frames are given, equal pictures on two sides are an error, folds being sides too: then
/// one patient goes by two names. Pictures of one value throughout say nothing and do not count.
struct SplitStage: Stage {
  static let kind = "split"
  static let version = 1
  static let summary = "Gives each group a role: pretrain, labelled, downstream or test"
  static let labels = Input("labels", "labels", many: true, help: "label and group of each item")
  static let frames = Input(
    "frames", "frames", many: true, optional: true, help: "to look for equal pictures on two sides")
  static let roles = Output("roles", "roles", help: "TSV: item, group, role, fold")
  static let info = Output(
    "info", "info", help: "JSON: groups, items, frames and classes of each role and fold")
  static let inputs = [labels, frames]
  static let outputs = [roles, info]

  private let sizes: RoleSizes
  private let folds: Int
  private let seed: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    let groups = try options.tree(
      "patients", default: .null,
      help: "how many groups each role gets, such as {pretrain: 12, test: 6}; others are left over")
    let shares = try options.tree(
      "shares", default: .null,
      help: "or which share of the groups; {pretrain: 0.4, labelled: 0.2, downstream: 0.2, "
        + "test: 0.2} where neither is given")
    folds = try options.integer(
      "folds", in: 1..., default: 3, help: "into how many parts the downstream role is cut")
    seed = try options.integer("seed", in: 0..., default: 0, help: "other seeds, other splits")
    sizes = try RoleSizes(patients: groups, shares: shares)
  }

  func run(in context: StageContext) async throws {
    let scans = try LabelledScans(SplitStage.labels, in: context)
    let roles = try deal(scans)
    let pictures = try SplitPictures(SplitStage.frames, of: roles, in: context)
    try roles.write(to: try context.path(SplitStage.roles))
    let summary = SplitSummary(roles, scans: scans, frames: pictures.counts)
    for line in summary.warnings { context.log(line) }
    try writeText(summary.value.json + "\n", to: context.path(SplitStage.info))
  }

  /// Roles first and folds after, so that the number of folds moves nobody to another role.
  private func deal(_ scans: LabelledScans) throws -> RolesFile {
    let classes = scans.groups.mapValues(\.classes)
    let sides = try sizes.sides(groups: classes.count, folds: folds)
    let roles = GroupAssignment(classes, to: sides.map(\.seats), seed: seed).sideOfGroup
      .compactMapValues { sides[$0].role }
    let downstream = classes.filter { roles[$0.key] == .downstream }
    let seats = downstream.isEmpty ? [] : RoleSizes.folds(folds, groups: downstream.count)
    let fold = GroupAssignment(downstream, to: seats, seed: seed).sideOfGroup
    return RolesFile(
      scans.items.map { scan in
        RolesFile.Entry(
          item: scan.item, group: scan.group, role: roles[scan.group], fold: fold[scan.group])
      })
  }
}

/// How many groups each role is to get.
struct RoleSizes {
  struct Side {
    /// `nil` for the groups that get none.
    var role: RolesFile.Role?
    var groups: Int

    var seats: GroupAssignment.Side {
      .init(name: role?.rawValue ?? "", size: groups, isSpare: role == nil)
    }
  }

  private enum Amounts {
    case groups([(role: RolesFile.Role, count: Int)])
    case shares([(role: RolesFile.Role, share: Double)])
  }

  private let amounts: Amounts

  /// - Throws: `Diagnostic` naming the option and the role
  init(patients: Value, shares: Value) throws(Diagnostic) {
    switch (patients, shares) {
    case (.null, .null):
      amounts = .shares([(.pretrain, 0.4), (.labelled, 0.2), (.downstream, 0.2), (.test, 0.2)])
    case (_, .null):
      amounts = .groups(
        try RoleSizes.roles(patients, "patients", "a number of groups, at least 1") {
          if case .integer(let count) = $0, count >= 1 { count } else { nil }
        }.map { (role: $0, count: $1) })
    case (.null, _):
      let found = try RoleSizes.roles(shares, "shares", "a share above 0, at most 1") {
        switch $0 {
        case .number(let share) where share > 0 && share <= 1: share
        case .integer(1): 1.0
        default: nil
        }
      }
      let sum = found.reduce(0) { $0 + $1.amount }
      guard sum <= 1 + 1e-9 else {
        throw RoleSizes.refusal("shares", "add up to \(sum); expected at most 1")
      }
      amounts = .shares(found.map { (role: $0, share: $1) })
    default:
      throw RoleSizes.refusal(
        "shares", "cannot be given together with 'patients'; drop one of them")
    }
  }

  /// The sides in the order of the roles, at last those groups that get no role.
  ///
  /// - Throws: `StageFailure` where there are too few groups, also for the folds
  func sides(groups total: Int, folds: Int) throws -> [Side] {
    let counts = try counts(of: total)
    let sum = counts.reduce(0) { $0 + $1.count }
    guard sum <= total else {
      throw StageFailure(
        "'patients' asks for \(sum) groups (\(RoleSizes.list(counts))), and there are \(total); "
          + "ask for fewer, or bring more")
    }
    if let count = counts.first(where: { $0.role == .downstream })?.count, count < folds {
      throw StageFailure(
        "\(folds) folds of \(count) downstream groups: each fold needs one at least; "
          + "lower 'folds', or give downstream more groups")
    }
    let sides = counts.map { Side(role: $0.role, groups: $0.count) }
    return sum == total ? sides : sides + [Side(groups: total - sum)]
  }

  /// The folds of so many groups, in sizes that differ by one at most.
  static func folds(_ folds: Int, groups: Int) -> [GroupAssignment.Side] {
    (0..<folds).map { fold in
      .init(name: "fold \(fold)", size: groups / folds + (fold < groups % folds ? 1 : 0))
    }
  }

  private func counts(of total: Int) throws -> [(role: RolesFile.Role, count: Int)] {
    switch amounts {
    case .groups(let counts): return counts
    case .shares(let shares):
      // Largest remainders: what rounding down leaves goes to those that lost most by it.
      var counts = shares.map { (role: $0.role, count: Int($0.share * Double(total) + 1e-9)) }
      let wanted = Int((shares.reduce(0) { $0 + $1.share } * Double(total)).rounded())
      let losses = shares.indices.map {
        shares[$0].share * Double(total) - Double(counts[$0].count)
      }
      let order = shares.indices.sorted { (losses[$1], $0) < (losses[$0], $1) }
      for index in order.prefix(max(0, wanted - counts.reduce(0) { $0 + $1.count })) {
        counts[index].count += 1
      }
      if let empty = counts.first(where: { $0.count == 0 }) {
        throw StageFailure(
          "\(total) groups are too few for these shares: \(empty.role.rawValue) would get none "
            + "(\(RoleSizes.list(counts))); bring more groups, or change 'shares'")
      }
      return counts
    }
  }

  private static func list(_ counts: [(role: RolesFile.Role, count: Int)]) -> String {
    counts.map { "\($0.role.rawValue) \($0.count)" }.joined(separator: ", ")
  }

  /// The entries of an option in the order of the roles.
  private static func roles<Amount>(
    _ value: Value, _ option: String, _ expectation: String, read: (Value) -> Amount?
  ) throws(Diagnostic) -> [(role: RolesFile.Role, amount: Amount)] {
    guard case .map(let pairs) = value, !pairs.isEmpty else {
      throw refusal(option, "is \(value.display); expected a map from roles to \(expectation)")
    }
    var amounts: [RolesFile.Role: Amount] = [:]
    for pair in pairs {
      guard let role = RolesFile.Role(rawValue: pair.key) else {
        let clause = Suggestion.clause(
          for: pair.key, among: RolesFile.Role.allCases.map(\.rawValue))
        throw refusal(option, "names the unknown role '\(pair.key)'\(clause)")
      }
      guard let amount = read(pair.value) else {
        throw refusal(
          option, "gives \(pair.key) \(pair.value.display); expected \(expectation)")
      }
      amounts[role] = amount
    }
    return RolesFile.Role.allCases.compactMap { role in amounts[role].map { (role, $0) } }
  }

  private static func refusal(_ option: String, _ message: String) -> Diagnostic {
    Diagnostic(
      .outOfRange, "option '\(option)' \(message)",
      at: SourcePosition(path: "with.\(option)", line: 0, column: 0))
  }
}
