import Foundation
import StageKit
import TestKit
import Testing

@Suite("Splits", .aFewAtATime)
struct SplitTests {
  /// Clips of five patients, two of one of them.
  private static let pipeline = """
    params: { seed: 0 }
    stages:
      clips: { uses: import, with: { path: clips, labels: labels.tsv } }
      roles:
        uses: split
        in: { labels: clips.labels }
        with: { patients: { pretrain: 2, downstream: 2, test: 1 }, folds: 2, seed: "${params.seed}" }
      by_role:
        uses: select
        matrix: { role: [pretrain, downstream, test] }
        in: { items: clips.videos, roles: roles.roles }
        with: { role: "${matrix.role}" }
      decode:
        uses: decode
        each: video
        matrix: { role: [pretrain, downstream, test] }
        in: { video: by_role.items }
        with: { size: [16, 16] }
      folders:
        run: wc -c < ${in.f} > ${out.d}/size
        each: f
        in: { f: clips.videos }
        out: { d: folder/ }
      first_fold:
        uses: select
        in: { items: folders.d, roles: roles.roles }
        with: { role: downstream, fold: 0 }
      sizes:
        run: cut -f1 ${in.d}/index.tsv > ${out.o}; cat ${in.d}/*/size >> ${out.o}
        in: { d: first_fold.items }
        out: { o: sizes.txt }

    """

  /// A project whose store has never seen the clips.
  private func project() async throws -> (bench: Workbench, clips: [String: Data]) {
    let clips = try await Clips(Self.pipeline, made: 6, taken: 6)
    var data: [String: Data] = [:]
    for name in clips.made { data[name] = try clips.data(of: name) }
    try FileManager.default.removeItem(atPath: clips.bench.path("Artifacts"))
    let rows = data.keys.sorted().enumerated().map { "\($1)\tx\tpatient_\(min($0, 4))\n" }
    try clips.bench.write("path\tlabel\tgroup\n" + rows.joined(), to: "clips/labels.tsv")
    return (clips.bench, data)
  }

  private func roles(_ bench: Workbench) throws -> [String: String] {
    let table = try #require(IndexFile(text: try bench.latest("roles/roles")))
    return Dictionary(uniqueKeysWithValues: table.rows.map { ($0[0], $0[2]) })
  }

  private func entries(_ bench: Workbench, _ output: String) throws -> Set<String> {
    let path = bench.path("Artifacts/latest/p/\(output)")
    return Set(try FileManager.default.contentsOfDirectory(atPath: path)).subtracting(["index.tsv"])
  }

  private static let selects: Set = [
    "by_role@role=pretrain", "by_role@role=downstream", "by_role@role=test",
  ]
  private static let decodes: Set = [
    "decode@role=pretrain", "decode@role=downstream", "decode@role=test",
  ]

