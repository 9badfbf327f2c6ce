import Foundation
import Glibc
import Pipelines
import StageKit

/// Takes what a job wrote into the store, after checking that it wrote what was declared.
struct JobOutputs {
  let layout: JobLayout
  let unit: Unit
  let places: Places

  private var store: any ArtifactStore { places.store }
  private var instance: Instance { unit.instance }

  /// The outputs of a worker's job, or of its item with this number.
  ///
  /// - Throws: `Failure` where an output is missing.
  func takeKindOutputs(item: Int?) throws -> [Artifact] {
    try instance.outputs.map { output in
      if output.many && item == nil { return try takeCollection(output) }
      let path = layout.output(output.name, item: item)
      guard access(path, F_OK) == 0 else {
        throw failure(
          "kind's output '\(output.name)' was not written; this is a defect of the stage")
      }
      return try take(output, at: path)
    }
  }

  /// The outputs of a command, once nothing undeclared is found beside them.
  func takeCommandOutputs(files: [String]) throws -> [Artifact] {
    for output in instance.outputs {
      let path = output.path ?? ""
      var status = stat()
      guard lstat("\(layout.work)/\(path)", &status) == 0 else {
        throw failure(
          "declared output '\(output.name)' ('\(path)') was not written; write it, or take it out of 'out:'"
        )
      }
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      if isFolder != (output.form == .folder) {
        throw failure(
          isFolder
            ? "output '\(output.name)' is a folder; declare it as '\(path)/'"
            : "output '\(output.name)' ('\(path)') is declared as a folder but is a file")
      }
    }
    if let path = try undeclared(files: files) {
      throw failure(
        "the command wrote '\(path)', which is not declared; add it to 'out:', or write it to $TMPDIR"
      )
    }
    return try instance.outputs.map { try take($0, at: "\(layout.work)/\($0.path ?? "")") }
  }

  /// What cannot be stored, such as a link or a pipe, is the job's mistake and not the store's.
  private func take(_ output: OutputPort, at path: String) throws -> Artifact {
    do {
      return output.form == .folder ? try store.take(folder: path) : try store.take(file: path)
    } catch let problem as EnvironmentError where problem.code == .inputOutput {
      let message = problem.message.replacing(layout.work + "/", with: "")
      throw failure("output '\(output.name)' cannot be stored: \(message)")
    }
  }

  private func takeCollection(_ output: OutputPort) throws -> Artifact {
    let path = layout.collectionIndex(output.name)
    var builder = CollectionBuilder(
      columns: ["item"], count: unit.sources.dropFirst().reduce(0) { $0 + $1.paths.count })
    let isWritten = access(path, R_OK) == 0
    guard
      try isWritten
        && IndexFile.forEachRow(
          ofFile: path, columns: JobLayout.collectionColumns,
          { row in
            guard row[2].isEmpty else {
              let file = "\(layout.output(output.name))/\(row[2])"
              return builder.append([row[0]], try take(output, at: file))
            }
            guard row[3].isEmpty else {
              return builder.append([row[0]], try input(row[3], of: output))
            }
            guard let digest = Digest(hex: row[1]), let size = places.references.size(of: digest)
            else { throw isNoInput(output, row[1]) }
            builder.append([row[0]], Artifact(form: .file, digest: digest, size: size))
          })
    else {
      throw failure("kind's output '\(output.name)' was not written; this is a defect of the stage")
    }
    let collection = builder.finish()
    if let key = collection.duplicateKey {
      throw failure("output '\(output.name)' holds the id '\(key[0])' twice")
    }
    return Artifact(
      form: .collection, digest: try store.put(collection.bytes), size: collection.size)
  }

  /// The artifact behind `port/number`: an entry of an input, as the job's index counts them.
  private func input(_ place: String, of output: OutputPort) throws -> Artifact {
    let parts = place.split(separator: "/")
    if parts.count == 2, let number = Int(parts[1]),
      let input = unit.inputs.first(where: { $0.binding.port == parts[0] })
    {
      switch input.content {
      case .one(let artifact) where number == 0: return artifact
      case .many(let collection) where (0..<collection.count).contains(number):
        return collection.artifact(at: number)
      default: break
      }
    }
    throw isNoInput(output, place)
  }

  /// The first path below the work folder that is neither an input nor an output.
  private func undeclared(files: [String]) throws -> String? {
    var expected: Set<String> = Set(files)
    var folders: Set<String> = [JobFolder.inputsName]
    var parents: Set<String> = []
    for output in instance.outputs {
      let path = (output.path ?? "").split(separator: "/").joined(separator: "/")
      if output.form == .folder { folders.insert(path) } else { expected.insert(path) }
    }
    for path in expected.union(folders) {
      var parts = path.split(separator: "/").dropLast()
      while !parts.isEmpty {
        parents.insert(parts.joined(separator: "/"))
        parts = parts.dropLast()
      }
    }
    var pending = [""]
    while let folder = pending.popLast() {
      let path = folder.isEmpty ? layout.work : "\(layout.work)/\(folder)"
      for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
        let relative = folder.isEmpty ? name : "\(folder)/\(name)"
        if folders.contains(relative) || expected.contains(relative) { continue }
        guard parents.contains(relative) else { return relative }
        pending.append(relative)
      }
    }
    return nil
  }

  private func isNoInput(_ output: OutputPort, _ digest: String) -> Failure {
    failure("output '\(output.name)' refers to '\(digest)', which is no input")
  }

  private func failure(_ message: String) -> Failure {
    Failure(instance: instance.address, item: nil, message: message)
  }
}
