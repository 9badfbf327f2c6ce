internal import Engine
internal import Foundation
internal import GRDB
internal import Glibc

/// The project's record of its runs, an SQLite file.
///
/// Several processes may write it: transactions are short, and each waits up to ten seconds for
/// the others. A write-ahead log lets readers read meanwhile, but for network file systems, where
/// only the rollback journal is safe.
public final class ProvenanceDatabase: Sendable {
  public enum Mode: Sendable {
    /// Makes the file where it is missing.
    case readWrite
    /// Works where nothing can be written, and beside a process that writes.
    case readOnly
  }

  public static let busyTimeoutSeconds = 10.0

  public let path: String
  public let mode: Mode
  /// The project's folder, with a slash at the end.
  let projectPrefix: String
  let queue: DatabaseQueue

  /// Opens the database.
  ///
  /// - Parameters:
  ///   - path: absolute.
  ///   - project: the project's folder, absolute.
  /// - Throws: `EnvironmentError` where the file is no database of ours, is damaged, or is of a
  ///   newer fathom; the file stays as it is.
  public init(path: String, project: String, mode: Mode = .readWrite) throws {
    self.path = path
    self.mode = mode
    projectPrefix = project.hasSuffix("/") ? project : project + "/"
    do {
      switch mode {
      case .readWrite:
        try makeFolders(parentFolder(of: path) ?? ".")
        queue = try ProvenanceDatabase.open(path, readOnly: false)
      case .readOnly:
        queue = try ProvenanceDatabase.openForReading(path)
      }
      try prepare()
    } catch let error as DatabaseError {
      throw environmentError(error, path)
    }
  }

  /// A write in a transaction of its own.
  func write<Result>(_ body: (Database) throws -> Result) throws -> Result {
    do {
      return try queue.write(body)
    } catch let error as DatabaseError {
      throw environmentError(error, path)
    }
  }

  /// Changes what is recorded as no verb does: for tests.
  package func execute(_ sql: String) throws {
    try write { try $0.execute(sql: sql) }
  }

  /// A read of one statement, without the cost of a transaction.
  func readOnce<Result>(_ body: (Database) throws -> Result) throws -> Result {
    do {
      return try queue.inDatabase(body)
    } catch let error as DatabaseError {
      throw environmentError(error, path)
    }
  }

  /// A read of several statements that see the same state.
  func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
    do {
      return try queue.read(body)
    } catch let error as DatabaseError {
      throw environmentError(error, path)
    }
  }
}

// MARK: - Opening

extension ProvenanceDatabase {
  private static func open(_ path: String, readOnly: Bool) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "fathom.provenance"
    configuration.readonly = readOnly
    configuration.busyMode = .timeout(busyTimeoutSeconds)
    configuration.prepareDatabase { database in
      guard !readOnly else { return }
      try database.execute(sql: "PRAGMA synchronous = NORMAL")
    }
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  private static func openForReading(_ path: String) throws -> DatabaseQueue {
    guard access(path, F_OK) == 0 else {
      throw EnvironmentError(
        .database, "no run is recorded yet: there is no '\(path)'; start with `fathom run`")
    }
    do {
      return try open(path, readOnly: true)
    } catch let error as DatabaseError {
      let cannotShare: [ResultCode] = [.SQLITE_CANTOPEN, .SQLITE_READONLY]
      guard cannotShare.contains(error.resultCode) else { throw error }
      // Readers of a write-ahead log share memory through a file beside it. Where that cannot be
      // made nobody writes either, so that the file can be read as it is, unless a log is left.
      var log = stat()
      guard stat("\(path)-wal", &log) != 0 || log.st_size == 0 else { throw error }
      let escaped = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
      return try open("file:\(escaped)?immutable=1", readOnly: true)
    }
  }

  /// Checks that the file is ours, and brings a new or an older one to our schema.
  private func prepare() throws {
    if try hasNewestSchema() {
      if mode == .readWrite && isOnNetwork(path) { try setJournal("DELETE") }
      return
    }
    guard mode == .readWrite else {
      throw EnvironmentError(
        .database,
        "'\(path)' holds no runs yet, or was made by an older fathom; "
          + "`fathom run` brings it up to date")
    }
    // One process at a time: SQLite locks single migrations, but not the look before them.
    let lock = try FileLock.lock(
      "\(path)-migration", timeoutSeconds: ProvenanceDatabase.busyTimeoutSeconds)
    defer { lock.unlock() }
    if try hasNewestSchema() { return }
    try setJournal(isOnNetwork(path) ? "DELETE" : "WAL")
    try ProvenanceSchema.migrator.migrate(queue)
  }

  private func setJournal(_ mode: String) throws {
    try queue.inDatabase { try $0.execute(sql: "PRAGMA journal_mode = \(mode)") }
  }

  private func hasNewestSchema() throws -> Bool {
    // One state, seen whole: another process may be making the database at this moment.
    let (id, version, tables) = try queue.read { database in
      (
        try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0,
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0,
        try Int.fetchOne(
          database,
          // The migrator makes its own table before the first migration, which may never have ended.
          sql: """
            SELECT count(*) FROM
              (SELECT 1 FROM sqlite_master WHERE tbl_name <> 'grdb_migrations' LIMIT 1)
            """) ?? 0
      )
    }
    guard id == ProvenanceSchema.applicationID || (id == 0 && tables == 0) else {
      throw EnvironmentError(
        .database,
        "'\(path)' is a database of something else, not of fathom; move it away, and run again")
    }
    guard version <= ProvenanceSchema.version else {
      throw EnvironmentError(
        .database,
        "'\(path)' was written by a newer fathom (schema \(version), this one knows "
          + "\(ProvenanceSchema.version)); use that one")
    }
    return id == ProvenanceSchema.applicationID && version == ProvenanceSchema.version
  }
}

/// What a person can do about an error of SQLite.
func environmentError(_ error: DatabaseError, _ path: String) -> EnvironmentError {
  let cause = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
  switch error.resultCode {
  case .SQLITE_FULL:
    return EnvironmentError(
      .diskFull,
      "no space left for '\(path)' (\(freeBytes(near: path)) bytes are free); free some",
      cause: cause)
  case .SQLITE_IOERR where freeBytes(near: path) < 1 << 16:
    return EnvironmentError(
      .diskFull,
      "no space left for '\(path)' (\(freeBytes(near: path)) bytes are free); free some",
      cause: cause)
  case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
    return EnvironmentError(
      .notWritable, "cannot write '\(path)'; make it and its folder writable", cause: cause)
  case .SQLITE_BUSY, .SQLITE_LOCKED:
    return EnvironmentError(
      .database,
      "another process has kept '\(path)' busy for "
        + "\(Int(ProvenanceDatabase.busyTimeoutSeconds)) s; try again when it is done",
      cause: cause)
  case .SQLITE_NOTADB, .SQLITE_CORRUPT:
    return EnvironmentError(
      .database,
      "'\(path)' is damaged, or no database; it was left as it is: move it away (results are in "
        + "the store, and stay), or restore a copy of it",
      cause: cause)
  default:
    return EnvironmentError(.database, "cannot use '\(path)'", cause: cause)
  }
}
