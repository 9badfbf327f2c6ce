public import Engine
internal import Glibc
public import StageKit
import Synchronization

/// Objects by digest in a folder, which projects, people and machines may share.
///
/// An object is written elsewhere, made read-only, synced, and only then given its name, so that
/// one with a name is whole; two that write the same object write the same bytes. A process that
/// dies leaves at most files in `staging/` that nobody refers to.
public final class ContentStore: ArtifactStore {
  /// The store's folder, absolute.
  public let path: String
  let folders: StoreFolders
  /// The file system of the objects: what lies there can be renamed into the store.
  private let device: Int
  /// Begun by the first that needs it: a run that only reads has none.
  private let session = Mutex<StagingSession?>(nil)

  /// Opens the store in a folder and makes what is missing of it.
  ///
  /// A store that cannot be written opens for reading.
  /// - Parameter path: absolute.
  /// - Throws: `EnvironmentError` where the folder is something else, of a newer layout, or
  ///   cannot be made.
  public init(path: String) throws {
    self.path = path
    folders = StoreFolders(root: path)
    try folders.prepare()
    var status = stat()
    device = stat(folders.objects, &status) == 0 ? FileStamp(status).device : -1
  }

  // MARK: Reading

  public func path(of digest: Digest) -> String { folders.file(of: digest, in: folders.objects) }

  public func contains(_ digest: Digest) -> Bool { access(path(of: digest), F_OK) == 0 }

  public func read(_ digest: Digest) throws -> [UInt8] {
    let path = path(of: digest)
    guard let file = OpenFile(ifReadable: path) else {
      guard errno == ENOENT else { throw failure(.reading, path) }
      throw EnvironmentError(
        .integrity, "object \(digest.hex) is not in the store '\(self.path)'; run again")
    }
    let bytes = try file.readAll()
    guard Digest(of: bytes) == digest else {
      quarantine(digest)
      throw EnvironmentError(
        .integrity,
        "object \(digest.hex) in the store '\(self.path)' holds other bytes than its name says; "
          + "it was moved to quarantine/, run again to make it anew")
    }
    return bytes
  }

  /// Puts an object aside whose bytes are not its digest's, so that it is made again.
  public func quarantine(_ digest: Digest) {
    let place = "\(path)/quarantine"
    mkdir(place, 0o777)
    // A store that cannot be written keeps the object; whoever reads it checks it again.
    rename(path(of: digest), "\(place)/\(digest.hex)-\(uniqueName())")
  }

  // MARK: Writing

  public func put(_ bytes: [UInt8]) throws -> Digest {
    let digest = Digest(of: bytes)
    if holds(digest, size: bytes.count) { return digest }
    try writeThenRename(to: path(of: digest)) { file in
      try file.write(bytes)
      try file.makeReadOnly()
      try file.sync()
    }
    return digest
  }

  public func take(file path: String) throws -> Artifact {
    let file = try adopt(path)
    return Artifact(form: .file, digest: file.digest, size: file.size)
  }

