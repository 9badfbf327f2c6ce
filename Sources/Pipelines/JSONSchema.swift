public import StageKit

/// The JSON Schema (draft 2020-12) of pipeline files, for editors.
///
/// It holds every kind of a catalogue with its ports and options. What a schema cannot say (does
/// the stage exist, do the axes match) `fathom validate` does.
public enum JSONSchema {
  /// Equal catalogues give equal bytes.
  public static func text(of catalogue: Catalogue) -> String {
    PrettyJSON.text(make(from: catalogue))
  }

  public static func make(from catalogue: Catalogue) -> Value {
    var definitions: [Value.Pair] = [
      .init(
        "reference",
        [
          "type": "string", "pattern": "\\$\\{[^}]+\\}",
          "description": "A reference such as ${params.size} or ${matrix.seed}.",
        ]),
      .init(
        "name",
        ["type": "string", "pattern": "^[0-9A-Za-z_\\u0080-\\uffff][0-9A-Za-z_\\u0080-\\uffff-]*$"]),
      .init("scalar", ["type": ["string", "number", "boolean"]]),
      .init("size", .map(size)), .init("duration", .map(duration)),
      .init(
        "inputs",
        orReference([
          "type": "object", "additionalProperties": ref("input"),
          "propertyNames": ref("name"),
        ])),
      .init(
        "input",
        [
          "description": "stage.port, stage@axis=value.port, or a list of them.",
          "anyOf": [
            ["type": "string"], ["type": "array", "items": ["type": "string"], "minItems": 1],
          ],
        ]),
      .init("combinations", combinations), .init("stage", stage(catalogue)),
    ]
    for kind in catalogue.kinds {
      definitions.append(.init("with_\(kind.kind)", options(of: kind)))
      definitions.append(.init("in_\(kind.kind)", inputs(of: kind)))
      // Once, and not for each short name again.
      for option in kind.options where option.presets != nil {
        definitions += (option.fields ?? []).map {
          .init("\(shared(kind, option))_\($0.name)", Self.option($0))
        }
      }
    }
    return [
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "fathom pipeline",
      "type": "object",
      "required": ["pipeline", "stages"],
      "additionalProperties": false,
      "properties": [
        "pipeline": described(ref("name"), "The pipeline's name."),
        "params": [
          "type": ["object", "null"], "description": "Values that stages name by ${params.…}.",
          "propertyNames": ref("name"),
        ],
        "profiles": [
          "type": ["object", "null"], "description": "Named overrides of params: --profile NAME.",
          "propertyNames": ref("name"), "additionalProperties": ["type": ["object", "null"]],
        ],
        "include": described(
          [
            "anyOf": [
              ["type": "string"], ["type": "array", "items": ["type": "string"]],
            ]
          ], "Other pipeline files, relative to this one."),
        "stages": [
          "type": "object", "description": "The stages by name.", "minProperties": 1,
          "propertyNames": ref("name"), "additionalProperties": ref("stage"),
        ],
      ],
      "$defs": .map(definitions),
    ]
  }

  // MARK: A stage

  private static func stage(_ catalogue: Catalogue) -> Value {
    let kinds = catalogue.kinds.map { kind -> Value in
      ["const": .string(kind.kind), "description": .string(kind.summary)]
    }
    let cases = catalogue.kinds.map { kind -> Value in
      var required: [Value] = []
      if kind.options.contains(where: { $0.defaultValue == nil }) { required.append("with") }
      if kind.inputs.contains(where: { !$0.optional }) { required.append("in") }
      return [
        "if": ["properties": ["uses": ["const": .string(kind.kind)]], "required": ["uses"]],
        "then": [
          "properties": ["with": ref("with_\(kind.kind)"), "in": ref("in_\(kind.kind)")],
          "required": .list(required),
        ],
      ]
    }
    let ports: Value = [
      "anyOf": [["type": "string"], ["type": "array", "items": ["type": "string"], "minItems": 1]]
    ]
    var stage: [Value.Pair] = [
      .init("type", "object"), .init("additionalProperties", false),
      .init("oneOf", [["required": ["uses"]], ["required": ["run"]]]),
      .init(
        "dependentSchemas",
        [
          "run": ["properties": ["with": false]], "uses": ["properties": ["out": false]],
        ]),
      .init(
        "properties",
        [
          "uses": kinds.isEmpty
            ? described(["type": "string"], "The kind of stage.")
            : ["description": "The kind of stage.", "oneOf": .list(kinds)],
          "run": described(
            ["type": "string"],
            "A shell command; ${in.port} and ${out.port} are paths, $${x} is the shell's ${x}."),
          "with": described(orReference(["type": "object"]), "Options of the kind."),
          "in": described(ref("inputs"), "Input port: the output it reads."),
          "out": described(
            orReference(["type": "object", "additionalProperties": ["type": "string"]]),
            "Output port: relative path; one that ends in / is a folder."),
          "files": described(ports, "Relative paths and globs of files that are read."),
          "each": described(ports, "Ports to map over: the stage runs once for each item."),
          "matrix": described(
            orReference(["type": "object"]), "Axis: a list of scalars or a map of named values."),
          "exclude": described(ref("combinations"), "Combinations to drop."),
          "include": described(ref("combinations"), "Whole combinations to add."),
          "env": [
            "description": "Variables: a map of values, or a list of names to pass through.",
            "anyOf": [
              ["type": "object", "additionalProperties": ref("scalar")],
              ["type": "array", "items": ["type": "string"]], ref("reference"),
            ],
          ],
          "resources": orReference([
            "type": "object",
            "description": "What an instance needs of the machine; never part of its key.",
            "properties": [
              "cpu": orReference(["type": "integer", "minimum": 1]),
              "gpu": orReference(["type": "integer", "minimum": 0]),
              "memory": ref("size"), "time": ref("duration"),
            ],
            "additionalProperties": orReference(["type": "integer", "minimum": 0]),
          ]),
          "retries": orReference([
            "type": "object", "additionalProperties": false,
            "properties": [
              "times": orReference(["type": "integer", "minimum": 0]), "backoff": ref("duration"),
            ],
          ]),
          "timeout": described(
            ref("duration"), "A job (of an each stage: an item) is stopped after it."),
          "on_error": described(
            orReference(["enum": ["fail", "skip"]]), "What a failed item does; skip leaves it out."),
          "frozen": described(
            orReference(["type": "boolean"]), "Never runs again once it has a result."),
          "tolerance": described(
            orReference(["type": "number", "minimum": 0]),
            "How far numbers may be from what was made before, relative: fathom verify."),
          "description": ["type": "string"],
        ]),
    ]
    if !cases.isEmpty { stage.append(.init("allOf", .list(cases))) }
    return .map(stage)
  }

