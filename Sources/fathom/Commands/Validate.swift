import ArgumentParser
import Engine
import Foundation
import Pipelines
import StageKit

/// `fathom validate`.
struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Check pipelines and report every problem at once.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions

  func run() throws {
    try common.begin()
    let session = try Session()
    let paths =
      pipeline.arguments.isEmpty ? [try session.defaultPipeline()] : pipeline.arguments
    var problems: [Diagnostic] = []
    var valid: [String] = []
    for path in paths {
      do {
        let plan = try session.load(path, pipeline)
        valid.append("\(path): \(Wording.count(plan.instances.count, "instance"))")
      } catch let found as Diagnostics {
        problems += found.problems
      }
    }
    if common.json {
      Terminal.standardOutput.write(DiagnosticRenderer.json(problems).json + "\n")
    } else if problems.isEmpty {
      if !common.quiet { Terminal.standardOutput.write(valid.joined(separator: "\n") + "\n") }
    } else {
      Failing.show(problems, project: session.project.root)
    }
    if !problems.isEmpty { throw Ending(code: 3) }
  }
}

/// `fathom schema`.
struct SchemaVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Write every kind and option: pipeline.schema.json for editors, or a reference.")

  @OptionGroup var common: CommonOptions

  @Flag(help: "Write the reference of stage kinds for people, in Markdown: kinds.md.")
  var reference = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write to this file and not to the one named above; - for stdout.", valueName: "file"))
  var output: String?

  func run() throws {
    try common.begin()
    let output = output ?? (reference ? "kinds.md" : "pipeline.schema.json")
    let text =
      reference
      ? KindReference.text(of: try CatalogueCache.load(worker: Host.worker))
      : try SchemaVerb.text(try Session())
    if output == "-" || common.json {
      Terminal.standardOutput.write(text)
    } else {
      try write(text, to: output)
      if !common.quiet { Terminal.standardOutput.write("wrote \(output)\n") }
    }
  }

  static func text(_ session: Session) throws -> String {
    JSONSchema.text(of: try CatalogueCache.load(worker: Host.worker))
  }
}

/// Writes an answer to a file of the user's choice.
func write(_ text: String, to path: String) throws {
  do {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  } catch {
    throw UsageError("cannot write '\(path)': \(error.localizedDescription)")
  }
}
