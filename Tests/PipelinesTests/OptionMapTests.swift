import Pipelines
import StageKit
import TestKit
import Testing

@Suite("Options of options in a pipeline")
struct OptionMapTests {
  private static let task = OptionDeclaration(
    name: "task", shape: .record, help: "What is learnt.",
    fields: [
      OptionDeclaration(
        name: "turn", shape: .part, defaultValue: "none",
        parts: [
          PartDescription(name: "none", summary: "No turn", options: []),
          PartDescription(
            name: "angle", summary: "One angle",
            options: [
              OptionDeclaration(name: "degrees", shape: .integer, minimum: 0, maximum: 359)
            ]),
        ]),
      OptionDeclaration(name: "steps", shape: .integer, defaultValue: 10, minimum: 1),
    ],
    presets: Presets(
      key: "pretext",
      [
        Preset(
          name: "half", summary: "Half a turn",
          value: ["turn": ["name": "angle", "degrees": 180]])
      ]))
  static let catalogue = Catalogue([
    KindDescription(
      kind: "learn", version: 1, summary: "Learns.", inputs: [],
      outputs: [Output("model", "model")], options: [task])
  ])

  private func yaml(_ task: String) -> String {
    """
    pipeline: p
    params:
      methods:
        one: \(task)
    stages:
      learn:
        uses: learn
        matrix: { method: "${params.methods}" }
        with: { task: "${matrix.method}" }
    """
  }

  private func plan(_ task: String) throws -> Plan {
    try Bench(yaml(task)).plan(catalogue: OptionMapTests.catalogue)
  }

  @Test("short name and parts are one value, and so one key")
  func canonical() throws {
    let parts: Value = ["turn": ["name": "angle", "degrees": 180], "steps": 10]
    for task in ["{ pretext: half }", "{ steps: 10, turn: { degrees: 180, name: angle } }"] {
      #expect(try plan(task)["learn@method=one"]?.options["task"] == parts)
    }
    #expect(
      try plan("{ pretext: half, steps: 3 }")["learn@method=one"]?.options["task"]
        == ["turn": ["name": "angle", "degrees": 180], "steps": 3])
  }

  @Test(
    "a problem stands where the entry is written, or as near as it is",
    arguments: [
      ("{ steps: 1, «tern»: none }", "did you mean 'turn'"),
      ("{ turn: { name: angle, «degrees»: 400 } }", "'turn.degrees', is 400;"),
      ("{ «pretext»: haff }", "did you mean 'half'"),
      ("{ turn: «angle» }", "'turn.degrees', is required"),
    ])
  func places(_ task: String, _ words: String) throws {
    let marked = Marked(yaml(task))
    let diagnostics = #expect(throws: Diagnostics.self) {
      try Bench(marked.text).plan(catalogue: OptionMapTests.catalogue)
    }
    let problem = try #require(diagnostics?.problems.first)
    #expect(problem.message.contains(words), "\(problem)")
    #expect(problem.position.line == marked.places[0].line)
    #expect(problem.position.column == marked.places[0].column)
    #expect(problem.notes.map(\.message) == ["used here"])
  }

  @Test("the JSON Schema knows parts and short names")
  func schema() {
    let text = JSONSchema.text(of: OptionMapTests.catalogue)
    for words in ["\"const\": \"half\"", "\"const\": \"angle\"", "\"maximum\": 359"] {
      #expect(text.contains(words))
    }
  }
}
