import Engine
import Foundation
import Glibc
import StageKit
import Storage
import TestKit
import Testing

@Suite struct StatCacheTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Whether asking for these digests wrote to the table, that is, read a file.
  private func reads(_ database: ProvenanceDatabase, _ paths: [String]) throws -> Bool {
    let watcher = try ProvenanceDatabase(
      path: database.path, project: scratch.path, mode: .readOnly)
    let before = try watcher.query("PRAGMA data_version")
    _ = try database.digests(of: paths)
    return try watcher.query("PRAGMA data_version") != before
  }

  /// Lets files become old enough to be remembered.
  private func age() { usleep(30_000) }

  @Test("digests come in the order asked, and nothing where there is no readable file")
  func order() throws {
    let database = try scratch.openDatabase()
    let b = try scratch.write("b", to: "b")
    let a = try scratch.write("a", to: "a")
    symlink(a, scratch.path + "/link")
    let paths = [b, scratch.path + "/missing", a, scratch.path, b, scratch.path + "/link"]
    for _ in 1...2 {
      let found = try database.digests(of: paths)
      #expect(
        found.map { $0?.digest } == [digest("b"), nil, digest("a"), nil, digest("b"), digest("a")])
      #expect(found[0]?.size == 1)
      age()
    }
    #expect(try database.digests(of: []) == [])
  }

  @Test("an unchanged file is read once; one with new bytes, size, mtime or inode again")
  func remembers() throws {
    let database = try scratch.openDatabase()
    let path = try scratch.write("one", to: "file")
    age()
    #expect(try reads(database, [path]))
    #expect(try !reads(database, [path]))

    try scratch.write("two", to: "file")
    // On a busy machine this may already come late enough to be remembered.
    #expect(try database.digests(of: [path])[0]?.digest == digest("two"))
    age()
    _ = try database.digests(of: [path])
    #expect(try !reads(database, [path]))

    var times = [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 0)]
    utimes(path, &times)
    age()
    #expect(try reads(database, [path]))
    #expect(try database.digests(of: [path])[0]?.digest == digest("two"))
  }

  @Test("a file that could still get other bytes and keep its stamp is not remembered")
  func racy() throws {
    let database = try scratch.openDatabase()
    let path = try scratch.write("aaa", to: "file")
    // As if the digesting came before the clock's next tick.
    let tomorrow = Int(Date().timeIntervalSince1970) + 86400
    var times = [timeval(tv_sec: tomorrow, tv_usec: 0), timeval(tv_sec: tomorrow, tv_usec: 0)]
    utimes(path, &times)
    age()
    #expect(try database.digests(of: [path])[0]?.digest == digest("aaa"))
    #expect(try !reads(database, [path]))
    #expect(try database.texts("SELECT count(*) FROM file_stat") == [["0"]])
  }

  @Test("moving the project keeps what is remembered inside it")
  func moves() throws {
    let old = scratch.path + "/old"
    let new = scratch.path + "/new"
    try scratch.write("clip", to: "old/data/clip")
    let outside = try scratch.write("far", to: "far")
    age()
    do {
      let database = try ProvenanceDatabase(path: old + "/Artifacts/fathom.db", project: old)
      _ = try database.digests(of: [old + "/data/clip", outside])
      #expect(
        try database.texts("SELECT path FROM file_stat ORDER BY path")
          == [[outside], ["data/clip"]])
    }
    rename(old, new)
    let database = try ProvenanceDatabase(path: new + "/Artifacts/fathom.db", project: new)
    #expect(try !reads(database, [new + "/data/clip", outside]))
    #expect(
      try database.digests(of: [new + "/data/clip", outside]).map { $0?.digest }
        == [digest("clip"), digest("far")])
  }

  @Test("many files are remembered in any order, also few of many")
  func many() throws {
    let database = try scratch.openDatabase()
    var paths: [String] = []
    for number in 0..<500 {
      paths.append(try scratch.write("\(number)", to: "data/\(number % 7)/clip \(number)"))
    }
    age()
    let expected = (0..<500).map { digest("\($0)") }
    #expect(try database.digests(of: paths).map { $0?.digest } == expected)
    #expect(try !reads(database, paths))
    #expect(try !reads(database, paths.reversed()))
    #expect(try !reads(database, stride(from: 0, to: 500, by: 90).map { paths[$0] }))
    #expect(try database.digests(of: paths.reversed()).map { $0?.digest } == expected.reversed())
    try scratch.write("changed", to: "data/3/clip 3")
    let found = try database.digests(of: paths)
    #expect(found[3]?.digest == digest("changed"))
    #expect(zip(found, expected).count { $0?.digest != $1 } == 1)
  }

  @Test("a file that does not keep its size while it is read is an error that names it")
  func restless() throws {
    // The kernel makes these bytes as they are read, and says that there are none.
    let path = "/proc/self/status"
    let error = #expect(throws: EnvironmentError.self) {
      _ = try scratch.openDatabase().digests(of: [path])
    }
    #expect(error?.code == .inputOutput)
    #expect(error?.message.contains(path) == true)
  }
}
