internal import GRDB
internal import GRDBSQLite
internal import StageKit

/// A prepared statement that is bound and stepped through SQLite's own calls.
///
/// GRDB's take several microseconds a row, and a run of nothing but hits writes a row an
/// instance. Use it inside one access to the database, and one at a time for the same SQL.
final class Prepared {
  private let statement: Statement
  private let handle: OpaquePointer
  private var parameter: Int32 = 0

  init(_ database: Database, _ sql: String) throws {
    statement = try database.cachedStatement(sql: sql)
    handle = statement.sqliteStatement
  }

  deinit { reset() }

  /// Forgets where it was and what was bound.
  func reset() {
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
    parameter = 0
  }

  // MARK: Binding, one parameter after the other

  @discardableResult
  func bind(_ integer: Int?) -> Self {
    parameter += 1
    if let integer { sqlite3_bind_int64(handle, parameter, Int64(integer)) }
    return self
  }

  /// NaN becomes NULL: SQLite has none.
  @discardableResult
  func bind(_ number: Double?) -> Self {
    parameter += 1
    if let number { sqlite3_bind_double(handle, parameter, number) }
    return self
  }

  @discardableResult
  func bind(_ text: String?) -> Self {
    parameter += 1
    guard let text else { return self }
    let count = Int32(text.utf8.count)
    text.withCString { _ = sqlite3_bind_text(handle, parameter, $0, count, copying) }
    return self
  }

  @discardableResult
  func bind(_ digest: Digest?) -> Self {
    parameter += 1
    guard let digest else { return self }
    digest.bytes.withUnsafeBytes { bytes in
      _ = sqlite3_bind_blob(handle, parameter, bytes.baseAddress, Int32(bytes.count), copying)
    }
    return self
  }

  /// `SQLITE_TRANSIENT`, a macro that Swift does not see: SQLite copies what is bound.
  private var copying: sqlite3_destructor_type {
    unsafeBitCast(-1, to: sqlite3_destructor_type.self)
  }

  // MARK: Stepping

  /// Executes a statement that gives no rows, and makes it ready for the next.
  func run() throws {
    while try step() {}
  }

  /// Steps to the next row; after the last it is ready to be bound again.
  func step() throws -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE:
      reset()
      return false
    case let code:
      let message = String(cString: sqlite3_errmsg(sqlite3_db_handle(handle)))
      reset()
      throw DatabaseError(
        resultCode: ResultCode(rawValue: code), message: message, sql: statement.sql)
    }
  }

  /// Executes a statement whose rows do not matter; whether it changed any row.
  func changes() throws -> Bool {
    try run()
    return sqlite3_changes(sqlite3_db_handle(handle)) > 0
  }

  var lastInsertedID: Int { Int(sqlite3_last_insert_rowid(sqlite3_db_handle(handle))) }

  // MARK: Columns of the row, from 0

  private func isNull(_ column: Int32) -> Bool {
    sqlite3_column_type(handle, column) == SQLITE_NULL
  }

  func integer(_ column: Int32) -> Int { Int(sqlite3_column_int64(handle, column)) }
  func integerIfAny(_ column: Int32) -> Int? { isNull(column) ? nil : integer(column) }
  func number(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }
  func numberIfAny(_ column: Int32) -> Double? { isNull(column) ? nil : number(column) }

  func text(_ column: Int32) -> String {
    withBytes(column) { String(decoding: $0, as: UTF8.self) }
  }

  func textIfAny(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

  /// `nil` where the column holds anything but 32 bytes.
  func digest(_ column: Int32) -> Digest? {
    withBytes(column) { Digest(bytes: $0) }
  }

  /// The column's bytes, as UTF-8 where it is text; valid inside the body alone.
  func withBytes<Result>(
    _ column: Int32, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    let start = sqlite3_column_blob(handle, column)
    let count = Int(sqlite3_column_bytes(handle, column))
    return try body(UnsafeRawBufferPointer(start: start, count: count))
  }
}
