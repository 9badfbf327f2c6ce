import Pipelines
import StageKit
import TestKit
import Testing

@Suite("Problems as text and JSON")
struct RendererTests {
  private let problem = Diagnostic(
    .unknownOption, "unknown option 'epoch'; did you mean 'epochs'?",
    at: SourcePosition(path: "p.yaml", line: 3, column: 7, length: 5),
    notes: [
      Diagnostic.Note("first set here", at: SourcePosition(path: "p.yaml", line: 1, column: 1))
    ])

  private func render(_ source: String, _ problems: [Diagnostic], isColoured: Bool = false)
    -> String
  {
    DiagnosticRenderer(isColoured: isColoured) { $0 == "p.yaml" ? Array(source.utf8) : nil }
      .text(problems)
  }

  @Test("a problem shows its line, a caret under the place, its notes and the count")
  func text() {
    #expect(
      render("a: 1\nb:\n      epoch: 20\n", [problem]) == """
        p.yaml:3:7: error: unknown option 'epoch'; did you mean 'epochs'? [unknown-option]
          3 |       epoch: 20
            |       ^~~~~
        p.yaml:1:1: note: first set here
          1 | a: 1
            | ^
        1 error

        """)
    #expect(render("", [problem, problem]).hasSuffix("\n2 errors\n"))
  }

  @Test("a problem without a line or a readable file shows no excerpt")
  func noExcerpt() {
    let argument = Diagnostic(
      .unknownTarget, "no", at: SourcePosition(path: "x", line: 0, column: 0))
    #expect(render("", [argument]) == "x: error: no [unknown-target]\n1 error\n")
    let other = Diagnostic(.cycle, "no", at: SourcePosition(path: "q", line: 4, column: 1))
    #expect(render("", [other]) == "q:4:1: error: no [cycle]\n1 error\n")
  }

  @Test("tabs keep the caret in place, control characters are shown, long lines are cut")
  func strangeLines() {
    func caret(_ line: String, _ column: Int) -> [Substring] {
      let problem = Diagnostic(
        .yamlSyntax, "x", at: SourcePosition(path: "p.yaml", line: 1, column: column, length: 99))
      return render(line, [problem]).split(separator: "\n")
    }
    #expect(caret("\ta: b", 2)[2] == "    | \t^~~~")
    #expect(caret("a\u{1B}[31m: é\r\nb", 8)[1] == "  1 | a\u{FFFD}[31m: é")
    let long = caret(String(repeating: "x", count: 100_000), 50_000)
    #expect(long[1].count < 180)
    #expect(
      long[2].firstIndex(of: "^").map { long[2].distance(from: long[2].startIndex, to: $0) } == 67)
    #expect(caret("ab", 40)[2] == "    |   ^")
  }

  @Test("colour adds escapes and changes no words")
  func colour() {
    let source = "a: 1\nb:\n      epoch: 20\n"
    let coloured = render(source, [problem], isColoured: true)
    #expect(coloured.contains("\u{1B}[1;31merror:\u{1B}[0m"))
    #expect(coloured.replacing(/\u{1B}\[[0-9;]*m/, with: "") == render(source, [problem]))
  }

  @Test("JSON has the same parts in a stable order")
  func json() {
    #expect(
      DiagnosticRenderer.json([problem]).json
        == #"{"schema_version":1,"errors":[{"path":"p.yaml","line":3,"column":7,"length":5,"#
        + #""rule":"unknown-option","message":"unknown option 'epoch'; did you mean 'epochs'?","#
        + #""notes":[{"path":"p.yaml","line":1,"column":1,"length":1,"message":"first set here"}]}]}"#
    )
  }

  @Test("a real file of a project is found by the path that positions show")
  func realFile() throws {
    let bench = try Bench("pipeline: x\nstages:\n  a:\n    runn: echo hi\n")
    let text = DiagnosticRenderer(project: bench.scratch.path).text(try bench.problems())
    #expect(
      text == """
        p.yaml:4:5: error: unknown field 'runn' of stage 'a'; did you mean 'run'? [unknown-field]
          4 |     runn: echo hi
            |     ^~~~
        1 error

        """)
  }
}
