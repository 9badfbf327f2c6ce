import Foundation
import StageKit
import Testing

@Suite("Options of options")
struct OptionMapTests {
  struct Draw: OptionMap {
    let frames: Int?
    let stride: Int

    init(options: inout OptionReader) throws(Diagnostic) {
      frames = try options.integerIfGiven("frames", in: 1..., help: "")
      stride = try options.integer("stride", in: 1..., default: 1, help: "")
    }
  }

  struct Turn: NamedPart {
    static let name = "turn"
    static let summary = "Turns"
    let angles: [Int]

    init(options: inout OptionReader) throws(Diagnostic) {
      angles = try options.integers("angles", in: 0..., default: [0, 90], help: "")
    }
  }

  struct Pace: NamedPart {
    static let name = "pace"
    static let summary = "Skips"
    let most: Int

    init(options: inout OptionReader) throws(Diagnostic) {
      most = try options.integer("most", in: 2..., help: "")
    }
  }

  struct Goal: OptionMap {
    let change: any NamedPart
    let weight: Double

    init(options: inout OptionReader) throws(Diagnostic) {
      change = try options.part("change", among: [Turn.self, Pace.self], help: "")
      weight = try options.number("weight", from: 0, default: 1, help: "")
    }
  }

  struct Method: OptionMap {
    let draw: Draw
    let goals: [Goal]

    init(options: inout OptionReader) throws(Diagnostic) {
      draw = try options.record("draw", default: [:], help: "")
      goals = try options.records("goals", help: "")
    }
  }

  private static let presets = Presets(
    key: "name",
    [
      Preset(name: "nothing", summary: "", value: ["goals": []]),
      Preset(
        name: "turned", summary: "",
        options: [
          OptionDeclaration(name: "by", shape: .integers, defaultValue: [0, 180]),
          OptionDeclaration(name: "frames", shape: .integer, defaultValue: .null, minimum: 1),
        ],
        value: [
          "draw": ["stride": 2, "frames": "${frames}"],
          "goals": [["change": ["name": "turn", "angles": "${by}"]]],
        ]),
      Preset(
        name: "either", summary: "",
        options: [
          OptionDeclaration(
            name: "way", shape: .choice, defaultValue: "none", choices: ["none", "turn", "pace"]),
          OptionDeclaration(name: "most", shape: .integer, defaultValue: 3),
        ],
        value: [
          "draw": ["stride": ["${way}": ["turn": 2, "pace": "${most}"]]],
          "goals": [
            ["change": "turn", "weight": 2],
            ["${way}": ["pace": ["change": ["name": "pace", "most": "${most}"]]]],
          ],
        ]),
    ])

  private func read(
    _ value: Value
  ) throws -> (method: Method, canonical: Value, declaration: OptionDeclaration) {
    var reader = OptionReader(["task": value])
    let method: Method = try reader.record("task", presets: OptionMapTests.presets, help: "")
    let declaration = try #require(reader.declarations.first)
    return (method, try declaration.canonical(value), declaration)
  }

  @Test("a map is read entry by entry, with defaults, in the order declared")
  func record() throws {
    let (method, canonical, _) = try read([
      "goals": [["weight": 2, "change": ["name": "pace", "most": 3]], ["change": "turn"]],
      "draw": ["frames": 4],
    ])
    #expect(method.draw.frames == 4)
    #expect(method.goals.map(\.weight) == [2, 1])
    #expect((method.goals[0].change as? Pace)?.most == 3)
    #expect((method.goals[1].change as? Turn)?.angles == [0, 90])
    #expect(
      canonical == [
        "draw": ["frames": 4, "stride": 1],
        "goals": [
          ["change": ["name": "pace", "most": 3], "weight": 2.0],
          ["change": ["name": "turn", "angles": [0, 90]], "weight": 1.0],
        ],
      ])
  }

  @Test("a preset is the value it stands for, with what is given beside it")
  func preset() throws {
    let plain = try read(["name": "turned"])
    #expect(plain.canonical["draw"] == ["stride": 2])
    #expect((plain.method.goals[0].change as? Turn)?.angles == [0, 180])
    #expect(try read(plain.canonical).canonical == plain.canonical)
    let changed = try read(["name": "turned", "by": [90], "frames": 8, "draw": ["stride": 5]])
    #expect(changed.canonical["draw"] == ["frames": 8, "stride": 5])
    #expect((changed.method.goals[0].change as? Turn)?.angles == [90])
    #expect(try read(["name": "nothing"]).method.goals.isEmpty)
  }

  @Test("a map of one option stands for the entry that its value names, and else for nothing")
  func choices() throws {
    let none = try read(["name": "either"])
    #expect(none.canonical["draw"] == ["stride": 1])
    #expect(none.method.goals.map(\.weight) == [2])
    let turn = try read(["name": "either", "way": "turn"])
    #expect(turn.canonical["draw"] == ["stride": 2])
    #expect(turn.method.goals.map(\.weight) == [2])
    let pace = try read(["name": "either", "way": "pace", "most": 5])
    #expect(pace.canonical["draw"] == ["stride": 5])
    #expect((pace.method.goals.last?.change as? Pace)?.most == 5)
    #expect(pace.method.goals.map(\.weight) == [2, 1])
  }

  @Test(
    "what is wrong is named by its path",
    arguments: [
      (["goals": [["change": "tern"]]], "goals.0.change", "did you mean 'turn'"),
      (["goals": [["change": "pace"]]], "goals.0.change.most", "is required"),
      (["goals": [["change": ["name": "turn", "most": 3]]]], "goals.0.change.most", "unknown"),
      (["goals": [], "draw": ["stride": 0]], "draw.stride", "at least 1"),
      (["goals": [], "drew": [:]], "drew", "did you mean 'draw'"),
      (["draw": [:]], "goals", "is required"),
      (["name": "turnt"], "name", "did you mean 'turned'"),
      (["name": "turned", "by": "x"], "by", "expected a list of integers"),
      (["name": "turned", "buy": [1]], "buy", "did you mean 'by'"),
      (["name": "turned", "goals": 3], "goals", "expected a list of maps"),
    ] as [(Value, String, String)])
  func problems(_ value: Value, _ path: String, _ words: String) throws {
    let declaration = try read(["goals": []]).declaration
    let problem = #expect(throws: OptionDeclaration.Problem.self) {
      try declaration.canonical(value)
    }
    #expect(problem?.path.joined(separator: ".") == path)
    #expect(problem?.message.contains(words) == true, "\(problem?.message ?? "")")
    #expect(throws: Diagnostic.self) { try read(value) }
  }

  @Test("all of it survives the catalogue's JSON")
  func coding() throws {
    let declaration = try read(["goals": []]).declaration
    let data = try JSONEncoder().encode(declaration)
    let decoded = try JSONDecoder().decode(OptionDeclaration.self, from: data)
    for value: Value in [["name": "turned"], ["name": "either", "way": "pace"]] {
      #expect(try decoded.canonical(value) == declaration.canonical(value))
    }
  }
}
