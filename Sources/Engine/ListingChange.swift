/// What differs between two listings of files that are too long to be spelled out in a key.
public struct ListingChange: Hashable, Sendable {
  public private(set) var added: [String] = []
  public private(set) var removed: [String] = []
  public private(set) var changed: [String] = []

  /// - Parameters: the listings as the store keeps them: `digest  path` a line.
  public init(from old: [UInt8], to new: [UInt8]) {
    var before = ListingChange.files(old)
    for (path, digest) in ListingChange.files(new) {
      switch before.removeValue(forKey: path) {
      case nil: added.append(path)
      case digest?: continue
      default: changed.append(path)
      }
    }
    removed = before.keys.sorted()
    added.sort()
    changed.sort()
  }

  private static func files(_ listing: [UInt8]) -> [String: ArraySlice<UInt8>] {
    var files: [String: ArraySlice<UInt8>] = [:]
    for line in listing.split(separator: UInt8(ascii: "\n")) where line.count > 66 {
      let path = PercentCode.decode(String(decoding: line.dropFirst(66), as: UTF8.self))
      files[path] = line.prefix(64)
    }
    return files
  }
}
