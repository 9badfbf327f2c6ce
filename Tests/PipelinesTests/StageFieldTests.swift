import Pipelines
import StageKit
import TestKit
import Testing

@Suite("Fields of a stage")
struct StageFieldTests {
  /// One command with further fields.
  private func expectOne(
    _ rule: Diagnostic.Rule, _ words: String, _ fields: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try PipelinesTests.expectOne(
      rule, words,
      in: "pipeline: p\nparams: { n: 2.5, list: [1] }\nstages:\n  a: { run: x, \(fields) }\n",
      sourceLocation: sourceLocation)
  }

  private func instance(_ fields: String, files: [String: String] = [:]) throws -> Instance? {
    try Bench("pipeline: p\nstages: { a: { run: x, \(fields) } }\n", files: files).plan()["a"]
  }

  @Test("what a stage leaves out has its default")
  func defaults() throws {
    let plan = try Bench("pipeline: p\nstages: { a: { run: true } }\n").plan()
    let a = try #require(plan["a"])
    #expect(a.commandText == "true")
    #expect(a.resources == Resources())
    #expect(a.retries == Retries())
    #expect(a.timeoutSeconds == nil)
    #expect(!a.skipsFailedItems && !a.frozen && a.each.isEmpty && a.files.isEmpty)
    #expect(a.position.description == "p.yaml:2:11")
  }

