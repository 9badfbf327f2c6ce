import Foundation

/// The last lines of a job's log, fit to be shown in a terminal.
///
/// Reads at most the last 64 KiB. Bytes that are no UTF-8 become U+FFFD; control characters but
/// the tab go, terminal escape sequences whole; of a line that was overwritten by carriage returns
/// the last version stays.
/// - Returns: no lines where there is no log.
public func tail(ofLog path: String, lines: Int = 10) -> [String] {
  guard let file = FileHandle(forReadingAtPath: path) else { return [] }
  defer { try? file.close() }
  let limit: UInt64 = 64 << 10
  guard let size = try? file.seekToEnd() else { return [] }
  let start = size > limit ? size - limit : 0
  guard (try? file.seek(toOffset: start)) != nil,
    let bytes = try? file.read(upToCount: Int(limit))
  else { return [] }
  var texts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  if texts.last?.isEmpty == true { texts.removeLast() }
  // The first line may have begun before what was read.
  if start > 0 && texts.count > 1 { texts.removeFirst() }
  return texts.suffix(max(lines, 0)).map(printable)
}

private func printable(_ line: Data) -> String {
  let versions = line.split(separator: UInt8(ascii: "\r"))
  let text = String(decoding: versions.last ?? Data(), as: UTF8.self)
    .replacing(/\u{1B}\[[0-?]*[ -\/]*[@-~]/, with: "")
    .replacing(/\u{1B}\][^\u{07}\u{1B}]*(?:\u{07}|\u{1B}\\)?/, with: "")
  var scalars = String.UnicodeScalarView()
  for scalar in text.unicodeScalars
  where scalar == "\t" || scalar.properties.generalCategory != .control {
    scalars.append(scalar)
  }
  return String(scalars)
}
