internal import Engine
internal import Foundation
internal import GRDB
public import StageKit

/// What a query of the user gave.
public struct QueryResult: Hashable, Sendable {
  public var columns: [String]
  /// A value for each column; a digest, or other bytes, as hexadecimal digits.
  public var rows: [[Value]]
}

extension ProvenanceDatabase {
  /// Answers one query of the user's own, for `fathom sql`.
  ///
  /// - Throws: `EnvironmentError` of code `database` where the SQL is wrong, or would write.
  public func query(_ sql: String) throws -> QueryResult {
    do {
      return try queue.read { database in
        let statement = try database.makeStatement(sql: sql)
        guard statement.isReadonly, statement.columnCount > 0 else { throw refusal }
        var rows: [[Value]] = []
        let cursor = try Row.fetchCursor(statement)
        while let row = try cursor.next() {
          rows.append(row.databaseValues.map(Value.init))
        }
        return QueryResult(columns: statement.columnNames, rows: rows)
      }
    } catch let error as DatabaseError {
      switch error.resultCode {
      case .SQLITE_READONLY: throw refusal
      case .SQLITE_ERROR, .SQLITE_MISUSE, .SQLITE_MISMATCH, .SQLITE_RANGE, .SQLITE_AUTH:
        throw EnvironmentError(
          .database, "the query cannot be answered", cause: error.message ?? "wrong SQL")
      default: throw environmentError(error, path)
      }
    }
  }

  private var refusal: EnvironmentError {
    EnvironmentError(.database, "a query must be one SELECT: this command only reads")
  }
}

extension Value {
  fileprivate init(_ value: DatabaseValue) {
    switch value.storage {
    case .null: self = .null
    case .int64(let integer): self = .integer(Int(integer))
    case .double(let number): self = .number(number)
    case .string(let text): self = .string(text)
    case .blob(let data):
      self = .string(
        data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
  }
}
