import Glibc
import Pipelines
import StageKit

/// Keeps `Artifacts/latest/<pipeline>/<instance>/<port>`: links for people and tools.
///
/// A file is a link to its object; a folder or a collection is a folder of such links. Each
/// changes by a rename, so that nothing is ever half made; a large collection whose former state is
/// known changes entry by entry.
final class LatestLinks {
  private let root: String
  private let project: String
  private let pipeline: String
  private let store: any ArtifactStore
  private let provenance: any Provenance
  private let files: SourceFiles
  private lazy var shown: Result<[String: [String: Artifact]], any Error> = Result {
    var shown: [String: [String: Artifact]] = [:]
    for link in try provenance.latestLinks(of: pipeline) {
      shown[link.instance, default: [:]][link.port] = link.artifact
    }
    return shown
  }
  private var changed: [LatestLink] = []

  init(
    project: ProjectLayout, pipeline: String, store: any ArtifactStore,
    provenance: any Provenance, files: SourceFiles
  ) {
    root = "\(project.latest)/\(PercentCode.fileName(pipeline))"
    self.project = project.root
    self.pipeline = pipeline
    self.store = store
    self.provenance = provenance
    self.files = files
  }

  /// Makes the links of one instance show its outputs; does nothing where they do already.
  func show(_ instance: Instance, _ record: ActionRecord) throws {
    let known = try shown.get()[instance.address]
    let folder = "\(root)/\(PercentCode.fileName(instance.address))"
    for output in record.outputs {
      let ending = instance.outputs.first { $0.name == output.port }?.fileExtension
      var path = "\(folder)/\(output.port)"
      if output.artifact.form == .file, let ending { path += ".\(ending)" }
      if known?[output.port] == output.artifact, Folders.exists(path) { continue }
      try Folders.make(folder)
      switch output.artifact.form {
      case .file: try setLink(path, to: target(of: output.artifact.digest, from: folder))
      case .folder: try swapIn(path) { try fill($0, with: output.artifact) }
      case .collection:
        try show(
          output.artifact, at: path, instead: known?[output.port], instance, output.port, ending)
      }
      changed.append(
        LatestLink(instance: instance.address, port: output.port, artifact: output.artifact))
    }
  }

  /// Remembers what is shown; takes away what a whole plan no longer has.
  func finish(wholePlan plan: Plan?) throws {
    if !changed.isEmpty { try provenance.setLatestLinks(changed, pipeline: pipeline) }
    guard let plan, !changed.isEmpty else { return }
    let expected = Set(plan.instances.map { PercentCode.fileName($0.address) })
    for name in Folders.names(in: root) where !expected.contains(name) {
      Folders.remove("\(root)/\(name)")
    }
  }

  // MARK: Collections

  private func show(
    _ artifact: Artifact, at path: String, instead old: Artifact?, _ instance: Instance,
    _ port: String, _ ending: String?
  ) throws {
    let new = try collection(artifact)
    guard let old, old.form == .collection, Folders.exists(path), store.contains(old.digest),
      let before = try? collection(old), before.columns == new.columns
    else {
      try swapIn(path) { folder in
        for index in 0..<new.count { try show(new, index, in: folder, ending) }
      }
      return
    }
    // Should this be cut off in the middle, the next run must not trust what the database says.
    try provenance.forgetLatestLink(instance: instance.address, port: port, pipeline: pipeline)
    try Collection.walk(before, new) { old, now in
      guard let now else {
        if let old { Folders.remove("\(path)/\(JobFolder.entryPath(before, old, ending: ending))") }
        return
      }
      if let old, before.isSame(at: old, new, at: now) { return }
      try show(new, now, in: path, ending)
    }
  }

  private func show(
    _ collection: Collection, _ index: Int, in folder: String, _ ending: String?
  ) throws {
    let path = "\(folder)/\(JobFolder.entryPath(collection, index, ending: ending))"
    let artifact = collection.artifact(at: index)
    if artifact.form == .folder {
      try swapIn(path) { try fill($0, with: artifact) }
    } else {
      try setLink(path, to: target(of: artifact.digest, from: Folders.parent(of: path)))
    }
  }

  private func collection(_ artifact: Artifact) throws -> Collection {
    guard let collection = Collection(bytes: try store.read(artifact.digest)) else {
      throw EnvironmentError(
        .integrity, "object \(artifact.digest) is no collection; run fathom fsck")
    }
    return collection
  }

  private func fill(_ folder: String, with artifact: Artifact) throws {
    guard let manifest = FolderManifest(bytes: try store.read(artifact.digest)) else {
      throw EnvironmentError(.integrity, "object \(artifact.digest) is no folder; run fathom fsck")
    }
    for file in manifest.files {
      let path = "\(folder)/\(file.path)"
      try setLink(path, to: target(of: file.digest, from: Folders.parent(of: path)))
    }
  }

  // MARK: Links

  /// The link's text: relative where the bytes lie inside the project, so that it may be moved.
  private func target(of digest: Digest, from folder: String) -> String {
    let path =
      store.contains(digest)
      ? store.path(of: digest) : files.places[digest] ?? store.path(of: digest)
    guard path.hasPrefix(project + "/"), folder.hasPrefix(project + "/") else { return path }
    // A folder that is being swapped in has the depth of the place it goes to.
    let depth = folder.dropFirst(project.count + 1).split(separator: "/").count
    return String(repeating: "../", count: depth) + path.dropFirst(project.count + 1)
  }

  private func setLink(_ path: String, to target: String) throws {
    if try Folders.link(path, to: target) { return }
    let temporary = temporaryName(beside: path)
    Folders.remove(temporary)
    _ = try Folders.link(temporary, to: target)
    if rename(temporary, path) != 0 {
      // A folder stands there: the port was one before.
      Folders.remove(path)
      try move(temporary, to: path)
    }
  }

  /// Builds a folder beside the path and then puts it into the path's place.
  private func swapIn(_ path: String, build: (String) throws -> Void) throws {
    let temporary = temporaryName(beside: path)
    Folders.remove(temporary)
    try Folders.make(temporary)
    try build(temporary)
    if Folders.exists(path) {
      let old = temporary + ".old"
      try move(path, to: old)
      try move(temporary, to: path)
      Folders.remove(old)
    } else {
      try move(temporary, to: path)
    }
  }

  private func move(_ path: String, to target: String) throws {
    guard rename(path, target) == 0 else {
      throw EnvironmentError.system("cannot make '\(target)'")
    }
  }

  private func temporaryName(beside path: String) -> String {
    let name = path.suffix(from: path.index(after: path.lastIndex(of: "/") ?? path.startIndex))
    return "\(Folders.parent(of: path))/.\(name.prefix(100)).\(getpid())"
  }
}
