import Foundation
import StageKit
import TestKit
import Testing

@Suite("Paths of any letters", .aFewAtATime)
struct PathTests {
  static let names = [
    "with space", "with 'quote'", "with \"quotes\"", "with\nnewline", "wïth 字 é", "-dash", "$HOME",
    "semi;colon", "back\\slash", "percent%20", "a=b,c@d", "*", "tab\there",
  ]
  static let pipeline = """
    stages:
      clips: { uses: import, with: { path: clips } }
      item:
        run: cat ${in.clip} > ${out.o}
        each: clip
        in: { clip: clips.videos }
        out: { o: o.txt }
      all:
        run: cat data/* > ${out.o}; ls ${in.items} > ${out.n}
        files: ["data/*"]
        in: { items: item.o }
        out: { o: o.txt, n: n.txt }

    """

  @Test("a project folder may have any name", arguments: names)
  func project(name: String) async throws {
    let bench = try Workbench(
      Self.pipeline, files: ["clips/a.mp4": "a", "data/b": "b"], folder: name)
    try await bench.run(expecting: ["clips", "item", "all"])
    #expect(try bench.latest("all/o") == "b")
    #expect(try bench.latest("item/o/a.mp4") == "a")
    try await bench.run(expecting: [])
    try bench.write("c", to: "clips/a.mp4")
    try await bench.run(expecting: ["clips", "item", "all"])
    #expect(try bench.latest("item/o/a.mp4") == "c")
  }

  @Test("files and items may have any name")
  func files() async throws {
    var files: [String: String] = [:]
    for name in Self.names {
      files["clips/\(name).mp4"] = name
      files["data/\(name)"] = name + ";"
    }
    files["clips/deep/er/x.mp4"] = "x"
    let bench = try Workbench(Self.pipeline, files: files)
    try await bench.run(expecting: ["clips", "item", "all"])
    for name in Self.names {
      #expect(try bench.latest("item/o/\(name).mp4") == name)
    }
    #expect(try bench.latest("item/o/deep/er/x.mp4") == "x")
    let joined = try bench.latest("all/o")
    for name in Self.names { #expect(joined.contains(name + ";")) }
    try await bench.run(expecting: [])
    #expect(
      try await bench.rows("SELECT item FROM job_item").count == Self.names.count + 1)

    try bench.write("new", to: "clips/with\nnewline.mp4")
    try await bench.run(expecting: ["clips", "item", "all"])
    #expect(try await bench.ranItems() == ["item with\nnewline.mp4"])
    for words in [["why", "item"], ["show", "item"], ["log"], ["plan"]] {
      let outcome = try await bench.invocation(words).run()
      #expect(outcome.code == 0)
      #expect(!outcome.output.contains("with\nnewline"))
    }
  }

  @Test("a pipeline file may have any name")
  func pipeline() async throws {
    let bench = try Workbench("")
    for name in Self.names where !name.hasPrefix("-") {
      try bench.write(
        "pipeline: q\nstages: { a: { run: \"touch ${out.o}\", out: { o: o } } }\n",
        to: "other/\(name).yaml")
      let outcome = try await bench.fathom("run", "other/\(name).yaml")
      #expect(outcome.code == 0, "\(outcome.errors)")
    }
  }

  @Test("values of an axis may be any text, and each has a folder of its own")
  func axes() async throws {
    let bench = try Workbench(
      """
      stages:
        a:
          run: printf %s "$VALUE" > ${out.o}
          matrix: { v: ["a/b", "../c", "x y", "k=1,l=2", "..", "é", "100%"] }
          env: { VALUE: "${matrix.v}" }
          out: { o: o.txt }
        all:
          run: cat ${in.o}/index.tsv > ${out.o}
          in: { o: a.o }
          out: { o: o.txt }

      """)
    try await bench.run(failing: 0)
    #expect(try await bench.ran().count == 8)
    #expect(try await bench.ran().contains("a@v=%2E%2E%2Fc"))
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: bench.path("Artifacts/latest/p"))
    #expect(folders.count == 8)
    #expect(try bench.latest("all/o").split(separator: "\n").count == 8)
  }
}
