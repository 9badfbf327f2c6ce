import Glibc

/// Whether other machines may have this file open too, so that locks and shared memory with them
/// cannot be relied on.
///
/// - Parameter path: the file may be missing, its folder not.
func isOnNetwork(_ path: String) -> Bool {
  var status = stat()
  guard stat(parentFolder(of: path) ?? ".", &status) == 0 else { return false }
  let device = UInt64(status.st_dev)
  // The encoding of `major(3)` and `minor(3)`. Number 0 has what lies on no local block device.
  let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
  let minor = device & 0xff | (device >> 12) & ~0xff
  guard major == 0,
    let table = OpenFile(ifReadable: "/proc/self/mountinfo"),
    let bytes = try? table.readAll(),
    let type = fileSystemType(
      device: "\(major):\(minor)", mountinfo: String(decoding: bytes, as: UTF8.self))
  else { return false }
  // Of FUSE one cannot know; sshfs is one.
  return type.hasPrefix("fuse") || networkTypes.contains(type)
}

private let networkTypes: Set<String> = [
  "nfs", "nfs3", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "gpfs", "beegfs", "9p", "afs",
  "virtiofs", "pvfs2", "panfs", "ocfs2", "gfs2",
]

/// The type in the line of `/proc/self/mountinfo` (see `proc(5)`) with this device.
package func fileSystemType(device: String, mountinfo: String) -> String? {
  for line in mountinfo.split(separator: "\n") {
    let words = line.split(separator: " ")
    guard words.count > 2, words[2] == device, let dash = words.firstIndex(of: "-"),
      dash + 1 < words.count
    else { continue }
    return String(words[dash + 1])
  }
  return nil
}
