public import Engine
internal import Glibc
public import StageKit

extension ContentStore: ActionCache {
  /// A record that is damaged, or was never finished, counts as none.
  public func record(for key: Digest) throws -> ActionRecord? {
    let path = folders.file(of: key, in: folders.actions)
    guard let file = OpenFile(ifReadable: path) else {
      if errno == ENOENT { return nil }
      throw failure(.reading, path)
    }
    return ActionRecord(text: try file.readAll(expecting: 1024), key: key)
  }

  @discardableResult public func save(_ record: ActionRecord) throws -> ActionRecord {
    // After a crash of the machine an object is whole or missing, since it is synced before it
    // gets its name, and a record is whole or none, since it ends with its own digest. So syncing
    // names and records only decides whether they outlive the crash: worth it, unless making
    // them again is as quick.
    let isDear = record.seconds >= 1
    let path = folders.file(of: record.key, in: folders.actions)
    if isDear {
      try Set(record.outputs.map { self.path(of: $0.artifact.digest) }).forEach(syncFolder(of:))
    }
    try writeThenRename(to: path) { file in
      try file.write(record.text)
      if isDear { try file.sync() }
    }
    if isDear { try syncFolder(of: path) }
    return record
  }

  /// Makes the name of a file durable, where there is one.
  private func syncFolder(of path: String) throws {
    guard let folder = parentFolder(of: path), let opened = OpenFile(ifReadable: folder) else {
      return
    }
    try opened.sync()
  }

  public func forget(_ key: Digest) throws {
    let path = folders.file(of: key, in: folders.actions)
    guard unlink(path) == 0 || errno == ENOENT else { throw failure(.writing, path) }
  }
}
