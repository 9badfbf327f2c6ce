internal import Foundation
internal import StageKit

/// How scores were measured, so far as numbers that were measured otherwise are not comparable: the
/// stage and its version, the data, how they were prepared, settings. The map `protocol` of a file of
/// type `scores`.
struct EvaluationProtocol {
  var fields: [Value.Pair]

  /// - Parameter stage: what measures; its version is a field
  init(of stage: any Stage.Type, _ fields: [Value.Pair]) {
    self.fields = [.init("stage", .string("\(stage.kind) \(stage.version)"))] + fields
  }

  init(fields: [Value.Pair]) { self.fields = fields }

  /// One scores file of a row: what it is called, and what it says.
  typealias Entry = (key: [(column: String, value: String)], scores: Scores)

  /// Requires that all rows were measured alike: the same number of times, and each field with the same
  /// values, however these are spread over the row's entries (a fold has its own split). A field that
  /// the scores of a row do not have says nothing of them; scores without any say nothing at all, and
  /// are not set beside others that do.
  ///
  /// - Parameter varies: fields that may differ, since the rows are there to compare them; `runs` for
  ///   how many entries a row has
  /// - Throws: `StageFailure` naming the field, both values and both rows
  static func require(
    equalIn rows: [(label: String, entries: [Entry])], of input: Input, except varies: [String]
  ) throws {
    let names = rows.flatMap {
      $0.entries.flatMap { $0.scores.conditions?.fields.map(\.key) ?? [] }
    }
    var fields: [String] = []
    for name in names where !fields.contains(name) { fields.append(name) }
    for name in varies where !([runs, known] + fields).contains(name) {
      throw StageFailure(
        "option 'varies' names '\(name)', which is no field of the \(input.name)' protocol"
          + Suggestion.clause(for: name, among: [runs, known] + fields))
    }
    func require<Property: Equatable>(
      _ field: String, _ property: (_ entries: [Entry]) -> Property?, _ text: (Property) -> String
    ) throws {
      guard !varies.contains(field) else { return }
      var first: (label: String, value: Property)?
      for row in rows {
        guard let value = property(row.entries) else { continue }
        guard let known = first else {
          first = (row.label, value)
          continue
        }
        guard known.value == value else {
          throw StageFailure(
            "the \(input.name) were not measured alike: '\(field)' of row '\(known.label)' is "
              + "\(text(known.value)), of row '\(row.label)' \(text(value)). Measure them alike, or "
              + "name '\(field)' in the option 'varies' where that is what the rows compare")
        }
      }
    }
    try require(runs, { $0.count }, { "\($0)" })
    if !fields.isEmpty {
      try require(
        known, { $0.allSatisfy { $0.scores.conditions != nil } },
        { $0 ? "known" : "not written in its scores" })
    }
    for field in fields {
      try require(
        field,
        { entries -> [String]? in
          let values = entries.compactMap { $0.scores.conditions?.value(of: field)?.display }
          return values.isEmpty ? nil : values.sorted()
        },
        { values in
          var distinct: [String] = []
          for value in values where value != distinct.last { distinct.append(value) }
          return distinct.joined(separator: " and ")
        })
    }
  }

  private func value(of field: String) -> Value? { fields.first { $0.key == field }?.value }

  /// What `varies` may name besides fields: how many entries a row has, and whether their protocol is
  /// known.
  private static let (runs, known) = ("runs", "protocol")

  /// The option that says what the rows of a table or figure compare.
  static func variesOption(_ options: inout OptionReader) throws(Diagnostic) -> [String] {
    try options.texts(
      "varies", default: [],
      help: "fields of the scores' protocol that rows may differ in; runs: how many a row has")
  }
}

extension EvaluationProtocol {
  /// How features came to be and which points they are of: `points`, the digest of every entry's key
  /// and index, and what the features' files say of themselves.
  ///
  /// The number of frames of a clip is left out: it is the network's own, as its weights are.
  static func fields(of input: Input, in context: StageContext) throws -> [Value.Pair] {
    var points: [String] = []
    var said: [String: Set<String>] = [:]
    for entry in try context.entries(input) {
      let path = entry.path + "/index.csv"
      let file = try SafetensorsFile(path: entry.path + "/features.safetensors")
      let rows =
        FileManager.default.fileExists(atPath: path)
        ? Digest(of: try Data(contentsOf: URL(fileURLWithPath: path))).hex
        : "\(try file.tensor("features", of: Float.self, rank: 2).shape[0]) rows"
      points.append((entry.key.map(\.value) + [rows]).joined(separator: "\t"))
      for (name, text) in file.metadata where !["clip", "network", "features"].contains(name) {
        said[name, default: []].insert(text)
      }
    }
    let digest = Digest(of: Array(points.joined(separator: "\n").utf8)).hex
    return [.init("points", .string(digest))]
      + said.sorted { $0.key < $1.key }.map {
        .init($0.key, .string($0.value.sorted().joined(separator: " and ")))
      }
  }
}
