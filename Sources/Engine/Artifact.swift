public import StageKit

/// The content of a port, known by its digest.
public struct Artifact: Hashable, Sendable {
  public enum Form: String, Hashable, Sendable {
    /// The bytes of one file.
    case file
    /// A `FolderManifest`.
    case folder
    /// A `Collection`'s manifest.
    case collection
  }

  public var form: Form
  /// Of the file's bytes, or of the manifest's.
  public var digest: Digest
  /// Bytes: of the file, or of all files below the folder or in the collection.
  public var size: Int

  public init(form: Form, digest: Digest, size: Int) {
    self.form = form
    self.digest = digest
    self.size = size
  }
}

/// The files of a folder: paths relative to it, sorted by their bytes.
///
/// As an object: the line `fathom folder 1`, then `digest size path` a file, the path
/// percent-encoded where it holds `%` or a control character.
public struct FolderManifest: Hashable, Sendable {
  public struct File: Hashable, Sendable {
    public var path: String
    public var digest: Digest
    public var size: Int

    public init(path: String, digest: Digest, size: Int) {
      self.path = path
      self.digest = digest
      self.size = size
    }
  }

  public private(set) var files: [File]

  public init(_ files: [File]) {
    self.files = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  public var size: Int { files.reduce(0) { $0 + $1.size } }

  public var bytes: [UInt8] {
    var out = Array("fathom folder 1\n".utf8)
    for file in files {
      out += "\(file.digest.hex) \(file.size) \(PercentCode.encode(file.path))\n".utf8
    }
    return out
  }

  /// `nil` where the bytes are no manifest.
  public init?(bytes: [UInt8]) {
    var lines = bytes.split(separator: UInt8(ascii: "\n"))[...]
    guard lines.popFirst()?.elementsEqual("fathom folder 1".utf8) == true else { return nil }
    files = []
    for line in lines {
      let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
      guard parts.count == 3,
        let digest = Digest(hex: String(decoding: parts[0], as: UTF8.self)),
        let size = Int(String(decoding: parts[1], as: UTF8.self))
      else { return nil }
      let path = PercentCode.decode(String(decoding: parts[2], as: UTF8.self))
      files.append(File(path: path, digest: digest, size: size))
    }
  }
}

/// Artifacts under keys: what a `many` port carries, sorted by key.
///
/// As an object: the line `fathom collection 1`, a line of column names separated by tabs, then
/// `form digest size key…` an entry, separated by tabs. Names and keys are percent-encoded where
/// they hold `%` or a control character.
public struct Collection: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    /// One value for each column.
    public var key: [String]
    public var artifact: Artifact

    public init(key: [String], artifact: Artifact) {
      self.key = key
      self.artifact = artifact
    }
  }

  public var columns: [String]
  public private(set) var entries: [Entry]

  /// Sorts the entries by key.
  public init(columns: [String], entries: [Entry]) {
    self.columns = columns
    var sorted = true
    for index in entries.indices.dropFirst()
    where !Collection.precedes(entries[index - 1].key, entries[index].key) {
      sorted = false
      break
    }
    self.entries = sorted ? entries : entries.sorted { Collection.precedes($0.key, $1.key) }
  }

  /// The first key that occurs twice.
  public var duplicateKey: [String]? {
    for index in entries.indices.dropFirst() where entries[index - 1].key == entries[index].key {
      return entries[index].key
    }
    return nil
  }

  public var size: Int { entries.reduce(0) { $0 + $1.artifact.size } }

  public var bytes: [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(64 + entries.count * 100)
    out += "fathom collection 1\n".utf8
    out += columns.map(PercentCode.encode).joined(separator: "\t").utf8
    out.append(UInt8(ascii: "\n"))
    for entry in entries {
      out += entry.artifact.form.rawValue.utf8
      out.append(9)
      entry.artifact.digest.appendHex(to: &out)
      out.append(9)
      out += String(entry.artifact.size).utf8
      for part in entry.key {
        out.append(9)
        PercentCode.encode(part, to: &out)
      }
      out.append(UInt8(ascii: "\n"))
    }
    return out
  }

  /// `nil` where the bytes are no manifest.
  public init?(bytes: [UInt8]) {
    entries = []
    columns = []
    var lineNumber = 0
    var start = 0
    let newline = UInt8(ascii: "\n")
    while start < bytes.count {
      guard let end = bytes[start...].firstIndex(of: newline) else { return nil }
      let line = bytes[start..<end]
      start = end + 1
      defer { lineNumber += 1 }
      if lineNumber == 0 {
        guard line.elementsEqual("fathom collection 1".utf8) else { return nil }
      } else if lineNumber == 1 {
        columns = line.split(separator: 9).map {
          PercentCode.decode(String(decoding: $0, as: UTF8.self))
        }
      } else {
        let parts = line.split(separator: 9, omittingEmptySubsequences: false)
        guard parts.count == 3 + columns.count,
          let form = Artifact.Form(rawValue: String(decoding: parts[0], as: UTF8.self)),
          let digest = Digest(hexBytes: parts[1]),
          let size = Int(String(decoding: parts[2], as: UTF8.self))
        else { return nil }
        entries.append(
          Entry(
            key: parts[3...].map { PercentCode.decode(String(decoding: $0, as: UTF8.self)) },
            artifact: Artifact(form: form, digest: digest, size: size)))
      }
    }
    guard lineNumber >= 2 else { return nil }
  }

  /// Byte order, column by column.
  public static func precedes(_ a: [String], _ b: [String]) -> Bool {
    for (left, right) in zip(a, b) where left != right {
      return left.utf8.lexicographicallyPrecedes(right.utf8)
    }
    return a.count < b.count
  }

  /// The key as people read it: `method=pace,seed=0/p01/scan.mp4`.
  public static func display(_ key: [String], columns: [String]) -> String {
    let axes = zip(columns, key).filter { $0.0 != "item" }.map { "\($0)=\($1)" }
    let items = zip(columns, key).filter { $0.0 == "item" }.map(\.1)
    return ((axes.isEmpty ? [] : [axes.joined(separator: ",")]) + items).joined(separator: "/")
  }
}
