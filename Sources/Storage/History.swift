public import Engine
internal import GRDB
public import StageKit

/// A run as `log` lists it.
public struct RecordedRun: Hashable, Sendable {
  public var id: Int
  public var started: Double
  public var ended: Double?
  public var status: RunStatus
  public var verb: String
  public var pipeline: String
  /// `Plan.digest` of what it ran.
  public var pipelineDigest: Digest
  public var arguments: [String]
  public var user: String
  public var host: String
  public var toolVersion: String
  public var gitCommit: String?
  public var gitRef: String?
  public var tags: [String]
  /// How many jobs had each decision.
  public var decisions: [Decision: Int]

  public var durationSeconds: Double? { ended.map { $0 - started } }
}

/// All that is recorded of one job.
public struct JobDetail: Sendable {
  public var row: JobRow
  /// What its action's key is made of; empty where the action is not known here.
  public var fields: [ActionField]
  public var inputs: [PortDigest]
  public var outputs: [ActionRecord.Output]
  /// The items that ran or failed in this job, sorted by item; without their results.
  public var items: [ItemReport]
  /// For a hit those of the job that made its result.
  public var metrics: [MetricRow]
}

/// An action that gave different results, which it should not.
public struct NondeterministicAction: Hashable, Sendable {
  public struct Result: Hashable, Sendable {
    public var digest: Digest
    /// The job that gave it first.
    public var job: Int
    public var run: Int
    public var instance: String
  }

  public var action: Digest
  public var kind: String
  /// In the order in which they were seen.
  public var results: [Result]
}

// What `log`, `show`, `diff`, `why` and `status` ask.
extension ProvenanceDatabase {
  /// The newest runs first.
  public func runs(limit: Int? = nil) throws -> [RecordedRun] {
    try read { try summaries("ORDER BY id DESC LIMIT ?", limit ?? -1, $0) }
  }

  public func run(_ id: Int) throws -> RecordedRun? {
    try read { try summaries("WHERE id = ?", id, $0).first }
  }

  /// The run that a person names: `7`, `run 7`, `latest`, or a tag.
  public func findRun(_ text: String) throws -> RecordedRun? {
    let name = text.hasPrefix("run ") ? String(text.dropFirst("run ".count)) : text
    if let id = Int(name) { return try run(id) }
    let id = try readOnce { database in
      let query = try Prepared(
        database,
        name == "latest"
          ? "SELECT max(id) FROM run WHERE verb IN ('run', 'reproduce') AND ?1 IS NOT NULL"
          : "SELECT run FROM tag WHERE name = ?1")
      query.bind(name)
      return try query.step() ? query.integerIfAny(0) : nil
    }
    return try id.flatMap { try run($0) }
  }

  /// The newest successful run of files of this commit.
  public func findRun(atCommit commit: String) throws -> RecordedRun? {
    let id = try readOnce { database in
      let query = try Prepared(
        database, "SELECT max(id) FROM run WHERE git_commit = ? AND status = 'succeeded'")
      query.bind(commit)
      return try query.step() ? query.integerIfAny(0) : nil
    }
    return try id.flatMap { try run($0) }
  }

  /// The jobs of a run, in the order in which they were recorded.
  public func jobs(ofRun run: Int) throws -> [JobRow] {
    try readOnce { database in
      let query = try Prepared(
        database, "SELECT \(JobRow.columns) FROM job WHERE run = ? ORDER BY id")
      query.bind(run)
      var rows: [JobRow] = []
      while try query.step() { rows.append(JobRow(query)) }
      return rows
    }
  }

