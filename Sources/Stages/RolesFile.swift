internal import StageKit

/// A file of type `roles`: what each item is used for.
///
/// TSV: `item`, `group`, `role` (`pretrain`, `labelled`, `downstream`, `test`; empty where the item is
/// left over), `fold` (from 0; empty where the role has none). All items of a group have the same role
/// and fold.
struct RolesFile: Hashable {
  enum Role: String, Hashable, CaseIterable {
    case pretrain
    /// For the supervised reference.
    case labelled
    /// With folds.
    case downstream
    /// For the metrics.
    case test
  }

  struct Entry: Hashable {
    var item: String
    var group: String
    var role: Role?
    var fold: Int?
  }

  /// Sorted by item.
  var entries: [Entry]

  init(_ entries: [Entry]) { self.entries = entries.sorted { $0.item < $1.item } }

  /// - Throws: `StageFailure` naming file, line and column; the group, where it has two roles or folds
  init(path: String) throws {
    let table = try TextTable(path: path)
    let places = try ["item", "group", "role", "fold"].map { try table.column($0) }
    var lines: [String: Int] = [:]
    var groups: [String: Int] = [:]
    entries = []
    for row in table.rows.indices {
      let entry = try RolesFile.entry(row, of: table, places)
      if let first = lines.updateValue(table.line(row), forKey: entry.item) {
        throw table.problem(row, places[0], "it stands in line \(first) already")
      }
      if let first = groups[entry.group].map({ entries[$0] }) {
        guard first.role == entry.role, first.fold == entry.fold else {
          throw StageFailure(
            "'\(table.name)' line \(table.line(row)): group '\(entry.group)' is on two sides: "
              + "'\(first.item)' is \(first.side) and '\(entry.item)' is \(entry.side)")
        }
      } else {
        groups[entry.group] = entries.count
      }
      entries.append(entry)
    }
    entries.sort { $0.item < $1.item }
  }

  private static func entry(_ row: Int, of table: TextTable, _ places: [Int]) throws -> Entry {
    let cells = places.map { table.rows[row][$0] }
    let role = Role(rawValue: cells[2])
    guard role != nil || cells[2].isEmpty else {
      let clause = Suggestion.clause(for: cells[2], among: Role.allCases.map(\.rawValue))
      throw table.problem(row, places[2], "this is no role\(clause)")
    }
    return Entry(
      item: cells[0], group: cells[1], role: role,
      fold: cells[3].isEmpty ? nil : try table.integer(row, places[3]))
  }

  func write(to path: String) throws {
    try IndexFile(
      columns: ["item", "group", "role", "fold"],
      rows: entries.map {
        [$0.item, $0.group, $0.role?.rawValue ?? "", $0.fold.map { "\($0)" } ?? ""]
      }
    ).write(to: path)
  }
}

extension RolesFile.Entry {
  /// As people call it: `downstream, fold 1`.
  var side: String {
    (role?.rawValue ?? "without a role") + (fold.map { ", fold \($0)" } ?? "")
  }
}
