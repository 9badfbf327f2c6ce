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
