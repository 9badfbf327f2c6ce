import Foundation
import Glibc
import StageKit
import TestKit
import Testing

/// A small file system in memory, taken away when the test ends.
final class SmallDisk: Sendable {
  /// Whether this process may mount one.
  static let isAllowed: Bool = {
    guard let scratch = try? Scratch() else { return false }
    return (try? SmallDisk(at: scratch.path + "/probe", bytes: 65536)) != nil
  }()

  let path: String

  init(at path: String, bytes: Int) throws {
    self.path = path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("fathom-test", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
      throw Problem("cannot mount: \(String(cString: strerror(errno)))")
    }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  /// The launcher of the last job may still be on its way out.
  func makeReadOnly() async throws {
    for _ in 0..<50 {
      if mount("fathom-test", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "") == 0 { return }
      guard errno == EBUSY else { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw Problem("cannot remount: \(String(cString: strerror(errno)))")
  }
}

@Suite("A store", .aFewAtATime)
struct StoreTests {
  static let pipeline = """
    params: { megabytes: 0 }
    stages:
      word: { run: "echo word > ${out.o}", out: { o: o.txt } }
      large:
        run: cat ${in.w}; head -c ${params.megabytes}M /dev/zero > ${out.o}
        in: { w: word.o }
        out: { o: o.bin }

    """

  @Test("of a newer layout is refused with exit code 4 and stays as it is")
  func newer() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: ["word", "large"])
    try bench.write(
      "fathom store 2\nneeds fathom 9.1 or newer\n", to: "Artifacts/store/layout")
    let outcome = try await bench.run(failing: 4)
    #expect(outcome.errors.contains("has layout 2, and this fathom knows 1"), "\(outcome.errors)")
    #expect(outcome.errors.contains("needs fathom 9.1 or newer"), "\(outcome.errors)")
    #expect(try bench.read("Artifacts/store/layout").hasPrefix("fathom store 2"))
  }

  @Test("that is some other folder is refused and nothing is put into it")
  func foreign() async throws {
    var bench = try Workbench(Self.pipeline, files: ["photos/a.jpg": "a"])
    bench.environment["FATHOM_STORE"] = bench.path("photos")
    let outcome = try await bench.run(failing: 4)
    #expect(outcome.errors.contains("is not a fathom store, and it is not empty"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bench.path("photos")) == ["a.jpg"])
  }

  @Test("that is a file is refused")
  func file() async throws {
    var bench = try Workbench(Self.pipeline, files: ["store.txt": "a"])
    bench.environment["FATHOM_STORE"] = bench.path("store.txt")
    let outcome = try await bench.run(failing: 1)
    #expect(outcome.errors.contains("store.txt"), "\(outcome.errors)")
  }

  @Test("lies where the settings say, relative to the project")
  func settings() async throws {
    let bench = try Workbench(
      Self.pipeline, files: [".fathom/config.yaml": "store: ../elsewhere\n"])
    try await bench.run(expecting: ["word", "large"])
    #expect(FileManager.default.fileExists(atPath: bench.scratch.path + "/elsewhere/objects"))
    #expect(!FileManager.default.fileExists(atPath: bench.path("Artifacts/store")))
    #expect(try bench.latest("word/o") == "word\n")
  }

  @Test(
    "that is read-only still gives its hits; what has to run says why it cannot",
    .enabled(if: SmallDisk.isAllowed))
  func readOnly() async throws {
    var bench = try Workbench(Self.pipeline)
    let disk = try SmallDisk(at: bench.scratch.path + "/store", bytes: 4 << 20)
    bench.environment["FATHOM_STORE"] = disk.path
    try await bench.run(expecting: ["word", "large"])
    try await disk.makeReadOnly()
    try await bench.run(expecting: [])
    #expect(try await bench.fathom("plan").code == 0)
    try bench.edit("echo word", to: "echo words")
    let outcome = try await bench.run(failing: 1)
    #expect(outcome.errors.contains("[not-writable]"), "\(outcome.errors)")
    #expect(outcome.errors.contains(disk.path), "\(outcome.errors)")
    #expect(try bench.latest("word/o") == "word\n")
  }

  @Test(
    "that is full fails the run, shows nothing half made, and works again with space",
    .enabled(if: SmallDisk.isAllowed))
  func full() async throws {
    var bench = try Workbench(Self.pipeline)
    let disk = try SmallDisk(at: bench.scratch.path + "/store", bytes: 2 << 20)
    bench.environment["FATHOM_STORE"] = disk.path
    let outcome = try await bench.run("-S", "megabytes=8", failing: 1)
    #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
    #expect(outcome.errors.contains("free some space"), "\(outcome.errors)")
    #expect(try await bench.ran() == ["word"])
    #expect(bench.find("latest/p/large/o").isEmpty)
    try await bench.run("-S", "megabytes=1", expecting: ["large"])

    // So full that not even a job's folder can be made.
    let stuffing = disk.path + "/stuffing"
    try #require(FileManager.default.createFile(atPath: stuffing, contents: nil))
    let handle = try #require(FileHandle(forWritingAtPath: stuffing))
    #expect(throws: (any Error).self) {
      while true { try handle.write(contentsOf: Data(count: 4096)) }
    }
    try handle.close()
    try bench.edit("echo word", to: "echo words")
    let stuffed = try await bench.run(failing: 1)
    #expect(stuffed.errors.contains("No space left on device"), "\(stuffed.errors)")
    #expect(stuffed.errors.contains("free some space"), "\(stuffed.errors)")
    #expect(try bench.latest("word/o") == "word\n")
    #expect(try await bench.decisions()["word"] == "failed")
    try FileManager.default.removeItem(atPath: stuffing)
    try await bench.run(expecting: ["word", "large"])
    #expect(try bench.latest("word/o") == "words\n")
  }

  @Test(
    "whose database is full says so and records nothing half",
    .enabled(if: SmallDisk.isAllowed))
  func fullProject() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: ["word", "large"])
    let disk = try SmallDisk(at: bench.path("small"), bytes: 256 << 10)
    var small = bench
    small.folder = disk.path
    try small.write(try bench.read(Workbench.pipeline), to: Workbench.pipeline)
    try small.write("", to: ".fathom/config.yaml")
    small.environment["FATHOM_STORE"] = bench.path("Artifacts/store")
    let outcome = try await small.fathom("run")
    // Small enough for some of it or for none: never a crash.
    #expect([0, 1].contains(outcome.code), "\(outcome.errors)")
    if outcome.code == 1 { #expect(outcome.errors.contains("full"), "\(outcome.errors)") }
  }

  @Test("keeps objects read-only, each under the digest of its bytes")
  func objects() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: ["word", "large"])
    let object = URL(fileURLWithPath: bench.path("Artifacts/latest/p/word/o"))
      .resolvingSymlinksInPath().path
    let status = try FileManager.default.attributesOfItem(atPath: object)
    #expect(status[.posixPermissions] as? Int == 0o444)
    let name = object.split(separator: "/").suffix(2).joined()
    let data = try Data(contentsOf: URL(fileURLWithPath: object))
    #expect(Digest(of: data).hex == name)
  }
}
