import Engine
import Foundation

/// What `fathom-launch` leaves: how a command ended.
struct ExitRecord: Codable {
  var exitCode: Int?
  var signal: Int?
  var timedOut: Bool
  var cpuSeconds: Double
  var maxResidentBytes: Int
  var started: Double
  var ended: Double
  /// Absent where no isolation was asked for.
  var isolated: Bool?
  var host: String
  /// What kept the command from starting, and the system's words for it.
  var failed: String?
  var error: String?

  private enum CodingKeys: String, CodingKey {
    case exitCode = "exit_code"
    case signal
    case timedOut = "timed_out"
    case cpuSeconds = "cpu_seconds"
    case maxResidentBytes = "max_resident_bytes"
    case started, ended, isolated, host, failed, error
  }

  /// `nil` where there is no whole record.
  init?(path: String) {
    guard let bytes = FileManager.default.contents(atPath: path),
      let record = try? JSONDecoder().decode(ExitRecord.self, from: bytes)
    else { return nil }
    self = record
  }

  var outcome: JobOutcome {
    JobOutcome(
      exitCode: exitCode, signal: signal, timedOut: timedOut, cpuSeconds: cpuSeconds,
      maxResidentBytes: maxResidentBytes, started: started, ended: ended, node: host)
  }
}
