import ArgumentParser
import Dispatch
import Engine
import Executors
import Foundation
import Glibc
import Pipelines
import StageKit
import Storage
import Synchronization

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
  @OptionGroup var options: RunOptions

  func run() async throws { try await perform() }

  /// On the main thread: a run without work needs no other one, and starting one takes longer than
  /// much of what it does.
  @MainActor func perform() async throws {
    try common.begin()
    if options.dryRun {
      try PlanVerb.print(common: common, pipeline: pipeline, force: options.force)
      return
    }
    let session = try Session()
    let (path, targets) = try session.pipelineAndTargets(pipeline.arguments)
    let plan = try session.load(path, pipeline)
    let selection = try TargetSelection(targets, in: plan)
    let store = try session.openStore()
    let database = try session.openDatabase()
    let observer: any RunObserver =
      if common.json {
        JSONDisplay()
      } else if options.progress == .auto && Terminal.standardError.isInteractive && !common.quiet
        && Environment["CI"] == nil
      {
        LiveDisplay(plan: plan, options: common)
      } else {
        PlainDisplay(
          plan: plan, options: common, showsProgress: options.progress != .none)
      }
    let environment = Environment.all
    var setup = RunSetup(
      plan: plan, selection: selection.needed, forced: options.force ? selection.chosen : [],
      store: store, cache: store, digests: database, provenance: database,
      executor: LocalExecutor(), observer: observer, environment: environment,
      jobEnvironment: { instance, layout, checkpoint, run in
        switch instance.work {
        case .kind:
          return JobEnvironment.worker(
            caller: environment, layout: layout, cpus: instance.resources.cpu,
            processor: Host.processorDescription)
        case .command:
          var declared: [String: String] = [:]
          for variable in instance.environment {
            declared[variable.name] = variable.value ?? environment[variable.name]
          }
          return JobEnvironment.command(
            caller: environment, declared: declared, stage: instance.address, run: "\(run)",
            layout: layout, checkpointFolder: checkpoint, cpus: instance.resources.cpu)
        }
      },
      capacity: try session.capacity(jobs: options.jobs), keepsGoing: options.keepGoing,
      retries: options.retries, timeoutSeconds: try options.seconds(options.timeout, "--timeout"),
      lockTimeoutSeconds: try options.seconds(options.lockTimeout, "--lock-timeout"),
      worker: Host.worker, project: session.project,
      hidden: [session.project.root, store.path],
      readable: session.configuration.readable.map(session.absolute),
      row: try session.runRow(plan, verb: "run", database),
      sourceChanges: { GitChanges.of(project: session.project.root, store: store) })
    let signals = Signals()
    setup.willExecute = { signals.listen() }
    let runner = Runner(setup)
    signals.runner.withLock { $0 = runner }
    defer { store.endStaging() }
    let summary = try await runner.run()
    if !common.json {
      Terminal.standardError.write(RunText.summary(summary, .standardError) + "\n")
      if summary.status == .succeeded { showResults(plan, selection.needed, session) }
    }
    if let signal = signals.first { throw Ending(code: 128 + signal) }
    if summary.status != .succeeded { throw Ending(code: 1) }
  }

  /// Where tables and figures are, for those who would rather look than read.
  private func showResults(_ plan: Plan, _ selection: Set<Int>, _ session: Session) {
    guard !common.quiet else { return }
    for index in selection.sorted() {
      for output in plan.instances[index].outputs
      where ["markdown", "svg", "png"].contains(output.type.rawValue) {
        let instance = plan.instances[index].address
        let path = "\(session.project.latest)/\(plan.name)/\(instance)/\(output.name)"
        Terminal.standardError.write("\(output.type.rawValue)  \(RunText.short(path))\n")
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
    options = RunOptions()
    options.dryRun = false
    options.jobs = jobs
    options.keepGoing = false
    options.force = false
    options.retries = nil
    options.timeout = nil
    options.lockTimeout = nil
    options.executor = "local"
    options.progress = .auto
  }
}

/// The flags of `run`.
struct RunOptions: ParsableArguments {
  enum Progress: String, CaseIterable, ExpressibleByArgument {
    case auto, plain, none
  }

  @Flag(name: [.customShort("n"), .long], help: "Say what would run; run nothing.")
  var dryRun = false

  @Option(name: .shortAndLong, help: "How many processors jobs may use together.")
  var jobs: Int?

  @Flag(name: .shortAndLong, help: "After a failure go on with what does not need it.")
  var keepGoing = false

  @Flag(name: .shortAndLong, help: "Execute the targets even if they have a result.")
  var force = false

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

/// Turns the first SIGINT or SIGTERM into a polite stop and the second into a hard one.
final class Signals: Sendable {
  let runner = Mutex<Runner?>(nil)
  private let received = Atomic<Int32>(0)
  private let sources = Mutex<[any DispatchSourceSignal]>([])

  /// Until this is called signals do what they always do.
  func listen() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number, SIG_IGN)
      sources.withLock { sources in
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { [weak self] in self?.receive(number) }
        source.resume()
        sources.append(source)
      }
    }
  }

  private func receive(_ number: Int32) {
    _ = received.compareExchange(expected: 0, desired: number, ordering: .relaxed)
    runner.withLock { $0 }?.interrupt()
  }

  /// The signal that came first.
  var first: Int32? {
    let number = received.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }
}
