import Foundation
import StageKit
import TestKit
import Testing

/// One edit of the pipeline below and what it must lead to.
struct Flip: Sendable, CustomTestStringConvertible {
  var what: String
  /// In the pipeline, unless `file` says otherwise.
  var old = ""
  var new = ""
  var file = Workbench.pipeline
  var variable: (name: String, value: String)?
  /// What has to run; what reads it may be cut off.
  var runs: String?
  /// The components that `why` names.
  var components: Set<String> = []

  var testDescription: String { what }
}

@Suite("Each component of an action's key", .aFewAtATime)
struct KeyComponentTests {
  static let pipeline = """
    stages:
      made:
        run: echo 1 > ${out.a}; echo 2 > ${out.b}
        out: { a: a.txt, b: b.txt }
      subject:
        run: cat ${in.x} ${in.y} *.txt > ${out.o}; cp ${out.o} copy; env > ${out.p}
        files: [one.txt, "data/*.txt"]
        in: { x: made.a, y: made.b }
        out: { o: o.out, p: p.out, copy: copy }
        env: { WORD: hello }
        resources: { cpu: 1 }
        description: what it does
      passing:
        run: echo $PASSED > ${out.o}
        env: [PASSED]
        out: { o: o.txt }
      shapes:
        uses: moving_shapes
        with: { clips: 1, frames: 1, size: [16, 16], codecs: [mjpeg, mpeg2] }
      rotated:
        uses: import
        with: { path: clips, pattern: ["*.mp4"] }
      mapped:
        run: cat ${in.video} > ${out.o}
        each: video
        in: { video: rotated.videos, shared: made.a }
        out: { o: o.bin }

    """
  static let files = [
    "one.txt": "1", "data/a.txt": "a", "data/b.txt": "b", "clips/x.mp4": "x", "clips/y.mp4": "y",
  ]

