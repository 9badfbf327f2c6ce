import Engine
import StageKit
import TestKit
import Testing

@Suite("Patterns of files")
struct FileGlobTests {
  private let place = SourcePosition(path: "p.yaml", line: 1, column: 1)

  private func scratch() throws -> Scratch {
    let scratch = try Scratch()
    for name in ["a.py", "b.txt", "lib/c.py", "lib/deep/d.py", ".hidden.py", "lib/.cache/e.py"] {
      try scratch.write("x", to: name)
    }
    return scratch
  }

  @Test(
    "a pattern matches files below the project",
    arguments: [
      ("a.py", ["a.py"]), ("*.py", ["a.py"]), ("**/*.py", ["a.py", "lib/c.py", "lib/deep/d.py"]),
      ("lib", ["lib/c.py", "lib/deep/d.py"]), ("lib/*.py", ["lib/c.py"]),
      ("lib/**", ["lib/c.py", "lib/deep/d.py"]), ("?.txt", ["b.txt"]),
      ("[ab].*", ["a.py", "b.txt"]),
      (".hidden.py", [".hidden.py"]), ("missing.py", []), ("a.py/x", []),
    ])
  func patterns(_ pattern: String, _ expected: [String]) throws {
    let scratch = try scratch()
    #expect(try FileGlob.expand(pattern, in: scratch.path, at: place).sorted() == expected)
  }

  @Test("a folder that is missing is an error with the place that names it")
  func missingFolder() throws {
    let scratch = try scratch()
    let error = #expect(throws: Diagnostic.self) {
      try FileGlob.files(below: scratch.path + "/none", at: place)
    }
    #expect(error?.rule == .missingInput)
    #expect(error?.position == place)
  }

  @Test("a file given as a folder is itself")
  func singleFile() throws {
    let scratch = try scratch()
    #expect(try FileGlob.files(below: scratch.path + "/a.py", at: place) == [""])
  }
}