  public func take(folder path: String) throws -> Artifact {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure(.reading, path) }
    guard status.isFolder else {
      throw EnvironmentError(.inputOutput, "'\(path)' is \(status.kindName), not a folder")
    }
    let names = try regularFiles(below: path)
    let files = try concurrentMap(count: names.count) { index in
      let file = try adopt("\(path)/\(names[index])")
      return FolderManifest.File(path: names[index], digest: file.digest, size: file.size)
    }
    let manifest = FolderManifest(files)
    return Artifact(form: .folder, digest: try put(manifest.bytes), size: manifest.size)
  }

  /// Moves one file into the store.
  private func adopt(_ path: String) throws -> (digest: Digest, size: Int) {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure(.reading, path) }
    guard status.isRegular else {
      throw EnvironmentError(
        .inputOutput, "'\(path)' is \(status.kindName); only files and folders are stored")
    }
    let source = try OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, for: .reading)
    status = try source.status()
    // Under another name, or as another person's, somebody could write it when it is an object.
    guard FileStamp(status).device == device, status.st_nlink == 1, status.st_uid == geteuid()
    else { return try copy(source) }
    let file = try source.digest(size: Int(status.st_size))
    guard FileStamp(try source.status()) == FileStamp(status), file.size == Int(status.st_size)
    else {
      throw EnvironmentError(.inputOutput, "'\(path)' was written while it was being stored")
    }
    if holds(file.digest, size: file.size) {
      unlink(path)
      return file
    }
    try source.makeReadOnly()
    try source.sync()
    let object = self.path(of: file.digest)
    let code = name(path, object)
    // Two mounts of one file system have the same number.
    if code == EXDEV { return try copy(source) }
    guard code == 0 else { throw failure(.writing, object, code) }
    return file
  }

  /// Copies a file that cannot be renamed into the store, and removes it.
  private func copy(_ source: borrowing OpenFile) throws -> (digest: Digest, size: Int) {
    let temporary = "\(try stagingFolder())/.incoming-\(uniqueName())"
    defer { unlink(temporary) }
    let file: (digest: Digest, size: Int)
    do {
      let target = try OpenFile(temporary, O_RDWR | O_CREAT | O_EXCL, mode: 0o600, for: .writing)
      lseek(source.descriptor, 0, SEEK_SET)
      let size = Int(try source.status().st_size)
      let isShared = ioctl(target.descriptor, StoreFolders.cloneRequest, source.descriptor) == 0
      file =
        try isShared
        ? target.digest(size: size) : source.digest(size: size) { try target.write($0) }
      try target.makeReadOnly()
      try target.sync()
    }
    if !holds(file.digest, size: file.size) {
      try give(temporary, theName: path(of: file.digest))
    }
    unlink(source.path)
    return file
  }

  /// Whether the object is there; one of another size is wrong, and is put aside.
  private func holds(_ digest: Digest, size: Int) -> Bool {
    var status = stat()
    guard lstat(path(of: digest), &status) == 0 else { return false }
    if Int(status.st_size) == size { return true }
    quarantine(digest)
    return false
  }

  /// Writes a file under a name of its own, then gives it the name that counts.
  func writeThenRename(to name: String, _ body: (borrowing OpenFile) throws -> Void) throws {
    let temporary = "\(try stagingFolder())/.incoming-\(uniqueName())"
    do {
      let file = try OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, for: .writing)
      try body(file)
      try give(temporary, theName: name)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private func give(_ file: String, theName path: String) throws {
    let code = name(file, path)
    guard code == 0 else { throw failure(.writing, path, code) }
  }

  /// Renames a file to a path below `objects/`, `actions/` or `roots/`, whose folder is made.
  ///
  /// - Returns: zero, or the system's error number.
  private func name(_ file: String, _ path: String) -> Int32 {
    if rename(file, path) == 0 { return 0 }
    guard errno == ENOENT, let folder = parentFolder(of: path) else { return errno }
    guard mkdir(folder, 0o777) == 0 || errno == EEXIST else { return errno }
    return rename(file, path) == 0 ? 0 : errno
  }

  // MARK: Staging, checkpoints, locks

  public func makeStagingFolder(for purpose: String) throws -> String {
    let plain = purpose.utf8.prefix(60).map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: Character(Unicode.Scalar(byte))
      default: Character("_")
      }
    }
    let folder = "\(try stagingFolder())/\(String(plain))-\(uniqueName())"
    guard mkdir(folder, 0o777) == 0 else { throw failure(.writing, folder) }
    return folder
  }

  /// Ends this process's staging; what is still in it is removed.
  public func endStaging() {
    session.withLock { session in
      session?.end()
      session = nil
    }
  }

  /// The folder of this process in `staging/`.
  private func stagingFolder() throws -> String {
    try session.withLock { session in
      if let session { return session.folder }
      let begun = try StagingSession(folders)
      session = begun
      return begun.folder
    }
  }

  public func removeStagingFolder(_ path: String) {
    guard isInside(path, folders.staging) else { return }
    removeFolder(path)
  }

  public func checkpointFolder(for key: Digest) throws -> String {
    let folder = "\(folders.checkpoints)/\(key.hex)"
    try makeFolders(folder)
    return folder
  }

  public func removeCheckpointFolder(for key: Digest) {
    removeFolder("\(folders.checkpoints)/\(key.hex)")
  }

  public func tryLock(_ key: Digest) throws -> (any ActionLock)? {
    try FileLock.tryLock("\(folders.locks)/\(key.hex)")
  }

  private func isInside(_ path: String, _ folder: String) -> Bool {
    path.hasPrefix(folder + "/") && !path.split(separator: "/").contains("..")
  }
}
