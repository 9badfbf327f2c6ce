import Pipelines
import StageKit
import TestKit
import Testing

/// A folder with one pipeline, loaded with the test catalogue.
struct Bench {
  let scratch: Scratch

  /// - Parameters:
  ///   - yaml: `p.yaml`. What stands between `«` and `»` is a place that a test expects; the signs
  ///     themselves are left out.
  ///   - files: Further files, name to text.
  init(_ yaml: String, files: [String: String] = [:]) throws {
    scratch = try Scratch()
    try scratch.write(Marked(yaml).text, to: "p.yaml")
    for (name, text) in files { try scratch.write(Marked(text).text, to: name) }
  }

  func plan(
    sets: [String] = [], profiles: [String] = [], catalogue: Catalogue = .forTests
  ) throws -> Plan {
    try PipelineLoader(project: scratch.path) { catalogue }
      .load(path: "\(scratch.path)/p.yaml", sets: sets, profiles: profiles)
  }

  func problems(sets: [String] = [], profiles: [String] = []) throws -> [Diagnostic] {
    do {
      _ = try plan(sets: sets, profiles: profiles)
      return []
    } catch let diagnostics as Diagnostics {
      return diagnostics.problems
    }
  }
}

/// A text with places marked by `«` and `»`.
struct Marked {
  var text = ""
  /// Line, column and length of each marked place.
  var places: [Place] = []

  struct Place: Equatable {
    var line: Int
    var column: Int
    var length: Int
  }

  init(_ marked: String) {
    var line = 1
    var column = 1
    var open: Place?
    for scalar in marked.unicodeScalars {
      switch scalar {
      case "«": open = Place(line: line, column: column, length: 0)
      case "»":
        if var place = open {
          place.length = column - place.column
          places.append(place)
        }
        open = nil
      default:
        text.unicodeScalars.append(scalar)
        column += 1
        if scalar == "\n" {
          line += 1
          column = 1
        }
      }
    }
  }
}

/// Expects exactly one problem, of this rule, under the marked place, its message holding `words`.
func expectOne(
  _ rule: Diagnostic.Rule, _ words: String..., in yaml: String, files: [String: String] = [:],
  sets: [String] = [], profiles: [String] = [],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let problems = try Bench(yaml, files: files).problems(sets: sets, profiles: profiles)
  #expect(problems.map(\.rule) == [rule], "\(problems)", sourceLocation: sourceLocation)
  guard let problem = problems.first else { return }
  if let place = Marked(yaml).places.first {
    let found = Marked.Place(
      line: problem.position.line, column: problem.position.column,
      length: problem.position.length)
    #expect(found == place, "\(problem)", sourceLocation: sourceLocation)
  }
  for word in words {
    #expect(problem.message.contains(word), "\(problem)", sourceLocation: sourceLocation)
  }
}

extension Plan {
  subscript(address: String) -> Instance? { instances.first { $0.address == address } }

  var addresses: [String] { instances.map(\.address) }
}

