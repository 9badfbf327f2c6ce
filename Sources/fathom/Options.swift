import ArgumentParser
import Engine
import Foundation
import Glibc
import Synchronization

/// What every verb understands.
struct CommonOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Work as if started in this folder.", valueName: "dir"))
  var cd: String?

  @Flag(help: "Print one JSON document for machines.")
  var json = false

  @Option(help: ArgumentHelp("When to use colour: auto, always or never.", valueName: "when"))
  var color: ColorChoice = .auto

  @Flag(name: .shortAndLong, help: "Say only what went wrong and the answer.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Say more: every hit, every message.")
  var verbose = false

  /// Must be called before anything is printed or opened.
  func begin() throws {
    Terminal.colorChoice.withLock { $0 = color }
    if let cd, chdir(cd) != 0 {
      throw UsageError("--cd: cannot enter '\(cd)': \(String(cString: strerror(errno)))")
    }
  }
}

extension ColorChoice: ExpressibleByArgument {}

/// How a pipeline is chosen and changed.
struct PipelineOptions: ParsableArguments {
  @Option(
    name: [.customShort("S"), .customLong("set")], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Set a parameter: a dotted path below params.", valueName: "path=value"))
  var sets: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Apply a profile of the pipeline; may be repeated.", valueName: "name"))
  var profile: [String] = []

  @Argument(
    help: ArgumentHelp(
      "A pipeline file, then targets: stage, stage@axis=value, or a glob.",
      valueName: "pipeline.yaml> <target"),
    completion: .custom { words, _, _ in CompletionWords.targets(after: words) })
  var arguments: [String] = []
}

extension Swift.Collection {
  /// The only element of a collection of one.
  var only: Element? { count == 1 ? first : nil }
}
