import Foundation
import StageKit
import TestKit
import Testing

/// Gives the tests of a suite one project with two runs, the second after an edit.
struct Asked: SuiteTrait, TestScoping {
  @TaskLocal static var bench: Workbench?

  func provideScope(
    for test: Test, testCase: Test.Case?, performing tests: @Sendable () async throws -> Void
  ) async throws {
    let bench = try Workbench(VerbTests.pipeline)
    try await bench.run(failing: 0)
    try bench.edit("seed: 0", to: "seed: 1")
    try await bench.run(failing: 0)
    try await Asked.$bench.withValue(bench) { try await tests() }
  }
}

@Suite("The verbs", Asked(), .aFewAtATime)
struct VerbTests {
  static let pipeline = """
    stages:
      shapes:
        uses: moving_shapes
        with: { clips: 2, frames: 4, size: [32, 32], codecs: [mjpeg, ffv1], seed: 0 }
      frames:
        uses: decode
        each: video
        in: { video: shapes.videos }
        with: { size: [32, 32] }
      maps:
        uses: saliency
        each: frames
        in: { frames: frames.frames }
        with: { method: spectral_residual }
      landmarks: { uses: landmarks, each: maps, in: { maps: maps.maps } }
      pixels:
        uses: extract
        each: [frames, landmarks]
        in: { frames: frames.frames, landmarks: landmarks.landmarks }
        with: { features: pixels }
      kmeans: { uses: kmeans, in: { features: pixels.features }, with: { clusters: 2 } }
      metrics: { uses: metrics, in: { features: pixels.features, clusters: kmeans.clusters } }
      table:
        uses: table
        in: { scores: metrics.scores }
        with: { columns: [silhouette, compactness] }
      count: { run: "ls ${in.v} | wc -l > ${out.n}", in: { v: shapes.videos }, out: { n: n.txt } }

    """

  private var bench: Workbench {
    get throws { try #require(Asked.bench) }
  }

  @Test(
    "--json prints one document with a schema version",
    arguments: [
      ["plan"], ["status"], ["why", "kmeans"], ["dag"], ["dag", "--instances"], ["log"], ["show"],
      ["show", "1"], ["show", "kmeans"], ["diff", "1", "2"], ["diff", "1"],
      ["metrics"], ["metrics", "diff", "1"], ["validate"],
      ["run", "-n"],
      ["completion", "bash"],
    ])
  func json(words: [String]) async throws {
    let outcome = try await bench.invocation(words + ["--json"]).run()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try outcome.json["schema_version"]?.integer == 1)
    #expect(outcome.output.hasSuffix("\n"))
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
  }

  @Test("run --json prints one event a line, from planned to ended")
  func runEvents() async throws {
    let bench = try Workbench(Self.pipeline)
    let outcome = try await bench.run("--json", failing: 0)
    let events = try outcome.jsonLines
    #expect(events.allSatisfy { $0["schema_version"]?.integer == 1 })
    let names = events.compactMap { $0["event"]?.text }
    #expect(names.first == "planned")
    #expect(names.last == "ended")
    #expect(names.count { $0 == "started" } == 9)
    #expect(names.count { $0 == "finished" } == 9)
    #expect(names.contains("metric"))
    #expect(events.last?["counts"]?["run"]?.integer == 9)
  }

  @Test("sql prints tab-separated values with a header, or an array of objects, and only reads")
  func sql() async throws {
    let bench = try bench
    let text = try await bench.fathom(
      "sql", "SELECT instance, decision FROM latest_jobs WHERE instance = 'shapes'")
    #expect(text.output == "instance\tdecision\nshapes\trun\n")
    let rows = try await bench.rows("SELECT 1 AS a, 'x' AS b, NULL AS c")
    #expect(rows == [["a": 1, "b": "x", "c": .null]])
    for query in [
      "DELETE FROM run", "UPDATE run SET user = 'x'", "SELECT", "DROP TABLE run",
      "PRAGMA user_version = 7", "SELECT 1; DELETE FROM run",
    ] {
      #expect(try await bench.fathom("sql", query).code != 0, "\(query)")
    }
    #expect(try await bench.rows("SELECT * FROM runs").count == 2)
    for view in ["latest_jobs", "latest_items", "cells", "runs", "metrics"] {
      #expect(try await !bench.rows("SELECT * FROM \(view)").isEmpty, "\(view)")
    }
  }

