import Foundation
import Glibc
import Pipelines
import StageKit

/// One process to start: an instance whole, or some of the items of an `each:` stage.
struct Unit: Sendable {
  struct Item: Sendable {
    /// Index in the instance's `ItemSet`.
    var index: Int
    var id: String
    var key: Digest
    /// By port.
    var inputs: [String: Artifact]
  }

  var instance: Instance
  /// Of the action, or of the `each:` action without its items.
  var key: Digest
  var inputs: [Assessor.ResolvedInput]
  var items: [Item]?
  /// The user's files that the key was made with: absolute path and digest.
  var sources: [SourceFiles.Listing]
  var attempt: Int

  /// Names the checkpoint folder. Commands run for one item at a time, each with its own.
  var checkpointKey: Digest {
    if case .command = instance.work, let item = items?.first { return item.key }
    return key
  }
}

/// Finds the bytes behind a digest.
struct Places: Sendable {
  var store: any ArtifactStore
  /// Files of the user that artifacts refer to.
  var references: FilePlaces

  func path(of digest: Digest) -> String {
    if let reference = references[digest], !store.contains(digest) { return reference }
    return store.path(of: digest)
  }
}

/// Lays out a job's folder and says which process to start in it.
struct JobFolder {
  let layout: JobLayout
  private let unit: Unit
  private let places: Places
  private let machine: JobMachine
  /// What the job reads, as it lay there before.
  private(set) var read: [ReadFile] = []

  /// A file that a job was given, with its state before.
  struct ReadFile {
    var path: String
    var digest: Digest
    var stamp: FileStamp?
    /// The artifact that it belongs to, where only one item reads it.
    var itemArtifact: Digest?
  }

  init(path: String, unit: Unit, places: Places, machine: JobMachine) {
    layout = JobLayout(folder: path)
    self.unit = unit
    self.places = places
    self.machine = machine
  }

  /// Writes everything that the process needs and describes it.
  mutating func prepare(checkpointFolder: String) throws -> JobRequest {
    try Folders.make(layout.work)
    try Folders.make(layout.temporary)
    let timeout = machine.timeoutSeconds ?? unit.instance.timeoutSeconds
    switch unit.instance.work {
    case .kind(let kind, let version, let options):
      try describeJob(kind, version, options, checkpointFolder)
      return JobRequest(
        address: unit.instance.address, layout: layout,
        arguments: [machine.worker, "run", layout.description],
        environment: machine.environment(unit.instance, layout, checkpointFolder),
        isolation: nil, timeoutSeconds: timeout, resources: unit.instance.resources)
    case .command(let text):
      let command = try prepareCommand(text.value)
      return JobRequest(
        address: unit.instance.address, layout: layout,
        arguments: JobFolder.shell + [command],
        environment: machine.environment(unit.instance, layout, checkpointFolder),
        isolation: Isolation(
          hidden: machine.hidden, readable: machine.readable + read.map(\.path),
          writable: [layout.work, layout.temporary, checkpointFolder]),
        timeoutSeconds: timeout, resources: unit.instance.resources)
    }
  }

  /// A failing command of a script or of a pipeline ends it: a half-made result is no result.
  private static let shell: [String] =
    access("/bin/bash", X_OK) == 0
    ? ["/bin/bash", "-e", "-o", "pipefail", "-c"] : ["/bin/sh", "-e", "-c"]

  // MARK: Kinds

  private mutating func describeJob(
    _ kind: String, _ version: Int, _ options: [Work.Option], _ checkpointFolder: String
  ) throws {
    var inputs: [String: JobInput] = [:]
    for input in unit.inputs where !unit.instance.each.contains(input.binding.port) {
      let port = input.binding.port
      switch input.content {
      case .one(let artifact):
        inputs[port] = .one(path: try give(artifact, folderAt: "\(layout.inputs)/\(port)"))
      case .many(let collection):
        let index = "\(layout.inputs)/\(port).tsv"
        try Folders.make(layout.inputs)
        try writeIndex(index, columns: collection.columns + ["path"]) { table in
          for (number, entry) in collection.entries.enumerated() {
            let path = try give(entry.artifact, folderAt: "\(layout.inputs)/\(port)/\(number)")
            try table.append(entry.key + [path])
          }
        }
        inputs[port] = .many(index: index)
      }
    }
    var items: [JobItem]?
    if let own = unit.items {
      items = []
      for (number, item) in own.enumerated() {
        var paths: [String: String] = [:]
        for (port, artifact) in item.inputs {
          let first = read.count
          paths[port] = try give(artifact, folderAt: "\(layout.inputs)/items/\(number)/\(port)")
          for index in first..<read.count { read[index].itemArtifact = artifact.digest }
        }
        items?.append(JobItem(id: item.id, inputs: paths))
      }
    }
    var sources: String?
    if options.contains(where: { $0.namesFiles }) {
      let path = layout.folder + "/sources.tsv"
      try writeIndex(path, columns: JobLayout.sourceColumns) { table in
        for listing in unit.sources.dropFirst() {
          for (index, file) in listing.digests.enumerated() {
            let id =
              listing.paths[index].isEmpty
              ? String(listing.root.split(separator: "/").last ?? "") : listing.paths[index]
            try table.append([id, file.digest.hex, String(file.size), listing.absolute(index)])
          }
        }
      }
      sources = path
    }
    let job = JobDescription(
      kind: kind, version: version,
      options: Dictionary(uniqueKeysWithValues: options.map { ($0.name, $0.value) }),
      inputs: inputs, items: items, sources: sources, folder: layout.folder,
      checkpointFolder: checkpointFolder, cpus: unit.instance.resources.cpu)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try write(String(decoding: try encoder.encode(job), as: UTF8.self), to: layout.description)
  }

