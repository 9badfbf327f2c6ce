import Engine
import Glibc

/// What a failing system call was to do: it decides what a person can do about it.
enum Access {
  case reading, writing
}

/// The error of a system call on this path, with advice.
func failure(_ access: Access, _ path: String, _ code: Int32 = errno) -> EnvironmentError {
  let words = String(cString: strerror(code))
  switch (access, code) {
  case (_, ENOSPC), (_, EDQUOT):
    return EnvironmentError(
      .diskFull,
      "no space left for '\(path)' (\(freeBytes(near: path)) bytes are free); "
        + "free some, or move the store with FATHOM_STORE",
      cause: words)
  case (.writing, EROFS), (.writing, EACCES), (.writing, EPERM):
    return EnvironmentError(
      .notWritable,
      "cannot write '\(path)'; make it writable, or set FATHOM_STORE to a folder that is",
      cause: words)
  case (.writing, _):
    return EnvironmentError(.inputOutput, "cannot write '\(path)'", cause: words)
  case (.reading, _):
    return EnvironmentError(.inputOutput, "cannot read '\(path)'", cause: words)
  }
}

/// Bytes that are free where the path, or the nearest folder above it, lies.
func freeBytes(near path: String) -> Int {
  var place = path
  while true {
    var status = statvfs()
    if statvfs(place, &status) == 0 { return Int(status.f_bavail) * Int(status.f_frsize) }
    guard let parent = parentFolder(of: place) else { return 0 }
    place = parent
  }
}

/// `nil` for `/` and for a name alone.
func parentFolder(of path: String) -> String? {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), path.utf8.count > 1 else {
    return nil
  }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Makes a folder and those above it; that they exist already is no error.
func makeFolders(_ path: String) throws {
  if mkdir(path, 0o777) == 0 || errno == EEXIST { return }
  guard errno == ENOENT, let parent = parentFolder(of: path) else { throw failure(.writing, path) }
  try makeFolders(parent)
  guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw failure(.writing, path) }
}

/// A name that nobody else has, on any machine.
func uniqueName() -> String {
  let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
