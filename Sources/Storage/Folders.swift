import Engine
import Glibc

/// The names in a folder, sorted by their bytes.
///
/// - Throws: `EnvironmentError`, also where a name is not UTF-8.
func names(in folder: String) throws -> [String] {
  guard let stream = opendir(folder) else { throw failure(.reading, folder) }
  defer { closedir(stream) }
  var names: [String] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else {
      guard errno == 0 else { throw failure(.reading, folder) }
      break
    }
    let bytes = withName(of: entry) { name in
      UnsafeRawBufferPointer(start: name, count: strlen(name)).map { $0 }
    }
    if bytes == Array(".".utf8) || bytes == Array("..".utf8) { continue }
    guard let name = String(validating: bytes, as: UTF8.self) else {
      throw EnvironmentError(
        .inputOutput,
        "'\(folder)' holds a name that is not UTF-8: '\(String(decoding: bytes, as: UTF8.self))'; "
          + "rename it")
    }
    names.append(name)
  }
  return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// The regular files below a folder, as paths relative to it.
///
/// - Throws: `EnvironmentError` where there is a link or a special file.
func regularFiles(below folder: String) throws -> [String] {
  var found: [String] = []
  var pending = [""]
  while let place = pending.popLast() {
    for name in try names(in: "\(folder)/\(place)") {
      let relative = place.isEmpty ? name : "\(place)/\(name)"
      var status = stat()
      guard lstat("\(folder)/\(relative)", &status) == 0 else {
        throw failure(.reading, "\(folder)/\(relative)")
      }
      if status.isFolder {
        pending.append(relative)
      } else if status.isRegular {
        found.append(relative)
      } else {
        throw EnvironmentError(
          .inputOutput,
          "'\(folder)/\(relative)' is \(status.kindName); only files and folders are stored")
      }
    }
  }
  return found
}

/// Removes a folder and all below it as far as possible; links are removed, not followed.
func removeFolder(_ path: String) {
  path.withCString { removeEntry(AT_FDCWD, $0) }
}

private func removeEntry(_ parent: Int32, _ name: UnsafePointer<CChar>) {
  if unlinkat(parent, name, 0) == 0 { return }
  let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
  var folder = openat(parent, name, flags)
  // A job may have taken its folder's permissions away.
  if folder < 0, errno == EACCES, fchmodat(parent, name, 0o700, AT_SYMLINK_NOFOLLOW) == 0 {
    folder = openat(parent, name, flags)
  }
  guard folder >= 0 else { return }
  _ = fchmod(folder, 0o700)
  guard let stream = fdopendir(folder) else {
    close(folder)
    return
  }
  while let entry = readdir(stream) {
    withName(of: entry) { name in
      if strcmp(name, ".") != 0 && strcmp(name, "..") != 0 { removeEntry(folder, name) }
    }
  }
  closedir(stream)
  _ = unlinkat(parent, name, AT_REMOVEDIR)
}

/// The entry's name in place; it ends with a zero byte.
private func withName<Result>(
  of entry: UnsafeMutablePointer<dirent>, _ body: (UnsafePointer<CChar>) throws -> Result
) rethrows -> Result {
  try withUnsafePointer(to: &entry.pointee.d_name) { name in
    try name.withMemoryRebound(to: CChar.self, capacity: 256, body)
  }
}
