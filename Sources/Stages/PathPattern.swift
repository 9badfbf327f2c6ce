import Foundation

/// A glob over relative paths: `*` and `?` stay within a folder, `**` spans any number of them.
struct PathPattern: Hashable, Sendable {
  let text: String
  private let parts: [String]

  init(_ text: String) {
    self.text = text
    parts = text.split(separator: "/").map(String.init)
  }

  func matches(_ path: String) -> Bool {
    if parts.count == 2, parts[0] == "**" {
      // What most patterns say, of many paths: only the name counts.
      let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
      let name = path[(slash.map(path.utf8.index(after:)) ?? path.startIndex)...]
      return fnmatch(parts[1], String(name), 0) == 0
    }
    return PathPattern.match(parts[...], path.split(separator: "/")[...])
  }

  private static func match(_ pattern: ArraySlice<String>, _ path: ArraySlice<Substring>) -> Bool {
    guard let first = pattern.first else { return path.isEmpty }
    let rest = pattern.dropFirst()
    if first == "**" {
      // The last `**` leaves exactly as many parts to the end as come after it.
      let lengths = rest.contains("**") ? 0...path.count : rest.count...rest.count
      return lengths.reversed().contains { $0 <= path.count && match(rest, path.suffix($0)) }
    }
    guard let part = path.first, fnmatch(first, String(part), 0) == 0 else { return false }
    return match(rest, path.dropFirst())
  }
}