extension Instance {
  var options: [String: Value] {
    guard case .kind(_, _, let options) = work else { return [:] }
    return Dictionary(options.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
  }

  func option(_ name: String) -> Work.Option? {
    guard case .kind(_, _, let options) = work else { return nil }
    return options.first { $0.name == name }
  }

  var commandText: String? {
    if case .command(let text) = work { text.value } else { nil }
  }

  func input(_ port: String) -> InputBinding? { inputs.first { $0.port == port } }
}

extension Catalogue {
  /// The kinds, ports and types of the pipeline language's page, with the options its example uses.
  static let forTests = Catalogue([
    kind(
      "import", outputs: [m("videos", "video"), m("labels", "labels"), m("gaze", "gaze")],
      [
        OptionDeclaration(name: "paths", shape: .files, help: "The folder."),
        OptionDeclaration(name: "copy", shape: .boolean, defaultValue: false),
      ]),
    kind(
      "simulate",
      outputs: [
        m("videos", "video"), m("labels", "labels"), m("gaze", "gaze"), m("truth", "truth"),
      ],
      [integer("patients", 1), integer("seed", 0, default: 0)]),
    kind(
      "split", inputs: [many("labels", "labels")], outputs: [o("roles", "roles")],
      [OptionDeclaration(name: "patients", shape: .tree), integer("folds", 1, default: 3)]),
    kind(
      "select", inputs: [many("items", .any), one("roles", "roles")], outputs: [m("items", .any)],
      [OptionDeclaration(name: "role", shape: .text)]),
    kind(
      "decode", inputs: [one("video", "video")],
      outputs: [o("frames", "frames"), o("info", "info")],
      [
        OptionDeclaration(
          name: "size", shape: .integers, defaultValue: .null, minimum: 1, count: 2,
          unit: "pixels", help: "Height and width."),
        OptionDeclaration(
          name: "rate", shape: .number, defaultValue: .null, minimum: 0, unit: "frames/s"),
      ]),
    kind("gaze", inputs: [one("gaze", "gaze")], outputs: [o("fixations", "fixations")]),
    kind(
      "saliency_train", inputs: [many("frames", "frames"), many("fixations", "fixations")],
      outputs: [o("model", "model"), o("scores", "scores")]),
    kind(
      "saliency", inputs: [one("frames", "frames"), one("model", "model", optional: true)],
      outputs: [o("maps", "maps")],
      [
        OptionDeclaration(
          name: "method", shape: .choice, defaultValue: "spectral_residual",
          choices: ["vam", "spectral_residual"])
      ]),
    kind(
      "landmarks", inputs: [one("maps", "maps")], outputs: [o("landmarks", "landmarks")],
      [
        OptionDeclaration(
          name: "threshold", shape: .number, defaultValue: 0.5, minimum: 0, maximum: 1),
        OptionDeclaration(name: "window", shape: .duration, defaultValue: 1, minimum: 0),
        OptionDeclaration(name: "cache", shape: .size, defaultValue: 0),
      ]),
    kind(
      "pretrain",
      inputs: [
        many("frames", "frames"), many("labelled", "frames", optional: true),
        many("labels", "labels", optional: true),
      ], outputs: [o("model", "model"), o("scores", "scores"), o("curves", "curves")],
      [
        OptionDeclaration(name: "task", shape: .tree), integer("clip", 1, default: 8),
        integer("seed", 0, default: 0), integer("threads", 1, default: 1),
        OptionDeclaration(
          name: "precision", shape: .choice, defaultValue: "auto",
          choices: ["auto", "float32", "bfloat16"], meanings: ["auto": "bfloat16"]),
      ]),
    kind(
      "extract",
      inputs: [
        one("frames", "frames"), one("landmarks", "landmarks"),
        one("model", "model", optional: true),
      ], outputs: [o("features", "features", .folder)],
      [
        OptionDeclaration(
          name: "features", shape: .choice, defaultValue: "network",
          choices: ["network", "pixels"])
      ]),
    kind(
      "kmeans", inputs: [many("features", "features")],
      outputs: [o("clusters", "clusters"), o("scores", "scores")],
      [
        integer("clusters", 2, default: 14, unit: "clusters"), integer("restarts", 1, default: 10),
        OptionDeclaration(name: "scales", shape: .numbers, defaultValue: .null),
      ]),
    kind(
      "metrics", inputs: [many("features", "features"), one("clusters", "clusters")],
      outputs: [o("scores", "scores")]),
    kind(
      "downstream",
      inputs: [
        one("model", "model", optional: true), many("frames", "frames"), many("labels", "labels"),
        one("roles", "roles"),
      ], outputs: [o("scores", "scores")],
      [integer("fold", 0), integer("epochs", 1, default: 5), integer("threads", 1, default: 1)]),
    kind(
      "table", inputs: [many("scores", "scores")],
      outputs: [o("csv", "csv"), o("markdown", "markdown")],
      [
        OptionDeclaration(name: "rows", shape: .text),
        OptionDeclaration(name: "columns", shape: .texts),
      ]),
  ])

  private static func kind(
    _ name: String, inputs: [Input] = [], outputs: [Output], _ options: [OptionDeclaration] = []
  ) -> KindDescription {
    KindDescription(
      kind: name, version: 1, summary: "The kind \(name).", inputs: inputs, outputs: outputs,
      options: options)
  }

  private static func one(_ name: String, _ type: ArtifactType, optional: Bool = false) -> Input {
    Input(name, type, optional: optional)
  }

  private static func many(_ name: String, _ type: ArtifactType, optional: Bool = false) -> Input {
    Input(name, type, many: true, optional: optional)
  }

  private static func o(
    _ name: String, _ type: ArtifactType, _ form: ArtifactForm = .file
  ) -> Output {
    Output(name, type, form: form)
  }

  private static func m(_ name: String, _ type: ArtifactType) -> Output {
    Output(name, type, many: true)
  }

  private static func integer(
    _ name: String, _ minimum: Double, default standard: Int? = nil, unit: String? = nil
  ) -> OptionDeclaration {
    OptionDeclaration(
      name: name, shape: .integer, defaultValue: standard.map { .integer($0) }, minimum: minimum,
      unit: unit)
  }
}
