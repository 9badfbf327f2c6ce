import Engine
import Foundation
import Glibc
import StageKit
import TestKit
import Testing

@testable import Storage

@Suite struct ProvenanceTests {
  let scratch: Scratch
  let database: ProvenanceDatabase

  init() throws {
    scratch = try Scratch()
    database = try scratch.openDatabase()
  }

  @Test("a run comes back with its jobs' decisions, and its end")
  func run() throws {
    let id = try database.begin(runRow())
    #expect(try database.run(id)?.status == .running)
    try database.record([executed("a", key: "a", output: "1"), hit("b", key: "b")], run: id)
    try database.record([hit("c", key: "c")], run: id)
    try database.end(run: id, status: .failed, at: 1_700_000_002.5)
    let run = try #require(try database.run(id))
    #expect(run.status == .failed)
    #expect(run.durationSeconds == 2.5)
    #expect(run.arguments == ["fathom", "run", "a b"])
    #expect(run.decisions == [.run: 1, .hit: 2])
    #expect(run.gitCommit == "0123abcd")
    #expect(try database.runs() == [run])
  }

  @Test("a job's row comes back as it was recorded")
  func row() throws {
    let first = try database.add([executed("a", key: "old", output: "1")])
    let compared = try #require(try database.latestJob(of: "a")).id
    var row = JobRow(
      instance: "a", actionKey: digest("new"), decision: .failed, reason: "option 'k' changed",
      comparedJob: compared, attempt: 3, executor: "local", node: "here", queued: 1, started: 2,
      ended: 3, exitCode: nil, signal: 11, cpuSeconds: 0.5, maxResidentBytes: 99,
      logDigest: digest("log"))
    let second = try database.add([JobReport(row: row)])
    #expect(second == first + 1)
    let found = try #require(try database.jobs(ofRun: second).first)
    row.id = found.id
    row.run = second
    #expect(found == row)
    #expect(try database.job(found.id) == row)
  }

  @Test("the newest job with an action is what an explanation compares with")
  func latestJob() throws {
    #expect(try database.latestJob(of: "a") == nil)
    try database.add([executed("a", key: "1", output: "x")])
    let run = try database.add([hit("a", key: "2"), hit("b", key: "3")])
    try database.add([
      JobReport(
        row: JobRow(instance: "a", actionKey: nil, decision: .cancelled, reason: "stopped"))
    ])
    let job = try #require(try database.latestJob(of: "a"))
    #expect(job.run == run)
    #expect(job.actionKey == digest("2"))
  }

