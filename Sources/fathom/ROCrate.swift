import Engine
import Foundation
import Pipelines
import StageKit
import Storage

/// A run as a research object: its metadata, and the files beside it.
///
/// Source: RO-Crate 1.1 (w3id.org/ro/crate/1.1); Process, Workflow and Provenance Run Crate 0.5
/// (w3id.org/ro/wfrun). Entities refer to each other by `@id`; one that stands for a file of the crate
/// has the file's path there, one whose bytes are elsewhere the name of its digest (RFC 6920).
struct ROCrate {
  /// Files of the crate besides its metadata: path in the crate → where the bytes are.
  private(set) var packed: [(path: String, source: String)] = []
  /// Bytes of these files.
  private(set) var bytes = 0

  private let run: RecordedRun
  private let plan: Plan
  private let source: ExportedSource
  private let database: ProvenanceDatabase
  private let store: ContentStore
  private let packsAll: Bool
  /// In the order in which they were added.
  private var entities: [Value] = []
  private var known: Set<String> = []
  /// What the crate's folder holds, directly.
  private var parts: [String] = []
  private var mentions: [String] = []
  /// The entity of each output: `address.port`.
  private var artifacts: [String: String] = [:]
  /// The formal parameters that an entity is a value of, and those of its parts.
  private var examples: [String: [String]] = [:]

  private var workflow: String { Self.uri(run.pipeline) }
  private var agent: String { "#person-\(Self.uri(run.user))" }

  /// - Parameters:
  ///   - packsAll: whether what is between, and what the pipeline reads, is packed too
  ///   - license: an address; `nil` for the project's file
  /// - Throws: `EnvironmentError` where an object that is to be packed is gone
  init(
    run: RecordedRun, source: ExportedSource, database: ProvenanceDatabase, store: ContentStore,
    packsAll: Bool, license: String?
  ) throws {
    self.run = run
    self.source = source
    plan = source.plan
    self.database = database
    self.store = store
    self.packsAll = packsAll
    try describe(license: license)
  }

