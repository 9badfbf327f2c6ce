public import Pipelines
import StageKit

/// The user's files that instances declare, listed and digested once for all of them.
public final class SourceFiles {
  /// Files under one name of a pipeline: relative paths with their digests.
  public struct Listing: Sendable {
    /// Relative to `root`, as the key and the stage see them: in the order of the entries of
    /// `files:`, those of one entry sorted.
    public internal(set) var paths: [String]
    public internal(set) var digests: [FileDigest]
    /// The absolute folder that the paths start at.
    public internal(set) var root: String

    public func absolute(_ index: Int) -> String {
      paths[index].isEmpty ? root : "\(root)/\(paths[index])"
    }

    /// Beyond this many files the key holds one digest of the listing, which the store keeps for
    /// explanations (`ListingChange`).
    static let largestSpelledOut = 1000

    var isSpelledOut: Bool { paths.count <= Listing.largestSpelledOut }

    func addFields(
      prefix: String, ordered: Bool, position: SourcePosition?, to fields: inout [ActionField]
    ) {
      if isSpelledOut {
        // The order of entries is the user's and part of the key; it needs a name of its own.
        if ordered, paths.count > 1 {
          fields.append(
            ActionField(
              path: prefix, value: .list(paths.map { .string($0) }), position: position))
        }
        for (path, file) in zip(paths, digests) {
          fields.append(
            ActionField(
              path: path.isEmpty ? prefix : "\(prefix)/\(path)", value: .string(file.digest.hex),
              position: position))
        }
      } else {
        fields.append(
          ActionField(
            path: "\(prefix)/", value: .string(listingDigest.hex), position: position))
      }
    }

    /// `digest path` a file, as `sha256sum` prints them: kept in the store for long listings.
    var listingBytes: [UInt8] {
      var out: [UInt8] = []
      out.reserveCapacity(paths.count * 100)
      for index in paths.indices { appendLine(index, to: &out) }
      return out
    }

    /// Of `listingBytes`, without having them all at once.
    private var listingDigest: Digest {
      var stream = DigestStream()
      var part: [UInt8] = []
      for index in paths.indices {
        appendLine(index, to: &part)
        if part.count > 1 << 16 || index == paths.count - 1 {
          stream.update(part)
          part.removeAll(keepingCapacity: true)
        }
      }
      return stream.finish()
    }

    private func appendLine(_ index: Int, to out: inout [UInt8]) {
      digests[index].digest.appendHex(to: &out)
      out += "  ".utf8
      PercentCode.encode(paths[index], to: &out)
      out.append(Words.newline)
    }
  }

  private let project: String
  private let digests: any FileDigests
  private var byPatterns: [[String]: Listing] = [:]
  private var byFolder: [String: Listing] = [:] { didSet { knownPlaces = nil } }
  /// Made when it is asked for, and again once there is another folder.
  private var knownPlaces: FilePlaces?

  public init(project: String, digests: any FileDigests) {
    self.project = project
    self.digests = digests
  }

  /// Lists and digests what the instance names; every later question is answered from memory.
  ///
  /// - Throws: `Diagnostic` where a file is missing or has a name that is not UTF-8.
  public func prepare(_ instance: Instance) throws {
    let patterns = instance.files.map(\.value)
    if byPatterns[patterns] == nil {
      var paths: [String] = []
      var seen: Set<String> = []
      for pattern in instance.files {
        let found = try FileGlob.expand(pattern.value, in: project, at: pattern.position)
        if found.isEmpty {
          throw Diagnostic(
            .missingInput, "no file matches '\(pattern.value)' in '\(project)'",
            at: pattern.position)
        }
        for path in SourceFiles.sorted(found) where seen.insert(path).inserted {
          paths.append(path)
        }
      }
      byPatterns[patterns] = try digest(
        paths, root: project, at: instance.files.first?.position ?? instance.position)
    }
    for option in fileOptions(of: instance) where byFolder[option.value.text] == nil {
      let position = option.position ?? instance.position
      let root = absolute(option.value.text)
      let paths = try FileGlob.files(below: root, at: position)
      byFolder[option.value.text] = try digest(
        SourceFiles.sorted(paths), root: root, at: position)
    }
  }

  public func listing(of instance: Instance) -> Listing {
    byPatterns[instance.files.map(\.value)] ?? Listing(paths: [], digests: [], root: project)
  }

  public func listing(of option: Work.Option, in instance: Instance) -> Listing {
    byFolder[option.value.text] ?? Listing(paths: [], digests: [], root: project)
  }

  /// All listings of an instance: those of its `files:` and of its `files` options.
  public func listings(of instance: Instance) -> [Listing] {
    [listing(of: instance)] + fileOptions(of: instance).map { listing(of: $0, in: instance) }
  }

  /// Where the files of all `files` options lie.
  public var places: FilePlaces {
    if let knownPlaces { return knownPlaces }
    let places = FilePlaces(byFolder.sorted { $0.key < $1.key }.map(\.value))
    knownPlaces = places
    return places
  }

  func fileOptions(of instance: Instance) -> [Work.Option] {
    guard case .kind(_, _, let options) = instance.work else { return [] }
    return options.filter { $0.namesFiles && $0.value != .null }
  }

  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : path == "." ? project : "\(project)/\(path)"
  }

  /// By bytes, so that no locale has a say.
  private static func sorted(_ paths: [String]) -> [String] {
    // Most paths differ within eight bytes of what all begin with: one comparison of numbers.
    let shared = paths.dropFirst().reduce(paths.first?.utf8.count ?? 0) { shared, path in
      zip(paths[0].utf8.prefix(shared), path.utf8).prefix { $0 == $1 }.count
    }
    let keyed = paths.map { path in
      var key: UInt64 = 0
      var bytes = path.utf8.dropFirst(shared).makeIterator()
      for _ in 0..<8 { key = key << 8 | UInt64(bytes.next() ?? 0) }
      return (key, path)
    }
    return keyed.sorted { a, b in
      a.0 == b.0 ? a.1.utf8.lexicographicallyPrecedes(b.1.utf8) : a.0 < b.0
    }.map(\.1)
  }

  private func digest(_ paths: [String], root: String, at position: SourcePosition) throws
    -> Listing
  {
    var listing = Listing(paths: paths, digests: [], root: root)
    let found = try digests.digests(of: paths.indices.map(listing.absolute))
    listing.digests.reserveCapacity(paths.count)
    for (index, digest) in found.enumerated() {
      guard let digest else {
        throw Diagnostic(
          .missingInput, "cannot read '\(listing.absolute(index))'; is it there and readable?",
          at: position)
      }
      listing.digests.append(digest)
    }
    return listing
  }
}
