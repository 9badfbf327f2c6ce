import Engine
import Foundation
import Glibc
import StageKit
import Storage
import TestKit
import Testing

@Suite struct SQLQueryTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test("a query is answered while another connection writes")
  func besideWriter() throws {
    let writer = try scratch.openDatabase()
    let reader = try scratch.openDatabase(.readOnly)
    #expect(try reader.texts("SELECT * FROM latest_jobs").isEmpty)
    try writer.add([hit("a", key: "a")])
    #expect(
      try reader.texts("SELECT instance, decision FROM latest_jobs") == [["a", "hit"]])
  }

  @Test("values keep their type, and bytes are shown as hexadecimal digits")
  func values() throws {
    let database = try scratch.openDatabase()
    try database.add([hit("a", key: "a")])
    let result = try database.query(
      "SELECT NULL AS n, 7 AS i, 0.5 AS d, 'x' AS t, action_key, x'00ff0a' FROM job")
    #expect(result.columns == ["n", "i", "d", "t", "action_key", "x'00ff0a'"])
    #expect(
      result.rows == [[.null, 7, 0.5, "x", .string(digest("a").hex), "00ff0a"]])
  }

  @Test(
    "wrong SQL, more than one statement, and anything that writes is an error",
    arguments: [
      "SELEC 1", "SELECT * FROM nothing", "", "SELECT 1; SELECT 2", "DELETE FROM job",
      "PRAGMA user_version = 3", "DROP VIEW cells", "CREATE TABLE t (a)", "BEGIN",
      "ATTACH 'other.db' AS other", "VACUUM INTO 'copy.db'", "SELECT * FROM job WHERE id = ?",
    ],
    [ProvenanceDatabase.Mode.readOnly, .readWrite])
  func refuses(_ sql: String, _ mode: ProvenanceDatabase.Mode) throws {
    try scratch.openDatabase().add([hit("a", key: "a")])
    let database = try scratch.openDatabase(mode)
    #expect(code { _ = try database.query(sql) } == .database)
    #expect(try database.texts("SELECT count(*) FROM job") == [["1"]])
    #expect(try files(below: scratch.path).allSatisfy { $0.contains("fathom.db") })
  }

  @Test("there is nothing to ask before the first run")
  func missing() throws {
    let error = #expect(throws: EnvironmentError.self) { _ = try scratch.openDatabase(.readOnly) }
    #expect(error?.message.contains("no run is recorded yet") == true)
    #expect(try files(below: scratch.path).isEmpty)
  }

  @Test("a project that cannot be written can be asked", .enabled(if: SmallDisk.isPossible))
  func readOnlyDisk() throws {
    let disk = try SmallDisk(scratch, megabytes: 4)
    let path = disk.path + "/a folder?/50%/fathom.db"
    do {
      try ProvenanceDatabase(path: path, project: disk.path).add([hit("a", key: "a")])
    }
    try #require(disk.makeReadOnly())
    let database = try ProvenanceDatabase(path: path, project: disk.path, mode: .readOnly)
    #expect(try database.texts("SELECT instance FROM latest_jobs") == [["a"]])
    #expect(
      code {
        _ = try ProvenanceDatabase(path: path, project: disk.path).begin(runRow())
      } == .notWritable)
  }
}
