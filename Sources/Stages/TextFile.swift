internal import Foundation
internal import StageKit

/// Writes an output's text as UTF-8.
///
/// It is not synced, as Foundation's own would be: who takes an output into the store does that, and
/// for a hundred thousand small files a disk needs minutes.
/// - Throws: `StageFailure` naming the file where it cannot be opened, else what Foundation does
func writeText(_ text: String, to path: String) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else {
    throw StageFailure("'\(path)' cannot be written: \(String(cString: strerror(errno)))")
  }
  let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  try file.write(contentsOf: Data(text.utf8))
  try file.close()
}
