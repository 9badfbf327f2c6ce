import ArgumentParser
import Pipelines
import StageKit

/// `fathom completion`.
struct Completion: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion",
    abstract: "Print a completion script for a shell: bash, zsh or fish.",
    discussion:
      "For bash: fathom completion bash > ~/.local/share/bash-completion/completions/fathom")

  @OptionGroup var common: CommonOptions

  @Argument(help: "bash, zsh or fish")
  var shell: String

  func run() throws {
    try common.begin()
    guard let known = CompletionShell(rawValue: shell) else {
      throw UsageError(
        "there is no completion for '\(shell)'\(Suggestion.clause(for: shell, among: ["bash", "zsh", "fish"]))"
      )
    }
    let script = Fathom.completionScript(for: known)
    if common.json {
      let document: Value = [
        "schema_version": 1, "shell": .string(shell), "script": .string(script),
      ]
      Terminal.standardOutput.write(document.json + "\n")
    } else {
      Terminal.standardOutput.write(script + "\n")
    }
  }
}

/// What the shell may offer where a target is expected.
enum CompletionWords {
  /// Pipelines, and the addresses of the pipeline that has been named, or of the usual one.
  static func targets(after words: [String]) -> [String] {
    guard let session = try? Session() else { return [] }
    let named = words.first(where: Session.namesFile)
    guard let path = try? named ?? session.defaultPipeline(),
      let plan = try? session.loader(needsFiles: false).load(path: path)
    else { return [] }
    var seen: Set<String> = []
    return plan.instances.flatMap { [$0.stage, $0.address] }.filter { seen.insert($0).inserted }
  }
}
