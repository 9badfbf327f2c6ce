public import Engine
internal import GRDB
public import StageKit

// What the engine asks of what was recorded.
extension ProvenanceDatabase {
  public func latestJob(of instance: String) throws -> JobRow? {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT \(JobRow.columns) FROM newest_job newest JOIN job ON job.id = newest.job
        WHERE newest.instance = ?
        """)
      query.bind(instance)
      return try query.step() ? JobRow(query) : nil
    }
  }

  /// Those of these actions that have no row yet.
  public func unknownActions(among keys: [Digest]) throws -> Set<Digest> {
    // In one transaction: outside of one SQLite takes and gives up its lock for each key.
    try read { database in
      let query = try Prepared(database, "SELECT 1 FROM action WHERE key = ?")
      return try Set(
        keys.filter { key in
          defer { query.reset() }
          return try !query.bind(key).step()
        })
    }
  }

  public func fields(of action: Digest) throws -> [ActionField] {
    try readOnce { try fields(of: action, $0) }
  }

  func fields(of action: Digest, _ database: Database) throws -> [ActionField] {
    let query = try Prepared(
      database,
      """
      SELECT path, json, file, line, column, length FROM action_field
      WHERE action_key = ? ORDER BY seq
      """)
    query.bind(action)
    var fields: [ActionField] = []
    while try query.step() {
      guard let value = query.withBytes(1, { Value(json: $0) }) else {
        throw damaged("action_field.json")
      }
      let position = query.textIfAny(2).map {
        SourcePosition(
          path: $0, line: query.integer(3), column: query.integer(4), length: query.integer(5))
      }
      fields.append(ActionField(path: query.text(0), value: value, position: position))
    }
    return fields
  }

  /// The results of all items known of an `each:` action without its items, sorted by item.
  ///
  /// An item that changed has several, one for each of its keys.
  /// - Parameter body: must not use the database.
  public func itemResults(of action: Digest, _ body: (ItemResult) -> Void) throws {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT item, item_key, outputs FROM item_result
        WHERE action_key = ? ORDER BY item, item_key
        """)
      query.bind(action)
      while try query.step() {
        guard let key = query.digest(1),
          let outputs = query.withBytes(2, OutputWords.artifacts)
        else { throw damaged("item_result.outputs") }
        body(ItemResult(item: query.text(0), key: key, action: action, outputs: outputs))
      }
    }
  }

  public func latestLinks(of pipeline: String) throws -> [LatestLink] {
    try readOnce { database in
      let query = try Prepared(
        database,
        """
        SELECT instance, port, form, digest, size FROM latest_link
        WHERE pipeline = ? ORDER BY instance, port
        """)
      query.bind(pipeline)
      var links: [LatestLink] = []
      while try query.step() {
        guard let artifact = Artifact(query, from: 2) else { throw damaged("latest_link") }
        links.append(
          LatestLink(instance: query.text(0), port: query.text(1), artifact: artifact))
      }
      return links
    }
  }

  /// Remembers what these ports show now; other ports keep what they have.
  public func setLatestLinks(_ links: [LatestLink], pipeline: String) throws {
    if links.isEmpty { return }
    try write { database in
      let insert = try Prepared(
        database, "INSERT OR REPLACE INTO latest_link VALUES (?, ?, ?, ?, ?, ?)")
      for link in links {
        insert.bind(pipeline).bind(link.instance).bind(link.port)
          .bind(link.artifact.form.rawValue).bind(link.artifact.digest).bind(link.artifact.size)
        try insert.run()
      }
    }
  }

  public func forgetLatestLink(instance: String, port: String, pipeline: String) throws {
    try write { database in
      try Prepared(
        database, "DELETE FROM latest_link WHERE pipeline = ? AND instance = ? AND port = ?"
      ).bind(pipeline).bind(instance).bind(port).run()
    }
  }

  func damaged(_ place: String) -> EnvironmentError {
    EnvironmentError(
      .database, "'\(path)' is damaged at \(place); restore a copy of it, or move it away")
  }
}

extension Artifact {
  /// From three columns: form, digest, size.
  init?(_ row: Prepared, from column: Int32) {
    guard let form = Form(rawValue: row.text(column)), let digest = row.digest(column + 1) else {
      return nil
    }
    self.init(form: form, digest: digest, size: row.integer(column + 2))
  }
}

extension JobRow {
  static let columns = """
    job.id, job.run, job.instance, job.action_key, job.decision, job.reason, job.compared_job,
    job.attempt, job.executor, job.node, job.queued, job.started, job.ended, job.exit_code,
    job.signal, job.cpu_s, job.max_rss, job.log_digest, job.heartbeat
    """

  /// From a row that starts with `columns`.
  init(_ row: Prepared) {
    self.init(
      id: row.integer(0), run: row.integer(1), instance: row.text(2), actionKey: row.digest(3),
      decision: Decision(rawValue: row.text(4)) ?? .failed, reason: row.text(5),
      comparedJob: row.integerIfAny(6), attempt: row.integer(7), executor: row.textIfAny(8),
      node: row.textIfAny(9), queued: row.numberIfAny(10), started: row.numberIfAny(11),
      ended: row.numberIfAny(12), exitCode: row.integerIfAny(13), signal: row.integerIfAny(14),
      cpuSeconds: row.numberIfAny(15), maxResidentBytes: row.integerIfAny(16),
      logDigest: row.digest(17), heartbeat: row.numberIfAny(18))
  }
}
