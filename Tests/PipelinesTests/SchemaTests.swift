import Pipelines
import StageKit
import Testing

@Suite("JSON Schema")
struct SchemaTests {
  private let schema = JSONSchema.make(from: .forTests)

  private func definition(_ name: String) -> Value? { schema["$defs"]?[name] }

  /// The object of a definition that may also be a reference.
  private func object(_ name: String) -> Value? {
    guard case .list(let alternatives) = definition(name)?["anyOf"] else { return nil }
    return alternatives.first
  }

  @Test("it holds every kind with its ports and options")
  func kinds() {
    for kind in Catalogue.forTests.kinds {
      for option in kind.options {
        #expect(object("with_\(kind.kind)")?["properties"]?[option.name] != nil)
      }
      for input in kind.inputs {
        #expect(object("in_\(kind.kind)")?["properties"]?[input.name] != nil)
      }
    }
    #expect(object("in_extract")?["required"] == ["frames", "landmarks"])
    #expect(object("with_downstream")?["required"] == ["fold"])
  }

  @Test("an option has its type, range, unit and default, and may be a reference")
  func options() {
    #expect(
      object("with_kmeans")?["properties"]?["clusters"] == [
        "description": "Unit: clusters.",
        "anyOf": [["type": "integer", "minimum": 2], ["$ref": "#/$defs/reference"]], "default": 14,
      ])
    #expect(
      object("with_decode")?["properties"]?["size"] == [
        "description": "Height and width. Unit: pixels.",
        "anyOf": [
          [
            "type": "array",
            "items": [
              "anyOf": [["type": "integer", "minimum": 1], ["$ref": "#/$defs/reference"]]
            ], "minItems": 2, "maxItems": 2,
          ], ["$ref": "#/$defs/reference"], ["type": "null"],
        ],
      ])
    #expect(
      object("with_saliency")?["properties"]?["method"] == [
        "anyOf": [["enum": ["vam", "spectral_residual"]], ["$ref": "#/$defs/reference"]],
        "default": "spectral_residual",
      ])
  }

  @Test("equal catalogues give equal bytes, whatever the order of their kinds")
  func deterministic() {
    let text = JSONSchema.text(of: .forTests)
    #expect(text == JSONSchema.text(of: Catalogue(Catalogue.forTests.kinds.reversed())))
    #expect(text.hasPrefix("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"))
    #expect(text.hasSuffix("}\n"))
  }

  @Test("it is valid for the fields that the loader knows")
  func fields() {
    guard case .map(let properties) = definition("stage")?["properties"] else {
      Issue.record("no properties")
      return
    }
    #expect(
      Set(properties.map(\.key)) == [
        "uses", "run", "with", "in", "out", "files", "each", "matrix", "include", "exclude", "env",
        "resources", "retries", "timeout", "on_error", "frozen", "tolerance", "description",
      ])
  }
}
