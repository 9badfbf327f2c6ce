import ArgumentParser
import Engine
import StageKit
import Storage

/// `fathom status`.
struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say what is stale since the last run.",
    discussion: "Without -S and --profile it takes those of the last run.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions

  @Flag(help: "Exit with 1 when something is stale.")
  var exitCode = false

  func run() throws {
    try common.begin()
    let session = try Session()
    let last = try session.lastRun()
    let (path, targets) = try session.pipelineAndTargets(
      pipeline.arguments, last: last?.pipeline)
    var pipeline = pipeline
    if pipeline.sets.isEmpty && pipeline.profile.isEmpty && last?.pipeline == session.recorded(path)
    {
      (pipeline.sets, pipeline.profile) = session.settings(of: last)
    }
    let outlook = try Outlook(
      session: session, path: path, pipeline: pipeline, targets: targets, force: false)
    if common.json {
      Terminal.standardOutput.write(outlook.json + "\n")
    } else {
      var words: [String] = []
      if let last {
        words = ["last run \(last.id)", Wording.ago(last.started)]
        if let commit = last.gitCommit { words.append(String(commit.prefix(7))) }
      }
      Terminal.standardOutput.write(
        outlook.text(hits: common.verbose, lastRun: words.joined(separator: ", ")))
    }
    if exitCode && outlook.toRun + outlook.maybe > 0 { throw Ending(code: 1) }
  }
}

extension Session {
  /// The newest run of this project, if there was one.
  func lastRun() throws -> RecordedRun? {
    guard let database = try? readDatabase() else { return nil }
    return try database.runs(limit: 1).first
  }
}
