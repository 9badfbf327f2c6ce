import Engine
import Foundation
import Glibc
import StageKit
import Storage
import TestKit
import Testing

@Suite struct StoreLayoutTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test("opening makes a store that back-up programs and people know")
  func makes() throws {
    _ = try ContentStore(path: scratch.path + "/deep/er/store")
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/deep/er/store")
    #expect(
      names.sorted() == [
        "CACHEDIR.TAG", "actions", "checkpoints", "layout", "objects", "roots", "staging",
      ])
    #expect(
      try scratch.read("deep/er/store/CACHEDIR.TAG").hasPrefix(
        "Signature: 8a477f597d28d172789f06886806bc55\n"))
    #expect(try scratch.read("deep/er/store/layout").hasPrefix("fathom store 1\n"))
  }

  @Test("a store of a newer layout is left alone, and the error says which fathom it needs")
  func newerLayout() throws {
    try scratch.write("fathom store 2\nneeds fathom 3.1 or newer\n", to: "store/layout")
    let error = #expect(throws: EnvironmentError.self) { _ = try scratch.openStore() }
    #expect(error?.code == .storeLayout)
    #expect(error?.message.contains("needs fathom 3.1 or newer") == true)
    #expect(try files(below: scratch.store) == ["layout"])
  }

  @Test("a folder that holds something else is no store")
  func otherFolder() throws {
    try scratch.write("mine", to: "store/thesis.tex")
    #expect(code { _ = try scratch.openStore() } == .storeLayout)
    #expect(try files(below: scratch.store) == ["thesis.tex"])
    try scratch.write("nonsense", to: "other/layout")
    #expect(code { _ = try ContentStore(path: scratch.path + "/other") } == .storeLayout)
  }

  @Test("what a process left that was killed while it made the store is no hindrance")
  func halfMade() throws {
    try scratch.write("fathom st", to: "store/.layout-0123")
    _ = try scratch.openStore()
    rmdir(scratch.store + "/objects")
    unlink(scratch.store + "/CACHEDIR.TAG")
    let store = try scratch.openStore()
    #expect(try store.put([1]) == Digest(of: [1] as [UInt8]))
    #expect(access(scratch.store + "/CACHEDIR.TAG", F_OK) == 0)
  }

  @Test("several that make the same store at once succeed")
  func together() async throws {
    let path = scratch.store
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<8 {
        group.addTask { _ = try ContentStore(path: path).put([UInt8(number)]) }
      }
      try await group.waitForAll()
    }
    #expect(try files(below: path + "/objects").count == 8)
  }

  @Test("a store notes the projects that use it, once each")
  func roots() throws {
    let store = try scratch.openStore()
    try store.addRoot(project: "/home/ada/study")
    try store.addRoot(project: "/home/ada/study")
    try store.addRoot(project: "/home/ada/another study")
    #expect(try store.rootProjects() == ["/home/ada/another study", "/home/ada/study"])
    #expect(
      try scratch.read("store/roots/\(digest("/home/ada/study").hex)") == "/home/ada/study")
  }

  @Test(
    "a store that cannot be written can be read, and says so when it should be written",
    .enabled(if: SmallDisk.isPossible))
  func readOnly() throws {
    let disk = try SmallDisk(scratch, megabytes: 1)
    let path = disk.path + "/store"
    let writable = try ContentStore(path: path)
    let object = try writable.put(Array("kept".utf8))
    let record = ActionRecord(key: digest("key"), outputs: [], seconds: 1)
    try writable.save(record)
    writable.endStaging()
    try #require(disk.makeReadOnly())

    let store = try ContentStore(path: path)
    #expect(try store.read(object) == Array("kept".utf8))
    #expect(try store.record(for: record.key) == record)
    #expect(try store.put(Array("kept".utf8)) == object)
    try store.addRoot(project: "/home/ada/study")
    #expect(code { _ = try store.put(Array("new".utf8)) } == .notWritable)
    #expect(code { try store.save(record) } == .notWritable)
    #expect(code { _ = try store.makeStagingFolder(for: "job") } == .notWritable)
    #expect(code { _ = try store.tryLock(digest("key")) } == .notWritable)
    #expect(code { _ = try ContentStore(path: disk.path + "/new") } == .notWritable)
  }
}
