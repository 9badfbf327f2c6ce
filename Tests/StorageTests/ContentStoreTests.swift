import Engine
import Foundation
import Glibc
import StageKit
import Storage
import TestKit
import Testing

@Suite struct ContentStoreTests {
  let scratch: Scratch
  let store: ContentStore

  init() throws {
    scratch = try Scratch()
    store = try scratch.openStore()
  }

  @Test("a stored file is the object that sha256sum names, read-only, and leaves its place")
  func takesFile() throws {
    let staged = try scratch.write("hello\n", to: "store/staging/job/out")
    let artifact = try store.take(file: staged)
    // echo hello | sha256sum
    let hex = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    #expect(artifact.digest.hex == hex)
    #expect(artifact.size == 6)
    let place = "objects/58/\(hex.dropFirst(2))"
    #expect(store.path(of: artifact.digest) == "\(scratch.store)/\(place)")
    #expect(try scratch.read("store/\(place)") == "hello\n")
    var status = stat()
    #expect(stat(store.path(of: artifact.digest), &status) == 0)
    #expect(status.st_mode & 0o777 == 0o444)
    #expect(access(staged, F_OK) != 0)
    #expect(try store.read(artifact.digest) == Array("hello\n".utf8))
  }

  @Test("a second file with the same bytes is dropped")
  func takesTwice() throws {
    let first = try store.take(file: try scratch.write("same", to: "store/staging/a"))
    let second = try store.take(file: try scratch.write("same", to: "store/staging/b"))
    #expect(first == second)
    #expect(try files(below: scratch.store + "/objects").count == 1)
    #expect(access(scratch.store + "/staging/b", F_OK) != 0)
  }

  @Test("an object of the wrong size is put aside for the right one")
  func replacesTorn() throws {
    let object = store.path(of: digest("whole"))
    try scratch.write("wh", to: String(object.dropFirst(scratch.path.count + 1)))
    #expect(try store.put(Array("whole".utf8)) == digest("whole"))
    #expect(try store.read(digest("whole")) == Array("whole".utf8))
    #expect(try files(below: scratch.store + "/quarantine").count == 1)
  }

  @Test("bytes that changed are found when they are read, and put aside")
  func quarantines() throws {
    let digest = try store.put(Array("right".utf8))
    let object = store.path(of: digest)
    chmod(object, 0o644)
    try scratch.write("wrong", to: String(object.dropFirst(scratch.path.count + 1)))
    #expect(code { _ = try store.read(digest) } == .integrity)
    #expect(!store.contains(digest))
    #expect(try files(below: scratch.store + "/quarantine").count == 1)
    #expect(code { _ = try store.read(digest) } == .integrity)
    #expect(try store.put(Array("right".utf8)) == digest)
    #expect(try store.read(digest) == Array("right".utf8))
  }

  @Test("a folder becomes its files and a manifest sorted by the bytes of its paths")
  func takesFolder() throws {
    let names = ["b", "a/deep/x", "Z", "ä 'quoted'", "new\nline", "10%"]
    for name in names { try scratch.write(name, to: "store/staging/out/\(name)") }
    mkdir(scratch.store + "/staging/out/empty", 0o777)
    let artifact = try store.take(folder: scratch.store + "/staging/out")
    #expect(artifact.form == .folder)
    let manifest = try #require(FolderManifest(bytes: try store.read(artifact.digest)))
    #expect(manifest.files.map(\.path) == ["10%", "Z", "a/deep/x", "b", "new\nline", "ä 'quoted'"])
    #expect(artifact.size == names.reduce(0) { $0 + $1.utf8.count })
    for file in manifest.files {
      #expect(try store.read(file.digest) == Array(file.path.utf8))
    }
  }

  @Test("an empty folder is a folder")
  func takesEmptyFolder() throws {
    mkdir(scratch.store + "/staging/out", 0o777)
    let artifact = try store.take(folder: scratch.store + "/staging/out")
    #expect(artifact.size == 0)
    #expect(FolderManifest(bytes: try store.read(artifact.digest))?.files == [])
  }

  @Test("many files of a folder are stored by several threads")
  func takesManyFiles() throws {
    for number in 0..<300 { try scratch.write("\(number % 50)", to: "store/staging/m/\(number)") }
    let artifact = try store.take(folder: scratch.store + "/staging/m")
    let manifest = try #require(FolderManifest(bytes: try store.read(artifact.digest)))
    #expect(manifest.files.count == 300)
    #expect(manifest.files.allSatisfy { store.contains($0.digest) })
    #expect(try files(below: scratch.store + "/objects").count == 51)
  }

  @Test("links and special files are refused, alone and in a folder")
  func refusesLinks() throws {
    let target = try scratch.write("secret", to: "secret")
    let folder = scratch.store + "/staging/out"
    mkdir(folder, 0o777)
    symlink(target, folder + "/link")
    #expect(code { _ = try store.take(file: folder + "/link") } == .inputOutput)
    #expect(code { _ = try store.take(folder: folder) } == .inputOutput)
    unlink(folder + "/link")
    mkfifo(folder + "/pipe", 0o666)
    #expect(code { _ = try store.take(file: folder + "/pipe") } == .inputOutput)
    #expect(code { _ = try store.take(folder: folder) } == .inputOutput)
    symlink(folder, scratch.store + "/staging/other")
    #expect(code { _ = try store.take(folder: scratch.store + "/staging/other") } == .inputOutput)
    #expect(try files(below: scratch.store + "/objects").isEmpty)
  }

