import Foundation
import StageKit
import TestKit
import Testing

/// A command that tells when it has begun and waits until it may go on.
///
/// It uses its checkpoint folder, the one place outside its own where a command may write.
enum Gate {
  /// `before`, then waiting, then `after`.
  static func command(_ before: String, _ after: String = "true") -> String {
    "\(before); echo $$ > $FATHOM_CHECKPOINT_DIR/begun; "
      + "for i in $(seq 600); do test -e $FATHOM_CHECKPOINT_DIR/go && break; sleep 0.05; done; "
      + after
  }

  /// Waits until the command has begun; returns its checkpoint folder.
  static func begun(_ bench: Workbench, in store: String = "Artifacts/store") async throws -> String
  {
    var found: [String] = []
    try await until("the command has begun") {
      found = bench.find("begun").filter {
        (try? bench.read($0))?.hasSuffix("\n") == true
          && !FileManager.default.fileExists(
            atPath: bench.path(String($0.dropLast("begun".count)) + "go"))
      }
      return !found.isEmpty
    }
    return String(found[0].dropLast("/begun".count))
  }

  static func open(_ folder: String, _ bench: Workbench) throws {
    try bench.write("", to: folder + "/go")
  }
}

@Suite("An input that changes while a job reads it", .aFewAtATime)
struct InputChangeTests {
  @Test("fails the job with 'input changed' and stores nothing")
  func command() async throws {
    let bench = try Workbench(
      """
      stages:
        reader:
          run: \(Gate.command("cat data.txt > ${out.o}"))
          files: [data.txt]
          out: { o: o.txt }

      """, files: ["data.txt": "old\n"])
    let running = try await bench.start("run")
    let folder = try await Gate.begun(bench)
    try bench.write("new\n", to: "data.txt")
    try Gate.open(folder, bench)
    let outcome = try await running.ended()
    #expect(outcome.code == 1)
    #expect(
      outcome.errors.contains("input changed while the job ran: 'data.txt'"), "\(outcome.errors)")
    #expect(try await bench.decisions() == ["reader": "failed"])
    #expect(bench.find("latest/p/reader/o").isEmpty)
    #expect(try await bench.rows("SELECT 1 FROM result").isEmpty)

    let again = try await bench.start("run")
    try Gate.open(try await Gate.begun(bench), bench)
    #expect(try await again.ended().code == 0)
    #expect(try bench.latest("reader/o") == "new\n")
    // What the changed job was made with has no result either.
    try bench.write("old\n", to: "data.txt")
    let plan = try await bench.fathom("plan")
    #expect(plan.output.contains("run    reader  files/data.txt changed"), "\(plan.output)")
  }

  @Test("fails the item of an each: stage whose imported file changed")
  func item() async throws {
    let bench = try Workbench(
      """
      stages:
        clips: { uses: import, with: { path: clips } }
        reader:
          run: \(Gate.command("cat ${in.clip} > ${out.o}"))
          each: clip
          in: { clip: clips.videos }
          out: { o: o.txt }

      """, files: ["clips/x.mp4": "old\n"])
    let running = try await bench.start("run")
    let folder = try await Gate.begun(bench)
    try bench.write("new\n", to: "clips/x.mp4")
    try Gate.open(folder, bench)
    let outcome = try await running.ended()
    #expect(outcome.code == 1)
    #expect(outcome.errors.contains("input changed"), "\(outcome.errors)")
    #expect(outcome.errors.contains("x.mp4"), "\(outcome.errors)")
    #expect(try await bench.rows("SELECT 1 FROM item_result").isEmpty)
  }

  @Test("fails the job whose object changed in the store, and the object is made anew")
  func object() async throws {
    let bench = try Workbench(
      """
      stages:
        maker: { run: "echo right > ${out.o}", out: { o: o.txt } }
        reader:
          run: \(Gate.command("cat ${in.i} > ${out.o}"))
          in: { i: maker.o }
          out: { o: o.txt }

      """)
    let running = try await bench.start("run")
    let folder = try await Gate.begun(bench)
    let object = URL(fileURLWithPath: bench.path("Artifacts/latest/p/maker/o"))
      .resolvingSymlinksInPath().path
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: object)
    try Data("wrong\n".utf8).write(to: URL(fileURLWithPath: object), options: [])
    try Gate.open(folder, bench)
    let outcome = try await running.ended()
    #expect(outcome.code == 1)
    #expect(outcome.errors.contains("input changed while the job ran"), "\(outcome.errors)")
    #expect(try await bench.decisions() == ["maker": "run", "reader": "failed"])
    #expect(!FileManager.default.fileExists(atPath: object))
    #expect(bench.find("quarantine").count == 1)

    // The gate is open: it lies in the action's checkpoint folder, which a failure keeps.
    try await bench.run(expecting: ["maker", "reader"])
    #expect(try bench.latest("reader/o") == "right\n")
  }
}
