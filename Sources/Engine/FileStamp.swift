public import Glibc

/// What tells whether a file was written to, without reading it.
public struct FileStamp: Hashable, Sendable {
  public var device: Int
  public var inode: Int
  /// Bytes.
  public var size: Int
  public var modifiedNanoseconds: Int
  public var changedNanoseconds: Int

  public init(
    device: Int, inode: Int, size: Int, modifiedNanoseconds: Int, changedNanoseconds: Int
  ) {
    self.device = device
    self.inode = inode
    self.size = size
    self.modifiedNanoseconds = modifiedNanoseconds
    self.changedNanoseconds = changedNanoseconds
  }

  public init(_ status: stat) {
    device = Int(bitPattern: UInt(status.st_dev))
    inode = Int(bitPattern: UInt(status.st_ino))
    size = Int(status.st_size)
    modifiedNanoseconds = status.st_mtim.nanoseconds
    changedNanoseconds = status.st_ctim.nanoseconds
  }

  /// Of the regular file that the path leads to, through links; `nil` where there is none.
  public init?(following path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.init(status)
  }
}

extension timespec {
  package var nanoseconds: Int { Int(tv_sec) &* 1_000_000_000 &+ Int(tv_nsec) }
}
