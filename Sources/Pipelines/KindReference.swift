public import StageKit

/// The reference of stage kinds for people, in Markdown: ports and options of every kind.
public enum KindReference {
  /// Equal catalogues give equal bytes; nothing in it depends on the machine.
  public static func text(of catalogue: Catalogue) -> String {
    let contents = catalogue.kinds.map { "[`\($0.kind)`](#\($0.kind))" }
    return """
      # Stage kinds

      Written by `fathom schema --reference` from what the kinds say of themselves; \
      [pipeline-reference.md](pipeline-reference.md) has the language around them.

      \(contents.joined(separator: " · "))

      """ + catalogue.kinds.map { "\n" + section($0) }.joined()
  }

  private static func section(_ kind: KindDescription) -> String {
    let tolerance = kind.tolerance.map { " Types of processor differ by \($0) at most." } ?? ""
    var lines = [
      "## \(kind.kind)", "", "\(kind.summary). Version \(kind.version).\(tolerance)", "",
    ]
    lines += ["| port | type | |", "|---|---|---|"]
    lines += kind.inputs.map { input in
      row(
        "in `\(input.name)`",
        "`\(input.type.rawValue)`" + (input.many ? ", many" : "")
          + (input.optional ? ", optional" : ""), input.help)
    }
    lines += kind.outputs.map { output in
      row(
        "out `\(output.name)`",
        "`\(output.type.rawValue)`" + (output.many ? ", many" : "")
          + (output.form == .folder ? ", folder" : ""), output.help)
    }
    guard !kind.options.isEmpty else { return lines.joined(separator: "\n") + "\n" }
    lines += ["", "| option | default | is | |", "|---|---|---|---|"]
    lines += kind.options.flatMap { rows($0, below: "") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The option, and what its map may hold: `augment.gamma`, `head: pairwise.dropout`.
  private static func rows(_ option: OptionDeclaration, below prefix: String) -> [String] {
    let name = prefix + option.name
    let standard =
      switch option.defaultValue {
      case nil: "required"
      case .null?: "–"
      case let value?: "`\(value.display)`"
      }
    var rows = [row("`\(name)`", standard, option.expectation, option.help)]
    for preset in option.presets?.all ?? [] {
      rows.append(row("`\(name)`: `\(preset.name)`", "", "", preset.summary))
      rows += preset.options.flatMap { self.rows($0, below: "\(name): \(preset.name).") }
    }
    for part in option.parts ?? [] {
      rows.append(row("`\(name)`: `\(part.name)`", "", "", part.summary))
      rows += part.options.flatMap { self.rows($0, below: "\(name): \(part.name).") }
    }
    return rows + (option.fields ?? []).flatMap { self.rows($0, below: "\(name).") }
  }

  private static func row(_ cells: String...) -> String {
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }
}
