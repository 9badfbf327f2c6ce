import Engine
import Foundation
import StageKit
import Storage
import TestKit
import Testing

@Suite("Staging")
struct StagingSessionTests {
  @Test("what a dead process left is cleared up, what a live one works on is not")
  func sessions() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/store"
    let live = try ContentStore(path: path)
    let job = try live.makeStagingFolder(for: "job")
    try scratch.write("half", to: "store/staging/session-dead/job-1/out/features")
    let next = try ContentStore(path: path)
    let other = try next.makeStagingFolder(for: "job")
    let exists = FileManager.default.fileExists(atPath:)
    #expect(!exists(path + "/staging/session-dead"))
    #expect(exists(job))
    #expect(exists(other))
    live.endStaging()
    #expect(!exists(job))
    #expect(exists(other))
    next.endStaging()
    #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/staging") == ["locks"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/staging/locks").isEmpty)
  }

  @Test("a store that is only read from begins no session")
  func reading() throws {
    let scratch = try Scratch()
    let store = try ContentStore(path: scratch.path + "/store")
    #expect(!store.contains(Digest(of: [])))
    let staging = try FileManager.default.contentsOfDirectory(atPath: store.path + "/staging")
    #expect(staging == ["locks"])
  }
}