  /// Writes the folder.
  func write(to folder: String) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for file in packed {
      let path = "\(folder)/\(file.path)"
      try manager.createDirectory(
        atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path,
        withIntermediateDirectories: true)
      try manager.copyItem(atPath: file.source, toPath: path)
      try manager.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    }
    let document: Value = [
      "@context": [
        "https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context",
      ],
      "@graph": .list(entities),
    ]
    // A line an entity: for `diff`, and for people.
    let lines = entities.map(\.json).joined(separator: ",\n")
    let context = (document["@context"] ?? .null).json
    try Data("{\"@context\": \(context), \"@graph\": [\n\(lines)\n]}\n".utf8)
      .write(to: URL(fileURLWithPath: "\(folder)/ro-crate-metadata.json"))
  }

  // MARK: The whole

  private mutating func describe(license: String?) throws {
    add(
      "ro-crate-metadata.json", "CreativeWork",
      [
        ("about", Self.reference("./")),
        (
          "conformsTo",
          Self.references([
            "https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
          ])
        ),
      ])
    let jobs = try jobsByAddress()
    try addPipelineFiles()
    addMethodsAndSteps(jobs)
    for instance in plan.instances {
      guard let job = jobs[instance.address] else { continue }
      try addOutputs(of: instance, job)
    }
    for (index, instance) in plan.instances.enumerated() {
      guard let job = jobs[instance.address] else { continue }
      try addAction(index, instance, job)
    }
    try addRun(jobs)
    let licence = try addLicence(license)
    let profiles = [
      ("process", "Process Run Crate"), ("workflow", "Workflow Run Crate"),
      ("provenance", "Provenance Run Crate"),
    ].map { name, title in
      let id = "https://w3id.org/ro/wfrun/\(name)/0.5"
      add(id, "CreativeWork", [("name", .string(title)), ("version", "0.5")])
      return id
    }
    let hub = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
    add(hub, "CreativeWork", [("name", "Workflow RO-Crate"), ("version", "1.0")])
    add(
      "./", "Dataset",
      [
        ("name", .string("\(plan.name), run \(run.id)")),
        (
          "description",
          .string("A run of the pipeline '\(plan.name)' by fathom: what it made, and how.")
        ),
        ("datePublished", .string(Self.time(run.ended ?? run.started))), ("license", licence),
        ("author", Self.reference(agent)), ("conformsTo", Self.references(profiles + [hub])),
        ("mainEntity", Self.reference(workflow)), ("hasPart", Self.references(parts)),
        ("mentions", Self.references(mentions)),
      ])
    addExamples()
  }

  private func jobsByAddress() throws -> [String: JobDetail] {
    let details = try database.details(ofRun: run.id)
    return Dictionary(details.map { ($0.row.instance, $0) }) { _, last in last }
  }

  private mutating func addLicence(_ license: String?) throws -> Value {
    if let license {
      add(license, "CreativeWork", [("name", .string(license))])
      return Self.reference(license)
    }
    for name in ["LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING"] {
      let path = "\(source.root)/\(name)"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      try addFile(name, at: path, [("name", "Licence"), ("encodingFormat", "text/plain")])
      return Self.reference(name)
    }
    return "No licence was stated; ask the author."
  }

  // MARK: The workflow

  /// The pipeline file, and those that it includes: all that something was written in.
  private mutating func addPipelineFiles() throws {
    var files: Set<String> = []
    for instance in plan.instances { files.insert(instance.position.path) }
    for path in files.sorted() where path != run.pipeline {
      try addFile(
        path, at: "\(source.root)/\(path)",
        [("name", .string(path)), ("encodingFormat", "application/yaml")])
    }
    add(
      agent, "Person", [("name", .string(run.user))])
    add(
      "#fathom", "SoftwareApplication",
      [("name", "fathom"), ("softwareVersion", .string(run.toolVersion))])
    add(
      "#fathom-pipeline", "ComputerLanguage",
      [("name", "fathom pipeline"), ("version", .string(run.toolVersion))])
  }

  private func toolID(_ instance: Instance) -> String {
    switch instance.work {
    case .kind(let kind, _, _): "#kind-\(kind)"
    case .command: "#command-\(Self.uri(instance.stage))"
    }
  }

  private func stepID(_ stage: String) -> String { "\(workflow)#\(Self.uri(stage))" }

  /// Kinds and commands, the steps that use them, and the workflow of these steps.
  private mutating func addMethodsAndSteps(_ jobs: [String: JobDetail]) {
    var (tools, steps): ([String], [String]) = ([], [])
    for instance in plan.instances where jobs[instance.address] != nil {
      let tool = toolID(instance)
      if known.insert(tool).inserted {
        tools.append(tool)
        addTool(tool, instance)
      }
      let step = stepID(instance.stage)
      guard known.insert(step).inserted else { continue }
      steps.append(step)
      entities.append(
        entity(
          step, "HowToStep",
          [
            ("name", .string(instance.stage)),
            ("description", .string(instance.description ?? "")),
            ("position", .integer(steps.count)), ("workExample", Self.reference(tool)),
          ]))
    }
    let inputs = parameters.map { name, value in
      let id = "#param-\(Self.uri(name))"
      add(
        id, "FormalParameter",
        [("name", .string(name)), ("additionalType", .string(Self.dataType(of: value)))])
      add(
        "\(id)-value", "PropertyValue",
        [
          ("name", .string(name)), ("value", Self.plain(value)),
          ("exampleOfWork", Self.reference(id)),
        ])
      return id
    }
    let outputs = results.flatMap { instance in
      instance.outputs.map { outputParameter(instance.stage, $0) }
    }
    let path = "\(source.root)/\(run.pipeline)"
    addFileEntity(
      run.pipeline, at: path, types: ["SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
      [
        ("name", .string(plan.name)), ("encodingFormat", "application/yaml"),
        ("version", .string(run.gitCommit ?? plan.digest.hex)),
        ("programmingLanguage", Self.reference("#fathom-pipeline")),
        ("input", Self.references(inputs)), ("output", Self.references(Self.unique(outputs))),
        ("hasPart", Self.references(tools)), ("step", Self.references(steps)),
      ])
    for instance in results {
      for port in instance.outputs {
        add(
          outputParameter(instance.stage, port), "FormalParameter",
          [
            ("name", .string("\(instance.stage).\(port.name)")),
            ("additionalType", .string(Self.parameterType(instance, port))),
          ])
      }
    }
  }

  private func outputParameter(_ stage: String, _ port: OutputPort) -> String {
    "#output-\(Self.uri(stage)).\(Self.uri(port.name))"
  }

  private mutating func addTool(_ tool: String, _ instance: Instance) {
    var properties: [(String, Value)]
    var inputs = instance.inputs.map { "\(tool)/in/\(Self.uri($0.port))" }
    switch instance.work {
    case .kind(let kind, let version, let options):
      properties = [
        ("name", .string("fathom \(kind)")), ("softwareVersion", .string("\(version)")),
      ]
      for option in options {
        let id = "\(tool)/with/\(Self.uri(option.name))"
        add(
          id, "FormalParameter",
          [
            ("name", .string(option.name)),
            (
              "additionalType",
              .string(option.namesFiles ? "File" : Self.dataType(of: option.value))
            ),
          ])
        inputs.append(id)
      }
    case .command(let text):
      properties = [
        ("name", .string(instance.stage)), ("description", .string(text.value)),
        ("softwareVersion", .string(String(Digest(of: text.value.utf8).hex.prefix(12)))),
      ]
    }
    for input in instance.inputs {
      add(
        "\(tool)/in/\(Self.uri(input.port))", "FormalParameter",
        [
          ("name", .string(input.port)),
          ("additionalType", .string(inputType(input))),
        ])
    }
    let outputs = instance.outputs.map { port -> String in
      let id = "\(tool)/out/\(Self.uri(port.name))"
      add(
        id, "FormalParameter",
        [
          ("name", .string(port.name)),
          ("additionalType", .string(Self.parameterType(instance, port))),
        ])
      return id
    }
    properties += [("input", Self.references(inputs)), ("output", Self.references(outputs))]
    entities.append(entity(tool, "SoftwareApplication", properties))
  }

  /// Of what is bound to the port: a collection where one stage makes it, files where they are gathered.
  private func inputType(_ input: InputBinding) -> String {
    input.sources.contains { source in
      let producer = plan.instances[source.producer]
      return producer.outputs.contains {
        $0.name == source.port && Self.parameterType(producer, $0) == "Dataset"
      }
    } ? "Dataset" : "File"
  }

  /// The params of the pipeline, those inside of maps by dotted path.
  private var parameters: [(String, Value)] {
    func flat(_ value: Value, _ path: String) -> [(String, Value)] {
      guard case .map(let pairs) = value, !pairs.isEmpty || path.isEmpty else {
        return [(path, value)]
      }
      return pairs.flatMap { flat($0.value, path.isEmpty ? $0.key : "\(path).\($0.key)") }
    }
    return flat(plan.params, "")
  }

  /// Instances whose outputs no stage reads.
  private var results: [Instance] {
    let consumers = plan.consumers
    return plan.instances.indices.filter { consumers[$0].isEmpty }.map { plan.instances[$0] }
  }

  // MARK: What was made

  private mutating func addOutputs(of instance: Instance, _ job: JobDetail) throws {
    let isResult = results.contains { $0.address == instance.address }
    for output in job.outputs {
      guard let port = instance.outputs.first(where: { $0.name == output.port }) else { continue }
      let id = try addArtifact(
        output.artifact, of: instance, port, isPacked: isResult || packsAll)
      artifacts["\(instance.address).\(output.port)"] = id
      examples[id, default: []].append("\(toolID(instance))/out/\(Self.uri(port.name))")
      if isResult { examples[id, default: []].append(outputParameter(instance.stage, port)) }
    }
  }

  private mutating func addArtifact(
    _ artifact: Artifact, of instance: Instance, _ port: OutputPort, isPacked: Bool
  ) throws -> String {
    let title = Value.string("\(instance.address).\(port.name)")
    guard isPacked else {
      let id = Self.name(of: artifact.digest)
      if known.insert(id).inserted {
        parts.append(id)
        var properties: [(String, Value)] = [
          ("name", title), ("sha256", .string(artifact.digest.hex)),
          ("contentSize", .string("\(artifact.size)")),
          ("sdDatePublished", .string(Self.time(run.ended ?? run.started))),
        ]
        if artifact.form == .file {
          properties.append(("encodingFormat", .string(Self.mediaType(Self.ending(of: port)))))
        }
        entities.append(entity(id, artifact.form == .file ? "File" : "Dataset", properties))
      }
      return id
    }
    let base = "results/\(PercentCode.fileName(instance.address))/\(port.name)"
    let files = try store.files(of: artifact, ending: port.fileExtension)
    guard artifact.form != .file else {
      let path = Self.ending(of: port).map { "\(base).\($0)" } ?? base
      return try addObject(
        artifact.digest, size: artifact.size, at: path, title: title, isPart: true)
    }
    let id = Self.uri(base + "/")
    let inside = try files.map { file in
      try addObject(
        file.digest, size: file.size, at: "\(base)/\(file.path)", title: .string(file.path),
        isPart: false)
    }
    known.insert(id)
    parts.append(id)
    entities.append(
      entity(
        id, "Dataset",
        [
          ("name", title), ("sha256", .string(artifact.digest.hex)),
          ("contentSize", .string("\(artifact.size)")), ("hasPart", Self.references(inside)),
        ]))
    return id
  }

  private mutating func addObject(
    _ digest: Digest, size: Int, at path: String, title: Value, isPart: Bool
  ) throws -> String {
    let place = store.path(of: digest)
    guard FileManager.default.fileExists(atPath: place) else {
      throw EnvironmentError(
        .integrity, "'\(path)' is no longer in the store (\(digest)); run again, then export")
    }
    pack(path, from: place, size)
    let id = Self.uri(path)
    if isPart { parts.append(id) }
    known.insert(id)
    entities.append(
      entity(
        id, "File",
        [
          ("name", title), ("sha256", .string(digest.hex)), ("contentSize", .string("\(size)")),
          (
            "encodingFormat",
            .string(Self.mediaType(URL(fileURLWithPath: path).pathExtension))
          ),
        ]))
    return id
  }

  private mutating func pack(_ path: String, from source: String, _ size: Int) {
    packed.append((path, source))
    bytes += size
  }

  // MARK: What was done

  private mutating func addAction(_ index: Int, _ instance: Instance, _ job: JobDetail) throws {
    let maker = try database.source(of: job.row)
    let id = "#action-\(Self.uri(instance.address))"
    var objects = instance.inputs.flatMap { input in
      input.sources.compactMap {
        artifacts["\(plan.instances[$0.producer].address).\($0.port)"]
      }
    }
    for input in instance.inputs {
      for made in input.sources {
        guard let id = artifacts["\(plan.instances[made.producer].address).\(made.port)"] else {
          continue
        }
        examples[id, default: []].append("\(toolID(instance))/in/\(Self.uri(input.port))")
      }
    }
    objects += addValues(of: instance)
    objects += try addFiles(of: instance, job)
    var properties: [(String, Value)] = [
      ("name", .string(instance.address)),
      (
        "description",
        .string(
          maker.run == run.id ? maker.reason.printable : "made in run \(maker.run), and used again")
      ),
      ("instrument", Self.reference(toolID(instance))), ("agent", Self.reference(agent)),
      ("object", Self.references(Self.unique(objects))),
      (
        "result",
        Self.references(
          instance.outputs.compactMap { artifacts["\(instance.address).\($0.name)"] })
      ),
    ]
    if let started = maker.started { properties.append(("startTime", .string(Self.time(started)))) }
    if let ended = maker.ended { properties.append(("endTime", .string(Self.time(ended)))) }
    properties += status(failed: job.outputs.isEmpty && !instance.outputs.isEmpty, job.row.reason)
    add(id, "CreateAction", properties)
    mentions.append(id)
    add(
      "#control-\(Self.uri(instance.address))", "ControlAction",
      [
        ("name", .string("start \(instance.address)")),
        ("instrument", Self.reference(stepID(instance.stage))), ("object", Self.reference(id)),
      ])
  }

  /// The options as they were, shared by actions that agree.
  private mutating func addValues(of instance: Instance) -> [String] {
    guard case .kind(_, _, let options) = instance.work else { return [] }
    return options.filter { !$0.namesFiles }.map { option in
      let parameter = "\(toolID(instance))/with/\(Self.uri(option.name))"
      let digest = Digest(of: option.value.json.utf8).hex.prefix(12)
      let id = "\(parameter)/\(digest)"
      add(
        id, "PropertyValue",
        [
          ("name", .string(option.name)), ("value", Self.plain(option.value)),
          ("exampleOfWork", Self.reference(parameter)),
        ])
      return id
    }
  }

  /// The files of the user that an action read, by the digests in its key.
  private mutating func addFiles(of instance: Instance, _ job: JobDetail) throws -> [String] {
    var namedFiles: [String: String] = [:]
    if case .kind(_, _, let options) = instance.work {
      for option in options where option.namesFiles { namedFiles[option.name] = option.value.text }
    }
    return try job.fields.compactMap { field in
      guard case .string(let hex) = field.value, let digest = Digest(hex: hex) else { return nil }
      var parameter: String?
      let slash = field.path.firstIndex(of: "/") ?? field.path.endIndex
      let (port, rest) = (field.path[..<slash], field.path[slash...].dropFirst())
      var path = String(rest)
      if port.hasPrefix("with.") {
        // Below the file or folder that the option names.
        guard let option = namedFiles[String(port.dropFirst("with.".count))] else { return nil }
        path = path.isEmpty ? option : "\(option)/\(path)"
        parameter = "\(toolID(instance))/with/\(Self.uri(String(port.dropFirst("with.".count))))"
      } else if port != "files" {
        return nil
      }
      let place = "\(source.root)/\(path)"
      let id: String
      if packsAll, !path.isEmpty, FileManager.default.contents(atPath: place) != nil {
        id = Self.uri("inputs/\(path)")
        if !known.contains(id) {
          try addFile("inputs/\(path)", at: place, [("name", .string(path))])
        }
      } else {
        id = Self.name(of: digest)
        if known.insert(id).inserted {
          parts.append(id)
          entities.append(
            entity(
              id, "File",
              [
                ("name", .string(path)), ("sha256", .string(hex)),
                (
                  "encodingFormat",
                  .string(Self.mediaType(URL(fileURLWithPath: path).pathExtension))
                ),
              ]))
        }
      }
      if let parameter { examples[id, default: []].append(parameter) }
      return id
    }
  }

  private mutating func addRun(_ jobs: [String: JobDetail]) throws {
    let times: [(String, Value)] =
      [("startTime", .string(Self.time(run.started)))]
      + (run.ended.map { [("endTime", .string(Self.time($0)))] } ?? [])
    let failed = run.status != .succeeded
    let made = results.flatMap { instance in
      instance.outputs.compactMap { artifacts["\(instance.address).\($0.name)"] }
    }
    let words = run.arguments.joined(separator: " ").printable
    let action = "#run-\(run.id)"
    add(
      action, "CreateAction",
      [
        ("name", .string("run \(run.id) of \(plan.name)")), ("description", .string(words)),
        ("instrument", Self.reference(workflow)), ("agent", Self.reference(agent)),
        ("object", Self.references(parameters.map { "#param-\(Self.uri($0.0))-value" })),
        ("result", Self.references(Self.unique(made))),
      ] + times + status(failed: failed, run.status.rawValue))
    mentions.insert(action, at: 0)
    add(
      "#fathom-run-\(run.id)", "OrganizeAction",
      [
        ("name", .string("fathom \(run.toolVersion) on \(run.host)")),
        ("instrument", Self.reference("#fathom")), ("agent", Self.reference(agent)),
        (
          "object",
          Self.references(
            plan.instances.filter { jobs[$0.address] != nil }.map {
              "#control-\(Self.uri($0.address))"
            })
        ), ("result", Self.reference(action)),
      ] + times + status(failed: failed, run.status.rawValue))
  }

  private func status(failed: Bool, _ reason: String) -> [(String, Value)] {
    let status = failed ? "FailedActionStatus" : "CompletedActionStatus"
    return [("actionStatus", .string("http://schema.org/\(status)"))]
      + (failed ? [("error", .string(reason.printable))] : [])
  }

  // MARK: Entities

  private mutating func add(_ id: String, _ type: String, _ properties: [(String, Value)]) {
    guard known.insert(id).inserted else { return }
    entities.append(entity(id, type, properties))
  }

  private func entity(_ id: String, _ type: String, _ properties: [(String, Value)]) -> Value {
    Self.entity(id, .string(type), properties)
  }

  /// Without properties that say nothing.
  private static func entity(_ id: String, _ type: Value, _ properties: [(String, Value)]) -> Value
  {
    .map(
      [.init("@id", .string(id)), .init("@type", type)]
        + properties.filter { $0.1 != .list([]) && $0.1 != "" }.map { .init($0.0, $0.1) })
  }

  private mutating func addFile(
    _ path: String, at place: String, _ properties: [(String, Value)]
  ) throws {
    addFileEntity(path, at: place, types: [], properties)
  }

  /// A file that is packed, under its path.
  private mutating func addFileEntity(
    _ path: String, at place: String, types: [String], _ properties: [(String, Value)]
  ) {
    let id = Self.uri(path)
    guard known.insert(id).inserted, let data = FileManager.default.contents(atPath: place) else {
      return
    }
    pack(path, from: place, data.count)
    parts.append(id)
    let type: Value = types.isEmpty ? "File" : .list((["File"] + types).map { .string($0) })
    var properties = properties
    if !properties.contains(where: { $0.0 == "encodingFormat" }) {
      properties.append(
        (
          "encodingFormat",
          .string(Self.mediaType(URL(fileURLWithPath: path).pathExtension))
        ))
    }
    entities.append(
      Self.entity(
        id, type,
        properties + [
          ("sha256", .string(Digest(of: data).hex)), ("contentSize", .string("\(data.count)")),
        ]))
  }

  /// Adds to each entity of which parameters it is a value.
  private mutating func addExamples() {
    for index in entities.indices {
      guard case .map(var pairs) = entities[index],
        let of = entities[index]["@id"].flatMap({ examples[$0.text] })
      else { continue }
      pairs.append(.init("exampleOfWork", Self.references(Self.unique(of))))
      entities[index] = .map(pairs)
    }
  }

  private static func reference(_ id: String) -> Value { ["@id": .string(id)] }

  /// RO-Crate writes a list of one as the one.
  private static func references(_ ids: [String]) -> Value {
    ids.only.map(reference) ?? .list(ids.map(reference))
  }

  private static func unique(_ ids: [String]) -> [String] {
    var seen: Set<String> = []
    return ids.filter { seen.insert($0).inserted }
  }

  // MARK: Words

  /// Scalars as they are; lists and maps as their JSON, which a value of RO-Crate cannot be.
  private static func plain(_ value: Value) -> Value {
    value.isScalar && value != .null ? value : .string(value.json)
  }

  private static func dataType(of value: Value) -> String {
    switch value {
    case .bool: "Boolean"
    case .integer: "Integer"
    case .number: "Float"
    case .null, .string: "Text"
    case .list, .map: "PropertyValue"
    }
  }

  private static func parameterType(_ instance: Instance, _ port: OutputPort) -> String {
    port.many || port.form == .folder || !instance.each.isEmpty ? "Dataset" : "File"
  }

  /// With percent signs where a URI wants them.
  private static func uri(_ path: String) -> String {
    path.addingPercentEncoding(withAllowedCharacters: uriCharacters) ?? path
  }

  private static let uriCharacters = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/@=,")

  /// The name of bytes that are not in the crate. Source: RFC 6920.
  private static func name(of digest: Digest) -> String {
    let text = Data(digest.bytes).base64EncodedString().replacing("+", with: "-")
      .replacing("/", with: "_").replacing("=", with: "")
    return "ni:///sha-256;\(text)"
  }

  private static func time(_ seconds: Double) -> String {
    Date(timeIntervalSince1970: seconds.rounded(.down)).formatted(.iso8601)
      .replacing("Z", with: "+00:00")
  }

  /// What the file of a port is called, which in `latest/` has no ending.
  private static func ending(of port: OutputPort) -> String? {
    if let ending = port.fileExtension { return ending }
    if let path = port.path {
      let ending = URL(fileURLWithPath: path).pathExtension
      return ending.isEmpty ? nil : ending
    }
    return switch port.type.rawValue {
    case "csv": "csv"
    case "markdown": "md"
    case "latex": "tex"
    case "cells", "scores": "json"
    default: nil
    }
  }

  private static func mediaType(_ ending: String?) -> String {
    switch ending?.lowercased() {
    case "svg": "image/svg+xml"
    case "png": "image/png"
    case "pdf": "application/pdf"
    case "csv": "text/csv"
    case "tsv": "text/tab-separated-values"
    case "json": "application/json"
    case "md": "text/markdown"
    case "tex": "application/x-tex"
    case "txt", "log": "text/plain"
    case "yaml", "yml": "application/yaml"
    case "mp4": "video/mp4"
    case "mkv": "video/x-matroska"
    case "dcm": "application/dicom"
    default: "application/octet-stream"
    }
  }
}
