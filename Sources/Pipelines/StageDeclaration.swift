internal import StageKit

/// A stage as its pipeline declares it, before it is expanded into instances.
///
/// A class, because every step of an expansion reads it and only `declare` writes it.
final class StageDeclaration {
  let name: String
  let mark: Mark
  /// The fields as written.
  let fields: [Node.Entry]
  /// What a stage with `uses:` is; `nil` for a command.
  var kind: KindDescription?
  var inputs: [Input] = []
  var outputs: [OutputPort] = []
  /// Ports that `each:` maps over.
  var each: [String] = []
  var axes: [Axis] = []
  /// The combinations of the matrix as indices into the values of each axis; one empty
  /// combination where there is no matrix.
  var points: [[Int]] = [[]]
  /// `false` where a mistake, reported already, hides what the ports are: then nothing that refers
  /// to them is checked, so that one mistake gives one error.
  var portsAreKnown = true
  var axesAreKnown = true

  /// The stages that this one reads, where it says so; filled when it is wired.
  var edges: [Edge] = []

  struct Edge {
    let producer: Int
    let mark: Mark
  }

  init(name: String, mark: Mark, fields: [Node.Entry]) {
    self.name = name
    self.mark = mark
    self.fields = fields
  }

  static let fieldNames = [
    "uses", "run", "with", "in", "out", "files", "each", "matrix", "include", "exclude", "env",
    "resources", "retries", "timeout", "on_error", "frozen", "tolerance",
    "description",
  ]

  func field(_ name: String) -> Node.Entry? {
    for index in fields.indices where fields[index].key == name { return fields[index] }
    return nil
  }

  /// Where a problem of the whole stage belongs: the field, or the stage's name.
  func place(_ name: String) -> Mark { field(name)?.keyMark ?? mark }

  var isCommand: Bool { field("run") != nil }

  /// "kind 'decode'" or "stage 'notebook'": whose ports and options are spoken of.
  var owner: String { kind.map { "kind '\($0.kind)'" } ?? "stage '\(name)'" }

  func axisPoints(_ point: [Int]) -> [AxisPoint] {
    zip(axes, point).map { $0.values[$1] }
  }

  func address(_ point: [Int]) -> String {
    if axes.isEmpty { return name }
    return name + "@"
      + zip(axes, point).map { "\($0.name)=\(Name.encoded($0.values[$1].name))" }
      .joined(separator: ",")
  }
}

extension Expansion {
  /// Checks what a stage is: its fields, kind, ports, `each:` and matrix.
  func declare(_ entry: Node.Entry) throws -> StageDeclaration {
    guard let fields = entry.value.entries else {
      problems.report(
        .wrongType,
        "stage '\(entry.key)' is \(entry.value.value.typeName); expected a map with 'uses' or 'run'",
        at: entry.value.isNull ? entry.keyMark : entry.value.mark)
      let stage = StageDeclaration(name: entry.key, mark: entry.keyMark, fields: [])
      stage.portsAreKnown = false
      stage.axesAreKnown = false
      return stage
    }
    let stage = StageDeclaration(name: entry.key, mark: entry.keyMark, fields: fields)
    var mayBeMisspelt = false
    for field in fields where !StageDeclaration.fieldNames.contains(field.key) {
      mayBeMisspelt = true
      problems.report(
        .unknownField,
        "unknown field '\(field.key)' of stage '\(stage.name)'"
          + problems.suggestion(for: field.key, among: StageDeclaration.fieldNames),
        at: field.keyMark)
    }
    switch (stage.field("uses"), stage.field("run")) {
    case (let uses?, nil): try declareKind(uses, in: stage)
    case (nil, let run?): declareCommand(run, in: stage)
    case (let uses?, let run?):
      problems.report(
        .unknownField, "stage '\(stage.name)' has both 'uses' and 'run'; expected one of them",
        at: run.keyMark, notes: [("'uses' is set here", uses.keyMark)])
      stage.portsAreKnown = false
    case (nil, nil):
      stage.portsAreKnown = false
      if !mayBeMisspelt {
        problems.report(
          .missingField, "stage '\(stage.name)' has neither 'uses' nor 'run'", at: stage.mark)
      }
    }
    declareMatrix(of: stage)
    declareEach(of: stage)
    return stage
  }

