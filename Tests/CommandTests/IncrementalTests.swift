import Foundation
import StageKit
import TestKit
import Testing

@Suite("A run executes only what changed", .aFewAtATime)
struct IncrementalTests {
  static let words = """
    params: { word: hello }
    stages:
      first:
        run: cat one.txt two.txt > ${out.text}; echo ${params.word} >> ${out.text}
        files: [one.txt, two.txt]
        out: { text: text.txt }
      count:
        run: wc -l < ${in.text} > ${out.lines}
        in: { text: first.text }
        out: { lines: lines.txt }
      report:
        run: cat ${in.lines} > ${out.report}
        in: { lines: count.lines }
        out: { report: report.txt }
      other:
        run: echo other > ${out.o}
        out: { o: o.txt }

    """
  static let files = ["one.txt": "1\n", "two.txt": "2\n"]
  static let all: Set = ["first", "count", "report", "other"]

  /// A kind whose option decides bytes, one reader that sees them and one that does not.
  static let shapes = """
    stages:
      shapes:
        uses: moving_shapes
        with: { clips: 1, frames: 2, size: [16, 16], codecs: [mjpeg], seed: 0 }
      names:
        run: ls ${in.videos} > ${out.names}
        in: { videos: shapes.videos }
        out: { names: names.txt }
      sum:
        run: cat ${in.videos}/shape_000.* | sha256sum > ${out.sum}
        in: { videos: shapes.videos }
        out: { sum: sum.txt }
      after_names:
        run: cat ${in.names} > ${out.o}
        in: { names: names.names }
        out: { o: o.txt }
      after_sum:
        run: cat ${in.sum} > ${out.o}
        in: { sum: sum.sum }
        out: { o: o.txt }

    """

  @Test("a second run executes nothing, and every instance is a row")
  func secondRun() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    #expect(try bench.latest("report/report") == "3\n")
    let outcome = try await bench.run(expecting: [])
    #expect(outcome.errors.contains("0 run, 4 cached, 0 cut off, 0 failed"))
    #expect(
      try await bench.decisions().mapValues { $0 == "hit" } == [
        "first": true, "count": true, "report": true, "other": true,
      ])
  }

  @Test("touching files executes nothing")
  func touch() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    for name in ["one.txt", "two.txt", Workbench.pipeline] {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -1000)], ofItemAtPath: bench.path(name))
    }
    try await bench.run(expecting: [])
  }

  @Test("a changed option re-runs its stage and what reads it, but for what is cut off")
  func option() async throws {
    let bench = try Workbench(Self.shapes)
    try await bench.run(expecting: ["shapes", "names", "sum", "after_names", "after_sum"])
    try bench.edit("seed: 0", to: "seed: 1")
    try await bench.run(expecting: ["shapes", "names", "sum", "after_sum"])
    #expect(try await bench.decisions()["after_names"] == "cut-off")
    try bench.edit("seed: 1", to: "seed: 0")  // seen before: the store still has it
    try await bench.run(expecting: [])
    #expect(Set(try await bench.decisions().values) == ["hit"])
  }

  @Test("a changed parameter re-runs what it reaches and nothing else")
  func parameter() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    try bench.edit("word: hello", to: "word: goodbye")
    try await bench.run(expecting: ["first", "count"])
    #expect(try await bench.decisions()["report"] == "cut-off")
    #expect(try await bench.decisions()["other"] == "hit")
    try await bench.run("-S", "word=hello", expecting: [])
  }

  @Test("renaming a stage executes nothing")
  func rename() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    try bench.edit("  count:", to: "  lines_of:")
    try bench.edit("count.lines", to: "lines_of.lines")
    try await bench.run(expecting: [])
    #expect(try bench.latest("lines_of/lines") == "3\n")
    #expect(!FileManager.default.fileExists(atPath: bench.path("Artifacts/latest/p/count")))
  }

  @Test("moving the project folder executes nothing, and the links still lead to the outputs")
  func move() async throws {
    var bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    let moved = bench.scratch.path + "/elsewhere"
    try FileManager.default.moveItem(atPath: bench.folder, toPath: moved)
    bench.folder = moved
    #expect(try bench.latest("report/report") == "3\n")
    try await bench.run(expecting: [])
  }

  @Test("editing comments, blank lines and the order of fields executes nothing")
  func comments() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    try bench.edit("stages:\n", to: "# a comment\n\nstages:   # and one more\n")
    try bench.edit(
      "    in: { text: first.text }\n    out: { lines: lines.txt }\n",
      to: "    out:\n      lines: \"lines.txt\"  # the same\n    in: { text: first.text }\n")
    try await bench.run(expecting: [])
  }

  @Test("swapping two entries of files executes the stage")
  func order() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    try bench.edit("[one.txt, two.txt]", to: "[two.txt, one.txt]")
    try await bench.run(expecting: ["first"])
    #expect(try await bench.why("first").keys.sorted() == ["files"])
  }

  @Test("why names the field, the old and the new value, and the line")
  func why() async throws {
    let bench = try Workbench(Self.shapes)
    try await bench.run(expecting: ["shapes", "names", "sum", "after_names", "after_sum"])
    try bench.edit("seed: 0", to: "seed: 1")
    try await bench.run(expecting: ["shapes", "names", "sum", "after_sum"])
    let change = try #require(try await bench.why("shapes")["with.seed"])
    #expect(change["old"]?.integer == 0)
    #expect(change["new"]?.integer == 1)
    #expect(change["file"]?.text == Workbench.pipeline)
    #expect(change["line"]?.integer == 5)
    let text = try await bench.fathom("why", "shapes").output
    #expect(text.contains("with.seed  0 → 1   Pipelines/p.yaml:5:"), "\(text)")
    let reader = try await bench.why("sum")
    #expect(reader.keys.sorted() == ["in.videos"])
  }

  @Test("why explains a hit by the run that made the result")
  func whyHit() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    try bench.edit("echo other", to: "echo another")
    try await bench.run(expecting: ["other"])
    try await bench.run(expecting: [])
    let text = try await bench.fathom("why", "other").output
    #expect(text.contains("was reused in run 3"), "\(text)")
    #expect(text.contains("last ran in run 2: run changed"), "\(text)")
    #expect(text.contains("→ \"echo another > ${out.o}\"   Pipelines/p.yaml:17:"), "\(text)")
  }

  @Test("a wiped store is made again, and the record of runs stays")
  func wipedStore() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    try FileManager.default.removeItem(atPath: bench.path("Artifacts/store"))
    try await bench.run(expecting: Self.all)
    #expect(try await bench.rows("SELECT id FROM runs").count == 2)
    try await bench.run(expecting: [])
  }

  @Test("an object that is lost is made again by the stage that makes it, and by no other")
  func lostObject() async throws {
    let bench = try Workbench(Self.words, files: Self.files)
    try await bench.run(expecting: Self.all)
    let lost = URL(fileURLWithPath: bench.path("Artifacts/latest/p/count/lines"))
      .resolvingSymlinksInPath()
    try FileManager.default.removeItem(at: lost)
    try await bench.run(expecting: ["count"])
    #expect(try bench.latest("count/lines") == "3\n")
  }
}
