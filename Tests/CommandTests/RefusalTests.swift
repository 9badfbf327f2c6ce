import Foundation
import StageKit
import TestKit
import Testing

@Suite("What is refused before anything runs", .aFewAtATime)
struct RefusalTests {
  static let pipeline = """
    stages:
      base: { run: "echo base > ${out.o}", out: { o: o.txt } }

    """

  @Test(
    "a mistake in the command line exits with 2",
    arguments: [
      ["frobnicate"], ["run", "--nonsense"], ["run", "-j", "0"], ["run", "-j", "many"],
      ["run", "--cd", "/nonexistent"], ["run", "--retries", "-1"], ["run", "--timeout", "soon"],
      ["run", "--executor", "moon"], ["run", "bass"], ["run", "base@k=1"], ["plan", "bass"],
      ["status", "bass"], ["why"], ["show", "bass"], ["diff", "1", "99"], ["show", "99"],
      ["completion", "csh"], ["run", "missing.yaml", "--color", "red"], ["sql"], ["dag", "bass"],
    ])
  func usage(words: [String]) async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(expecting: ["base"])
    let outcome = try await bench.invocation(words).run()
    #expect(outcome.code == 2, "\(outcome.errors)\(outcome.output)")
    #expect(!outcome.errors.isEmpty)
    #expect(try await bench.rows("SELECT id FROM runs").count == 1)
  }

  @Test("an unknown target suggests the nearest one")
  func target() async throws {
    let outcome = try await Workbench(Self.pipeline).run("bass", failing: 2)
    #expect(outcome.errors.contains("no stage of the pipeline is 'bass'; did you mean 'base'?"))
  }

  @Test(
    "a verb that asks about runs says that there are none yet",
    arguments: [
      ["log"], ["show"], ["why", "base"], ["diff", "1"], ["sql", "SELECT 1"],
    ])
  func noRuns(words: [String]) async throws {
    let outcome = try await Workbench(Self.pipeline).invocation(words).run()
    #expect(outcome.code != 0)
    #expect(outcome.errors.contains("nothing has been run in"), "\(outcome.errors)")
  }

  @Test("an invalid pipeline exits with 3 and shows every problem with line, caret and suggestion")
  func invalid() async throws {
    let bench = try Workbench(
      """
      params: { size: [16, 16] }
      stages:
        shapes:
          uses: moving_shape
        other:
          uses: moving_shapes
          with: { clip: 3, frames: -1, size: "${params.sise}" }
          onerror: skip
        base:
          run: cat ${in.video} > ${out.o}
          in: { video: othr.videos, more: other.video }
          out: { o: ../o.txt }

      """)
    for words in [["run"], ["validate"], ["plan"], ["status"], ["dag"]] {
      let outcome = try await bench.invocation(words).run()
      #expect(outcome.code == 3, "\(words)")
      let errors = outcome.errors
      for expected in [
        "Pipelines/p.yaml:5:11: error: unknown kind 'moving_shape'; did you mean 'moving_shapes'?",
        "  5 |     uses: moving_shape\n    |           ^~~~~~~~~~~~\n",
        "unknown option 'clip' of kind 'moving_shapes'; did you mean 'clips'? [unknown-option]",
        "[out-of-range]", "did you mean 'size'? [unknown-parameter]",
        "unknown field 'onerror' of stage 'other'; did you mean 'on_error'? [unknown-field]",
        "did you mean 'other'? [unknown-stage]", "did you mean 'videos'? [unknown-port]",
        "[invalid-path]",
      ] {
        #expect(errors.contains(expected), "\(words): \(expected)\n\(errors)")
      }
    }
    let json = try await bench.fathom("validate", "--json")
    #expect(json.code == 3)
    #expect(try json.json["errors"]?.elements.count ?? 0 >= 8)
    #expect(!FileManager.default.fileExists(atPath: bench.path("Artifacts")))
  }

  @Test(
    "a file that is no pipeline at all exits with 3 and never crashes",
    arguments: [
      "", "- a\n- b\n", "stages: [", "stages: {a: &x {b: *x}}", "\u{0}", "stages:\n\ta: b\n", "42",
      String(repeating: "[", count: 100_000), "stages: { a: { run: 1, run: 2 } }",
      "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
        + "d: &d [*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e]\n",
    ])
  func nonsense(text: String) async throws {
    let bench = try Workbench("")
    try bench.write(text, to: "Pipelines/x.yaml")
    let outcome = try await bench.fathom("validate", "Pipelines/x.yaml")
    #expect(outcome.code == 3, "\(outcome.errors)")
    #expect(outcome.errors.contains("Pipelines/x.yaml:"), "\(outcome.errors)")
  }

  @Test("a file that is not UTF-8, is missing, or is a folder exits with 3 and is named")
  func unreadable() async throws {
    let bench = try Workbench("")
    try bench.write(Data([0x73, 0xff, 0xfe, 0x0a]), to: "bytes.yaml")
    try FileManager.default.createDirectory(
      atPath: bench.path("folder.yaml"), withIntermediateDirectories: true)
    for name in ["bytes.yaml", "missing.yaml", "folder.yaml"] {
      let outcome = try await bench.fathom("run", name)
      #expect(outcome.code == 3, "\(outcome.errors)")
      #expect(outcome.errors.contains(name), "\(outcome.errors)")
    }
  }

  @Test(
    "a name that could lead out of its folder is refused",
    arguments: [
      "..", "a/b", "../a", "/a", "a b", "a\\tb", "a@b", "a.b", "",
    ])
  func names(name: String) async throws {
    let bench = try Workbench("stages: { \"\(name)\": { run: \"touch ${out.o}\", out: { o: o } } }")
    let outcome = try await bench.run(failing: 3)
    #expect(outcome.errors.contains("[invalid-name]"), "\(outcome.errors)")
  }

  @Test(
    "a path that leads out of its folder is refused",
    arguments: [
      "out: { o: ../o }", "out: { o: /tmp/o }", "out: { o: a/../../o }",
      "files: [../f], out: { o: o }", "files: [/etc/passwd], out: { o: o }",
      "files: [missing.txt], out: { o: o }",
    ])
  func paths(field: String) async throws {
    let bench = try Workbench("stages: { a: { run: \"touch ${out.o}\", \(field) } }")
    let outcome = try await bench.run(failing: 3)
    #expect(
      outcome.errors.contains("[invalid-path]") || outcome.errors.contains("[missing-input]"),
      "\(outcome.errors)")
  }

  @Test("settings with a mistake exit with 3 and name the place")
  func settings() async throws {
    let bench = try Workbench(Self.pipeline, files: [".fathom/config.yaml": "resource: { cpu: 1 }"])
    let outcome = try await bench.run(failing: 3)
    #expect(outcome.errors.contains(".fathom/config.yaml:1:1"), "\(outcome.errors)")
    #expect(outcome.errors.contains("did you mean 'resources'?"), "\(outcome.errors)")
  }
}
