internal import GRDB

/// The tables of provenance. Times are seconds since 1970; digests are 32 bytes, which
/// `fathom sql` and the views show as hexadecimal digits.
enum ProvenanceSchema {
  /// `FATH` in ASCII: how `file` and we tell this database from others.
  static let applicationID = 0x4641_5448
  /// Kept as `user_version`, so that opening needs one look; raised with each migration.
  static let version = 2

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 provenance") { database in
      try database.execute(sql: tables)
      try database.execute(sql: laterTables)
      try database.execute(sql: views)
      try database.execute(sql: "PRAGMA application_id = \(applicationID)")
      try database.execute(sql: "PRAGMA user_version = 1")
    }
    migrator.registerMigration("2 heartbeats") { database in
      try database.execute(sql: "ALTER TABLE job ADD COLUMN heartbeat REAL")
      try database.execute(sql: "PRAGMA user_version = 2")
    }
    return migrator
  }

  private static let tables = """
    CREATE TABLE run (
      id INTEGER PRIMARY KEY,
      started REAL NOT NULL, ended REAL, status TEXT NOT NULL,
      verb TEXT NOT NULL, pipeline TEXT NOT NULL, pipeline_digest BLOB NOT NULL,
      argv TEXT NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
      os TEXT NOT NULL, cpu TEXT NOT NULL, memory INTEGER NOT NULL, gpu TEXT,
      tool_version TEXT NOT NULL, tool_digest BLOB,
      git_commit TEXT, git_ref TEXT, git_dirty INTEGER, dirty_patch_digest BLOB,
      parent_run INTEGER REFERENCES run(id)
    ) STRICT;
    CREATE INDEX run_open ON run(host) WHERE status = 'running';

    CREATE TABLE action (
      key BLOB PRIMARY KEY,
      key_version INTEGER NOT NULL, stage_kind TEXT NOT NULL, stage_version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE action_field (
      action_key BLOB NOT NULL REFERENCES action(key), seq INTEGER NOT NULL, path TEXT NOT NULL,
      type TEXT NOT NULL, json TEXT NOT NULL, value_digest BLOB NOT NULL,
      preview TEXT AS (substr(json, 1, 80)) VIRTUAL,
      file TEXT, line INTEGER, column INTEGER, length INTEGER,
      PRIMARY KEY (action_key, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE job (
      id INTEGER PRIMARY KEY,
      run INTEGER NOT NULL REFERENCES run(id), instance TEXT NOT NULL, action_key BLOB,
      decision TEXT NOT NULL, reason TEXT NOT NULL, compared_job INTEGER REFERENCES job(id),
      attempt INTEGER NOT NULL, executor TEXT, node TEXT,
      queued REAL, started REAL, ended REAL, exit_code INTEGER, signal INTEGER,
      cpu_s REAL, max_rss INTEGER, log_digest BLOB, checkpoint_from BLOB,
      -- What it gave, where the action was executed (or was first seen) in this job.
      result_digest BLOB
    ) STRICT;
    CREATE INDEX job_of_run ON job(run);
    CREATE INDEX job_with_result ON job(action_key) WHERE result_digest IS NOT NULL;
    -- For each instance, its newest job with an action, and its newest job with a result.
    CREATE TABLE newest_job (
      instance TEXT PRIMARY KEY,
      job INTEGER NOT NULL REFERENCES job(id), job_with_result INTEGER REFERENCES job(id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE result (
      action_key BLOB NOT NULL REFERENCES action(key), result_digest BLOB NOT NULL,
      first_job INTEGER NOT NULL REFERENCES job(id), created REAL NOT NULL,
      PRIMARY KEY (action_key, result_digest)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE result_output (
      action_key BLOB NOT NULL, result_digest BLOB NOT NULL, seq INTEGER NOT NULL,
      name TEXT NOT NULL, form TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
      PRIMARY KEY (action_key, result_digest, seq),
      FOREIGN KEY (action_key, result_digest) REFERENCES result(action_key, result_digest)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE job_input (
      job INTEGER NOT NULL REFERENCES job(id), seq INTEGER NOT NULL, name TEXT NOT NULL,
      digest BLOB NOT NULL, producer TEXT NOT NULL, producer_job INTEGER REFERENCES job(id),
      PRIMARY KEY (job, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE job_item (
      job INTEGER NOT NULL REFERENCES job(id), item TEXT NOT NULL, item_key BLOB NOT NULL,
      decision TEXT NOT NULL, started REAL NOT NULL, ended REAL NOT NULL, error TEXT,
      PRIMARY KEY (job, item)
    ) STRICT, WITHOUT ROWID;
    -- outputs: `form digest size` of each port in order, separated by spaces.
    CREATE TABLE item_result (
      action_key BLOB NOT NULL, item TEXT NOT NULL, item_key BLOB NOT NULL,
      outputs TEXT NOT NULL, job INTEGER NOT NULL REFERENCES job(id),
      PRIMARY KEY (action_key, item, item_key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE metric (
      id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES job(id),
      name TEXT NOT NULL, split TEXT, step INTEGER, value REAL, unit TEXT, direction TEXT
    ) STRICT;
    CREATE INDEX metric_of_job ON metric(job);
    CREATE TABLE table_cell (
      id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES job(id), table_digest BLOB,
      table_name TEXT NOT NULL, row TEXT NOT NULL, column TEXT NOT NULL, text TEXT NOT NULL,
      value REAL, aggregate TEXT NOT NULL, n INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX table_cell_of_job ON table_cell(job);
    -- The metrics, of the jobs that measured them, that a cell was made of.
    CREATE TABLE cell_source (
      cell INTEGER NOT NULL REFERENCES table_cell(id),
      metric INTEGER NOT NULL REFERENCES metric(id),
      PRIMARY KEY (cell, metric)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE object (
      digest BLOB PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, created REAL NOT NULL,
      last_used REAL NOT NULL, state TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE event (
      seq INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run(id), ts REAL NOT NULL,
      json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX event_of_run ON event(run);

    CREATE TABLE latest_link (
      pipeline TEXT NOT NULL, instance TEXT NOT NULL, port TEXT NOT NULL,
      form TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
      PRIMARY KEY (pipeline, instance, port)
    ) STRICT, WITHOUT ROWID;
    -- path: relative to the project where it lies inside it.
    CREATE TABLE file_stat (
      path TEXT PRIMARY KEY, dev INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
      mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    """

  /// Tables that nothing fills yet.
  private static let laterTables = """
    CREATE TABLE verification (
      action_key BLOB NOT NULL, run INTEGER NOT NULL REFERENCES run(id), expected BLOB,
      actual BLOB, verdict TEXT NOT NULL, detail TEXT,
      PRIMARY KEY (action_key, run)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tag (
      name TEXT PRIMARY KEY, run INTEGER REFERENCES run(id), git_commit TEXT,
      created REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    """

  private static let views = """
    -- The job that made the result which a job has: itself, or for a hit the one before it.
    CREATE VIEW job_source(job, run, instance, source) AS
      SELECT id, run, instance,
        CASE WHEN decision IN ('hit', 'cut-off') AND result_digest IS NULL THEN
          (SELECT max(made.id) FROM job made
            WHERE made.action_key = job.action_key AND made.result_digest IS NOT NULL
              AND made.id < job.id)
        ELSE id END
      FROM job;
    CREATE VIEW job_output(job, name, form, digest, size, producer_job) AS
      SELECT s.job, o.name, o.form, o.digest, o.size, s.source
      FROM job_source s JOIN job made ON made.id = s.source
        JOIN result_output o
          ON o.action_key = made.action_key AND o.result_digest = made.result_digest
      ORDER BY s.job, o.seq;
    CREATE VIEW param(job, path, type, json) AS
      SELECT job.id, f.path, f.type, f.json
      FROM job JOIN action_field f ON f.action_key = job.action_key
      WHERE f.path LIKE 'with.%' OR f.path = 'run';

    CREATE VIEW latest_jobs(instance, decision, reason, cpu_s, wall_s, max_rss) AS
      SELECT instance, decision, reason, cpu_s, ended - started, max_rss FROM job
      WHERE run = (SELECT max(id) FROM run WHERE verb IN ('run', 'reproduce'))
      ORDER BY id;
    CREATE VIEW latest_items(instance, item, decision) AS
      SELECT job.instance, i.item, i.decision FROM job JOIN job_item i ON i.job = job.id
      WHERE job.run = (SELECT max(id) FROM run WHERE verb IN ('run', 'reproduce'))
      ORDER BY job.id, i.item;
    -- A table bears the name of its instance, also where another instance made it once.
    CREATE VIEW cells(table_name, row, column, text, value, n) AS
      SELECT iif(c.table_name = made.instance, newest.instance, c.table_name),
        c.row, c.column, c.text, c.value, c.n
      FROM newest_job newest JOIN job_source s ON s.job = newest.job_with_result
        JOIN job made ON made.id = s.source JOIN table_cell c ON c.job = s.source
      ORDER BY newest.instance, c.id;
    CREATE VIEW runs(id, started, status, pipeline, git_commit, tag) AS
      SELECT id, strftime('%Y-%m-%dT%H:%M:%SZ', started, 'unixepoch'), status, pipeline,
        git_commit, (SELECT group_concat(name, ', ') FROM tag WHERE tag.run = run.id)
      FROM run ORDER BY id;
    CREATE VIEW metrics(run, instance, name, split, step, value) AS
      SELECT s.run, s.instance, m.name, m.split, m.step, m.value
      FROM job_source s JOIN metric m ON m.job = s.source ORDER BY s.job, m.id;
    """
}