  @Test(
    "the views have the columns that outside checks read",
    arguments: [
      ("latest_jobs", "instance decision reason cpu_s wall_s max_rss"),
      ("latest_items", "instance item decision"), ("cells", "table_name row column text value n"),
      ("runs", "id started status pipeline git_commit tag"),
      ("metrics", "run instance name split step value"),
    ])
  func views(name: String, columns: String) async throws {
    let bench = try bench
    let header = try await bench.fathom("sql", "SELECT * FROM \(name)").output.prefix { $0 != "\n" }
    #expect(header.split(separator: "\t").joined(separator: " ") == columns)
  }

  @Test("every job has its processor seconds and memory")
  func measured() async throws {
    let bench = try bench
    let rows = try await bench.rows(
      "SELECT instance FROM latest_jobs WHERE decision = 'run' "
        + "AND (cpu_s IS NULL OR wall_s IS NULL OR max_rss IS NULL OR max_rss < 100000)")
    #expect(rows.isEmpty)
  }

  @Test("schema is one JSON document that names every kind, and its bytes are always the same")
  func schema() async throws {
    let bench = try bench
    let one = try await bench.fathom("schema", "-o", "-")
    let two = try await bench.fathom("schema", "-o", "-")
    #expect(one.code == 0)
    #expect(one.output == two.output)
    #expect(try one.json["$schema"] != nil)
    for kind in [
      "import", "moving_shapes", "decode", "saliency", "landmarks", "extract", "kmeans",
      "metrics", "table",
    ] {
      #expect(one.output.contains("\"\(kind)\""))
    }
    let file = try await bench.fathom("schema", "-o", "Pipelines/s.json")
    #expect(file.output == "wrote Pipelines/s.json\n")
    #expect(try bench.read("Pipelines/s.json") == one.output)
  }

  @Test("dag draws a tree, mermaid and dot, and with graphviz SVG")
  func dag() async throws {
    let bench = try bench
    let tree = try await bench.fathom("dag").output
    #expect(tree.hasPrefix("p\n`- shapes  (moving_shapes)\n"), "\(tree)")
    #expect(tree.contains("pixels  (extract, each frames and landmarks)"), "\(tree)")
    let mermaid = try await bench.fathom("dag", "--format", "mermaid").output
    #expect(mermaid.hasPrefix("flowchart TD\n  n0[\"shapes<br><i>moving_shapes</i>\"]\n"))
    #expect(mermaid.contains("  n0 -- videos --> n1\n"))
    let dot = try await bench.fathom("dag", "--format", "dot").output
    #expect(dot.hasPrefix("digraph \"p\" {\n"))
    #expect(dot.contains("n0 -> n1 [label=\"videos\"];"))
    if FileManager.default.isExecutableFile(atPath: "/usr/bin/dot") {
      let svg = try await bench.fathom("dag", "--format", "svg", "-o", "dag.svg")
      #expect(svg.code == 0, "\(svg.errors)")
      #expect(try bench.read("dag.svg").contains("</svg>"))
    }
    let part = try await bench.fathom("dag", "count").output
    #expect(part == "p\n`- shapes  (moving_shapes)\n   `- count  (run)\n")
  }