  /// The path under which a job reads an artifact: of a file where it lies; of a folder one made
  /// of links.
  private mutating func give(_ artifact: Artifact, folderAt folder: String) throws -> String {
    guard artifact.form == .folder else {
      let path = places.path(of: artifact.digest)
      read.append(ReadFile(path: path, digest: artifact.digest, stamp: FileStamp(following: path)))
      return path
    }
    guard let manifest = FolderManifest(bytes: try places.store.read(artifact.digest)) else {
      throw EnvironmentError(.integrity, "object \(artifact.digest) is no folder; run fathom fsck")
    }
    try Folders.make(folder)
    for file in manifest.files {
      let path = places.path(of: file.digest)
      read.append(ReadFile(path: path, digest: file.digest, stamp: FileStamp(following: path)))
      try link("\(folder)/\(file.path)", to: path)
    }
    return folder
  }

  // MARK: Commands

  private mutating func prepareCommand(_ text: String) throws -> String {
    let inputs = layout.work + "/" + JobFolder.inputsName
    var bindings: [(port: String, content: Assessor.ResolvedInput.Content)] = []
    for input in unit.inputs {
      if let item = unit.items?.first?.inputs[input.binding.port] {
        bindings.append((input.binding.port, .one(item)))
      } else {
        bindings.append((input.binding.port, input.content))
      }
    }
    if !bindings.isEmpty { try Folders.make(inputs) }
    for (port, content) in bindings {
      switch content {
      case .one(let artifact): try linkArtifact(artifact, at: "\(inputs)/\(port)")
      case .many(let collection):
        let folder = "\(inputs)/\(port)"
        try Folders.make(folder)
        try writeIndex("\(folder)/index.tsv", columns: collection.columns + ["path"]) { table in
          for entry in collection.entries {
            let path = JobFolder.entryPath(entry.key, columns: collection.columns)
            try linkArtifact(entry.artifact, at: "\(folder)/\(path)")
            try table.append(entry.key + [path])
          }
        }
      }
    }
    for listing in unit.sources.prefix(1) {
      for index in listing.paths.indices {
        try giveSource(listing, index)
      }
    }
    for output in unit.instance.outputs {
      guard let path = output.path else { continue }
      let full = "\(layout.work)/\(path)"
      try Folders.make(output.form == .folder ? full : Folders.parent(of: full))
    }
    return JobFolder.substitute(
      text, outputs: unit.instance.outputs, project: machine.project)
  }

  static let inputsName = "in"

  /// Where an entry of a collection lies in the folder that a command reads: axes in one part,
  /// then the item's own path; never `index.tsv` itself, nor a part that leads out of the folder.
  static func entryPath(_ key: [String], columns: [String]) -> String {
    let names = zip(columns, key).map { column, name in
      column == "item" ? name : PercentCode.encode(name).replacing("/", with: "%2F")
    }
    let parts = Collection.display(names, columns: columns)
      .split(separator: "/", omittingEmptySubsequences: true)
      .map { part in part.allSatisfy { $0 == "." } ? "_\(part)" : String(part) }
    let path = parts.joined(separator: "/")
    return path == "index.tsv" || path.isEmpty ? "_" + path : path
  }

  /// The same for people, whose tools know files by what their names end with.
  static func entryPath(_ collection: Collection, _ index: Int, ending: String?) -> String {
    let path = entryPath(collection.key(at: index), columns: collection.columns)
    guard let ending, !path.hasSuffix(".\(ending)") else { return path }
    return "\(path).\(ending)"
  }

