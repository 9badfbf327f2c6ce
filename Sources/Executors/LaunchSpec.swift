import Engine
import StageKit

/// What `fathom-launch` reads: pairs of NUL-ended strings, key and value (see its `spec.h`).
///
/// The exit record need not be `durable` here: only this process reads it, and a machine that
/// crashes takes both with it.
struct LaunchSpec {
  private(set) var bytes: [UInt8] = []
  /// A NUL inside a value would end it early and begin another.
  private var isWhole = true

  /// - Throws: `EnvironmentError` where a text of the request contains a NUL.
  init(_ request: JobRequest, graceSeconds: Double) throws(EnvironmentError) {
    bytes.reserveCapacity(2048)
    add("fathom-launch", "1")
    add("cwd", request.layout.work)
    add("log", request.layout.log)
    add("record", request.layout.exit)
    for (name, value) in request.environment.sorted(by: { $0.key < $1.key }) {
      add("env", "\(name)=\(value)")
    }
    for argument in request.arguments { add("arg", argument) }
    if let seconds = request.timeoutSeconds { add("time-limit", "\(max(seconds, 0.001))") }
    add("grace", "\(graceSeconds)")
    add("watch", "1")
    if let isolation = request.isolation {
      add("isolate", "1")
      for path in isolation.hidden { add("hidden", path) }
      for path in isolation.readable { add("readable", path) }
      for path in isolation.writable { add("writable", path) }
    }
    guard isWhole, !request.arguments.isEmpty else {
      throw EnvironmentError(
        .worker,
        "cannot start '\(request.address)': "
          + (isWhole ? "it has no program" : "an argument or a variable contains a NUL"))
    }
  }

  private mutating func add(_ key: String, _ value: String) {
    bytes.append(contentsOf: key.utf8)
    bytes.append(0)
    let start = bytes.count
    bytes.append(contentsOf: value.utf8)
    isWhole = isWhole && !bytes[start...].contains(0)
    bytes.append(0)
  }
}