  /// The newest job of an instance, of whatever decision; or the newest in which it executed.
  public func newestJob(of instance: String, executed: Bool) throws -> JobRow? {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT \(JobRow.columns) FROM job
        WHERE instance = ? \(executed ? "AND decision = 'run'" : "") ORDER BY id DESC LIMIT 1
        """)
      query.bind(instance)
      return try query.step() ? JobRow(query) : nil
    }
  }

  public func job(_ id: Int) throws -> JobRow? {
    try readOnce { database in
      let query = try Prepared(database, "SELECT \(JobRow.columns) FROM job WHERE id = ?")
      query.bind(id)
      return try query.step() ? JobRow(query) : nil
    }
  }

  /// The job that made what this one has: itself, or for a hit the one before it.
  public func source(of row: JobRow) throws -> JobRow {
    let id = try readOnce { database in
      let query = try Prepared(database, "SELECT source FROM job_source WHERE job = ?")
      query.bind(row.id)
      return try query.step() ? query.integerIfAny(0) : nil
    }
    return try id.flatMap { try job($0) } ?? row
  }

  /// The jobs of a run with all that is recorded of them, for `show` and `diff`.
  public func details(ofRun run: Int) throws -> [JobDetail] {
    let rows = try jobs(ofRun: run)
    return try read { database in try rows.map { try detail(of: $0, database) } }
  }

  public func detail(of row: JobRow) throws -> JobDetail {
    try read { try detail(of: row, $0) }
  }

  /// The actions with more than one result, sorted by key.
  public func nondeterministicActions() throws -> [NondeterministicAction] {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT r.action_key, action.stage_kind, r.result_digest, job.id, job.run, job.instance
        FROM result r JOIN action ON action.key = r.action_key JOIN job ON job.id = r.first_job
        WHERE r.action_key IN (SELECT action_key FROM result GROUP BY 1 HAVING count(*) > 1)
        ORDER BY r.action_key, job.id
        """)
      var found: [NondeterministicAction] = []
      while try query.step() {
        guard let action = query.digest(0), let digest = query.digest(2) else {
          throw damaged("result")
        }
        if found.last?.action != action {
          found.append(
            NondeterministicAction(action: action, kind: query.text(1), results: []))
        }
        found[found.count - 1].results.append(
          NondeterministicAction.Result(
            digest: digest, job: query.integer(3), run: query.integer(4),
            instance: query.text(5)))
      }
      return found
    }
  }

  // MARK: Parts

  func detail(of row: JobRow, _ database: Database) throws -> JobDetail {
    JobDetail(
      row: row, fields: try row.actionKey.map { try fields(of: $0, database) } ?? [],
      inputs: try inputs(of: row.id, database), outputs: try outputs(of: row.id, database),
      items: try items(of: row.id, database), metrics: try metrics(of: row.id, database))
  }

  private func summaries(
    _ clause: String, _ argument: Int, _ database: Database
  ) throws -> [RecordedRun] {
    let query = try Prepared(
      database,
      """
      SELECT id, started, ended, status, verb, pipeline, argv, user, host, tool_version,
        git_commit, git_ref, pipeline_digest FROM run \(clause)
      """)
    query.bind(argument)
    var runs: [RecordedRun] = []
    while try query.step() {
      var arguments: [String] = []
      if case .list(let values)? = query.withBytes(6, { Value(json: $0) }) {
        arguments = values.map(\.text)
      }
      guard let pipelineDigest = query.digest(12) else { throw damaged("run.pipeline_digest") }
      runs.append(
        RecordedRun(
          id: query.integer(0), started: query.number(1), ended: query.numberIfAny(2),
          status: RunStatus(rawValue: query.text(3)) ?? .interrupted, verb: query.text(4),
          pipeline: query.text(5), pipelineDigest: pipelineDigest, arguments: arguments,
          user: query.text(7),
          host: query.text(8), toolVersion: query.text(9), gitCommit: query.textIfAny(10),
          gitRef: query.textIfAny(11), tags: [], decisions: [:]))
    }
    let counts = try Prepared(
      database, "SELECT decision, count(*) FROM job WHERE run = ? GROUP BY decision")
    let tags = try Prepared(database, "SELECT name FROM tag WHERE run = ? ORDER BY name")
    for index in runs.indices {
      counts.bind(runs[index].id)
      while try counts.step() {
        if let decision = Decision(rawValue: counts.text(0)) {
          runs[index].decisions[decision] = counts.integer(1)
        }
      }
      tags.bind(runs[index].id)
      while try tags.step() { runs[index].tags.append(tags.text(0)) }
    }
    return runs
  }

  private func inputs(of job: Int, _ database: Database) throws -> [PortDigest] {
    let query = try Prepared(
      database, "SELECT name, digest, producer FROM job_input WHERE job = ? ORDER BY seq")
    query.bind(job)
    var inputs: [PortDigest] = []
    while try query.step() {
      guard let digest = query.digest(1) else { throw damaged("job_input.digest") }
      inputs.append(PortDigest(port: query.text(0), digest: digest, producer: query.text(2)))
    }
    return inputs
  }

  private func outputs(of job: Int, _ database: Database) throws -> [ActionRecord.Output] {
    let query = try Prepared(
      database, "SELECT name, form, digest, size FROM job_output WHERE job = ?")
    query.bind(job)
    var outputs: [ActionRecord.Output] = []
    while try query.step() {
      guard let artifact = Artifact(query, from: 1) else { throw damaged("result_output") }
      outputs.append(ActionRecord.Output(port: query.text(0), artifact: artifact))
    }
    return outputs
  }

  private func items(of job: Int, _ database: Database) throws -> [ItemReport] {
    let query = try Prepared(
      database,
      """
      SELECT item, item_key, decision, started, ended, error FROM job_item
      WHERE job = ? ORDER BY item
      """)
    query.bind(job)
    var items: [ItemReport] = []
    while try query.step() {
      guard let key = query.digest(1) else { throw damaged("job_item.item_key") }
      items.append(
        ItemReport(
          item: query.text(0), key: key, decision: Decision(rawValue: query.text(2)) ?? .failed,
          started: query.number(3), ended: query.number(4), error: query.textIfAny(5),
          result: nil))
    }
    return items
  }

  private func metrics(of job: Int, _ database: Database) throws -> [MetricRow] {
    let query = try Prepared(
      database,
      """
      SELECT m.name, m.split, m.step, m.value, m.unit, m.direction
      FROM job_source s JOIN metric m ON m.job = s.source WHERE s.job = ? ORDER BY m.id
      """)
    query.bind(job)
    var metrics: [MetricRow] = []
    while try query.step() {
      metrics.append(
        MetricRow(
          name: query.text(0), split: query.textIfAny(1), step: query.integerIfAny(2),
          value: query.numberIfAny(3) ?? .nan, unit: query.textIfAny(4),
          direction: query.textIfAny(5)))
    }
    return metrics
  }
}