  @Test("a name that is not UTF-8 is an error that shows it")
  func refusesOddNames() throws {
    let folder = scratch.store + "/staging/out"
    mkdir(folder, 0o777)
    let name = Array((folder + "/bad").utf8CString.dropLast()) + [CChar(bitPattern: 0xff), 0]
    close(open(name, O_CREAT | O_WRONLY, 0o644))
    let error = #expect(throws: EnvironmentError.self) { _ = try store.take(folder: folder) }
    #expect(error?.message.contains("not UTF-8") == true)
  }

  @Test("a file with a second name is copied, so that nobody can write the object by it")
  func copiesLinked() throws {
    let staged = try scratch.write("linked", to: "store/staging/a")
    link(staged, scratch.path + "/other")
    let artifact = try store.take(file: staged)
    try scratch.write("edited", to: "other")
    #expect(try store.read(artifact.digest) == Array("linked".utf8))
    #expect(access(staged, F_OK) != 0)
    #expect(try leftovers(in: scratch.store).isEmpty)
  }

  @Test("a file of another file system is copied", .enabled(if: SmallDisk.isPossible))
  func copiesAcross() throws {
    let disk = try SmallDisk(scratch, megabytes: 4)
    let bytes = [UInt8](repeating: 7, count: 3_000_000)
    try Data(bytes).write(to: URL(fileURLWithPath: disk.path + "/out"))
    let artifact = try store.take(file: disk.path + "/out")
    #expect(artifact.digest == Digest(of: bytes))
    #expect(try store.read(artifact.digest) == bytes)
    #expect(access(disk.path + "/out", F_OK) != 0)
    #expect(try leftovers(in: scratch.store).isEmpty)
  }

  @Test("a full disk says so and leaves nothing behind", .enabled(if: SmallDisk.isPossible))
  func fullDisk() throws {
    let disk = try SmallDisk(scratch, megabytes: 1)
    let small = try ContentStore(path: disk.path + "/store")
    let large = Data(repeating: 1, count: 2_000_000)
    try large.write(to: URL(fileURLWithPath: scratch.path + "/large"))
    let error = #expect(throws: EnvironmentError.self) {
      _ = try small.take(file: scratch.path + "/large")
    }
    #expect(error?.code == .diskFull)
    #expect(error?.message.contains("bytes are free") == true)
    #expect(code { _ = try small.put(Array(large)) } == .diskFull)
    #expect(try files(below: disk.path + "/store/objects").isEmpty)
    #expect(try leftovers(in: disk.path + "/store").isEmpty)
    #expect(access(scratch.path + "/large", F_OK) == 0)
    #expect(try small.put([1, 2, 3]) == Digest(of: [1, 2, 3] as [UInt8]))
  }

  @Test("threads that store the same bytes agree")
  func parallel() async throws {
    let store = store
    let found = try await withThrowingTaskGroup(of: Digest.self) { group in
      for number in 0..<200 {
        group.addTask { try store.put(Array("text \(number % 10)".utf8)) }
      }
      return try await group.reduce(into: Set<Digest>()) { $0.insert($1) }
    }
    #expect(found.count == 10)
    #expect(try files(below: scratch.store + "/objects").count == 10)
    #expect(try leftovers(in: scratch.store).isEmpty)
  }

  @Test("staging folders differ, bear their purpose, and go with what is in them")
  func staging() throws {
    let one = try store.makeStagingFolder(for: "job")
    let two = try store.makeStagingFolder(for: "../job/x y")
    #expect(one.hasPrefix(scratch.store + "/staging/session-"))
    #expect(one.contains("/job-"))
    #expect(two.contains("/___job_x_y-"))
    let inside = one + "/closed/deeper"
    try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: true)
    symlink(scratch.store, inside + "/link")
    chmod(one + "/closed", 0)
    store.removeStagingFolder(one)
    store.removeStagingFolder(one)
    #expect(access(one, F_OK) != 0)
    #expect(access(two, F_OK) == 0)
  }

  @Test("only staging folders are removed as such")
  func stagingOnly() throws {
    try scratch.write("keep", to: "keep/me")
    store.removeStagingFolder(scratch.path + "/keep")
    store.removeStagingFolder(scratch.store + "/staging/../../keep")
    #expect(try scratch.read("keep/me") == "keep")
  }

  @Test("checkpoints stay until they are removed")
  func checkpoints() throws {
    let folder = try store.checkpointFolder(for: digest("key"))
    try Data("epoch 3".utf8).write(to: URL(fileURLWithPath: folder + "/state"))
    #expect(try store.checkpointFolder(for: digest("key")) == folder)
    #expect(access(folder + "/state", F_OK) == 0)
    store.removeCheckpointFolder(for: digest("key"))
    #expect(access(folder, F_OK) != 0)
  }

  @Test("one at a time has an action's lock, in this process too")
  func locks() throws {
    let other = try scratch.openStore()
    let lock = try #require(try store.tryLock(digest("key")))
    #expect(try other.tryLock(digest("key")) == nil)
    #expect(try other.tryLock(digest("another")) != nil)
    lock.unlock()
    lock.unlock()
    let next = try #require(try other.tryLock(digest("key")))
    #expect(try store.tryLock(digest("key")) == nil)
    next.unlock()
    #expect(try files(below: scratch.store + "/staging/locks").isEmpty)
  }

  @Test("threads that fight for a lock never hold it at once")
  func lockRace() async throws {
    let store = store
    let key = digest("key")
    let held = Held()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<500 {
            guard let lock = try store.tryLock(key) else { continue }
            await held.enter()
            await held.leave()
            lock.unlock()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(await held.most == 1)
  }

  private actor Held {
    private var now = 0
    private(set) var most = 0
    func enter() {
      now += 1
      most = max(most, now)
    }
    func leave() { now -= 1 }
  }
}
