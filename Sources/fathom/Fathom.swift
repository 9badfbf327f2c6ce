import ArgumentParser
import Engine
import Foundation
import Pipelines
import StageKit

/// The command: declares its verbs and turns what goes wrong into the documented exit codes.
@main
struct Fathom: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "fathom",
    abstract: "Runs declarative experiment pipelines: only what changed, and says why.",
    version: version,
    groupedSubcommands: [
      CommandGroup(name: "Run:", subcommands: [Init.self, Run.self, PlanVerb.self, Status.self]),
      CommandGroup(
        name: "Publish:", subcommands: [Tag.self, Reproduce.self, Verify.self, Export.self]),
      CommandGroup(
        name: "Ask:",
        subcommands: [Why.self, Dag.self, Log.self, Show.self, Diff.self, Metrics.self, SQL.self]),
      CommandGroup(name: "Check:", subcommands: [Validate.self, SchemaVerb.self, Completion.self]),
    ])

  @MainActor static func main() async {
    Host.allowManyFiles()
    do {
      var command = try parsed()
      if let run = command as? Run {
        try await run.perform()
      } else if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      // The database is safe at any instant; closing it would only cost time.
      Foundation.exit(0)
    } catch {
      Foundation.exit(Failing.report(error))
    }
  }
}

extension Fathom {
  /// The command that the words ask for.
  ///
  /// Building the parsers of all verbs takes milliseconds, which is much of a run that has nothing
  /// to do: `run` is tried alone first. Whatever it does not understand is said by the whole tree.
  private static func parsed() throws -> any ParsableCommand {
    let words = CommandLine.arguments.dropFirst()
    if words.first == "run" {
      let rest = Array(words.dropFirst())
      if let run = Run(plain: rest) ?? (try? Run.parse(rest)) { return run }
    }
    return try parseAsRoot()
  }
}

/// Ends the command with a code after everything has been said.
struct Ending: Error {
  var code: Int32
}

/// A mistake in the words of the command line.
struct UsageError: Error {
  var message: String

  init(_ message: String) { self.message = message }
}

enum Failing {
  static func show(_ problems: [Diagnostic], project: String) {
    let renderer = DiagnosticRenderer(
      project: project, isColoured: Terminal.standardError.usesColor)
    Terminal.standardError.write(renderer.text(problems))
  }

  /// Says what went wrong on stderr and returns the exit code.
  static func report(_ error: any Error) -> Int32 {
    switch error {
    case let ending as Ending: return ending.code
    case let usage as UsageError:
      Terminal.standardError.write("fathom: \(usage.message)\n")
      return 2
    case let diagnostics as Diagnostics:
      show(diagnostics.problems, project: (try? Session())?.project.root ?? ".")
      // A target is a word of the command line, not of a file.
      return diagnostics.problems.allSatisfy { $0.rule == .unknownTarget } ? 2 : 3
    case let diagnostic as Diagnostic: return report(Diagnostics([diagnostic]))
    case let problem as EnvironmentError:
      Terminal.standardError.write("fathom: \(problem)\n")
      switch problem.code {
      case .integrity, .storeLayout: return 4
      case .lockTimeout: return 9
      default: return 1
      }
    default:
      let code = Fathom.exitCode(for: error)
      let message = Fathom.fullMessage(for: error)
      if code == .success {
        Terminal.standardOutput.write(message + "\n")
        return 0
      }
      Terminal.standardError.write(message + "\n")
      return code == .validationFailure ? 2 : 1
    }
  }
}