  private func declareKind(_ uses: Node.Entry, in stage: StageDeclaration) throws {
    if let out = stage.field("out") {
      problems.report(
        .unknownField, "'out' belongs to 'run'; the outputs of a kind are its own",
        at: out.keyMark)
    }
    guard let name = uses.value.text, !uses.value.holdsReferences else {
      problems.report(
        .wrongType,
        "'uses' is \(uses.value.holdsReferences ? "a reference" : uses.value.value.typeName);"
          + " expected the name of a kind", at: uses.value.mark)
      stage.portsAreKnown = false
      return
    }
    guard let kind = try kind(name) else {
      problems.report(
        .unknownKind, "unknown kind '\(name)'" + problems.suggestion(for: name, among: kindNames),
        at: uses.value.mark)
      stage.portsAreKnown = false
      return
    }
    stage.kind = kind
    stage.inputs = kind.inputs
    stage.outputs = kind.outputs.map {
      OutputPort(
        name: $0.name, type: $0.type, form: $0.form, many: $0.many, path: nil,
        fileExtension: $0.fileExtension)
    }
  }

  private func declareCommand(_ run: Node.Entry, in stage: StageDeclaration) {
    if run.value.isNull || !run.value.isScalar {
      problems.report(
        .wrongType, "'run' is \(run.value.value.typeName); expected a command", at: run.value.mark)
    }
    if let with = stage.field("with") {
      problems.report(
        .unknownField, "'with' belongs to 'uses'; a command takes '${params.…}' and 'env'",
        at: with.keyMark)
    }
    for port in ports("in", of: stage) {
      stage.inputs.append(Input(port.key, .any))
    }
    for port in ports("out", of: stage) {
      stage.outputs.append(
        OutputPort(name: port.key, type: .any, form: .file, many: false, path: nil))
    }
  }

  /// The entries of `in` or `out` of a command, their names checked.
  private func ports(_ field: String, of stage: StageDeclaration) -> [Node.Entry] {
    guard let entry = stage.field(field),
      let entries = map(entry, nil, of: field == "in" ? "port: stage.port" : "port: path")
    else { return [] }
    for entry in entries {
      if let problem = Name.problem(entry.key) {
        problems.report(
          .invalidName, "the name '\(entry.key)' of a port \(problem)", at: entry.keyMark)
      }
    }
    return entries
  }

  private func declareEach(of stage: StageDeclaration) {
    guard let field = stage.field("each") else {
      if let skip = stage.field("on_error"), skip.value.text == "skip" {
        problems.report(
          .missingField,
          "'on_error: skip' leaves out items, and stage '\(stage.name)' has no 'each'",
          at: skip.value.mark)
      }
      return
    }
    guard let node = template.resolve(field.value, axes: nil) else { return }
    let nodes = if case .list(let nodes) = node.content { nodes } else { [node] }
    if nodes.isEmpty {
      problems.report(.wrongType, "'each' is empty; expected names of ports", at: node.mark)
    }
    for node in nodes {
      guard let name = node.text else {
        problems.report(
          .wrongType, "'each' is \(node.value.typeName); expected names of ports", at: node.mark)
        continue
      }
      if stage.each.contains(name) {
        problems.report(.duplicateEntry, "'each' names port '\(name)' twice", at: node.mark)
        continue
      }
      stage.each.append(name)
      guard stage.portsAreKnown else { continue }
      guard let input = stage.inputs.first(where: { $0.name == name }) else {
        problems.report(
          .unknownPort,
          "'\(name)' is no input of \(stage.owner)"
            + problems.suggestion(for: name, among: stage.inputs.map(\.name)), at: node.mark)
        continue
      }
      if input.many {
        problems.report(
          .portCount,
          "port '\(name)' of \(stage.owner) takes a collection, so 'each' cannot map over it",
          at: node.mark)
      } else if stage.portsAreKnown, stage.field("in")?.value.entry(name) == nil {
        problems.report(
          .missingPort, "'each' maps over port '\(name)', which 'in' does not name", at: node.mark)
      }
    }
    if let output = stage.outputs.first(where: \.many) {
      problems.report(
        .portCount,
        "\(stage.owner) makes a collection at '\(output.name)', so it cannot run for each item",
        at: field.keyMark)
    }
  }
}
