import Engine
import Foundation
import Glibc
import StageKit

/// What a run records of the machine and the person.
enum Host {
  static var user: String {
    Environment["USER"] ?? Environment["LOGNAME"]
      ?? getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "uid \(getuid())"
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
        return String(text[text.index(after: colon)...].drop { $0 == " " }.prefix { $0 != "\n" })
      }
    }
    return "unknown"
  }

  /// The text of `/proc/cpuinfo`; read once, when the first job starts.
  static let processorDescription =
    (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""

  static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  static var memoryBytes: Int {
    max(1, sysconf(Int32(_SC_PHYS_PAGES))) * max(1, sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Counts NVIDIA devices by their nodes; no library is loaded for it.
  static var gpus: Int {
    (0..<64).prefix { access("/dev/nvidia\($0)", F_OK) == 0 }.count
  }

  /// Raises the limit of open files to what the system allows: each item that runs has a lock, and
  /// whoever started this may have left files open.
  static func allowManyFiles() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// The running binary.
  static var binary: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { return "./fathom" }
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Its folder, where its companions are.
  static var binaryFolder: String {
    let path = binary
    return String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
  }

  static var worker: String {
    Environment["FATHOM_WORKER"] ?? binaryFolder + "/fathom-worker"
  }
}
