import Foundation
import StageKit
import TestKit
import Testing

@Suite("Tags and locks", .aFewAtATime)
struct ReproduceTests {
  /// Two commands and a table of what they count, in data that git does not keep.
  private static let pipeline = """
    params: { word: pace }
    profiles: { loud: { word: PACE } }
    stages:
      count:
        run: |
          printf '{"metrics": [{"name": "n", "value": %s}]}' $(wc -c < data/text.txt) > ${out.n}
        files: [data/text.txt]
        out: { n: n.json }
      copy:
        run: cp ${in.n} ${out.n}
        in: { n: count.n }
        out: { n: n.json }
      table:
        uses: table
        in: { scores: copy.n }
        with: { columns: [n], name: "${params.word}" }

    """

  /// A project in a git repository.
  private struct Project {
    var bench: Workbench
    static let lock = "Pipelines/p.lock"

    init(_ pipeline: String = ReproduceTests.pipeline) async throws {
      bench = try Workbench(
        pipeline, files: ["data/text.txt": "four", ".gitignore": "Artifacts/\ndata/\n"])
      for who in ["AUTHOR", "COMMITTER"] {
        bench.environment["GIT_\(who)_NAME"] = "t"
        bench.environment["GIT_\(who)_EMAIL"] = "t@t"
      }
      try await git("init", "-q", "-b", "main", ".")
    }

    @discardableResult
    func git(_ arguments: String...) async throws -> String {
      let outcome = try await Invocation(
        program: "/usr/bin/git", arguments: arguments, folder: bench.folder,
        environment: bench.environment, scratch: bench.scratch
      ).run()
      guard outcome.code == 0 else { throw Problem("git: \(outcome.errors)") }
      return outcome.output
    }

    func commit() async throws {
      try await git("add", "-A")
      try await git("commit", "-qm", "work")
    }

    /// Runs, commits the lock and tags it with plain git.
    func publish(_ tag: String = "v1") async throws {
      try await bench.run(failing: 0)
      try await commit()
      try await git("tag", tag)
    }

    @discardableResult
    func reproduce(_ arguments: String..., code: Int) async throws -> Outcome {
      let outcome = try await bench.invocation(["reproduce"] + arguments).run()
      #expect(outcome.code == code, "\(outcome.output)\(outcome.errors)")
      return outcome
    }

    func wipe() throws {
      try FileManager.default.removeItem(atPath: bench.path("Artifacts/store"))
    }
  }

