import Engine
import Foundation
import Glibc
import StageKit

/// What a run records of the machine and the person.
enum Host {
  static var user: String {
    Environment["USER"] ?? Environment["LOGNAME"] ?? "uid \(getuid())"
  }

  static var name: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count) == 0 else { return "unknown" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static var operatingSystem: String {
    var names = utsname()
    guard uname(&names) == 0 else { return "unknown" }
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }

  /// The processor's name, from the first lines of `/proc/cpuinfo`.
  static var processor: String {
    guard let file = fopen("/proc/cpuinfo", "r") else { return "unknown" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("model name"), let colon = text.firstIndex(of: ":") {
        return text[text.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
      }
    }
    return "unknown"
  }

  static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  static var memoryBytes: Int {
    max(1, sysconf(Int32(_SC_PHYS_PAGES))) * max(1, sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Counts NVIDIA devices by their nodes; no library is loaded for it.
  static var gpus: Int {
    (0..<64).prefix { access("/dev/nvidia\($0)", F_OK) == 0 }.count
  }

  /// The folder of the running binary, where its companions are.
  static var binaryFolder: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { return "." }
    let path = String(
      decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
  }

  static var worker: String {
    Environment["FATHOM_WORKER"] ?? binaryFolder + "/fathom-worker"
  }
}

/// What git knows of the project, read from its files: asking git itself costs milliseconds.
struct GitHead {
  var commit: String?
  var ref: String?

  init(project: String) {
    var folder = project
    while true {
      let dot = folder + "/.git"
      if let directory = GitHead.directory(dot) {
        read(directory)
        return
      }
      guard let slash = folder.lastIndex(of: "/"), folder != "/" else { return }
      folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
      if folder == "/" { return }
    }
  }

  /// `.git` is a folder, or a file that names one (a worktree).
  private static func directory(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    if status.st_mode & S_IFMT == S_IFDIR { return path }
    guard let text = contents(path), text.hasPrefix("gitdir: ") else { return nil }
    let target = String(text.dropFirst(8))
    return target.hasPrefix("/")
      ? target : String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)) + "/" + target
  }

  private mutating func read(_ directory: String) {
    guard let head = GitHead.contents(directory + "/HEAD") else { return }
    guard head.hasPrefix("ref: ") else {
      commit = head
      return
    }
    let name = String(head.dropFirst(5))
    ref = name
    let common = GitHead.contents(directory + "/commondir").map {
      $0.hasPrefix("/") ? $0 : directory + "/" + $0
    }
    for folder in [directory, common].compactMap({ $0 }) {
      if let text = GitHead.contents("\(folder)/\(name)") {
        commit = text
        return
      }
      if let packed = GitHead.contents("\(folder)/packed-refs") {
        for line in packed.split(separator: "\n") where line.hasSuffix(" " + name) {
          commit = String(line.prefix(40))
          return
        }
      }
    }
  }

  private static func contents(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