  private static func inputs(of kind: KindDescription) -> Value {
    let ports = kind.inputs.map { input -> Value.Pair in
      let count = input.many ? "a collection" : "one artifact"
      let help = input.help.isEmpty ? "" : "; \(input.help)"
      return .init(
        input.name, described(ref("input"), "\(input.type.rawValue), \(count)\(help)"))
    }
    return orReference([
      "type": "object", "properties": .map(ports), "additionalProperties": false,
      "required": .list(kind.inputs.filter { !$0.optional }.map { .string($0.name) }),
    ])
  }

  private static func options(of kind: KindDescription) -> Value {
    orReference([
      "type": "object", "description": .string(kind.summary),
      "properties": .map(
        kind.options.map { .init($0.name, option($0, sharing: shared(kind, $0))) }),
      "additionalProperties": false,
      "required": .list(
        kind.options.filter { $0.defaultValue == nil }.map { .string($0.name) }),
    ])
  }

  // MARK: An option

  /// The beginning of the names under which a record's entries are defined.
  private static func shared(_ kind: KindDescription, _ option: OptionDeclaration) -> String {
    "with_\(kind.kind)_\(option.name)"
  }

  private static func option(_ option: OptionDeclaration, sharing name: String? = nil) -> Value {
    var alternatives = [Value.map(shape(of: option, sharing: name))]
    switch option.shape {
    case .text, .files: break  // a reference is text as well
    default: alternatives.append(ref("reference"))
    }
    if option.defaultValue == .null { alternatives.append(["type": "null"]) }
    var pairs: [Value.Pair] = []
    let words = [option.help, option.unit.map { "Unit: \($0)." } ?? ""].filter { !$0.isEmpty }
    if !words.isEmpty {
      pairs.append(.init("description", .string(words.joined(separator: " "))))
    }
    if alternatives.count == 1, case .map(let only) = alternatives[0] {
      pairs += only
    } else {
      pairs.append(.init("anyOf", .list(alternatives)))
    }
    if let standard = option.defaultValue, standard != .null {
      pairs.append(.init("default", standard))
    }
    return .map(pairs)
  }

  private static func shape(
    of option: OptionDeclaration, sharing name: String?
  ) -> [Value.Pair] {
    var range: [Value.Pair] = []
    if let minimum = option.minimum { range.append(.init("minimum", number(minimum))) }
    if let maximum = option.maximum { range.append(.init("maximum", number(maximum))) }
    func list(_ type: Value) -> [Value.Pair] {
      let items = type == "string" ? [] : range
      var pairs: [Value.Pair] = [
        .init("type", "array"), .init("items", orReference(.map([.init("type", type)] + items))),
      ]
      if let count = option.count {
        pairs.append(.init("minItems", .integer(count)))
        pairs.append(.init("maxItems", .integer(count)))
      }
      return pairs
    }
    switch option.shape {
    case .boolean: return [.init("type", "boolean")]
    case .integer: return [.init("type", "integer")] + range
    case .number: return [.init("type", "number")] + range
    case .text, .files: return [.init("type", "string")]
    case .choice: return [.init("enum", .list((option.choices ?? []).map { .string($0) }))]
    case .size: return size
    case .duration: return duration
    case .integers: return list("integer")
    case .numbers: return list("number")
    case .texts: return list("string")
    case .tree: return [.init("type", ["object", "array"])]
    case .record: return record(option, sharing: name)
    case .records:
      return [.init("type", "array"), .init("items", .map(entries(option.fields ?? [])))]
    case .part: return part(option.parts ?? [])
    }
  }

