import Engine
import Glibc
import Synchronization

/// A kernel lock on a file that exists only while somebody wants it.
final class FileLock: ActionLock {
  private let path: String
  /// -1 once unlocked.
  private let descriptor: Mutex<Int32>

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = Mutex(descriptor)
  }

  deinit { unlock() }

  /// `nil` where another process, or another part of this one, has the lock.
  static func tryLock(_ path: String) throws -> FileLock? {
    while true {
      let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      guard opened >= 0 else { throw failure(.writing, path) }
      guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
        let code = errno
        close(opened)
        if code == EWOULDBLOCK { return nil }
        if code == EINTR { continue }
        throw failure(.writing, path, code)
      }
      // The one before may have removed the file between our opening and our locking it.
      var ours = stat()
      var named = stat()
      if fstat(opened, &ours) == 0, stat(path, &named) == 0, ours.st_ino == named.st_ino,
        ours.st_dev == named.st_dev
      {
        return FileLock(path: path, descriptor: opened)
      }
      close(opened)
    }
  }

  /// Waits for the lock.
  ///
  /// - Throws: `EnvironmentError` after so many seconds.
  static func lock(_ path: String, timeoutSeconds: Double) throws -> FileLock {
    let stepMicroseconds: UInt32 = 5000
    var waited = 0.0
    while true {
      if let lock = try tryLock(path) { return lock }
      guard waited < timeoutSeconds else {
        throw EnvironmentError(
          .lockTimeout, "another process has held '\(path)' for \(Int(waited)) s; try again")
      }
      usleep(stepMicroseconds)
      waited += Double(stepMicroseconds) / 1e6
    }
  }

  func unlock() {
    descriptor.withLock { descriptor in
      guard descriptor >= 0 else { return }
      // Removed while it is still ours: whoever opened it sees that it has no name any more.
      unlink(path)
      close(descriptor)
      descriptor = -1
    }
  }
}