  @Test("a complete run writes a section for each profile and set, once, and prunes what is gone")
  func written() async throws {
    let project = try await Project()
    let bench = project.bench
    try await bench.run(failing: 0)
    let first = try bench.read(Project.lock)
    #expect(first.contains("\nlast\tdefault\n[default]\n"))
    let lines = first.split(separator: "\n")
    #expect(
      lines.filter { $0.hasPrefix("out\t") }.map { $0.split(separator: "\t")[1] } == [
        "copy", "count", "table",
      ])
    #expect(lines.last == "cell\ttable\tpace\tn\t4.000\t4.0\t1")
    try await bench.run("--profile", "loud", failing: 0)
    try await bench.run("-S", "word=x y", failing: 0)
    let all = try bench.read(Project.lock)
    #expect(all.contains("last\tdefault -S word=x y\n"))
    for title in ["[default]", "[default -S word=x y]", "[loud]"] {
      #expect(all.contains("\n\(title)\n"))
    }
    // What is the same is not written again, and a part of a run writes nothing.
    let before = try FileManager.default.attributesOfItem(atPath: bench.path(Project.lock))
    try await bench.run("-S", "word=x y", failing: 0)
    try await bench.run("count", failing: 0)
    try await bench.run("-n", failing: 0)
    let after = try FileManager.default.attributesOfItem(atPath: bench.path(Project.lock))
    #expect(before[.systemFileNumber] as? Int == after[.systemFileNumber] as? Int)
    // Back to the first, nothing executes; a stage that is gone has no line.
    try await bench.run(expecting: [])
    #expect(
      try bench.read(Project.lock)
        == all.replacing("last\tdefault -S word=x y\n", with: "last\tdefault\n"))
    try bench.edit("in: { scores: copy.n }", to: "in: { scores: count.n }")
    let pipeline = try bench.read(Workbench.pipeline)
    let start = try #require(pipeline.range(of: "  copy:"))
    let end = try #require(pipeline.range(of: "  table:"))
    try bench.write(
      pipeline.replacingCharacters(in: start.lowerBound..<end.lowerBound, with: ""),
      to: Workbench.pipeline)
    try await bench.run(expecting: [])
    let section = try bench.read(Project.lock).components(separatedBy: "[default]")[1]
      .components(separatedBy: "\n[")[0]
    #expect(!section.contains("out\tcopy"))
  }

  @Test("from a lost lock the store gives the same, without executing; a failed run writes none")
  func rebuilt() async throws {
    let project = try await Project()
    let bench = project.bench
    try await bench.run(failing: 0)
    let lock = try bench.read(Project.lock)
    try FileManager.default.removeItem(atPath: bench.path(Project.lock))
    try FileManager.default.removeItem(atPath: bench.path("Artifacts/fathom.db"))
    try await bench.run(expecting: [])
    #expect(try bench.read(Project.lock) == lock)
    try bench.edit("cp ${in.n} ${out.n}", to: "exit 3")
    try await bench.run(failing: 1)
    #expect(try bench.read(Project.lock) == lock)
  }

  @Test("a wiped store gives the same bytes; the working tree neither matters nor changes")
  func wiped() async throws {
    let project = try await Project()
    let bench = project.bench
    try await project.publish()
    let latest = try bench.latest("table/cells")
    // What is there now is another experiment, not committed.
    try bench.edit("word: pace", to: "word: other")
    try bench.edit("cp ${in.n} ${out.n}", to: "exit 3")
    try project.wipe()
    let outcome = try await project.reproduce("v1", code: 0)
    #expect(outcome.output.contains("table    identical  1 cell"))
    #expect(outcome.output.contains("outputs  identical  3 instances"))
    #expect(try await bench.ran() == ["count", "copy", "table"])
    #expect(try await bench.rows("SELECT tag FROM runs").count == 2)
    #expect(try await project.git("status", "--porcelain") == " M Pipelines/p.yaml\n")
    _ = latest
    let rows = try await bench.rows("SELECT verdict FROM verification")
    #expect(rows.count == 3 && rows.allSatisfy { $0["verdict"] == "identical" })
    // And now all is there.
    try await project.reproduce("v1", code: 0)
    #expect(try await bench.ran().isEmpty)
    try await project.reproduce("v1", "--fresh", code: 0)
    #expect(try await bench.ran().count == 3)
    try await project.reproduce("v1", "--table", "table", code: 0)
    let document = try await project.reproduce("v1", "--json", code: 0).json
    #expect(document["verdict"] == "reproduced" && document["section"] == "default")
  }

  @Test(
    "one changed digest, one changed key, one changed cell: each is found and named",
    arguments: [
      (
        #"^(out\tcopy\t[0-9a-f]{64}\tn=[0-9a-f]{60})[0-9a-f]{4}"#, "$1beef", "first: copy n",
        "identical"
      ),
      (
        #"^(out\tcount\t[0-9a-f]{60})[0-9a-f]{4}"#, "$1beef",
        "first: count was made of something else", "identical"
      ),
      (
        #"^(cell\ttable\tpace\tn)\t4.000\t4.0"#, "$1\t5.000\t5.0", "pace:n is 4.000, was 5.000",
        "different"
      ),
      (
        #"^(cell\ttable\tpace\tn\t4.000)\t4.0"#, "$1\t4.00001",
        "pace:n is 4.000, was 4.000 (4.0, was 4.00001)",
        "different"
      ),
    ])
  func falsified(pattern: String, replacement: String, words: String, table: String) async throws {
    let project = try await Project()
    let bench = project.bench
    try await project.publish()
    let expression = try NSRegularExpression(pattern: pattern, options: .anchorsMatchLines)
    let text = try bench.read(Project.lock)
    let changed = expression.stringByReplacingMatches(
      in: text, range: NSRange(text.startIndex..., in: text), withTemplate: replacement)
    #expect(changed != text)
    try bench.write(changed, to: Project.lock)
    try await project.commit()
    try await project.git("tag", "bad")
    let outcome = try await project.reproduce("bad", code: 5)
    #expect(outcome.output.contains(words), "\(outcome.output)")
    #expect(outcome.output.contains("table    \(table)"))
    try await project.reproduce("v1", code: 0)
    if words.contains("4.00001") {
      let near = try await project.reproduce("bad", "--tolerance", "1e-4", code: 0)
      #expect(near.output.contains("within tolerance"))
      try await project.reproduce("bad", "--tolerance", "1e-9", code: 5)
    }
  }

  @Test("data that git does not keep are those of today: others are found")
  func data() async throws {
    let project = try await Project()
    try await project.publish()
    try project.bench.write("fives", to: "data/text.txt")
    let outcome = try await project.reproduce("v1", code: 5)
    #expect(outcome.output.contains("pace:n is 5.000, was 4.000"))
    #expect(outcome.output.contains("3 of 3 instances"))
  }

  @Test("a profile's own section; the one written last where none is named")
  func profiles() async throws {
    let project = try await Project()
    try await project.bench.run("--profile", "loud", failing: 0)
    try await project.publish()
    #expect(
      try await project.reproduce("v1", code: 0).errors.contains("'v1' [default] is reproduced"))
    let loud = try await project.reproduce("v1", "--profile", "loud", code: 0)
    #expect(loud.errors.contains("'v1' [loud] is reproduced"))
    let none = try await project.reproduce("v1", "-S", "word=z", code: 2)
    let words = "has no section 'default -S word=z'; expected one of default, loud"
    #expect(none.errors.contains(words))
  }

  @Test("fathom tag makes an annotated tag and records its run, for log, show, diff and metrics")
  func tag() async throws {
    let project = try await Project()
    let bench = project.bench
    func refused(_ words: String) async throws {
      let outcome = try await bench.fathom("tag", "v1")
      #expect(outcome.code == 2 && outcome.errors.contains(words), "\(outcome.errors)")
    }
    try await project.commit()
    try await refused("nothing has run to its end yet")
    try await bench.run(failing: 0)
    try await refused("'Pipelines/p.lock' is not committed")
    try await project.commit()
    try await bench.run("-S", "word=else", failing: 0)
    try await refused("is not as committed; commit it first")
    try await project.git("checkout", "-q", Project.lock)
    let outcome = try await bench.fathom("tag", "v1", "-m", "as printed")
    #expect(outcome.code == 0 && outcome.output.hasPrefix("v1  run 1 at "), "\(outcome.errors)")
    #expect(
      try await project.git("for-each-ref", "--format=%(objecttype) %(subject)", "refs/tags/v1")
        == "tag as printed\n")
    #expect(try await bench.fathom("log").output.contains("v1"))
    #expect(try await bench.fathom("show", "v1").output.hasPrefix("run 1  succeeded"))
    #expect(try await bench.fathom("diff", "v1", "2").output.contains("run 1 → run 2"))
    #expect(try await bench.fathom("metrics", "show", "v1").code == 0)
    #expect(try await bench.rows("SELECT tag FROM runs WHERE id = 1").first?["tag"] == "v1")
    #expect(try await bench.fathom("tag", "v1").code == 2)
    // A plain tag is its commit's newest run.
    try await project.git("tag", "plain")
    #expect(try await bench.fathom("show", "plain").output.hasPrefix("run 2  succeeded"))
    try await project.git("commit", "-q", "--allow-empty", "-m", "later")
    try await project.git("tag", "-f", "plain")
    let plain = try await bench.fathom("show", "plain")
    #expect(
      plain.code == 2 && plain.errors.contains("no run was made at 'plain'"), "\(plain.errors)")
    try await project.reproduce("plain", code: 0)
    #expect(try await bench.fathom("show", "plain").output.hasPrefix("run 3  succeeded"))
  }

  @Test("a lock of other stage versions is refused, with what to check out")
  func versions() async throws {
    let project = try await Project(
      """
      stages:
        shapes: { uses: moving_shapes, with: { clips: 1, frames: 2, size: [32, 32], codecs: [mjpeg] } }

      """)
    let bench = project.bench
    try await project.publish()
    let text = try bench.read(Project.lock)
    #expect(text.contains("kind\tmoving_shapes\t2\n"))
    try bench.write(
      text.replacing("moving_shapes\t2", with: "moving_shapes\t1").replacing(
        "tool\t0.1.0", with: "tool\t0.0.9"), to: Project.lock)
    try await project.commit()
    try await project.git("tag", "old")
    let outcome = try await project.reproduce("old", code: 2)
    #expect(
      outcome.errors.contains("'old' was made by fathom 0.0.9 with moving_shapes 1 (here 2)"),
      "\(outcome.errors)")
    #expect(outcome.errors.contains("check out fathom 0.0.9"))
  }

  @Test("an unknown tag, a tag without a lock, a damaged lock, no repository: what to do")
  func refusals() async throws {
    let project = try await Project()
    let bench = project.bench
    try await project.commit()
    try await project.git("tag", "empty")
    #expect(
      try await project.reproduce("empty", code: 2).errors.contains(
        "'empty' has no lock beside a pipeline"))
    #expect(
      try await project.reproduce("emty", code: 2).errors.contains(
        "git knows no tag 'emty'; did you mean 'empty'?"))
    #expect(
      try await project.reproduce("--tolerance", "-1", "empty", code: 2).errors.contains(
        "tolerance"))
    try await project.publish()
    #expect(try await project.reproduce("v1", "--table", "tabel", code: 2).errors.contains("tabel"))
    let text = try bench.read(Project.lock)
    for (bad, words) in [
      (text + "out\tx\n", "expected 'tool'"), ("hello\n", "this is no lock file"),
      (text.replacing("[default]\n", with: "[default]\n<<<<<<< HEAD\n"), "two versions"),
      (text.replacing("last\tdefault", with: "last\tquick"), "names section 'quick'"),
    ] {
      try bench.write(bad, to: Project.lock)
      try await project.commit()
      try await project.git("tag", "-f", "bad")
      let errors = try await project.reproduce("bad", code: 3).errors
      #expect(errors.contains(words) && errors.contains("bad:Pipelines/p.lock:"), "\(errors)")
    }
    // The next run writes it anew, and says so.
    let outcome = try await bench.run(failing: 0)
    #expect(outcome.errors.contains("it is written anew"))
    #expect(try bench.read(Project.lock) == text)
    try FileManager.default.removeItem(atPath: bench.path(".git"))
    #expect(try await project.reproduce("v1", code: 2).errors.contains("no git repository"))
  }
}
