public import Engine
internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import StageKit

extension ProvenanceDatabase: Provenance {
  public func begin(_ run: RunRow) throws -> Int {
    try write { database in
      try closeDeadRuns(on: run.host, database)
      let insert = try Prepared(
        database,
        """
        INSERT INTO run (started, status, verb, pipeline, pipeline_digest, argv, user, host, pid,
          os, cpu, memory, gpu, tool_version, tool_digest, git_commit, git_ref)
        VALUES (?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
      insert.bind(run.started).bind(run.verb).bind(run.pipeline).bind(run.pipelineDigest)
        .bind(Value.list(run.arguments.map(Value.string)).json).bind(run.user).bind(run.host)
        .bind(Int(getpid())).bind(run.os).bind(run.cpu).bind(run.memoryBytes).bind(run.gpu)
        .bind(run.toolVersion).bind(run.toolDigest).bind(run.gitCommit).bind(run.gitRef)
      try insert.run()
      return insert.lastInsertedID
    }
  }

  /// A run whose process was killed could not say that it ended.
  private func closeDeadRuns(on host: String, _ database: Database) throws {
    let open = try Prepared(
      database, "SELECT id, pid FROM run WHERE status = 'running' AND host = ?")
    open.bind(host)
    var dead: [Int] = []
    while try open.step() {
      if kill(pid_t(truncatingIfNeeded: open.integer(1)), 0) != 0 && errno == ESRCH {
        dead.append(open.integer(0))
      }
    }
    for id in dead {
      try Prepared(database, "UPDATE run SET status = 'interrupted' WHERE id = ?").bind(id).run()
    }
  }

  public func record(_ jobs: [JobReport], events: [EventRow] = [], run: Int) throws {
    if jobs.isEmpty && events.isEmpty { return }
    try write { database in
      try insert(events, run: run, database)
      let ids = try insertRows(of: jobs, run: run, database)
      for (job, id) in zip(jobs, ids) {
        if let action = job.action {
          try insert(action, job: id, at: job.row.ended, database)
          let made = action.result?.outputs.map(\.artifact) ?? []
          let items = job.items.compactMap(\.result).flatMap(\.outputs)
          try note(made + items, at: job.row.ended ?? job.row.queued ?? 0, database)
        }
        try insert(job.inputs, job: id, run: run, database)
        try insert(job.items, job: id, database)
        try insert(job.metrics, job: id, database)
        try insert(job.cells, job: id, of: job.action?.result?.resultDigest, database)
      }
    }
  }

  public func end(run: Int, status: RunStatus, at time: Double) throws {
    try write { database in
      try Prepared(database, "UPDATE run SET status = ?, ended = ? WHERE id = ?")
        .bind(status.rawValue).bind(time).bind(run).run()
    }
    emptyLongLog()
  }

  /// Moves a long write-ahead log into the database: whoever opens it next reads all of the log.
  ///
  /// Left to another run where somebody reads at this moment, or the disk is full.
  private func emptyLongLog() {
    let longBytes = 1 << 20
    var log = stat()
    guard stat("\(path)-wal", &log) == 0, log.st_size > longBytes else { return }
    try? queue.inDatabase { database in
      sqlite3_busy_timeout(database.sqliteConnection, 0)
      defer {
        sqlite3_busy_timeout(
          database.sqliteConnection, Int32(ProvenanceDatabase.busyTimeoutSeconds * 1000))
      }
      try database.checkpoint(.truncate)
    }
  }

  public func note(_ changes: SourceChanges, run: Int) throws {
    try write { database in
      try Prepared(database, "UPDATE run SET git_dirty = ?, dirty_patch_digest = ? WHERE id = ?")
        .bind(changes.isDirty ? 1 : 0).bind(changes.patch).bind(run).run()
    }
  }

  private func insert(_ events: [EventRow], run: Int, _ database: Database) throws {
    if events.isEmpty { return }
    let insert = try Prepared(database, "INSERT INTO event (run, ts, json) VALUES (?, ?, ?)")
    for event in events { try insert.bind(run).bind(event.time).bind(event.json).run() }
  }

  /// Knows each object that a job made, or made again.
  private func note(_ objects: [Artifact], at time: Double, _ database: Database) throws {
    let insert = try Prepared(
      database,
      """
      INSERT INTO object VALUES (?1, ?2, ?3, ?4, ?4, 'present')
      ON CONFLICT (digest) DO UPDATE SET last_used = excluded.last_used, state = excluded.state
      """)
    for object in objects {
      try insert.bind(object.digest).bind(object.form.rawValue).bind(object.size).bind(time).run()
    }
  }

  /// - Returns: the id of each job.
  private func insertRows(of jobs: [JobReport], run: Int, _ database: Database) throws -> [Int] {
    if jobs.isEmpty { return [] }
    let insert = try Prepared(
      database,
      """
      INSERT INTO job (run, instance, action_key, decision, reason, compared_job, attempt,
        executor, node, queued, started, ended, exit_code, signal, cpu_s, max_rss, log_digest,
        heartbeat, result_digest)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """)
    var ids: [Int] = []
    ids.reserveCapacity(jobs.count)
    for job in jobs {
      let row = job.row
      insert.bind(run).bind(row.instance).bind(row.actionKey).bind(row.decision.rawValue)
        .bind(row.reason).bind(row.comparedJob).bind(row.attempt).bind(row.executor)
        .bind(row.node).bind(row.queued).bind(row.started).bind(row.ended).bind(row.exitCode)
        .bind(row.signal).bind(row.cpuSeconds).bind(row.maxResidentBytes).bind(row.logDigest)
        .bind(row.heartbeat).bind(job.action?.result?.resultDigest)
      try insert.run()
      ids.append(insert.lastInsertedID)
    }
    // Ids follow each other inside a transaction: nobody else inserts meanwhile.
    try Prepared(
      database,
      """
      INSERT INTO newest_job (instance, job, job_with_result)
      SELECT instance, id, iif(decision IN ('hit', 'run', 'remote', 'cut-off'), id, NULL)
      FROM job WHERE id BETWEEN ? AND ? AND action_key IS NOT NULL ORDER BY id
      ON CONFLICT (instance) DO UPDATE SET job = excluded.job,
        job_with_result = coalesce(excluded.job_with_result, job_with_result)
      """
    ).bind(ids.first).bind(ids.last).run()
    return ids
  }

  private func insert(
    _ action: ActionReport, job: Int, at time: Double?, _ database: Database
  ) throws {
    let isNew = try Prepared(database, "INSERT OR IGNORE INTO action VALUES (?, ?, ?, ?)")
      .bind(action.key).bind(action.keyVersion).bind(action.kind).bind(action.version).changes()
    if isNew {
      let insert = try Prepared(
        database,
        """
        INSERT INTO action_field (action_key, seq, path, type, json, value_digest, file, line,
          column, length)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
      for (number, field) in action.fields.enumerated() {
        var encoder = CanonicalEncoder()
        encoder.encode(field.value)
        let position = field.position
        insert.bind(action.key).bind(number).bind(field.path).bind(field.value.sqlTypeName)
          .bind(field.value.json).bind(encoder.digest).bind(position?.path).bind(position?.line)
          .bind(position?.column).bind(position?.length)
        try insert.run()
      }
    }
    guard let result = action.result else { return }
    let digest = result.resultDigest
    let isNewResult = try Prepared(
      database, "INSERT OR IGNORE INTO result VALUES (?, ?, ?, coalesce(?, unixepoch()))"
    ).bind(action.key).bind(digest).bind(job).bind(time).changes()
    guard isNewResult else { return }
    let insert = try Prepared(database, "INSERT INTO result_output VALUES (?, ?, ?, ?, ?, ?, ?)")
    for (number, output) in result.outputs.enumerated() {
      insert.bind(action.key).bind(digest).bind(number).bind(output.port)
        .bind(output.artifact.form.rawValue).bind(output.artifact.digest)
        .bind(output.artifact.size)
      try insert.run()
    }
  }

  private func insert(_ inputs: [PortDigest], job: Int, run: Int, _ database: Database) throws {
    if inputs.isEmpty { return }
    let insert = try Prepared(
      database,
      """
      INSERT INTO job_input VALUES (?, ?, ?, ?, ?, (SELECT job.id FROM newest_job newest
        JOIN job ON job.id = newest.job WHERE newest.instance = ?5 AND job.run = ?6))
      """)
    for (number, input) in inputs.enumerated() {
      insert.bind(job).bind(number).bind(input.port).bind(input.digest).bind(input.producer)
        .bind(run)
      try insert.run()
    }
  }

  private func insert(_ items: [ItemReport], job: Int, _ database: Database) throws {
    if items.isEmpty { return }
    let insert = try Prepared(
      database, "INSERT OR REPLACE INTO job_item VALUES (?, ?, ?, ?, ?, ?, ?)")
    for item in items {
      insert.bind(job).bind(item.item).bind(item.key).bind(item.decision.rawValue)
        .bind(item.started).bind(item.ended).bind(item.error)
      try insert.run()
    }
    let insertResult = try Prepared(
      database, "INSERT OR REPLACE INTO item_result VALUES (?, ?, ?, ?, ?)")
    for case let result? in items.lazy.map(\.result) {
      insertResult.bind(result.action).bind(result.item).bind(result.key)
        .bind(OutputWords.text(of: result.outputs)).bind(job)
      try insertResult.run()
    }
  }

  private func insert(_ metrics: [MetricRow], job: Int, _ database: Database) throws {
    if metrics.isEmpty { return }
    let insert = try Prepared(
      database,
      """
      INSERT INTO metric (job, name, split, step, value, unit, direction)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """)
    for metric in metrics {
      insert.bind(job).bind(metric.name).bind(metric.split).bind(metric.step).bind(metric.value)
        .bind(metric.unit).bind(metric.direction)
      try insert.run()
    }
  }

  private func insert(
    _ cells: [TableCell], job: Int, of table: Digest?, _ database: Database
  ) throws {
    if cells.isEmpty { return }
    let insert = try Prepared(
      database,
      """
      INSERT INTO table_cell (job, table_digest, table_name, row, column, text, value, aggregate,
        n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """)
    // What is made for each step of a training is no cell's.
    let insertSource = try Prepared(
      database,
      """
      INSERT OR IGNORE INTO cell_source
      SELECT ?1, m.id FROM newest_job newest JOIN job_source s ON s.job = newest.job
        JOIN metric m ON m.job = s.source
      WHERE newest.instance = ?2 AND m.name = ?3 AND m.step IS NULL
      """)
    for cell in cells {
      insert.bind(job).bind(table).bind(cell.table).bind(cell.row).bind(cell.column)
        .bind(cell.text).bind(cell.value).bind(cell.aggregate).bind(cell.n)
      try insert.run()
      let id = insert.lastInsertedID
      for source in cell.sources {
        try insertSource.bind(id).bind(source).bind(cell.column).run()
      }
    }
  }
}

extension Value {
  /// As the `type` column of `action_field` and `param` says it.
  fileprivate var sqlTypeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .string: "string"
    case .list: "list"
    case .map: "map"
    }
  }
}

/// The outputs of an item as one text: `form digest size` each, separated by spaces.
enum OutputWords {
  static func text(of outputs: [Artifact]) -> String {
    var out: [UInt8] = []
    out.reserveCapacity(outputs.count * 90)
    for output in outputs {
      if !out.isEmpty { out.append(UInt8(ascii: " ")) }
      out += output.form.rawValue.utf8
      out.append(UInt8(ascii: " "))
      output.digest.appendHex(to: &out)
      out.append(UInt8(ascii: " "))
      out += String(output.size).utf8
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// `nil` where the text is damaged.
  static func artifacts(in text: UnsafeRawBufferPointer) -> [Artifact]? {
    var words = Words(text)
    var artifacts: [Artifact] = []
    while !words.rest.isEmpty {
      guard let artifact = words.nextArtifact() else { return nil }
      artifacts.append(artifact)
    }
    return artifacts
  }
}