  @Test("select hands items on without a copy: files of the user, files and folders of the store")
  func noCopies() async throws {
    let (bench, clips) = try await project()
    try await bench.run(
      expecting: Self.selects.union(Self.decodes).union([
        "clips", "roles", "folders", "first_fold", "sizes",
      ]))
    let roles = try roles(bench)
    let names = clips.keys.sorted()
    #expect(roles.keys.sorted() == names)
    #expect(roles[names[4]] == roles[names[5]])
    for role in ["pretrain", "downstream", "test"] {
      let expected = Set(roles.filter { $0.value == role }.keys)
      #expect(try entries(bench, "by_role@role=\(role)/items") == expected)
      #expect(try entries(bench, "decode@role=\(role)/frames") == expected)
      for name in expected {
        let link = bench.path("Artifacts/latest/p/by_role@role=\(role)/items/\(name)")
        #expect(
          URL(fileURLWithPath: link).resolvingSymlinksInPath().path
            == URL(fileURLWithPath: bench.path("clips/\(name)")).resolvingSymlinksInPath().path)
      }
    }
    let digests = Set(clips.values.map { Digest(of: $0).hex })
    for hex in digests {
      #expect(bench.find("objects/\(hex.prefix(2))/\(hex.dropFirst(2))").isEmpty)
    }
    let manifests = try await bench.rows(
      "SELECT o.digest AS digest FROM job j JOIN job_output o ON o.job = j.id "
        + "WHERE instance LIKE 'by_role%'")
    #expect(manifests.count == 3)
    for row in manifests {
      let hex = row["digest"]?.text ?? ""
      let path = "Artifacts/store/objects/\(hex.prefix(2))/\(hex.dropFirst(2))"
      let manifest = try bench.read(path)
      for line in manifest.split(separator: "\n").dropFirst(2) {
        #expect(digests.contains(String(line.split(separator: "\t")[1])), "\(line)")
      }
    }
    // Folders stay folders.
    let sizes = try bench.latest("sizes/o").split(separator: "\n").map(String.init)
    let fold = try entries(bench, "first_fold/items").sorted()
    #expect(sizes.prefix(fold.count + 1) == (["item"] + fold)[...])
    #expect(
      Set(sizes.suffix(fold.count)) == Set(fold.map { String(clips[$0]?.count ?? 0) }))
    try await bench.run(expecting: [])
  }

  @Test("another split runs the selections again, and of what follows only what it must")
  func otherSplit() async throws {
    let bench = try await project().bench
    try await bench.run(
      expecting: Self.selects.union(Self.decodes).union([
        "clips", "roles", "folders", "first_fold", "sizes",
      ]))
    let before = try roles(bench)
    var seed = 1
    repeat {
      try await bench.run("roles", "-S", "seed=\(seed)", expecting: ["roles"])
      seed += 1
    } while try roles(bench) == before
    let outcome = try await bench.invocation(["run", "-S", "seed=\(seed - 1)"]).run()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let ran = try await bench.ran()
    #expect(Self.selects.isSubset(of: ran))
    // No video is decoded again: an item's result does not depend on the role that it has.
    #expect(try await bench.ranItems() == [])
    #expect(ran.isDisjoint(with: ["clips", "folders", "roles"]))
    // Going back costs nothing.
    try await bench.run(expecting: [])
    #expect(try roles(bench) == before)
  }

  @Test("a role that another gets runs only that selection")
  func otherRole() async throws {
    let bench = try await project().bench
    try await bench.run("first_fold", expecting: ["clips", "roles", "folders", "first_fold"])
    try bench.edit("role: downstream, fold: 0", to: "role: downstream, fold: 1")
    try await bench.run("first_fold", expecting: ["first_fold"])
    try bench.edit("role: downstream, fold: 1", to: "role: downstrem, fold: 1")
    let outcome = try await bench.run("first_fold", failing: 3)
    #expect(outcome.errors.contains("did you mean 'downstream'?"), "\(outcome.errors)")
  }

  @Test("roles of one's own with a group on two sides, folds included, are refused with its name")
  func ownRoles() async throws {
    let bench = try Workbench(
      """
      stages:
        clips: { uses: import, with: { path: in } }
        roles: { run: "cp mine.tsv ${out.r}", files: [mine.tsv], out: { r: roles.tsv } }
        test:
          uses: select
          in: { items: clips.videos, roles: roles.r }
          with: { role: test }

      """)
    try bench.addClips(3, to: "in")
    let table = "item\tgroup\trole\tfold\na.mp4\tp1\ttest\t\nb.avi\tp2\tdownstream\t0\n"
    for (row, sides) in [
      (
        "c.mkv\tp1\tpretrain\t\n",
        "group 'p1' is on two sides: 'a.mp4' is test and 'c.mkv' is pretrain"
      ),
      (
        "c.mkv\tp2\tdownstream\t1\n",
        "group 'p2' is on two sides: 'b.avi' is downstream, fold 0 and 'c.mkv' is downstream, fold 1"
      ),
    ] {
      try bench.write(table + row, to: "mine.tsv")
      let outcome = try await bench.run(failing: 1)
      #expect(outcome.errors.contains("line 4: \(sides)"), "\(outcome.errors)")
      #expect(outcome.errors.contains("failed  test: "))
    }
    try bench.write(table + "c.mkv\tp1\ttest\t\n", to: "mine.tsv")
    try await bench.run(expecting: ["roles", "test"])
    #expect(try entries(bench, "test/items") == ["a.mp4", "c.mkv"])
  }

  @Test("one patient under two names is found by the pictures")
  func leak() async throws {
    let clips = try await Clips(
      """
      stages:
        clips: { uses: import, with: { path: clips, labels: folder } }
        decode: { uses: decode, each: video, in: { video: clips.videos }, with: { size: [16, 16] } }
        roles:
          uses: split
          in: { labels: clips.labels, frames: decode.frames }
          with: { patients: { pretrain: 1, test: 1 } }

      """, made: 3, taken: 0)
    let name = try #require(clips.made.first { $0.hasSuffix(".avi") })
    try clips.take(name, as: "x/one.avi")
    let data = try clips.data(of: name)
    try clips.bench.write(data, to: "clips/x/two.avi")
    let same = try await clips.bench.run(failing: 1)
    #expect(same.errors.contains("are the same file"), "\(same.errors)")
    // Another file with the same pictures.
    try clips.bench.write(data + Data("\n".utf8), to: "clips/x/two.avi")
    let outcome = try await clips.bench.run(failing: 1)
    #expect(outcome.errors.contains("the split leaks: frame 0 of 'x/one.avi'"), "\(outcome.errors)")
    #expect(outcome.errors.contains("equals frame 0 of 'x/two.avi'"), "\(outcome.errors)")
  }
}
