public import Engine
internal import Foundation
internal import GRDB
public import StageKit

// What `tag`, `reproduce` and `verify` record.
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
    // Instances of one action agree but for what was expected of them: a difference wins.
    let instances = made.instances.sorted {
      (differences[$0.address] == nil ? 0 : 1) < (differences[$1.address] == nil ? 0 : 1)
    }
    try record(
      instances.map { instance in
        let first = differences[instance.address]?.first
        return VerificationRow(
          action: instance.key, run: run, expected: first?.expected, actual: first?.actual,
          verdict: first == nil ? "identical" : "different", detail: first.map { $0.port ?? "key" })
      })
  }

  public func record(_ findings: [Verification.Finding], run: Int) throws {
    try record(
      findings.map {
        VerificationRow(
          action: $0.action, run: run, expected: $0.expected, actual: $0.actual,
          verdict: $0.verdict.rawValue, detail: $0.detail.isEmpty ? nil : $0.detail)
      })
  }

  private func record(_ rows: [VerificationRow]) throws {
    try write { database in
      let insert = try Prepared(
        database,
        """
        INSERT OR REPLACE INTO verification (action_key, run, expected, actual, verdict, detail)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
      for row in rows {
        try insert.bind(row.action).bind(row.run).bind(row.expected).bind(row.actual)
          .bind(row.verdict).bind(row.detail).run()
      }
    }
  }

  /// What a run of `verify` or `reproduce` found, by instance.
  public func verifications(ofRun run: Int) throws -> [VerificationRow] {
    try verifications("WHERE v.run = ? ORDER BY 7, 1") { $0.bind(run) }
  }

  /// What has been found of an action, the newest first.
  public func verifications(of action: Digest) throws -> [VerificationRow] {
    try verifications("WHERE v.action_key = ? ORDER BY v.run DESC") { $0.bind(action) }
  }

  private func verifications(
    _ clause: String, _ bind: (Prepared) -> Void
  ) throws -> [VerificationRow] {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT v.action_key, v.run, v.expected, v.actual, v.verdict, v.detail,
          (SELECT instance FROM job WHERE id = (SELECT first_job FROM result
            WHERE result.action_key = v.action_key LIMIT 1))
        FROM verification v \(clause)
        """)
      bind(query)
      var rows: [VerificationRow] = []
      while try query.step() {
        guard let action = query.digest(0) else { throw damaged("verification.action_key") }
        rows.append(
          VerificationRow(
            action: action, run: query.integer(1), expected: query.digest(2),
            actual: query.digest(3), verdict: query.text(4), detail: query.textIfAny(5),
            instance: query.textIfAny(6)))
      }
      return rows
    }
  }

  /// The run that verified each action last, for those that one did.
  public func lastVerifications() throws -> [Digest: Int] {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT action_key, max(run) FROM verification
        WHERE run IN (SELECT id FROM run WHERE verb = 'verify') GROUP BY 1
        """)
      var runs: [Digest: Int] = [:]
      while try query.step() {
        if let action = query.digest(0) { runs[action] = query.integer(1) }
      }
      return runs
    }
  }

  /// The type of processor on which an action first gave this result.
  public func processor(of record: ActionRecord) throws -> String? {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT run.cpu FROM result r JOIN job ON job.id = r.first_job JOIN run ON run.id = job.run
        WHERE r.action_key = ? AND r.result_digest = ?
        """)
      query.bind(record.key).bind(record.resultDigest)
      return try query.step() ? query.text(0) : nil
    }
  }
}

/// What was found of an action when it was made again.
public struct VerificationRow: Hashable, Sendable {
  public var action: Digest
  public var run: Int
  public var expected: Digest?
  public var actual: Digest?
  /// `identical`, `within tolerance`, `different`, `failed`.
  public var verdict: String
  public var detail: String?
  /// The instance that first gave the action's result, where that is recorded.
  public var instance: String?
}
