public import Engine
internal import Foundation
internal import GRDB
internal import StageKit

// What `tag` and `reproduce` record.
extension ProvenanceDatabase {
  /// Says which run a git tag stands for.
  public func record(tag: String, run: Int, commit: String) throws {
    try write { database in
      try Prepared(
        database, "INSERT OR REPLACE INTO tag (name, run, git_commit, created) VALUES (?, ?, ?, ?)"
      ).bind(tag).bind(run).bind(commit).bind(Date().timeIntervalSince1970).run()
    }
  }

  /// Keeps for each instance that was compared whether it gave what was expected.
  public func record(_ comparison: LockComparison, of made: LockSection, run: Int) throws {
    let differences = Dictionary(grouping: comparison.differences, by: \.instance)
    try write { database in
      let insert = try Prepared(
        database,
        """
        INSERT OR REPLACE INTO verification (action_key, run, expected, actual, verdict, detail)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
      // Instances of one action agree but for what was expected of them: a difference wins.
      for instance in made.instances.sorted(by: {
        (differences[$0.address] == nil ? 0 : 1) < (differences[$1.address] == nil ? 0 : 1)
      }) {
        let first = differences[instance.address]?.first
        try insert.bind(instance.key).bind(run).bind(first?.expected).bind(first?.actual)
          .bind(first == nil ? "identical" : "different").bind(first.map { $0.port ?? "key" }).run()
      }
    }
  }
}