  @Test("log lists the runs, newest first")
  func log() async throws {
    let lines = try await bench.fathom("log").output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("2  "), "\(lines)")
    #expect(lines[0].contains("  succeeded  9 run  "), "\(lines)")
    #expect(lines[1].contains("9 run"))
    #expect(lines[1].contains("Pipelines/p.yaml"))
  }

  @Test("show tells what an instance was made of, read and gave")
  func show() async throws {
    let bench = try bench
    let run = try await bench.fathom("show").output
    #expect(run.hasPrefix("run 2  succeeded  "), "\(run)")
    let text = try await bench.fathom("show", "kmeans").output
    for part in [
      "kmeans  run in run 2: in.features changed", "with.clusters", "Pipelines/p.yaml:",
      "inputs", "in.features", "from pixels", "outputs", "clusters", "metrics", "inertia",
    ] {
      #expect(text.contains(part), "\(part)\n\(text)")
    }
  }

  @Test("show tells what a cell of a table was made of, back to the first stage")
  func showCell() async throws {
    let bench = try bench
    let name = "table:all:silhouette"
    let text = try await bench.fathom("show", name).output
    for part in [
      "\(name)  ", "one value; higher is better", "silhouette of metrics",
      "  metrics  metrics ", "  kmeans  kmeans ", "clusters: 2", "features ", " from pixels\n",
      "  shapes  moving_shapes ", "run 2", "fathom 0.1.0",
    ] {
      #expect(text.contains(part), "\(part)\n\(text)")
    }
    #expect(!text.contains("  count  "), "count is not behind the cell:\n\(text)")
    let document = try await bench.fathom("show", name, "--json").json
    let sources = document["sources"]?.elements ?? []
    #expect(sources.count == 1 && sources.first?["value"] == document["value"])
    #expect(sources.first?["job"]?["instance"] == "metrics")
    let upstream = document["upstream"]?.elements.compactMap { $0["instance"]?.text } ?? []
    #expect(
      Set(upstream) == ["kmeans", "pixels", "frames", "landmarks", "maps", "shapes"]
        && upstream.count == 6)
    let wrong = try await bench.fathom("show", "table:all:silhouete")
    #expect(wrong.code == 2)
    #expect(wrong.errors.contains("did you mean '\(name)'?"), "\(wrong.errors)")
  }

  @Test("metrics shows a table for each stage, and only what was asked for")
  func metrics() async throws {
    let text = try await bench.fathom("metrics").output
    let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines.first == ["run", "2"])
    #expect(lines.contains { $0.prefix(2) == ["kmeans", "inertia"] })
    #expect(lines.contains { $0.first == "metrics" && $0.contains("silhouette") })
    let document = try await bench.fathom(
      "metrics", "show", "1", "--name", "compact*", "--instance", "metrics", "--json"
    ).json
    #expect(document["run"] == 1)
    let found = document["metrics"]?.elements ?? []
    let names = found.compactMap { metric in metric["name"]?.text }
    #expect(names == ["compactness", "compactness_scale_free"])
    #expect(found.allSatisfy { $0["direction"] == "lower" && $0["instance"] == "metrics" })
    let none = try await bench.fathom("metrics", "show", "--name", "colour")
    #expect(none.output == "run 2 has no such metrics\n")
  }

  @Test("metrics diff says which value became better")
  func metricsDiff() async throws {
    let document = try await bench.fathom(
      "metrics", "diff", "1", "2", "--name", "compactness", "--json"
    ).json
    let change = try #require(document["changes"]?.elements.first)
    guard case .number(let old)? = change["old"], case .number(let new)? = change["new"] else {
      Issue.record("old or new is no number: \(change)")
      return
    }
    let verdict = new < old ? "better" : "worse"
    #expect(change["verdict"]?.text == verdict)
    let text = try await bench.fathom("metrics", "diff", "1", "--name", "compactness").output
    #expect(text.contains(verdict) && text.hasPrefix("run 1 → run 2\n"))
    let equal = try await bench.fathom("metrics", "diff", "2", "2").output
    #expect(equal == "the metrics of runs 2 and 2 are equal\n")
    let missing = try await bench.fathom("metrics", "show", "99")
    #expect(missing.code == 2 && missing.errors.contains("there is no run '99'"))
  }

  @Test("diff names the params, metrics and outputs that differ between two runs")
  func diff() async throws {
    let bench = try bench
    let text = try await bench.fathom("diff", "1", "2").output
    #expect(text.contains("params\n  shapes"), "\(text)")
    #expect(text.contains("with.seed"))
    #expect(text.contains("metrics\n"))
    #expect(text.contains("outputs\n"))
    let changes = try await bench.fathom("diff", "1", "2", "--json").json["changes"]?.elements ?? []
    let seed = try #require(changes.first { $0["name"]?.text == "with.seed" })
    #expect(seed["old"]?.integer == 0)
    #expect(seed["new"]?.integer == 1)
    #expect(changes.contains { $0["what"]?.text == "output" && $0["instance"]?.text == "table" })
    // The count of clips is the same, so nothing differs in that stage.
    #expect(!changes.contains { $0["instance"]?.text == "count" && $0["what"]?.text == "output" })
    #expect(try await bench.fathom("diff", "1", "1").output == "runs 1 and 1 are equal\n")
  }

  @Test(
    "completion gives a script that the shell accepts, and offers stages",
    arguments: [
      "bash", "zsh", "fish",
    ])
  func completion(shell: String) async throws {
    let bench = try bench
    let outcome = try await bench.fathom("completion", shell)
    #expect(outcome.code == 0)
    #expect(outcome.output.contains("fathom"))
    guard shell == "bash" else { return }
    try bench.write(outcome.output, to: "completion.bash")
    var bash = bench.invocation(["-n", "completion.bash"])
    bash.program = "/bin/bash"
    let check = try await bash.run()
    #expect(check.code == 0, "\(check.errors)")
  }

  @Test("init makes a project that runs; a second init changes nothing")
  func initialise() async throws {
    var bench = try Workbench("")
    bench.folder = bench.scratch.path + "/empty"
    try FileManager.default.createDirectory(
      atPath: bench.folder, withIntermediateDirectories: true)
    let made = try await bench.fathom("init")
    #expect(made.code == 0, "\(made.errors)")
    #expect(made.output.hasSuffix("next  fathom run\n"))
    let pipeline = try bench.read("Pipelines/first.yaml")
    #expect(pipeline.hasPrefix("# yaml-language-server: $schema=pipeline.schema.json\n"))
    #expect(try await bench.fathom("validate").code == 0)
    try await bench.run(expecting: ["shout", "count"])
    #expect(try bench.read("Artifacts/latest/first/shout/loud") == "HELLO, FATHOM\n")
    try await bench.run(expecting: [])
    let again = try await bench.fathom("init", "--json")
    #expect(try again.json["made"] == .list([]))
    #expect(try bench.read("Pipelines/first.yaml") == pipeline)
  }

  @Test(
    "--version and --help exit with 0 and print to standard output",
    arguments: [
      "--version", "--help", "run --help",
    ])
  func help(words: String) async throws {
    let bench = try bench
    let outcome = try await bench.invocation(words.split(separator: " ").map(String.init)).run()
    #expect(outcome.code == 0)
    #expect(!outcome.output.isEmpty && outcome.errors.isEmpty)
  }

  @Test("colour comes only where it is asked for")
  func color() async throws {
    var bench = try bench
    #expect(try await !bench.fathom("plan").output.contains("\u{1b}"))
    #expect(try await bench.fathom("plan", "--color", "always").output.contains("\u{1b}"))
    bench.environment["CLICOLOR_FORCE"] = "1"
    #expect(try await bench.fathom("plan").output.contains("\u{1b}"))
    bench.environment["NO_COLOR"] = "1"
    #expect(try await !bench.fathom("plan").output.contains("\u{1b}"))
  }
}
