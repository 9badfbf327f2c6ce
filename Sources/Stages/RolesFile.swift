internal import StageKit

/// A file of type `roles`: what each item is used for.
///
/// TSV: `item`, `group`, `role` (`pretrain`, `labelled`, `downstream`, `test`), `fold` (from 0; empty
/// where the role has none). All items of a group have the same role and fold.
struct RolesFile: Hashable {
  struct Entry: Hashable {
    var item: String
    var group: String
    var role: String
    var fold: Int?
  }

  /// Sorted by item.
  var entries: [Entry]

  init(_ entries: [Entry]) { self.entries = entries.sorted { $0.item < $1.item } }

  /// - Throws: `StageFailure` naming file, line and column
  init(path: String) throws {
    let table = try TextTable(path: path)
    let places = try ["item", "group", "role", "fold"].map { try table.column($0) }
    entries = try table.rows.indices.map { row in
      let cells = table.rows[row]
      return Entry(
        item: cells[places[0]], group: cells[places[1]], role: cells[places[2]],
        fold: cells[places[3]].isEmpty ? nil : try table.integer(row, places[3]))
    }
  }

  func write(to path: String) throws {
    try IndexFile(
      columns: ["item", "group", "role", "fold"],
      rows: entries.map { [$0.item, $0.group, $0.role, $0.fold.map { "\($0)" } ?? ""] }
    ).write(to: path)
  }
}