  /// - Parameter schema: of an entry
  private static func entries(
    _ options: [OptionDeclaration], naming name: Value.Pair? = nil,
    as schema: (OptionDeclaration) -> Value = { option($0) }
  ) -> [Value.Pair] {
    var required = options.filter { $0.defaultValue == nil }.map { Value.string($0.name) }
    if let name { required.insert(.string(name.key), at: 0) }
    return [
      .init("type", "object"),
      .init(
        "properties",
        .map((name.map { [$0] } ?? []) + options.map { .init($0.name, schema($0)) })),
      .init("additionalProperties", false), .init("required", .list(required)),
    ]
  }

  /// Its entries, or the name of a preset with the options of that and any entry.
  private static func record(
    _ option: OptionDeclaration, sharing shared: String?
  ) -> [Value.Pair] {
    let fields = option.fields ?? []
    guard let presets = option.presets, let shared else { return entries(fields) }
    func reference(_ field: OptionDeclaration) -> Value { ref("\(shared)_\(field.name)") }
    let optional = fields.map { field in
      var field = field
      field.defaultValue = field.defaultValue ?? .null
      return field
    }
    let named = presets.all.map { preset -> Value in
      let name = Value.Pair(
        presets.key, ["const": .string(preset.name), "description": .string(preset.summary)])
      let own = Set(preset.options.map(\.name))
      return .map(
        entries(
          preset.options + optional.filter { !own.contains($0.name) }, naming: name,
          as: { own.contains($0.name) ? Self.option($0) : reference($0) }))
    }
    return [.init("anyOf", .list(named + [.map(entries(fields, as: reference))]))]
  }

  /// A name, or a map of it and the options of that part.
  private static func part(_ parts: [PartDescription]) -> [Value.Pair] {
    let names = parts.filter { part in part.options.allSatisfy { $0.defaultValue != nil } }
      .map { part -> Value in
        ["const": .string(part.name), "description": .string(part.summary)]
      }
    let maps = parts.map { part -> Value in
      let name = Value.Pair(
        "name", ["const": .string(part.name), "description": .string(part.summary)])
      return .map(entries(part.options, naming: name))
    }
    return [.init("anyOf", .list(names + maps))]
  }

  private static let size: [Value.Pair] = [
    .init("description", "A size such as 512MiB, or bytes."),
    .init(
      "anyOf",
      [
        ["type": "integer", "minimum": 0],
        ["type": "string", "pattern": "^[0-9.]+ *([KMGT]i|[kMGT])?B$"], ref("reference"),
      ]),
  ]

  private static let duration: [Value.Pair] = [
    .init("description", "A duration such as 90s, 15min or 4h, or seconds."),
    .init(
      "anyOf",
      [
        ["type": "number", "minimum": 0],
        ["type": "string", "pattern": "^[0-9.]+ *(ms|s|min|h|d)$"], ref("reference"),
      ]),
  ]

  private static let combinations: Value = orReference([
    "type": "array",
    "items": orReference(["type": "object", "additionalProperties": ref("scalar")]),
  ])

  // MARK: Small parts

  private static func ref(_ name: String) -> Value { ["$ref": .string("#/$defs/\(name)")] }

  private static func orReference(_ schema: Value) -> Value {
    ["anyOf": [schema, ref("reference")]]
  }

  private static func described(_ schema: Value, _ text: String) -> Value {
    guard case .map(let pairs) = schema else { return schema }
    return .map([.init("description", .string(text))] + pairs)
  }

  private static func number(_ number: Double) -> Value {
    number == number.rounded() && abs(number) < 1e15 ? .integer(Int(number)) : .number(number)
  }
}

/// JSON over several lines, for files that people read; maps keep their order.
enum PrettyJSON {
  static func text(_ value: Value) -> String {
    var out = ""
    write(value, indent: "", to: &out)
    return out + "\n"
  }

  private static func write(_ value: Value, indent: String, to out: inout String) {
    switch value {
    case .list(let values) where values.contains { !$0.isScalar }:
      writeLines(values.map { ("", $0) }, "[", "]", indent, to: &out)
    case .map(let pairs) where !pairs.isEmpty:
      writeLines(
        pairs.map { (Value.string($0.key).json + ": ", $0.value) }, "{", "}", indent, to: &out)
    default: out += value.display
    }
  }

  private static func writeLines(
    _ parts: [(String, Value)], _ open: String, _ close: String, _ indent: String,
    to out: inout String
  ) {
    out += open + "\n"
    for (index, part) in parts.enumerated() {
      out += indent + "  " + part.0
      write(part.1, indent: indent + "  ", to: &out)
      out += index + 1 < parts.count ? ",\n" : "\n"
    }
    out += indent + close
  }
}
