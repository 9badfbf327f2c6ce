import Engine
import Glibc

/// The staging folder of one process, held by a kernel lock.
///
/// Whoever gets the lock of another session knows that its process is gone, and clears up after
/// it: a killed run leaves nothing behind for good.
final class StagingSession: Sendable {
  /// `staging/session-…`, in which all job folders and incoming objects of the process lie.
  let folder: String
  private let lock: FileLock

  private static let prefix = "session-"

  /// Clears up after dead sessions and begins one.
  init(_ folders: StoreFolders) throws {
    for name in StagingSession.names(in: folders.staging) {
      // The one that is just beginning has its lock before its folder.
      guard let lock = try? FileLock.tryLock("\(folders.locks)/\(name)") else { continue }
      removeFolder("\(folders.staging)/\(name)")
      lock.unlock()
    }
    let name = StagingSession.prefix + uniqueName()
    let file = "\(folders.locks)/\(name)"
    guard let lock = try FileLock.tryLock(file) else { throw failure(.writing, file, EEXIST) }
    self.lock = lock
    folder = "\(folders.staging)/\(name)"
    guard mkdir(folder, 0o777) == 0 else { throw failure(.writing, folder) }
  }

  /// Removes what is left of the session.
  func end() {
    removeFolder(folder)
    lock.unlock()
  }

  private static func names(in folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix(prefix) { names.append(name) }
    }
    return names
  }
}
