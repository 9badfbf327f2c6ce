import Foundation

/// The end of a job's log, for a message.
public enum LogTail {
  /// The last lines, without control characters; bytes that are no UTF-8 become U+FFFD. Reads at
  /// most the last 64 KiB.
  public static func lines(of path: String, count: Int) -> [String] {
    guard let handle = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? handle.close() }
    let limit: UInt64 = 65536
    guard let end = try? handle.seekToEnd() else { return [] }
    do {
      try handle.seek(toOffset: end > limit ? end - limit : 0)
      let data = try handle.readToEnd() ?? Data()
      let text = String(decoding: data, as: UTF8.self)
      return text.split(separator: "\n", omittingEmptySubsequences: true).suffix(count).map {
        line in
        String(
          String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 32 || $0 == "\t" }))
      }
    } catch {
      return []
    }
  }
}
