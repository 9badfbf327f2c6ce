import ArgumentParser
import Engine
import Pipelines
import StageKit
import Storage

/// `fathom run`.
struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run what changed, and all that reads it.",
    discussion: """
      Without a file it runs the only pipeline in Pipelines/. Targets choose stages and what they
      need: stage, stage@axis=value,axis=value, or a glob such as 'pretrain@method=*'.
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var pipeline: PipelineOptions
  @OptionGroup var manner: RunManner
  @OptionGroup var options: RunOptions

  func run() async throws { try await perform() }

  /// On the main thread: a run without work needs no other one, and starting one takes longer than
  /// much of what it does.
  @MainActor func perform() async throws {
    try common.begin()
    if manner.dryRun {
      try PlanVerb.print(common: common, pipeline: pipeline, force: manner.force)
      return
    }
    let session = try Session()
    let (path, targets) = try session.pipelineAndTargets(pipeline.arguments)
    let plan = try session.load(path, pipeline)
    let selection = try TargetSelection(targets, in: plan)
    let execution = Execution(
      session: session, store: try session.openStore(), database: try session.openDatabase(),
      common: common, options: options, printsEvents: common.json)
    let outcome = try await execution.run(
      plan, selection.needed, forced: manner.force ? selection.chosen : [],
      row: try session.runRow(plan, verb: "run", execution.database))
    if selection.needed.count == plan.instances.count {
      Lock.write(outcome, of: plan, by: pipeline, in: session, execution.store)
    }
    if !common.json { showResults(plan, selection.needed, session) }
  }

  /// Where tables and figures are, for those who would rather look than read.
  private func showResults(_ plan: Plan, _ selection: Set<Int>, _ session: Session) {
    guard !common.quiet else { return }
    let consumers = plan.consumers
    for index in selection.sorted() where consumers[index].isEmpty {
      let instance = plan.instances[index]
      for output in instance.outputs
      where output.type == "markdown" || output.fileExtension == "svg" {
        let ending = output.fileExtension.map { ".\($0)" } ?? ""
        let path =
          "\(session.project.latest)/\(plan.name)/\(instance.address)/\(output.name)\(ending)"
        let what = output.type == "markdown" ? "table" : "figure"
        Terminal.standardError.write("\(what)  \(RunText.short(path))\n")
      }
    }
  }
}

extension Run {
  /// Reads the commonest words without the parser, which takes a fifth of a run that has nothing to
  /// do: a file and targets, `-j N`, `-q` and `--cd DIR`. `nil` where there is any other.
  init?(plain words: [String]) {
    var (jobs, cd, isQuiet, arguments) = (Int?.none, String?.none, false, [String]())
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "-j":
        guard let number = rest.popFirst().flatMap({ Int($0) }), number > 0 else { return nil }
        jobs = number
      case "--cd":
        guard let folder = rest.popFirst(), !folder.hasPrefix("-") else { return nil }
        cd = folder
      case "-q": isQuiet = true
      default:
        if word.hasPrefix("-") { return nil }
        arguments.append(word)
      }
    }
    // Each property must have a value: the parser that would give it its default never runs.
    self.init()
    common = CommonOptions()
    common.cd = cd
    common.json = false
    common.color = .auto
    common.quiet = isQuiet
    common.verbose = false
    pipeline = PipelineOptions()
    pipeline.sets = []
    pipeline.profile = []
    pipeline.arguments = arguments
    manner = RunManner()
    manner.dryRun = false
    manner.force = false
    options = RunOptions()
    options.jobs = jobs
    options.keepGoing = false
    options.retries = nil
    options.timeout = nil
    options.lockTimeout = nil
    options.executor = "local"
    options.progress = .auto
  }
}

/// What of the pipeline is executed.
struct RunManner: ParsableArguments {
  @Flag(name: [.customShort("n"), .long], help: "Say what would run; run nothing.")
  var dryRun = false

  @Flag(name: .shortAndLong, help: "Execute the targets even if they have a result.")
  var force = false
}

/// How jobs are executed.
struct RunOptions: ParsableArguments {
  enum Progress: String, CaseIterable, ExpressibleByArgument {
    case auto, plain, none
  }

  @Option(name: .shortAndLong, help: "How many processors jobs may use together.")
  var jobs: Int?

  @Flag(name: .shortAndLong, help: "After a failure go on with what does not need it.")
  var keepGoing = false

  @Option(help: "How often to try a failed job again, for every stage.")
  var retries: Int?

  @Option(help: ArgumentHelp("Time limit of every job, such as 15min.", valueName: "time"))
  var timeout: String?

  @Option(
    help: ArgumentHelp("How long to wait for another run's action.", valueName: "time"))
  var lockTimeout: String?

  @Option(help: ArgumentHelp("Where jobs run; only local so far.", valueName: "name"))
  var executor = "local"

  @Option(help: ArgumentHelp("auto, plain or none.", valueName: "how"))
  var progress: Progress = .auto

  func validate() throws {
    if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); expected at least 1") }
    if let retries, retries < 0 {
      throw ValidationError("--retries is \(retries); expected at least 0")
    }
    guard executor == "local" else {
      throw ValidationError("there is no executor '\(executor)'; expected local")
    }
  }

  func seconds(_ text: String?, _ flag: String) throws -> Double? {
    guard let text else { return nil }
    guard let seconds = Quantity.seconds(text) ?? Double(text), seconds >= 0 else {
      throw UsageError("\(flag) is '\(text)'; expected a time such as 90s or 15min")
    }
    return seconds
  }
}