  /// Small files are copied, so that a script finds its neighbours by its own path; large ones
  /// are links.
  private mutating func giveSource(_ listing: SourceFiles.Listing, _ index: Int) throws {
    let source = listing.absolute(index)
    let target = "\(layout.work)/\(listing.paths[index])"
    if listing.digests[index].size <= JobFolder.largestCopy {
      try Folders.make(Folders.parent(of: target))
      let data = try Data(contentsOf: URL(fileURLWithPath: source))
      guard Digest(of: data) == listing.digests[index].digest else {
        throw InputChanged(path: listing.paths[index])
      }
      var status = stat()
      let executable = stat(source, &status) == 0 && status.st_mode & S_IXUSR != 0
      try data.write(to: URL(fileURLWithPath: target))
      chmod(target, executable ? 0o555 : 0o444)
    } else {
      read.append(
        ReadFile(
          path: source, digest: listing.digests[index].digest, stamp: FileStamp(following: source)))
      try link(target, to: source)
    }
  }

  private static let largestCopy = 1 << 20

  private mutating func linkArtifact(_ artifact: Artifact, at path: String) throws {
    if artifact.form == .folder {
      _ = try give(artifact, folderAt: path)
    } else {
      try link(path, to: try give(artifact, folderAt: path))
    }
  }

  /// Puts the paths of ports into a command's text; `$${` becomes the shell's `${`.
  static func substitute(_ text: String, outputs: [OutputPort], project: String) -> String {
    var out = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      out += rest[..<dollar]
      rest = rest[dollar...]
      if rest.hasPrefix("$${") {
        out += "${"
        rest = rest.dropFirst(3)
        if let close = rest.firstIndex(of: "}") {
          out += rest[...close]
          rest = rest[rest.index(after: close)...]
        }
        continue
      }
      if rest.hasPrefix("${"), let close = rest.firstIndex(of: "}") {
        let name = rest[..<close].dropFirst(2)
        if name == "project" {
          out += project
          rest = rest[rest.index(after: close)...]
          continue
        }
        if name.hasPrefix("in.") {
          out += inputsName + "/" + name.dropFirst(3)
          rest = rest[rest.index(after: close)...]
          continue
        }
        if name.hasPrefix("out."), let port = outputs.first(where: { $0.name == name.dropFirst(4) })
        {
          out += port.path ?? ""
          rest = rest[rest.index(after: close)...]
          continue
        }
      }
      out += "$"
      rest = rest.dropFirst()
    }
    return out + rest
  }

  // MARK: Files

  private func link(_ path: String, to target: String) throws {
    guard try Folders.link(path, to: target) else {
      throw EnvironmentError(
        .inputOutput, "two inputs of '\(unit.instance.address)' lie at '\(path)'; rename one")
    }
  }

  private func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      throw JobFolder.cannotWrite(path, error)
    }
  }

  private func writeIndex(
    _ path: String, columns: [String], _ body: (IndexFileWriter) throws -> Void
  ) throws {
    do {
      let table = try IndexFileWriter(path: path, columns: columns)
      try body(table)
      try table.close()
    } catch let problem as EnvironmentError {
      throw problem
    } catch {
      throw JobFolder.cannotWrite(path, error)
    }
  }

  private static func cannotWrite(_ path: String, _ error: any Error) -> EnvironmentError {
    EnvironmentError(
      .inputOutput, "cannot write '\(path)'; is the disk full?", cause: "\(error)")
  }
}

/// A file of the user no longer has the content that the key was made with.
struct InputChanged: Error {
  var path: String
}

extension EnvironmentError {
  /// The error that `errno` names, with what to do where that is known.
  static func system(_ message: String) -> EnvironmentError {
    let code = errno
    let cause = String(cString: strerror(code))
    switch code {
    case ENOSPC, EDQUOT:
      return EnvironmentError(
        .diskFull, "\(message); free some space, then run again", cause: cause)
    case EACCES, EPERM, EROFS:
      return EnvironmentError(.notWritable, message, cause: cause)
    default: return EnvironmentError(.inputOutput, message, cause: cause)
    }
  }
}

/// What the machine gives to every job of a run.
struct JobMachine: Sendable {
  /// The worker's binary.
  var worker: String
  /// The project's folder.
  var project: String
  /// What `run:` commands must not read: the project and the store.
  var hidden: [String]
  /// What the user lets all commands read inside `hidden`.
  var readable: [String]
  /// Overrides every stage's `timeout:`.
  var timeoutSeconds: Double?
  var environment: @Sendable (Instance, JobLayout, _ checkpointFolder: String) -> [String: String]
}
