import StageKit
import Testing

@testable import Engine

@Suite("Lock files") struct LockFileTests {
  private static let digest = String(repeating: "ab", count: 32)
  private static let text = """
    # fathom lock 1
    # What complete runs made of each instance and cell; written by 'fathom run', to be committed.
    # 'fathom reproduce TAG' compares with it.
    last\tquick
    [default -S a=%09]
    tool\t0.1.0
    set\ta=%09
    [quick]
    tool\t0.1.0
    profile\tquick
    kind\ttable\t1
    out\ta@x=1\t\(digest)\tp=\(digest)
    out\tb\t\(digest)
    cell\tb\tr%25\tc\t0.500 ± 0.100\t0.5\t2
    cell\tb\tr%25\td\t–\t\t0

    """

  @Test("what is read is written again, the same bytes; names with tabs and per cents are names")
  func roundTrip() throws {
    let lock = try LockFile(text: Self.text, path: "p.lock")
    #expect(lock.text == Self.text)
    #expect(lock.last == "quick")
    let section = try #require(lock.section("quick"))
    #expect(section.profiles == ["quick"] && section.kinds == ["table": 1])
    #expect(section.instances.map(\.address) == ["a@x=1", "b"])
    #expect(section.instances[0].outputs.map(\.port) == ["p"])
    #expect(section.cells.map(\.name) == ["b:r%:c", "b:r%:d"])
    #expect(section.cells.map(\.value) == [0.5, nil])
    #expect(lock.section("default -S a=\t")?.sets == ["a=\t"])
  }

  @Test("sections are in the order of their titles, whichever was written last")
  func order() throws {
    var lock = try LockFile(text: Self.text, path: "p.lock")
    let first = try #require(lock.section("default -S a=\t"))
    lock.put(first)
    #expect(lock.sections.map(\.title) == ["default -S a=\t", "quick"])
    #expect(lock.last == "default -S a=\t")
    #expect(LockSection.title(profiles: [], sets: []) == "default")
    #expect(LockSection.title(profiles: ["a", "b"], sets: ["y=1", "x=2"]) == "a+b -S x=2 -S y=1")
  }

  @Test("whether a file says what a run made is answered as by reading it")
  func says() throws {
    let lock = try LockFile(text: Self.text, path: "p.lock")
    let quick = try #require(lock.section("quick"))
    #expect(LockFile.says(Array(Self.text.utf8), that: quick))
    #expect(
      !LockFile.says(Array(Self.text.replacing("last\tquick", with: "last\t").utf8), that: quick))
    let other = Self.text.replacing("out\tb\t", with: "out\tb2\t")
    #expect(!LockFile.says(Array(other.utf8), that: quick))
    #expect(!LockFile.says([], that: quick))
    let first = try #require(lock.section("default -S a=\t"))
    #expect(!LockFile.says(Array(Self.text.utf8), that: first))
  }

  @Test(
    "every broken line is an error with its number",
    arguments: [
      ("# fathom lock 1", "# fathom lock 2", 1), ("tool\t0.1.0\nset", "tool\nset", 6),
      ("kind\ttable\t1", "kind\ttable\tone", 11), ("out\tb\t", "out\tb\tz", 13),
      ("\tp=", "\tp", 12), ("\t0.5\t2", "\thalf\t2", 14), ("\t0.5\t2", "\t0.5", 14),
      ("[quick]", "[default -S a=%09]", 8), ("last\tquick", "last\tslow", 1),
      ("[quick]", "=======", 8), ("[quick]", "hello", 8),
    ])
  func damaged(old: String, new: String, line: Int) throws {
    let text = Self.text.replacing(old, with: new, maxReplacements: 1)
    #expect(text != Self.text)
    let error = #expect(throws: Diagnostic.self) { try LockFile(text: text, path: "p.lock") }
    #expect(error?.rule == .damagedLock)
    #expect(error?.position.line == line, "\(String(describing: error))")
  }
}
