import Glibc
public import StageKit

/// Lists files: of a folder, or those that match a pattern.
public enum FileGlob {
  /// Expands a path or a pattern of `*`, `?`, `[…]` and `**` to relative paths of files, in no
  /// order. A folder stands for all files below it.
  ///
  /// Names that start with a dot match only a pattern's part that starts with one.
  public static func expand(_ pattern: String, in root: String, at position: SourcePosition) throws
    -> [String]
  {
    let parts = pattern.split(separator: "/").map(String.init).filter { $0 != "." }
    let fixed = parts.prefix { !$0.contains(where: { "*?[".contains($0) }) }
    let start = fixed.joined(separator: "/")
    let path = start.isEmpty ? root : "\(root)/\(start)"
    switch kind(of: path) {
    case nil: return []
    case .file: return fixed.count == parts.count ? [start] : []
    case .folder:
      let below = try files(below: path, at: position, hidden: true)
      let rest = Array(parts.dropFirst(fixed.count))
      return below.filter { file in
        let names = file.split(separator: "/").map(String.init)
        return rest.isEmpty
          ? !names.contains { $0.hasPrefix(".") } : matches(names[...], rest[...])
      }.map { start.isEmpty ? $0 : "\(start)/\($0)" }
    }
  }

  /// All regular files below a folder, links to files included, relative to it, in no order;
  /// `[""]` where the path is a file. Names that start with a dot are left out unless `hidden`.
  public static func files(below root: String, at position: SourcePosition, hidden: Bool = false)
    throws -> [String]
  {
    switch kind(of: root) {
    case nil:
      throw Diagnostic(
        .missingInput, "there is no '\(root)'; expected a folder or a file", at: position)
    case .file: return [""]
    case .folder: break
    }
    var found: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
      let path = folder.isEmpty ? root : "\(root)/\(folder)"
      guard let handle = opendir(path) else {
        throw Diagnostic(
          .missingInput, "cannot list '\(path)': \(String(cString: strerror(errno)))", at: position)
      }
      defer { closedir(handle) }
      while let entry = readdir(handle) {
        let type = Int32(entry.pointee.d_type)
        let startsWithDot = entry.pointee.d_name.0 == CChar(bitPattern: UInt8(ascii: "."))
        if startsWithDot && !hidden { continue }
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: UInt8.self, capacity: 256) {
            String(validatingCString: UnsafePointer<CChar>(OpaquePointer($0)))
          }
        }
        guard let name else {
          throw Diagnostic(
            .invalidPath, "a file below '\(path)' has a name that is not UTF-8; rename it",
            at: position)
        }
        if startsWithDot && (name == "." || name == "..") { continue }
        let relative = folder.isEmpty ? name : "\(folder)/\(name)"
        if type == Int32(DT_DIR) {
          folders.append(relative)
        } else if type == Int32(DT_REG) || kind(of: "\(root)/\(relative)") == .file {
          found.append(relative)
        }
      }
    }
    return found
  }

  private enum Kind { case file, folder }

  private static func kind(of path: String) -> Kind? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return nil
    }
  }

  private static func matches(_ names: ArraySlice<String>, _ pattern: ArraySlice<String>) -> Bool {
    guard let part = pattern.first else { return names.isEmpty }
    if part == "**" {
      if matches(names, pattern.dropFirst()) { return true }
      guard let name = names.first, !name.hasPrefix(".") else { return false }
      return matches(names.dropFirst(), pattern)
    }
    guard let name = names.first else { return false }
    return fnmatch(part, name, FNM_PERIOD) == 0 && matches(names.dropFirst(), pattern.dropFirst())
  }
}
