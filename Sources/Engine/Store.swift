public import StageKit

/// Where artifacts live: objects by digest, staging folders, checkpoints, locks.
///
/// Nothing here knows of pipelines. Implementations are safe to use from several processes at
/// once; a process that dies at any instant leaves the store as a next one expects it.
public protocol ArtifactStore: Sendable {
  /// Where the object's bytes lie, whether or not they are there.
  func path(of digest: Digest) -> String
  func contains(_ digest: Digest) -> Bool
  /// Moves a staged file into the store: digested, made read-only, synced, renamed.
  /// A link or a special file is an error.
  func take(file path: String) throws -> Artifact
  /// Moves all files below a staged folder into the store, and its manifest.
  func take(folder path: String) throws -> Artifact
  /// Keeps small bytes that this process made, such as a manifest.
  func put(_ bytes: [UInt8]) throws -> Digest
  /// The bytes of a small object, checked against their digest.
  func read(_ digest: Digest) throws -> [UInt8]
  /// Puts an object aside whose bytes are not its digest's, so that it is made again.
  func quarantine(_ digest: Digest)
  /// A new, empty folder below `staging/` whose name starts with the purpose.
  func makeStagingFolder(for purpose: String) throws -> String
  /// Removes a staging folder and all below it; that it is gone already is no error.
  func removeStagingFolder(_ path: String)
  /// The folder that keeps an action's checkpoints between attempts; made when missing.
  func checkpointFolder(for key: Digest) throws -> String
  /// Removes the checkpoints of an action that has its result.
  func removeCheckpointFolder(for key: Digest)
  /// Takes the action's lock if nobody has it, else returns `nil` at once. Kernel `flock`: a
  /// process that dies loses its locks.
  func tryLock(_ key: Digest) throws -> (any ActionLock)?
}

/// Held while an action executes; released by `unlock` or the end of the process.
public protocol ActionLock: Sendable {
  func unlock()
}

/// What an action gave, by its key.
public protocol ActionCache: Sendable {
  func record(for key: Digest) throws -> ActionRecord?
  /// Written by temporary file and rename, after its objects are durable.
  ///
  /// - Returns: the record that stands for the action from now on
  @discardableResult func save(_ record: ActionRecord) throws -> ActionRecord
  /// Forgets a result whose objects are lost or wrong.
  func forget(_ key: Digest) throws
}

/// The result of one action: what each output port holds.
public struct ActionRecord: Hashable, Sendable {
  public struct Output: Hashable, Sendable {
    public var port: String
    public var artifact: Artifact

    public init(port: String, artifact: Artifact) {
      self.port = port
      self.artifact = artifact
    }
  }

  public var key: Digest
  /// In the order of the instance's ports.
  public var outputs: [Output]
  /// Items that failed and were left out (`on_error: skip`), sorted by key.
  public var skipped: [String]
  /// Seconds that executing it took, to say what a hit saves.
  public var seconds: Double

  public init(key: Digest, outputs: [Output], skipped: [String] = [], seconds: Double) {
    self.key = key
    self.outputs = outputs
    self.skipped = skipped
    self.seconds = seconds
  }

  /// One digest of all outputs: `result_digest` of the provenance.
  public var resultDigest: Digest {
    var encoder = CanonicalEncoder()
    encoder.encodeList(count: outputs.count)
    for output in outputs {
      encoder.encode(output.port)
      encoder.encode(output.artifact.form.rawValue)
      encoder.encode(output.artifact.digest)
    }
    encoder.encodeList(count: skipped.count)
    for item in skipped { encoder.encode(item) }
    return encoder.digest
  }

  public subscript(port: String) -> Artifact? {
    outputs.first { $0.port == port }?.artifact
  }
}

/// Digests of the user's files, remembered by device, inode, size, mtime and ctime.
public protocol FileDigests: Sendable {
  /// Digests files, reading only those that changed since they were last digested.
  ///
  /// - Parameter paths: absolute.
  /// - Returns: in the order of `paths`; `nil` where there is no readable regular file.
  func digests(of paths: [String]) throws -> [FileDigest?]
}

public struct FileDigest: Hashable, Sendable {
  public var digest: Digest
  /// Bytes.
  public var size: Int
  /// As long as the file has it, it has these bytes; `nil` where it was written so short a time
  /// before that the next write might leave the same stamp.
  public var stamp: FileStamp?

  public init(digest: Digest, size: Int, stamp: FileStamp?) {
    self.digest = digest
    self.size = size
    self.stamp = stamp
  }
}

/// Something in the environment is wrong: a disk, a store, a permission. Never the user's YAML.
public struct EnvironmentError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    case storeLayout = "store-layout"
    case notWritable = "not-writable"
    case diskFull = "disk-full"
    case inputOutput = "input-output"
    case integrity
    case lockTimeout = "lock-timeout"
    case database
    case worker
  }

  public var code: Code
  /// What is wrong and what to do.
  public var message: String
  /// The system's own words.
  public var cause: String?

  public init(_ code: Code, _ message: String, cause: String? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  public var description: String {
    "\(message)\(cause.map { ": \($0)" } ?? "") [\(code.rawValue)]"
  }
}
