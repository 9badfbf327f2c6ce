import Pipelines
import StageKit
import Testing

@Suite struct KindReferenceTests {
  @Test("every kind, port and option stands in the reference, nested ones below their option")
  func whole() {
    for catalogue in [Catalogue.forTests, OptionMapTests.catalogue] {
      let text = KindReference.text(of: catalogue)
      #expect(text == KindReference.text(of: Catalogue(catalogue.kinds.reversed())))
      for kind in catalogue.kinds {
        #expect(text.contains("\n## \(kind.kind)\n"))
        #expect(text.contains("](#\(kind.kind))"))
        for input in kind.inputs { #expect(text.contains("| in `\(input.name)` |")) }
        for output in kind.outputs { #expect(text.contains("| out `\(output.name)` |")) }
        for option in kind.options {
          #expect(text.contains("| `\(option.name)` |"))
          for field in option.fields ?? [] {
            #expect(text.contains("| `\(option.name).\(field.name)` |"))
          }
        }
      }
    }
  }

  @Test("a row gives default, range and unit; bars do not end a cell; machines do not matter")
  func rows() {
    let options = [
      OptionDeclaration(
        name: "clip", shape: .integer, defaultValue: 8, minimum: 1, unit: "frames", help: "a | b"),
      OptionDeclaration(name: "path", shape: .text, help: "of the folder"),
      OptionDeclaration(
        name: "precision", shape: .choice, defaultValue: "auto", choices: ["auto", "float32"],
        meanings: ["auto": "bfloat16"]),
      OptionDeclaration(
        name: "head", shape: .part, defaultValue: "linear",
        parts: [
          .init(
            name: "linear", summary: "one product",
            options: [.init(name: "bias", shape: .boolean, defaultValue: true)])
        ]),
    ]
    let text = KindReference.text(
      of: Catalogue([
        .init(
          kind: "k", version: 3, summary: "Does it",
          inputs: [Input("frames", "frames", many: true, optional: true, help: "u8")],
          outputs: [Output("model", "model", form: .folder)], options: options)
      ]))
    #expect(
      text.hasSuffix(
        """
        ## k

        Does it. Version 3.

        | port | type | |
        |---|---|---|
        | in `frames` | `frames`, many, optional | u8 |
        | out `model` | `model`, folder |  |

        | option | default | is | |
        |---|---|---|---|
        | `clip` | `8` | an integer (frames), at least 1 | a \\| b |
        | `path` | required | text | of the folder |
        | `precision` | `"auto"` | one of auto, float32 |  |
        | `head` | `"linear"` | one of linear, or a map of its name and options |  |
        | `head`: `linear` |  |  | one product |
        | `head: linear.bias` | `true` | true or false |  |

        """), "\(text)")
  }
}
