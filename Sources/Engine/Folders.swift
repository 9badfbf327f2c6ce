import Glibc

/// The few operations on folders that jobs and links need.
enum Folders {
  /// Makes a folder and those above it.
  static func make(_ path: String) throws {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    if errno == ENOENT, !path.isEmpty {
      try make(parent(of: path))
      if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    }
    throw EnvironmentError.system("cannot make the folder '\(path)'")
  }

  static func parent(of path: String) -> String {
    String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
  }

  /// Makes a symbolic link, and the folder that it lies in where that is missing.
  ///
  /// - Returns: `false` where something stands there already.
  static func link(_ path: String, to target: String) throws -> Bool {
    if symlink(target, path) == 0 { return true }
    if errno == ENOENT {
      try make(parent(of: path))
      if symlink(target, path) == 0 { return true }
    }
    if errno == EEXIST { return false }
    throw EnvironmentError.system("cannot make the link '\(path)'")
  }

  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// The names in a folder but for `.` and `..`, in no order; none where it cannot be listed.
  static func names(in folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a file or link, or a folder with all below it.
  static func remove(_ path: String) {
    if unlink(path) == 0 || errno == ENOENT { return }
    for name in names(in: path) { remove("\(path)/\(name)") }
    rmdir(path)
  }
}
