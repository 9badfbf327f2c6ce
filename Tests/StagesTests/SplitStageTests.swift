import Foundation
import StageKit
import TestKit
import Testing

@Suite("split")
struct SplitStageTests {
  private let bench: SplitBench
  private static let sizes: [String: Value] = [
    "patients": ["pretrain": 12, "labelled": 6, "downstream": 9, "test": 6], "folds": 3,
  ]
  private static let six = ["a", "b", "c", "d", "e", "f"]

  init() throws { bench = try SplitBench() }

  @Test("roles are disjoint by group and have the sizes asked for")
  func sizes() async throws {
    var scans = SplitBench.patients(33, classes: Self.six)
    scans.append(.init(item: "p07/second.mp4", group: "p07", labels: ["a"]))
    let split = try await bench.split(scans, Self.sizes)
    #expect(split.rows.count == 34)
    #expect(
      split.sizes == [
        "pretrain": 12, "labelled": 6, "downstream0": 3, "downstream1": 3, "downstream2": 3,
        "test": 6,
      ])
    #expect(split.rows["p07/second.mp4"]?.side == split.rows["p07/scan.mp4"]?.side)
    #expect(split.text.hasPrefix("item\tgroup\trole\tfold\np00/scan.mp4\tp00\t"))
    #expect(split.log == [])
  }

  @Test("neither the order of items nor processors matter; the seed does")
  func order() async throws {
    let scans =
      SplitBench.patients(33, classes: ["a"]) + SplitBench.patients(40, classes: ["b"])[33...]
    let split = try await bench.split(scans, ["seed": 5])
    #expect(try await bench.split(scans.reversed(), ["seed": 5], cpus: 2).text == split.text)
    #expect(try await bench.split(scans, ["seed": 6]).sides != split.sides)
  }

  @Test("shares become numbers of groups by largest remainders")
  func shares() async throws {
    let scans = SplitBench.patients(11, classes: ["a"])
    // 5.5, 3.3 and 2.2 of 11.
    let split = try await bench.split(
      scans, ["shares": ["pretrain": 0.5, "downstream": 0.3, "test": 0.2], "folds": 2])
    #expect(split.sizes == ["pretrain": 6, "downstream0": 2, "downstream1": 1, "test": 2])
    let plain = try await bench.split(SplitBench.patients(10, classes: ["a"]), ["folds": 2])
    #expect(
      plain.sizes == [
        "pretrain": 4, "labelled": 2, "downstream0": 1, "downstream1": 1, "test": 2,
      ])
    let part = try await bench.split(
      SplitBench.patients(10, classes: ["a"]), ["shares": ["pretrain": 0.5, "test": 0.2]])
    #expect(part.sizes == ["pretrain": 5, "test": 2, "": 3])
  }

  @Test("groups that no role asks for have none, and the log names them")
  func leftOver() async throws {
    let split = try await bench.split(
      SplitBench.patients(5, classes: ["a"]), ["patients": ["pretrain": 3, "test": 1]])
    #expect(split.sizes == ["pretrain": 3, "test": 1, "": 1])
    let spare = try #require(split.sides.first { $0.value.isEmpty }?.key)
    #expect(
      split.log == [
        "warning: 1 groups have no role: '\(spare)'; raise the numbers of 'patients' or 'shares'"
      ])
  }

  @Test("each class is in each role in proportion, within one group", arguments: 0..<8)
  func proportion(seed: Int) async throws {
    // 22 patients with class a, 11 with b: two thirds and one third of each side.
    let scans = SplitBench.patients(33, classes: ["a"]).enumerated().map { index, scan in
      SplitBench.Scan(item: scan.item, group: scan.group, labels: [index % 3 == 0 ? "b" : "a"])
    }
    let split = try await bench.split(scans, Self.sizes.merging(["seed": .integer(seed)]) { $1 })
    for (side, size) in split.sizes {
      let rare = scans.count { split.sides[$0.group] == side && $0.labels == ["b"] }
      #expect(abs(Double(rare) - Double(size) / 3) < 1, "\(rare) of \(size) in \(side)")
    }
  }

  @Test("a class with as many groups as there are sides is on each of them", arguments: 0..<8)
  func coverage(seed: Int) async throws {
    // Six rare classes of six groups each among 36, and a common one.
    let scans = SplitBench.patients(36, classes: ["x"]).enumerated().map { index, scan in
      SplitBench.Scan(
        item: scan.item, group: scan.group, labels: ["common", Self.six[index % 6]])
    }
    let split = try await bench.split(
      scans,
      [
        "patients": ["pretrain": 6, "labelled": 6, "downstream": 18, "test": 6], "folds": 3,
        "seed": .integer(seed),
      ])
    #expect(split.log.isEmpty, "\(split.log)")
    guard case .list(let roles) = split.info["roles"] else { throw SplitProblem.noRoles }
    #expect(roles.count == 7)
    for role in roles { #expect(role["missing_classes"] == []) }
  }

  private enum SplitProblem: Error { case noRoles }

  @Test("a new patient with the classes of the others moves few of them")
  func stability() async throws {
    func sides(_ patients: Int, pretrain: Int, seed: Int) async throws -> [String: String] {
      try await bench.split(
        SplitBench.patients(patients, classes: Self.six),
        [
          "patients": [
            "pretrain": .integer(pretrain), "labelled": 6, "downstream": 9, "test": 6,
          ], "seed": .integer(seed),
        ]
      ).sides
    }
    var moved: [(role: Int, side: Int)] = []
    for seed in 0..<20 {
      let before = try await sides(33, pretrain: 12, seed: seed)
      // One more place in pretrain, or the new one, or another, without a role.
      for pretrain in [13, 12] {
        let after = try await sides(34, pretrain: pretrain, seed: seed)
        let role = before.count { after[$0.key]?.prefix(4) != $0.value.prefix(4) }
        moved.append((role, before.count { after[$0.key] != $0.value }))
        #expect(role <= 4, "\(role) with seed \(seed)")
        #expect(moved[moved.count - 1].side <= 7)
      }
    }
    let mean = Double(moved.reduce(0) { $0 + $1.side }) / Double(moved.count)
    #expect(mean <= 1.5, "\(moved)")
  }

  @Test("another number of folds moves nobody to another role")
  func foldsAndRoles() async throws {
    let scans = SplitBench.patients(33, classes: Self.six)
    let three = try await bench.split(scans, Self.sizes)
    let four = try await bench.split(scans, Self.sizes.merging(["folds": 4]) { $1 })
    #expect(three.sides.mapValues { $0.prefix(4) } == four.sides.mapValues { $0.prefix(4) })
    #expect(four.sizes["downstream3"] == 2)
  }

  @Test("the info counts groups, items, frames and classes of each role and fold")
  func info() async throws {
    let scans = [
      SplitBench.Scan(item: "a", group: "p", labels: ["x", "x", "x", "y"]),
      SplitBench.Scan(item: "b", group: "p", labels: ["x", "x"]),
      SplitBench.Scan(item: "c", group: "q", labels: ["y"]),
      SplitBench.Scan(item: "d", group: "r", labels: ["x", "y"]),
    ]
    let split = try await bench.split(
      scans, ["patients": ["downstream": 2, "test": 1], "folds": 2])
    let info = split.info
    #expect(info["groups"] == 3)
    #expect(info["items"] == 4)
    // Each scan counts one: 3/4 + 1 + 0 + 1/2 of x, of four.
    #expect(info["classes"] == ["x": 0.5625, "y": 0.4375])
    guard case .list(let roles) = info["roles"] else { throw SplitProblem.noRoles }
    #expect(roles.map { $0["role"] } == ["downstream", "downstream", "downstream", "test"])
    #expect(roles.map { $0["fold"] } == [.null, 0, 1, .null])
    for role in roles {
      let side =
        (role["role"]?.text ?? "") + (role["fold"] == .null ? "" : role["fold"]?.text ?? "")
      let own = scans.filter { split.rows[$0.item]?.side.hasPrefix(side) == true }
      #expect(role["items"] == .integer(own.count))
      #expect(role["groups"] == .integer(Set(own.map(\.group)).count))
      let labelled =
        own.contains { $0.labels.count == 1 } ? nil : own.map(\.labels.count).reduce(0, +)
      #expect(role["labelled_frames"] == labelled.map { .integer($0) } ?? .null)
      let x = own.reduce(0.0) { sum, scan in
        sum + Double(scan.labels.count { $0 == "x" }) / Double(scan.labels.count)
      }
      let share = x / Double(own.count)
      guard case .number(let distance) = role["distance"] else { throw SplitProblem.noRoles }
      #expect(isClose(distance, abs(share - 0.5625)), "\(role)")
      #expect(role["missing_classes"] == (share == 0 ? ["x"] : share == 1 ? ["y"] : []))
    }
    // Three sides of one group each cannot all have both classes.
    let missing = roles.filter { $0["missing_classes"] != [] }
    #expect(split.log.count == missing.count)
    #expect(!split.log.isEmpty)
    #expect(split.log.allSatisfy { $0.hasPrefix("warning: ") && $0.contains(" groups)") })
  }

  private static let refusals: [(options: [String: Value], message: String)] = [
    (
      ["patients": ["pretrain": 30, "test": 6]],
      "'patients' asks for 36 groups (pretrain 30, test 6), and there are 33; ask for fewer"
    ),
    (
      ["patients": ["downstream": 2, "test": 1]],
      "3 folds of 2 downstream groups: each fold needs one at least; lower 'folds'"
    ),
    (["patients": ["train": 3]], "option 'patients' names the unknown role 'train'"),
    (
      ["patients": ["pretrian": 3]],
      "option 'patients' names the unknown role 'pretrian'; did you mean 'pretrain'?"
    ),
    (["patients": ["test": 0]], "option 'patients' gives test 0; expected a number of groups"),
    (["patients": ["test": 0.5]], "option 'patients' gives test 0.5; expected a number of groups"),
    (["patients": [1, 2]], "option 'patients' is [1, 2]; expected a map from roles"),
    (["shares": ["test": 1.5]], "option 'shares' gives test 1.5; expected a share above 0"),
    (
      ["shares": ["test": 0.6, "pretrain": 0.6]],
      "option 'shares' add up to 1.2; expected at most 1"
    ),
    (
      ["shares": ["test": 0.01, "pretrain": 0.9]],
      "33 groups are too few for these shares: test would get none (pretrain 30, test 0)"
    ),
    (
      ["shares": ["test": 1], "patients": ["test": 3]],
      "option 'shares' cannot be given together with 'patients'"
    ),
  ]

  @Test("sizes that cannot be are refused", arguments: refusals)
  func refused(options: [String: Value], message: String) async throws {
    let failure = try await bench.failure(SplitBench.patients(33, classes: ["a"]), options)
    #expect(failure.contains(message), "\(failure)")
  }

  @Test("an item in two groups is an error that names both; so are no labels at all")
  func itemTwice() async throws {
    let (one, two) = (
      try bench.labels([.init(item: "a", group: "p", labels: ["x"])]),
      try bench.labels([.init(item: "a", group: "q", labels: ["x"])])
    )
    // The same item at two values of an axis.
    var paths: [(key: [String], path: String)] = []
    for (axis, input) in [("0", one), ("1", two)] {
      guard case .many(let index) = input else { continue }
      let table = try #require(
        IndexFile(text: try String(contentsOfFile: index, encoding: .utf8)))
      let copy = try bench.bench.scratch.write(
        IndexFile(columns: ["label", "group"], rows: [["x", axis == "0" ? "p" : "q"]]).text,
        to: "axis-\(axis)")
      paths.append(([axis, table.rows[0][0]], copy))
    }
    let both = try bench.bench.many(["seed", "item"], paths)
    await #expect(throws: AnalysisBench.Failure.self) {
      try await bench.bench.run("split", inputs: ["labels": both])
    }
    do {
      try await bench.bench.run("split", inputs: ["labels": both])
    } catch let failure as AnalysisBench.Failure {
      #expect(
        failure.description
          == "item 'a' occurs twice in 'labels', in groups 'p' and 'q'; expected one entry an item")
    }
    #expect(try await bench.failure([]).hasPrefix("there are no labels"))
  }

  // MARK: Leaks

  private func frames(_ pictures: [(item: String, frames: [[UInt8]])]) throws -> JobInput {
    let paths = try pictures.enumerated().map { index, own in
      let path = bench.bench.scratch.path + "/pictures-\(index).safetensors"
      try SafetensorsWriter.write(
        [
          .init("times", (0..<own.frames.count).map { Double($0) }, shape: [own.frames.count]),
          .init("frames", own.frames.flatMap { $0 }, shape: [own.frames.count, 2, 2]),
          .init(
            "source_frames", (0..<own.frames.count).map { Int64($0 * 10) },
            shape: [own.frames.count]),
        ], to: path)
      return (key: own.item, path: path)
    }
    return try bench.bench.many("item", paths)
  }

  @Test("equal pictures in two roles are an error that names items and frames")
  func leak() async throws {
    let scans = SplitBench.patients(3, classes: ["x"])
    let options: [String: Value] = ["patients": ["pretrain": 1, "test": 2]]
    let sides = try await bench.split(scans, options).sides
    let one = try #require(sides.first { $0.value == "pretrain" }?.key)
    let tests = sides.filter { $0.value == "test" }.map(\.key).sorted()
    func item(_ group: String) -> String { "\(group)/scan.mp4" }
    let shared: [UInt8] = [1, 2, 3, 4]
    let constant: [UInt8] = [7, 7, 7, 7]
    let leaking = try frames([
      (item(one), [constant, [9, 8, 7, 6], shared]), (item(tests[0]), [shared, constant]),
      (item(tests[1]), [constant, [4, 3, 2, 1]]),
    ])
    let failure = try await bench.failure(scans, options, frames: leaking)
    let (early, late) = one < tests[0] ? (one, tests[0]) : (tests[0], one)
    func name(_ group: String) -> String {
      "frame \(group == one ? 20 : 0) of '\(item(group))' (group '\(group)', "
        + "\(group == one ? "pretrain" : "test"))"
    }
    #expect(
      failure == "the split leaks: \(name(early)) equals \(name(late)); give these items the same "
        + "group, or leave one of them out")

    // Within a role, and where all pixels are equal, it says nothing.
    let fine = try frames([
      (item(one), [constant, [9, 8, 7, 6]]), (item(tests[0]), [shared, constant]),
      (item(tests[1]), [constant, shared]),
    ])
    let split = try await bench.split(scans, options, frames: fine, cpus: 2)
    guard case .list(let roles) = split.info["roles"] else { throw SplitProblem.noRoles }
    #expect(roles.map { $0["frames"] } == [2, 4])
  }

  @Test("folds are sides too")
  func leakAcrossFolds() async throws {
    let scans = SplitBench.patients(2, classes: ["x"])
    let leaking = try frames(scans.map { ($0.item, [[1, 2, 3, 4], [1, 2, 3, 5]]) })
    let failure = try await bench.failure(
      scans, ["patients": ["downstream": 2], "folds": 2], frames: leaking)
    #expect(
      failure.hasPrefix("the split leaks: frame 0 of 'p00/scan.mp4' (group 'p00', downstream, "))
    #expect(failure.contains(", and 1 more; give"), "\(failure)")
  }

  @Test("frames of unknown items are refused; items without frames are told of")
  func strayFrames() async throws {
    let scans = SplitBench.patients(2, classes: ["x"])
    let options: [String: Value] = ["patients": ["pretrain": 1, "test": 1]]
    let stray = try frames([("other.mp4", [[1, 2, 3, 4]])])
    #expect(
      try await bench.failure(scans, options, frames: stray)
        == "'frames' hold 'other.mp4', which has no entry in 'labels'; expected the same items")
    let one = try frames([(scans[0].item, [[1, 2, 3, 4]])])
    #expect(
      try await bench.split(scans, options, frames: one).log
        == ["warning: 1 items have no frames, so that nothing was looked for in them"])
  }
}
