import Pipelines
import StageKit
import Testing

@Suite("Overrides and includes")
struct OverrideTests {
  private let yaml = """
    pipeline: p
    params: { size: [112, 144], clip: 8, patients: { train: 12, test: 6 } }
    profiles:
      quick: { clip: 4, patients: { test: 1 } }
      tiny: { clip: 2 }
      none: { clip: null }
    stages:
      a: { run: "echo ${params.clip}" }
      t: { uses: table, in: { scores: m.scores }, with: { rows: r, columns: [x] } }
      m: { uses: kmeans, matrix: { s: [0, 1] }, in: { features: "e.features" } }
      e: { uses: extract, each: [frames, landmarks], in: { frames: d.frames, landmarks: l.landmarks } }
      d: { uses: decode, each: video, in: { video: i.videos } }
      l: { uses: landmarks, each: maps, in: { maps: s.maps } }
      s: { uses: saliency, each: frames, in: { frames: d.frames } }
      i: { uses: simulate, with: { patients: 3 } }
    """

  @Test("profiles apply left to right, maps merge and lists replace, -S comes last")
  func order() throws {
    let bench = try Bench(yaml)
    #expect(
      try bench.plan(profiles: ["quick"]).params
        == ["size": [112, 144], "clip": 4, "patients": ["train": 12, "test": 1]])
    #expect(try bench.plan(profiles: ["quick", "tiny"]).params["clip"] == 2)
    #expect(try bench.plan(profiles: ["tiny", "quick"]).params["clip"] == 4)
    let plan = try bench.plan(
      sets: ["params.clip=16", "size=[56, 72]", "patients={test: 2, more: 1}"],
      profiles: ["quick"])
    #expect(
      plan.params
        == ["size": [56, 72], "clip": 16, "patients": ["train": 12, "test": 2, "more": 1]])
    #expect(plan["a"]?.commandText == "echo 16")
    #expect(plan.profiles == ["quick"])
  }

  @Test("the value of -S is YAML")
  func setValues() throws {
    let bench = try Bench(yaml)
    for (text, value) in [
      ("1e-4", 1e-4), ("no", "no"), ("'8'", "8"), ("[a, 1]", ["a", 1]), ("true", true),
      ("a=b", "a=b"),
    ] as [(String, Value)] {
      #expect(try bench.plan(sets: ["size=\(text)"]).params["size"] == value)
    }
  }

  @Test("null deletes")
  func null() throws {
    let bench = try Bench(yaml)
    #expect(try bench.plan(sets: ["params.patients.test=null"]).params["patients"] == ["train": 12])
    #expect(try bench.plan(sets: ["patients={test: null}"]).params["patients"] == ["train": 12])
    #expect(try bench.plan(sets: ["stages.t=null"])["t"] == nil)
    let problems = try bench.problems(profiles: ["none"])
    #expect(problems.map(\.rule) == [.unknownParameter])
    #expect(problems.first?.position.line == 8)
  }

  @Test("-S reaches fields of stages, also ones that are not written")
  func stages() throws {
    let bench = try Bench(yaml)
    let plan = try bench.plan(sets: ["stages.m.with.clusters=20", "stages.a.run=echo"])
    #expect(plan["m@s=1"]?.options["clusters"] == 20)
    #expect(
      plan["m@s=1"]?.option("clusters")?.position?.description == "-S stages.m.with.clusters=20")
    #expect(plan["a"]?.commandText == "echo")
  }

  @Test("unknown paths and profiles are errors that suggest the near one")
  func unknown() throws {
    let bench = try Bench(yaml)
    let cases: [(String, Diagnostic.Rule, String)] = [
      ("clp=3", .unknownParameter, "did you mean 'clip'?"),
      ("params.patients.tst=3", .unknownParameter, "did you mean 'test'?"),
      ("stages.mm.with.clusters=3", .unknownStage, "did you mean 'm'?"),
      ("stages.m.with.cluster=3", .unknownOption, "did you mean 'clusters'?"),
      ("stages.m.wiht.clusters=3", .unknownField, "did you mean 'with'?"),
      ("params.size.0=3", .unknownParameter, "a list, not a map"),
      ("params.clip.x=3", .unknownParameter, "an integer, not a map"),
      ("clip", .missingField, "'='"),
      ("=3", .unknownParameter, ""), ("params=3", .missingField, "everything"),
      ("clip=[", .yamlSyntax, ""),
    ]
    for (argument, rule, words) in cases {
      let problems = try bench.problems(sets: [argument])
      #expect(problems.map(\.rule) == [rule], "\(argument): \(problems)")
      #expect(problems.first?.message.contains(words) == true, "\(argument): \(problems)")
      #expect(problems.first?.position.description == "-S \(argument)")
    }
    let problems = try bench.problems(profiles: ["quik"])
    #expect(problems.map(\.rule) == [.unknownProfile])
    #expect(
      problems.first?.description
        == "--profile quik: error: unknown profile 'quik'; did you mean 'quick'? [unknown-profile]")
  }

  @Test("a profile that names no parameter is an error, also where it is not applied")
  func unknownInProfile() throws {
    try expectOne(
      .unknownParameter, "profile 'q'", "did you mean 'clip'?",
      in: """
        pipeline: p
        params: { clip: 8 }
        profiles: { q: { «clp»: 4 } }
        stages: { a: { run: echo } }
        """)
    try expectOne(
      .wrongType, "profile 'q' is an integer",
      in: "pipeline: p\nprofiles: { q: «3» }\nstages: { a: { run: echo } }\n")
  }

  @Test("params are plain values: a reference in them is an error, an escape is text")
  func plainParams() throws {
    try expectOne(
      .unknownReference, "params, which are plain values",
      in: "pipeline: p\nparams: { a: 1, b: \"x «${params.a}»\" }\nstages: { s: { run: echo } }\n")
    let plan = try Bench(
      "pipeline: p\nparams: { b: \"$${HOME}\" }\nstages: { s: { run: 'echo ${params.b} $${x}' } }\n"
    ).plan()
    #expect(plan.params["b"] == "${HOME}")
    #expect(plan["s"]?.commandText == "echo $${HOME} $${x}")
  }

  // MARK: Includes

  @Test("include reads files relative to the including one, each of them once")
  func include() throws {
    let bench = try Bench(
      "pipeline: p\ninclude: [sub/a.yaml, sub/b.yaml]\nstages: { s: { run: echo } }\n",
      files: [
        "sub/a.yaml":
          "include: ../c.yaml\npipeline: other\nstages: { a: { run: 'echo ${params.x}' } }\n",
        "sub/b.yaml": "include: ../c.yaml\nprofiles: { q: { x: 2 } }\n",
        "c.yaml": "params: { x: 1 }\n",
      ])
    let plan = try bench.plan(profiles: ["q"])
    #expect(plan.name == "p")
    #expect(plan.addresses == ["a", "s"])
    #expect(plan["a"]?.commandText == "echo 2")
    #expect(plan["a"]?.position.path == "sub/a.yaml")
  }

  @Test("a name defined in two files is an error that shows both places")
  func duplicateName() throws {
    let yaml = """
      pipeline: p
      include: a.yaml
      params: { «x»: 1 }
      stages: { s: { run: echo } }
      """
    try expectOne(
      .duplicateName, "parameter 'x'", in: yaml, files: ["a.yaml": "params: { x: 2 }\n"])
    let problem = try Bench(yaml, files: ["a.yaml": "params: { x: 2 }\n"]).problems().first
    #expect(problem?.notes.first?.position.description == "a.yaml:1:11")
    try expectOne(
      .duplicateName, "stage 's'",
      in: "pipeline: p\ninclude: a.yaml\nstages: { «s»: { run: echo } }\n",
      files: ["a.yaml": "stages: { s: { run: true } }\n"])
  }

  @Test("files that include each other are an error that names the whole cycle")
  func includeCycle() throws {
    let bench = try Bench(
      "pipeline: p\ninclude: a.yaml\nstages: { s: { run: echo } }\n",
      files: ["a.yaml": "include: b.yaml\n", "b.yaml": "include: p.yaml\n"])
    let problems = try bench.problems()
    #expect(problems.map(\.rule) == [.cycle])
    #expect(problems.first?.message.contains("p.yaml -> a.yaml -> b.yaml -> p.yaml") == true)
    #expect(problems.first?.position.description == "b.yaml:1:10")
  }

  @Test("an include that is missing, absolute or no path is an error")
  func badIncludes() throws {
    try expectOne(.missingInput, "No such file", in: "pipeline: p\ninclude: «none.yaml»\n")
    try expectOne(
      .invalidPath, "absolute",
      in: "pipeline: p\ninclude: «/etc/hosts»\nstages: { s: { run: echo } }\n")
    try expectOne(
      .wrongType, in: "pipeline: p\ninclude: «3»\nstages: { s: { run: echo } }\n")
  }

  @Test("problems of all included files are reported at once, sorted by place")
  func allFiles() throws {
    let problems = try Bench(
      "pipeline: p\ninclude: a.yaml\nstages: { s: { runn: echo }, t: { uses: kmens } }\n",
      files: ["a.yaml": "stages: { a: { run: 'echo ${x}' } }\nfoo: 1\n"]
    ).problems()
    #expect(
      problems.map(\.position.description) == [
        "a.yaml:1:27", "a.yaml:2:1", "p.yaml:3:16", "p.yaml:3:41",
      ]
    )
    #expect(
      problems.map(\.rule) == [.unknownReference, .unknownField, .unknownField, .unknownKind])
  }
}
