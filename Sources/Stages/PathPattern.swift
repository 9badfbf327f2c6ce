import Foundation

/// A glob over relative paths: `*` and `?` stay within a folder, `**` spans any number of them.
struct PathPattern: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  func matches(_ path: String) -> Bool {
    PathPattern.match(text.split(separator: "/")[...], path.split(separator: "/")[...])
  }

  private static func match(_ pattern: ArraySlice<Substring>, _ path: ArraySlice<Substring>) -> Bool
  {
    guard let first = pattern.first else { return path.isEmpty }
    let rest = pattern.dropFirst()
    if first == "**" {
      return match(rest, path) || (!path.isEmpty && match(pattern, path.dropFirst()))
    }
    guard let part = path.first, fnmatch(String(first), String(part), 0) == 0 else { return false }
    return match(rest, path.dropFirst())
  }
}