  @Test("the fields of an action keep order, type, place, and the order inside maps")
  func fields() throws {
    let place = SourcePosition(path: "Pipelines/a.yaml", line: 14, column: 5, length: 6)
    let values: [Value] = [
      .null, .bool(true), 3, 3.0, 1e300, .number(.infinity), "3", "", "tab\t\"quote\" \\ ä 😀",
      ["x", 1, .null], [:], ["z": 1, "a": ["k": [2.5]]],
    ]
    let fields = values.enumerated().map { number, value in
      ActionField(
        path: "with.option\(number)", value: value, position: number % 2 == 0 ? place : nil)
    }
    try database.add([executed("a", key: "k", output: "x", fields: fields)])
    #expect(try database.fields(of: digest("k")) == fields)
    #expect(try database.fields(of: digest("unknown")) == [])
    #expect(
      try database.texts(
        "SELECT type, json FROM param WHERE path IN ('with.option2', 'with.option3')")
        == [["integer", "3"], ["number", "3.0"]])
  }

  @Test("an action is recorded once, and an unknown one is told apart")
  func actions() throws {
    let field = ActionField(path: "kind", value: "x", position: nil)
    try database.add([executed("a", key: "k", output: "x", fields: [field])])
    try database.add([executed("renamed", key: "k", output: "x", fields: [field])])
    #expect(try database.fields(of: digest("k")) == [field])
    #expect(
      try database.unknownActions(among: [digest("k"), digest("m"), digest("n")])
        == [digest("m"), digest("n")])
  }

  @Test("the results of items come sorted by their bytes, all keys of a changed item among them")
  func items() throws {
    let each = digest("each")
    func item(_ name: String, _ key: String, _ outputs: [Artifact]) -> ItemReport {
      ItemReport(
        item: name, key: digest(key), decision: .run, started: 1, ended: 2, error: nil,
        result: ItemResult(item: name, key: digest(key), action: each, outputs: outputs))
    }
    let two = [file("1"), Artifact(form: .folder, digest: digest("f"), size: 1 << 33)]
    let bad = ItemReport(
      item: "bad", key: digest("bad"), decision: .failed, started: 1, ended: 2, error: "no frames",
      result: nil)
    try database.add([
      executed(
        "e", key: "k", output: "x",
        items: [item("p2/ä", "1", two), item("p10", "2", []), item("Z", "3", two), bad])
    ])
    try database.add([executed("e", key: "k2", output: "y", items: [item("p10", "4", two)])])
    var found: [ItemResult] = []
    try database.itemResults(of: each) { found.append($0) }
    #expect(found.map(\.item) == ["Z", "p10", "p10", "p2/ä"])
    #expect(Set(found[1...2].map(\.key)) == [digest("2"), digest("4")])
    #expect(found[3].outputs == two)
    #expect(found.first { $0.key == digest("2") }?.outputs == [])
    #expect(
      try database.texts("SELECT * FROM latest_items") == [["e", "p10", "run"]])
    #expect(
      try database.texts("SELECT item, error FROM job_item WHERE decision = 'failed'")
        == [["bad", "no frames"]])
  }

  @Test("links in latest/ are remembered for each pipeline")
  func links() throws {
    let a = LatestLink(instance: "a", port: "out", artifact: file("1"))
    let b = LatestLink(instance: "b", port: "out", artifact: file("2"))
    let newB = LatestLink(instance: "b", port: "out", artifact: file("3"))
    try database.setLatestLinks([b, a], pipeline: "p")
    try database.setLatestLinks([a], pipeline: "q")
    #expect(try database.latestLinks(of: "p") == [a, b])
    try database.setLatestLinks([newB], pipeline: "p")
    #expect(try database.latestLinks(of: "p") == [a, newB])
    try database.forgetLatestLink(instance: "a", port: "out", pipeline: "p")
    #expect(try database.latestLinks(of: "p") == [newB])
    #expect(try database.latestLinks(of: "q") == [a])
  }

  @Test("a job that refers to nothing is refused whole")
  func transaction() throws {
    let run = try database.begin(runRow())
    var bad = hit("b", key: "b")
    bad.row.comparedJob = 999
    #expect(code { try database.record([hit("a", key: "a"), bad], run: run) } == .database)
    #expect(try database.jobs(ofRun: run).isEmpty)
    #expect(code { try database.record([hit("a", key: "a")], run: 999) } == .database)
  }

  @Test("two connections that write at once both succeed")
  func twoWriters() async throws {
    let path = database.path
    let project = scratch.path
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<2 {
        group.addTask {
          let mine = try ProvenanceDatabase(path: path, project: project)
          for number in 0..<50 {
            try mine.add([hit("w\(writer)", key: "\(number)")])
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(
      try database.texts("SELECT instance, count(*) FROM job GROUP BY 1 ORDER BY 1")
        == [["w0", "50"], ["w1", "50"]])
    #expect(try database.runs().count == 100)
  }

  @Test("several that make the database at once succeed")
  func together() async throws {
    let path = scratch.path + "/new/fathom.db"
    let project = scratch.path
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<6 {
        group.addTask {
          try ProvenanceDatabase(path: path, project: project).add([hit("a", key: "a")])
        }
      }
      try await group.waitForAll()
    }
    let made = try ProvenanceDatabase(path: path, project: project)
    #expect(try made.runs().count == 6)
    #expect(try files(below: scratch.path + "/new").allSatisfy { $0.hasPrefix("fathom.db") })
    #expect(access(path + "-migration", F_OK) != 0)
  }

  @Test("a run whose process died is interrupted once the next begins")
  func deadRun() throws {
    var child = pid_t()
    let words: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { free(words[0]) }
    try #require(posix_spawnp(&child, "true", nil, nil, words, nil) == 0)
    var status: Int32 = 0
    waitpid(child, &status, 0)
    let dead = try database.begin(runRow())
    let alive = try database.begin(runRow())
    #expect(try database.run(dead)?.status == .running)
    try setProcess(of: dead, to: child)
    _ = try database.begin(runRow())
    #expect(try database.run(dead)?.status == .interrupted)
    #expect(try database.run(alive)?.status == .running)
  }

  /// Makes a run look like one of another process.
  private func setProcess(of run: Int, to process: pid_t) throws {
    try database.execute("UPDATE run SET pid = \(process) WHERE id = \(run)")
  }

  @Test("a file that is no database, or of something else, is named and left alone")
  func otherFiles() throws {
    let text = String(repeating: "no database ", count: 500)
    let path = try scratch.write(text, to: "other/fathom.db")
    let error = #expect(throws: EnvironmentError.self) {
      _ = try ProvenanceDatabase(path: path, project: scratch.path)
    }
    #expect(error?.code == .database)
    #expect(error?.message.contains(path) == true)
    #expect(try scratch.read("other/fathom.db") == text)
  }

  @Test("a database of an older schema is brought up to date and keeps what it holds")
  func olderSchema() throws {
    let run = try database.add([hit("a", key: "a")])
    try database.execute("ALTER TABLE job DROP COLUMN heartbeat")
    try database.execute("DELETE FROM grdb_migrations WHERE identifier = '2 heartbeats'")
    try database.execute("PRAGMA user_version = 1")
    #expect(code { _ = try scratch.openDatabase(.readOnly) } == .database)
    let again = try scratch.openDatabase()
    #expect(try again.jobs(ofRun: run).map(\.heartbeat) == [nil])
    #expect(try again.texts("PRAGMA user_version") == [["2"]])
  }

  @Test("a database of a newer schema, or of another program, is refused")
  func newerSchema() throws {
    try database.execute("PRAGMA user_version = 99")
    #expect(code { _ = try scratch.openDatabase() } == .database)
    #expect(code { _ = try scratch.openDatabase(.readOnly) } == .database)
    try database.execute("PRAGMA user_version = 2")
    try database.execute("PRAGMA application_id = 12")
    #expect(code { _ = try scratch.openDatabase() } == .database)
  }

  @Test(
    "a full disk fails the record and keeps what was recorded",
    .enabled(if: SmallDisk.isPossible))
  func fullDisk() throws {
    let disk = try SmallDisk(scratch, megabytes: 1)
    let path = disk.path + "/fathom.db"
    do {
      let small = try ProvenanceDatabase(path: path, project: disk.path)
      let run = try small.add([hit("a", key: "a")])
      let many = (0..<20_000).map { hit("instance number \($0)", key: "\($0)") }
      let error = #expect(throws: EnvironmentError.self) { try small.record(many, run: run) }
      #expect(error?.code == .diskFull)
      #expect(try small.jobs(ofRun: run).count == 1)
    }
    let again = try ProvenanceDatabase(path: path, project: disk.path)
    #expect(try again.runs().first?.decisions == [.hit: 1])
  }

  @Test("a long write-ahead log is moved into the database at the end of a run, unless it is read")
  func longLog() throws {
    let log = URL(fileURLWithPath: database.path + "-wal")
    func logBytes() throws -> Int { try Data(contentsOf: log).count }
    let many = (0..<20_000).map { hit("instance number \($0)", key: "\($0)") }
    let run = try database.add(many)
    #expect(try logBytes() == 0)
    let reader = try scratch.openDatabase(.readOnly)
    try reader.read { connection in
      #expect(try Prepared(connection, "SELECT 1 FROM job").step())
      try database.record(many, run: run)
      try database.end(run: run, status: .succeeded, at: 1)
      #expect(try logBytes() > 0)
    }
    #expect(try database.jobs(ofRun: run).count == 40_000)
  }

  @Test("the write-ahead log is used on a local disk")
  func journal() throws {
    #expect(try database.texts("SELECT * FROM pragma_journal_mode") == [["wal"]])
    #expect(try database.texts("SELECT * FROM pragma_synchronous") == [["1"]])
    #expect(try database.texts("SELECT * FROM pragma_foreign_keys") == [["1"]])
    #expect(try database.texts("SELECT * FROM pragma_busy_timeout") == [["10000"]])
  }

  @Test("network file systems are known by the type in mountinfo")
  func mounts() {
    let text = """
      36 35 98:0 / / rw,noatime shared:1 - ext4 /dev/root rw
      40 36 0:41 / /data rw,relatime shared:7 master:2 - nfs4 host:/data rw,vers=4.2
      """
    #expect(fileSystemType(device: "0:41", mountinfo: text) == "nfs4")
    #expect(fileSystemType(device: "98:0", mountinfo: text) == "ext4")
    #expect(fileSystemType(device: "0:1", mountinfo: text) == nil)
  }
}