  static let flips = [
    Flip(
      what: "the text of a command", old: "cp ${out.o} copy;", new: "cp ${out.o}  copy;",
      runs: "subject", components: ["run"]),
    Flip(
      what: "the content of a file", old: "1", new: "2", file: "one.txt", runs: "subject",
      components: ["files/one.txt"]),
    Flip(
      what: "a pattern that matches other files", old: "data/*.txt", new: "data/a*.txt",
      runs: "subject", components: ["files", "files/data/b.txt"]),
    Flip(
      what: "the order of files", old: #"[one.txt, "data/*.txt"]"#,
      new: #"["data/*.txt", one.txt]"#, runs: "subject", components: ["files"]),
    Flip(
      what: "the value of a variable", old: "WORD: hello", new: "WORD: bye", runs: "subject",
      components: ["env.WORD"]),
    Flip(
      what: "the name of a variable", old: "WORD: hello", new: "WORDS: hello", runs: "subject",
      components: ["env.WORD", "env.WORDS"]),
    Flip(
      what: "a variable passed through", variable: ("PASSED", "new"), runs: "passing",
      components: ["env.PASSED"]),
    Flip(
      what: "the path of an output", old: "p: p.out", new: "p: q.out", runs: "subject",
      components: ["out.p"]),
    Flip(
      what: "the content of an input", old: "echo 1 >", new: "echo 3 >", runs: "subject",
      components: ["in.x"]),
    Flip(
      what: "the content of another input", old: "echo 2 >", new: "echo 3 >", runs: "subject",
      components: ["in.y"]),
    Flip(
      what: "two inputs swapped", old: "{ x: made.a, y: made.b }", new: "{ x: made.b, y: made.a }",
      runs: "subject", components: ["in.x", "in.y"]),
    Flip(
      what: "an option", old: "clips: 1", new: "clips: 2", runs: "shapes",
      components: ["with.clips"]),
    Flip(
      what: "an element of a list", old: "size: [16, 16]", new: "size: [16, 32]", runs: "shapes",
      components: ["with.size"]),
    Flip(
      what: "the order of a list", old: "[mjpeg, mpeg2]", new: "[mpeg2, mjpeg]", runs: "shapes",
      components: ["with.codecs"]),
    Flip(
      what: "an option that had its default", old: "clips: 1", new: "clips: 1, seed: 7",
      runs: "shapes", components: ["with.seed"]),
    Flip(
      what: "the kind",
      old: "rotated:\n    uses: import\n    with: { path: clips, pattern: [\"*.mp4\"] }",
      new: "rotated: { uses: moving_shapes, with: { clips: 1, frames: 1, size: [16, 16] } }",
      runs: "rotated",
      components: [
        "kind", "with.classes", "with.clips", "with.codecs", "with.copy", "with.fps",
        "with.frames", "with.gaze", "with.gaze_columns", "with.gaze_time", "with.gaze_units",
        "with.group_column", "with.groups", "with.label_column", "with.labels", "with.noise",
        "with.on_problem", "with.path/x.mp4", "with.path/y.mp4", "with.pattern", "with.seed",
        "with.shapes", "with.size", "with.truth", "version",
      ]),
    Flip(
      what: "a file behind an option", old: "x", new: "z", file: "clips/x.mp4", runs: "rotated",
      components: ["with.path/x.mp4"]),
    Flip(
      what: "an item", old: "x", new: "z", file: "clips/x.mp4", runs: "mapped",
      components: ["in.video"]),
    Flip(
      what: "what all items share", old: "echo 1 >", new: "echo 3 >", runs: "mapped",
      components: ["in.shared"]),
    Flip(what: "nothing: a stage's name", old: "  passing:", new: "  handing_on:"),
    Flip(what: "nothing: a comment", old: "stages:", new: "# a comment\nstages:  # another"),
    Flip(what: "nothing: resources", old: "cpu: 1", new: "cpu: 2, memory: 1MiB"),
    Flip(what: "nothing: a description", old: "what it does", new: "what else it does"),
    Flip(
      what: "nothing: retries and time limit", old: "env: [PASSED]",
      new: "env: [PASSED]\n    retries: { times: 1, backoff: 1s }\n    timeout: 1h"),
    Flip(
      what: "nothing: an option at its default", old: "clips: 1", new: "clips: 1, seed: 0"),
    Flip(what: "nothing: the order of a map", old: "a: a.txt, b: b.txt", new: "b: b.txt, a: a.txt"),
    Flip(
      what: "nothing: the order of inputs", old: "{ x: made.a, y: made.b }",
      new: "{ y: made.b, x: made.a }"),
    Flip(what: "nothing: the name of the pipeline", old: "pipeline: p", new: "pipeline: p2"),
    Flip(what: "nothing: a variable nobody asked for", variable: ("UNDECLARED", "new")),
  ]

  @Test(
    "flipped, makes the stage run and is what why names; flipped back, all is hits",
    arguments: flips)
  func flip(_ flip: Flip) async throws {
    var bench = try Workbench(Self.pipeline, files: Self.files)
    bench.environment["PASSED"] = "old"
    try await bench.run(
      expecting: ["made", "subject", "passing", "shapes", "rotated", "mapped"])
    let before = bench.environment
    let texts = try flip.old.isEmpty ? "" : bench.read(flip.file)
    if let variable = flip.variable { bench.environment[variable.name] = variable.value }
    if !flip.old.isEmpty { try bench.edit(flip.old, to: flip.new, in: flip.file) }

    guard let stage = flip.runs else {
      try await bench.run(expecting: [])
      return
    }
    #expect(try await bench.run(failing: 0).code == 0)
    #expect(try await bench.ran().contains(stage))
    #expect(try await !bench.ran().contains("passing") || stage == "passing")
    #expect(Set(try await bench.why(stage).keys) == flip.components)

    bench.environment = before
    if !flip.old.isEmpty { try bench.write(texts, to: flip.file) }
    try await bench.run(expecting: [])
  }

  @Test("a renamed file is another file")
  func fileName() async throws {
    let bench = try Workbench(Self.pipeline, files: Self.files)
    try await bench.run(failing: 0)
    try FileManager.default.moveItem(
      atPath: bench.path("data/b.txt"), toPath: bench.path("data/c.txt"))
    try await bench.run(expecting: ["subject"])
    #expect(
      try await bench.why("subject").keys.sorted()
        == ["files", "files/data/b.txt", "files/data/c.txt"])
  }
}
