public import StageKit

/// One of the files behind an artifact.
public struct ArtifactFile: Hashable, Sendable {
  /// Relative to the artifact's folder; empty where the artifact is one file.
  public var path: String
  public var digest: Digest
  /// Bytes.
  public var size: Int
}

extension ArtifactStore {
  /// The files behind an artifact, under the paths at which `latest/` shows them, sorted.
  ///
  /// - Parameter ending: what the names of a collection's files end with; `OutputPort.fileExtension`
  /// - Throws: `EnvironmentError` where a manifest is lost or damaged
  public func files(of artifact: Artifact, ending: String?) throws -> [ArtifactFile] {
    switch artifact.form {
    case .file: return [ArtifactFile(path: "", digest: artifact.digest, size: artifact.size)]
    case .folder:
      guard let manifest = FolderManifest(bytes: try read(artifact.digest)) else {
        throw EnvironmentError(
          .integrity, "object \(artifact.digest) is no folder; run fathom fsck")
      }
      return manifest.files.map { ArtifactFile(path: $0.path, digest: $0.digest, size: $0.size) }
    case .collection:
      guard let collection = Collection(bytes: try read(artifact.digest)) else {
        throw EnvironmentError(
          .integrity, "object \(artifact.digest) is no collection; run fathom fsck")
      }
      return try (0..<collection.count).flatMap { index in
        let entry = collection.artifact(at: index)
        let path = JobFolder.entryPath(collection, index, ending: ending)
        return try files(of: entry, ending: nil).map { file in
          ArtifactFile(
            path: file.path.isEmpty ? path : "\(path)/\(file.path)", digest: file.digest,
            size: file.size)
        }
      }
    }
  }
}
