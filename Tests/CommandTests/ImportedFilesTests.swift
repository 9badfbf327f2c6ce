import Foundation
import StageKit
import Testing

@Suite("Imported files", .aFewAtATime)
struct ImportedFilesTests {
  private static let two = """
    params: { word: a }
    stages:
      one: { uses: import, with: { path: first } }
      two: { uses: import, with: { path: second } }
      read_one:
        run: cat ${in.v} > ${out.o}; echo ${params.word} >> ${out.o}
        each: v
        in: { v: one.videos }
        out: { o: o.txt }
      read_two:
        run: cat ${in.v} > ${out.o}; echo ${params.word} >> ${out.o}
        each: v
        in: { v: two.videos }
        out: { o: o.txt }

    """

  @Test("are found where they lie, also where several folders are imported")
  func severalImports() async throws {
    let bench = try Workbench(
      Self.two, files: ["first/a.mp4": "a\n", "second/b.mp4": "b\n", "second/c.mp4": "c\n"])
    try await bench.run(expecting: ["one", "two", "read_one", "read_two"])
    try await bench.run("-S", "word=z", expecting: ["read_one", "read_two"])
    #expect(try bench.latest("read_one/o/a.mp4") == "a\nz\n")
    #expect(try bench.latest("read_two/o/c.mp4") == "c\nz\n")
    try bench.write("new\n", to: "second/c.mp4")
    try await bench.run("-S", "word=z", expecting: ["two", "read_two"])
    #expect(try await bench.ranItems() == ["read_two c.mp4"])
  }

  @Test("why names the files that differ among more than a thousand")
  func longListing() async throws {
    let bench = try Workbench("stages:\n  many: { uses: import, with: { path: clips } }\n")
    for number in 0..<1001 { try bench.write("\(number)", to: "clips/\(number).mp4") }
    try await bench.run(expecting: ["many"])
    try bench.write("other", to: "clips/7.mp4")
    try FileManager.default.removeItem(atPath: bench.path("clips/8.mp4"))
    try bench.write("new", to: "clips/new.mp4")
    try await bench.run(expecting: ["many"])
    let change = try await bench.why("many")["with.path/"]
    #expect(change?["added"]?.elements.map(\.text) == ["new.mp4"])
    #expect(change?["removed"]?.elements.map(\.text) == ["8.mp4"])
    #expect(change?["changed"]?.elements.map(\.text) == ["7.mp4"])
    let text = try await bench.fathom("why", "many").output
    #expect(text.contains("1 added (new.mp4), 1 removed (8.mp4), 1 changed (7.mp4)"), "\(text)")
  }

  @Test("may be more than a process may have open")
  func manyItems() async throws {
    let bench = try Workbench(
      """
      stages:
        shapes:
          uses: moving_shapes
          with: { clips: 150, frames: 1, size: [16, 16], codecs: [mjpeg] }
        frames:
          uses: decode
          each: video
          in: { video: shapes.videos }
          with: { size: [8, 8] }

      """)
    // The caller has left files open: many low numbers, and one that is above the limit.
    let command = """
      for n in $(seq 10 40) 200; do eval "exec $n</dev/null"; done; ulimit -S -n 64
      exec \(Workbench.binaries)/fathom run -q
      """
    var shell = bench.invocation(["-c", command])
    shell.program = "/bin/bash"
    let outcome = try await shell.run()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try await bench.decisions() == ["shapes": "run", "frames": "run"])
  }
}
