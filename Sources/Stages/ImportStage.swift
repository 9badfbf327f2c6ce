import StageKit

struct ImportStage: Stage {
  static let kind = "import"
  static let version = 1
  static let summary = "x"
  static let inputs: [Input] = []
  static let outputs: [Output] = []
  init(options: inout OptionReader) throws(Diagnostic) { _ = try options.files("path", help: "x") }
  func run(in context: StageContext) async throws {}
}
