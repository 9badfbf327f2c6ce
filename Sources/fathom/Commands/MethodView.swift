import Pipelines
import StageKit

/// `fathom show method NAME`: the parts that a short name stands for.
///
/// The name is a preset of any kind in the catalogue, or an axis value of the pipeline whose
/// instances have such an option.
struct MethodView {
  private let name: String
  private let summary: String
  /// What may be given beside the short name.
  private let options: [OptionDeclaration]
  private let value: Value

  init(_ name: String, _ session: Session) throws {
    self.name = name
    let catalogue = try CatalogueCache.load(worker: Host.worker)
    var known: [String] = []
    for option in catalogue.kinds.flatMap(\.options) {
      guard let presets = option.presets else { continue }
      known += presets.all.map(\.name)
      if let preset = presets.all.first(where: { $0.name == name }) {
        summary = preset.summary
        options = preset.options
        do throws(OptionDeclaration.Problem) {
          value = try option.canonical(.map([.init(presets.key, .string(name))]))
        } catch {
          // An option of the preset has no default.
          throw UsageError(
            "'\(name)' stands for nothing by itself:\(error.place) \(error.message)")
        }
        return
      }
    }
    if let path = try? session.defaultPipeline(), let plan = try? session.loader().load(path: path),
      let found = MethodView.value(of: name, in: plan, catalogue, &known)
    {
      (summary, options, value) = ("as '\(path)' has it", [], found)
      return
    }
    throw UsageError("there is no method '\(name)'\(Suggestion.clause(for: name, among: known))")
  }

  private static func value(
    of name: String, in plan: Plan, _ catalogue: Catalogue, _ known: inout [String]
  ) -> Value? {
    for instance in plan.instances {
      guard case .kind(let kind, _, let options) = instance.work else { continue }
      let presets = catalogue[kind]?.options.filter { $0.presets != nil }.map(\.name) ?? []
      guard let option = options.first(where: { presets.contains($0.name) }) else { continue }
      if instance.axes.contains(where: { $0.name == name }) { return option.value }
      known += instance.axes.map(\.name)
    }
    return nil
  }

  func show(json: Bool) {
    if json {
      let document: Value = [
        "schema_version": 1, "method": .string(name), "summary": .string(summary),
        "options": .list(options.map { .string($0.name) }), "expansion": value,
      ]
      Terminal.standardOutput.write(document.json + "\n")
      return
    }
    var text = "# \(summary)\n"
    for option in options {
      let standard = option.defaultValue.flatMap { $0 == .null ? nil : " = \($0.display)" } ?? ""
      text += "# \(option.name)\(standard): \(option.expectation)"
      text += option.help.isEmpty ? "\n" : "; \(option.help)\n"
    }
    Terminal.standardOutput.write(text + YAMLText.entry(name, value))
  }
}

/// Values as YAML that a person would write: maps as blocks down to those that fit on a line.
enum YAMLText {
  private static let width = 100

  /// `key: value`, over as many lines as it needs.
  static func entry(_ key: String, _ value: Value, indent: String = "") -> String {
    let line = "\(indent)\(scalar(key)): \(flow(value))"
    if line.count <= width { return line + "\n" }
    return "\(indent)\(scalar(key)):\n" + block(value, indent: indent + "  ")
  }

  private static func block(_ value: Value, indent: String) -> String {
    switch value {
    case .map(let pairs): return pairs.map { entry($0.key, $0.value, indent: indent) }.joined()
    case .list(let values):
      return values.map { value in
        let line = "\(indent)- \(flow(value))\n"
        if line.count <= width + 1 { return line }
        // The first line of the block takes the dash.
        return indent + "- " + block(value, indent: indent + "  ").dropFirst(indent.count + 2)
      }.joined()
    default: return indent + flow(value) + "\n"
    }
  }

  private static func flow(_ value: Value) -> String {
    switch value {
    case .map(let pairs) where pairs.isEmpty: "{}"
    case .map(let pairs):
      "{ " + pairs.map { "\(scalar($0.key)): \(flow($0.value))" }.joined(separator: ", ") + " }"
    case .list(let values): "[" + values.map(flow).joined(separator: ", ") + "]"
    case .string(let text): scalar(text)
    default: value.display
    }
  }

  /// Plain where every reader of YAML takes it for the same text.
  private static func scalar(_ text: String) -> String {
    let isPlain =
      text.unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || ("0"..."9" ~= $0) || $0 == "_"
      }
      && text.unicodeScalars.first.map { $0.properties.isAlphabetic } == true
      && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    return isPlain ? text : Value.string(text).json
  }
}
