import Foundation
import StageKit
import TestKit
import Testing

@Suite("select")
struct SelectStageTests {
  private let bench: AnalysisBench
  private static let roles =
    "item\tgroup\trole\tfold\na\tp\tpretrain\t\nb\tq\tdownstream\t0\nc\tr\tdownstream\t1\n"
    + "d\ts\tdownstream\t2\ne\tt\t\t\n"

  init() throws { bench = try AnalysisBench() }

  /// The ids that are passed on, with the entry of the input that each is.
  private func select(
    _ options: [String: Value], items: [String] = ["a", "b", "c", "d", "e"],
    roles: String = Self.roles
  ) async throws -> [[String]] {
    let collection = try bench.many("item", items.map { ($0, "/nowhere/\($0)") })
    return try await run(options, collection, roles)
  }

  private func run(
    _ options: [String: Value], _ items: JobInput, _ roles: String = Self.roles
  ) async throws -> [[String]] {
    let path = try bench.scratch.write(roles, to: "roles.tsv")
    try await bench.run(
      "select", options: options, inputs: ["items": items, "roles": .one(path: path)])
    let index = try #require(IndexFile(text: try bench.text("items.tsv")))
    #expect(index.columns == ["id", "digest", "path", "input"])
    #expect(!FileManager.default.fileExists(atPath: bench.path("items")))
    return index.rows.map { row in
      #expect(row[1].isEmpty && row[2].isEmpty)
      return [row[0], row[3]]
    }
  }

  @Test("the items of a role are passed on as they came, without being opened")
  func byRole() async throws {
    #expect(try await select(["role": "pretrain"]) == [["a", "items/0"]])
    #expect(
      try await select(["role": "downstream"])
        == [["b", "items/1"], ["c", "items/2"], ["d", "items/3"]])
  }

  @Test("a fold, or all but one")
  func byFold() async throws {
    #expect(try await select(["role": "downstream", "fold": 1]) == [["c", "items/2"]])
    #expect(
      try await select(["role": "downstream", "fold_not": 1])
        == [["b", "items/1"], ["d", "items/3"]])
  }

  @Test("roles may know more items than there are: those left out on the way")
  func fewer() async throws {
    #expect(try await select(["role": "downstream"], items: ["a", "d"]) == [["d", "items/1"]])
  }

  @Test("of several key columns the last is the item")
  func keys() async throws {
    let items = try bench.many(
      ["size", "item"], [(["56", "a"], "/1"), (["56", "b"], "/2"), (["112", "c"], "/3")])
    #expect(try await run(["role": "downstream"], items) == [["b", "items/1"], ["c", "items/2"]])
    let twice = try bench.many(["size", "item"], [(["56", "a"], "/1"), (["112", "a"], "/2")])
    #expect(
      await failure { try await run(["role": "pretrain"], twice) }
        == "item 'a' occurs twice among items keyed by size, item; give the stage the same axes, or "
        + "pick one by 'stage@axis=value.port'")
  }

  private func failure(_ body: () async throws -> [[String]]) async -> String {
    do {
      return "no failure: \(try await body())"
    } catch {
      return "\(error)"
    }
  }

  private static let refusals: [(options: [String: Value], items: [String], message: String)] = [
    (
      ["role": "pretrain"], ["a", "x", "y"],
      "2 of 3 items have no row in 'roles': 'x', 'y'; split the labels of the same videos"
    ),
    (
      ["role": "test"], ["a", "b"],
      "none of the 2 items is test, and 0 of the 5 items in 'roles' are; give the role more groups"
    ),
    (
      ["role": "downstream", "fold": 0], ["a", "c"],
      "none of the 2 items is downstream, fold 0, and 1 of"
    ),
    (
      ["role": "downstream", "fold": 3], ["b"],
      "role 'downstream' has no fold 3; it has the folds 0, 1, 2"
    ),
    (["role": "pretrain", "fold_not": 0], ["a"], "role 'pretrain' has no fold 0; it has none"),
    (
      ["role": "downstream", "fold": 0, "fold_not": 1], ["b"],
      "'fold' and 'fold_not' exclude each other"
    ),
    (["role": "train"], ["a"], "option 'role' cannot be 'train'"),
    ([:], ["a"], "option 'role' is required"),
  ]

  @Test("what cannot be selected is refused with the reason", arguments: refusals)
  func refused(options: [String: Value], items: [String], message: String) async throws {
    let failure = await failure { try await select(options, items: items) }
    #expect(failure.contains(message), "\(failure)")
  }

  @Test(
    "roles of one's own are checked: a group on two sides, an item twice, an unknown role",
    arguments: [
      (
        "a\tp\tpretrain\t\nb\tp\ttest\t\n",
        "line 3: group 'p' is on two sides: 'a' is pretrain and 'b' is test"
      ),
      (
        "a\tp\tdownstream\t0\nb\tp\tdownstream\t1\n",
        "line 3: group 'p' is on two sides: 'a' is downstream, fold 0 and 'b' is downstream, fold 1"
      ),
      ("a\tp\ttest\t\na\tp\ttest\t\n", "line 3: item is 'a'; it stands in line 2 already"),
      ("a\tp\ttets\t\n", "line 2: role is 'tets'; this is no role; did you mean 'test'?"),
      ("a\tp\tdownstream\tone\n", "line 2: fold is 'one'; expected a whole number from 0 on"),
      ("a\tp\ttest\n", "line 2: has 3 cells; the header has 4"),
    ])
  func ownRoles(rows: String, message: String) async throws {
    let failure = await failure {
      try await select(["role": "test"], roles: "item\tgroup\trole\tfold\n" + rows)
    }
    #expect(failure.contains(message), "\(failure)")
  }
}