  @Test("resources, retries and time-outs read sizes and durations")
  func settings() throws {
    let a = try #require(
      try instance(
        """
        resources: { cpu: 2, memory: 4GiB, gpu: 1, time: 1.5h, licence: 3 },
        retries: { times: 2, backoff: 500ms }, timeout: 15min, frozen: true, description: What it does
        """))
    #expect(
      a.resources
        == Resources(
          cpu: 2, memoryBytes: 4 << 30, gpu: 1, timeSeconds: 5400, named: ["licence": 3]))
    #expect(a.retries == Retries(times: 2, backoffSeconds: 0.5))
    #expect(a.timeoutSeconds == 900)
    #expect(a.frozen)
    #expect(a.description == "What it does")
  }

  @Test("wrong types and ranges say what was expected, with its unit")
  func wrongSettings() throws {
    try expectOne(.outOfRange, "is 0 processors", "resources: { cpu: «0» }")
    try expectOne(.wrongType, "a size such as 512MiB", "resources: { memory: «4 gigs» }")
    try expectOne(.wrongType, "an integer", "resources: { licence: «two» }")
    try expectOne(.invalidName, "of a resource", "resources: { «a/b»: 1 }")
    try expectOne(.wrongType, "a map of resources", "resources: «3»")
    try expectOne(.outOfRange, "at least 0", "retries: { times: «-1» }")
    try expectOne(.unknownField, "did you mean 'times'?", "retries: { «time»: 1 }")
    try expectOne(.wrongType, "a duration such as 90s", "timeout: «soon»")
    try expectOne(.outOfRange, "at least 0.001", "timeout: «0»")
    try expectOne(.outOfRange, "cannot be 'skipp'; did you mean 'skip'?", "on_error: «skipp»")
    try expectOne(.missingField, "has no 'each'", "on_error: «skip»")
    try expectOne(.wrongType, "true or false", "frozen: «no»")
    try expectOne(.wrongType, "is text", "frozen: «'true'»")
  }

  @Test("a wrong value from params is shown where it is written, once, with where it is used")
  func wrongParameter() throws {
    let yaml = """
      pipeline: p
      params: { cpu: «none» }
      stages:
        a: { run: x, resources: { cpu: "${params.cpu}" } }
        b: { run: x, matrix: { s: [1, 2] } }
      """
    try PipelinesTests.expectOne(.wrongType, "'cpu' is text", in: yaml)
    let note = try Bench(yaml).problems().first?.notes.first
    #expect(note?.message == "used here")
    #expect(note?.position.description == "p.yaml:4:34")
  }

  @Test("unknown fields suggest the near one")
  func unknownField() throws {
    try expectOne(.unknownField, "did you mean 'frozen'?", "«frozn»: true")
    try PipelinesTests.expectOne(
      .unknownField, "did you mean 'run'?", in: "pipeline: x\nstages:\n  a:\n    «runn»: echo hi\n")
    try PipelinesTests.expectOne(
      .unknownField, "did you mean 'stages'?",
      in: "pipeline: p\n«stage»: { a: 1 }\nstages: { a: { run: x } }\n")
  }

  @Test("a stage is a map with either uses or run, and a pipeline has a name and stages")
  func shape() throws {
    let cases: [(Diagnostic.Rule, String, String)] = [
      (.missingField, "neither 'uses' nor 'run'", "«a»: { frozen: true }"),
      (.unknownField, "both 'uses' and 'run'", "a: { uses: gaze, «run»: x }"),
      (.wrongType, "a list", "a: «[]»"), (.wrongType, "null", "«a»:"),
      (.wrongType, "expected a command", "a: { run: «[x]» }"),
      (.wrongType, "the name of a kind", "a: { uses: «3» }"),
      (.unknownField, "'with' belongs to 'uses'", "a: { run: x, «with»: { b: 1 } }"),
      (
        .unknownField, "'out' belongs to 'run'",
        "a: { uses: simulate, with: { patients: 3 }, «out»: { o: o } }"
      ),
      (.invalidName, "holds '.'", "«a.b»: { run: x }"), (.invalidName, "'.'", "«../x»: { run: x }"),
      (.invalidName, "'/'", "«a/x»: { run: x }"),
      (.invalidName, "is empty", "«\"\"»: { run: x }"),
      (.invalidName, "a space", "«a b»: { run: x }"),
      (.invalidName, "begins with '-'", "«-a»: { run: x }"),
      (.invalidName, "control", "«\"a\\nb\"»: { run: x }"),
    ]
    for (rule, words, stage) in cases {
      try PipelinesTests.expectOne(rule, words, in: "pipeline: p\nstages:\n  \(stage)\n")
    }
    try PipelinesTests.expectOne(.missingField, "no 'pipeline'", in: "stages: { a: { run: x } }\n")
    try PipelinesTests.expectOne(.missingField, "no 'stages'", in: "pipeline: p\n")
    try PipelinesTests.expectOne(.missingField, "no 'stages'", in: "pipeline: p\nstages: {}\n")
    try PipelinesTests.expectOne(.wrongType, "a map", in: "pipeline: p\nstages: «[a]»\n")
  }

  @Test("names may hold letters of any script")
  func names() throws {
    #expect(
      try Bench("pipeline: écho\nstages: { größe_2-b: { run: x } }\n").plan().addresses == [
        "größe_2-b"
      ])
    try PipelinesTests.expectOne(
      .invalidName, "of the pipeline", in: "pipeline: «..»\nstages: { a: { run: x } }\n")
  }

  // MARK: Options

  private let scans = "pipeline: p\nstages:\n  scans: { uses: simulate, with: { patients: 3 } }\n"

  @Test("a choice enters the plan, and so the key, as what it means on this machine")
  func meaningOfChoice() throws {
    func precision(_ line: String) throws -> Value? {
      try Bench(
        """
        pipeline: p
        stages:
          s: { uses: simulate, with: { patients: 3 } }
          d: { uses: decode, each: video, in: { video: s.videos } }
          t: { uses: pretrain, in: { frames: d.frames }, with: { task: { pretext: none }\(line) } }
        """
      ).plan()["t"]?.options["precision"]
    }
    #expect(try precision("") == "bfloat16")
    #expect(try precision(", precision: auto") == "bfloat16")
    #expect(try precision(", precision: float32") == "float32")
  }

  @Test("options are canonical, in the catalogue's order, with defaults and places")
  func options() throws {
    let plan = try Bench(
      """
      pipeline: p
      params: { task: { pretext: pace, paces: [1, 2] } }
      stages:
        scans: { uses: simulate, with: { seed: 7, patients: 3 } }
        d: { uses: decode, each: video, in: { video: scans.videos }, with: { rate: 25 } }
        s: { uses: saliency, each: frames, in: { frames: d.frames } }
        l: { uses: landmarks, each: maps, in: { maps: s.maps }, with: { window: 2min, cache: 1KiB } }
        t: { uses: pretrain, in: { frames: d.frames }, with: { task: "${params.task}" } }
      """
    ).plan()
    guard case .kind("simulate", version: 1, let options) = plan["scans"]?.work else {
      Issue.record("scans is no kind")
      return
    }
    #expect(options.map(\.name) == ["patients", "seed"])
    #expect(options.map { $0.position?.description } == ["p.yaml:4:55", "p.yaml:4:42"])
    #expect(plan["d"]?.options == ["rate": 25.0])  // `size` is absent unless given
    #expect(plan["l"]?.options == ["threshold": 0.5, "window": 120.0, "cache": 1024])
    #expect(plan["l"]?.option("threshold")?.position == nil)
    let task = plan["t"]?.option("task")
    #expect(task?.position?.description == "p.yaml:2:17")
    #expect(task?.nested["paces"]?.description == "p.yaml:2:41")
    #expect(task?.nested["paces.1"]?.description == "p.yaml:2:45")
  }

  @Test("unknown, missing, mistyped and out-of-range options are errors")
  func wrongOptions() throws {
    let cases: [(Diagnostic.Rule, String, String)] = [
      (
        .unknownOption, "unknown option 'patient' of kind 'simulate'; did you mean 'patients'?",
        "{ patients: 3, «patient»: 4 }"
      ),
      (.missingOption, "option 'patients' of kind 'simulate' is required", "{ seed: 3 }"),
      (.wrongType, "is text (three); expected an integer", "{ patients: «three» }"),
      (.wrongType, "is a number (2.5)", "{ patients: «2.5» }"),
      (.outOfRange, "is 0; expected an integer, at least 1", "{ patients: «0» }"),
      (.wrongType, "'with' is a list", "«[1]»"),
    ]
    for (rule, words, with) in cases {
      try PipelinesTests.expectOne(
        rule, words.replacing("three)", with: "\"three\")"),
        in: "pipeline: p\nstages: { s: { uses: simulate, with: \(with) } }\n")
    }
    try PipelinesTests.expectOne(
      .missingOption, "'patients'",
      in: "pipeline: p\nstages: { s: { uses: simulate, «with»: { seed: 3 } } }\n")
    try PipelinesTests.expectOne(
      .outOfRange, "is 1 clusters; expected an integer (clusters), at least 2",
      in: scans + """
          d: { uses: decode, each: video, in: { video: scans.videos } }
          e: { run: x, each: v, in: { v: d.frames }, out: { f: f/ } }
          k: { uses: kmeans, in: { features: e.f }, with: { clusters: «1» } }
        """)
    try PipelinesTests.expectOne(
      .wrongType, "has 3 values; expected a list of 2 integers (pixels)",
      in: scans
        + "  d: { uses: decode, each: video, in: { video: scans.videos }, with: { size: «[1, 2, 3]» } }\n"
    )
    try PipelinesTests.expectOne(
      .unknownKind, "did you mean 'simulate'?",
      in: "pipeline: p\nstages: { s: { uses: «simulat» } }\n")
  }

  @Test("an option that names files must name some that exist")
  func filesOption() throws {
    try PipelinesTests.expectOne(
      .missingInput, "'clips' does not exist in the project",
      in:
        "pipeline: p\nparams: { c: «clips» }\nstages: { i: { uses: import, with: { paths: '${params.c}' } } }\n"
    )
    let bench = try Bench(
      "pipeline: p\nstages: { i: { uses: import, with: { paths: clips } } }\n",
      files: ["clips/a.mp4": ""])
    #expect(try bench.plan()["i"]?.option("paths")?.namesFiles == true)
    let problems = try bench.problems(sets: ["stages.i.with.paths=/none"])
    #expect(
      problems.map(\.description) == [
        "-S stages.i.with.paths=/none: error: '/none' does not exist [missing-input]"
      ])
  }

  @Test("the catalogue is asked only where a stage uses a kind")
  func lazyCatalogue() throws {
    let scratch = try Scratch()
    let path = try scratch.write("pipeline: p\nstages: { a: { run: x } }\n", to: "p.yaml")
    let loader = PipelineLoader(project: scratch.path) {
      throw StageFailure("asked")
    }
    #expect(try loader.load(path: path).addresses == ["a"])
    try scratch.write("pipeline: p\nstages: { a: { uses: x } }\n", to: "p.yaml")
    #expect(throws: StageFailure("asked")) { try loader.load(path: path) }
  }

  // MARK: Commands

  @Test("out names files, and folders by a slash at the end; its order decides nothing")
  func outputs() throws {
    let a = try #require(try instance("out: { o: a/b.txt, f: maps/ }"))
    #expect(
      a.outputs == [
        OutputPort(name: "f", type: .any, form: .folder, many: false, path: "maps"),
        OutputPort(name: "o", type: .any, form: .file, many: false, path: "a/b.txt"),
      ])
    for path in ["/etc/x", "../x", "a/../../x", "''", "a//b", "./x", "\"a\\nb\""] {
      try expectOne(.invalidPath, "output 'o'", "out: { o: «\(path)» }")
    }
    try expectOne(.invalidName, "'/'", "out: { «a/b»: x }")
    try expectOne(.duplicateEntry, "'o' and 'p'", "out: { o: a/, p: «a/b» }")
    try expectOne(.wrongType, "a relative path", "out: { o: «[x]» }")
  }

  @Test("files are kept in the order written; a path that is no glob must exist")
  func files() throws {
    let a = try instance("files: [z.txt, 'a/*.py', a.txt]", files: ["z.txt": "", "a.txt": ""])
    #expect(a?.files.map(\.value) == ["z.txt", "a/*.py", "a.txt"])
    #expect(a?.files.first?.position.description == "p.yaml:2:32")
    try expectOne(.missingInput, "'none.txt' does not exist in the project", "files: [«none.txt»]")
    try expectOne(.invalidPath, "is absolute", "files: [«/etc/hosts»]")
    try expectOne(.invalidPath, "'..'", "files: «../x»")
    try expectOne(.wrongType, "relative paths and globs", "files: [«3»]")
    try expectOne(.duplicateEntry, "twice", "files: ['*.x', «'*.x'»]")
  }

  @Test("env gives values by a map, or passes names through by a list")
  func environment() throws {
    let given = try instance("env: { B: 1, A: text, C: true }")?.environment
    #expect(given?.map(\.name) == ["A", "B", "C"])
    #expect(given?.map(\.value) == ["text", "1", "true"])
    let passed = try instance("env: [HOME, CUDA_VISIBLE_DEVICES]")?.environment
    #expect(passed?.map(\.name) == ["CUDA_VISIBLE_DEVICES", "HOME"])
    #expect(passed?.map(\.value) == [nil, nil])
    try expectOne(.invalidName, "no name of a variable", "env: { «A=B»: 1 }")
    try expectOne(.invalidName, "no name of a variable", "env: [«1A»]")
    try expectOne(.duplicateEntry, "twice", "env: [A, «A»]")
    try expectOne(.wrongType, "a list of names", "env: { «A»: null }")
    try expectOne(.wrongType, "a list", "env: { A: «[1]» }")
    try expectOne(.wrongType, "a map of values", "env: «A»")
  }

  @Test("the digest is of the values, and of neither comments nor the order of options")
  func digest() throws {
    func digest(_ yaml: String, sets: [String] = []) throws -> Digest {
      try Bench(yaml).plan(sets: sets).digest
    }
    let one = try digest("pipeline: p\nparams: { a: 1, b: 2 }\nstages: { s: { run: x } }\n")
    #expect(
      try digest("pipeline: p # x\nparams:\n  b: 2\n  a: 1\nstages: { s: { 'run': \"x\" } }\n")
        == one)
    #expect(
      try digest("pipeline: p\nparams: { a: 1, b: 3 }\nstages: { s: { run: x } }\n", sets: ["b=2"])
        == one)
    #expect(try digest("pipeline: p\nparams: { a: '1', b: 2 }\nstages: { s: { run: x } }\n") != one)
  }
}
