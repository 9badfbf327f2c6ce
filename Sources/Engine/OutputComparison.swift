import Foundation
import StageKit

/// How far apart two results of one action are.
struct OutputComparison {
  enum Difference: Hashable {
    /// The largest relative difference of a number.
    case within(Double)
    /// Where they differ first, and in what.
    case different(String)
  }

  let store: any ArtifactStore
  /// Largest relative difference of numbers that is none; `nil` where bytes count.
  let tolerance: Double?

  /// - Returns: `nil` where all bytes are the same
  func difference(of known: ActionRecord, and made: ActionRecord) throws -> Difference? {
    if known.skipped != made.skipped {
      let left = { (record: ActionRecord) in
        record.skipped.isEmpty ? "none" : record.skipped.joined(separator: ", ")
      }
      return .different("left out \(left(made)), before \(left(known))")
    }
    return try merged(
      known.outputs.map { output in
        guard let other = made[output.port] else {
          return (output.port, .different("is not made any more"))
        }
        return (output.port, try difference(of: output.artifact, and: other))
      })
  }

  /// The first difference that counts, with its place; the largest number of those that do not.
  private func merged(_ parts: [(place: String, difference: Difference?)]) -> Difference? {
    var largest: Double?
    var differing: [(place: String, detail: String)] = []
    for part in parts {
      switch part.difference {
      case nil: continue
      case .within(let share): largest = max(largest ?? 0, share)
      case .different(let detail): differing.append((part.place, detail))
      }
    }
    guard let first = differing.first else { return largest.map { .within($0) } }
    let more = differing.count > 1 ? " (and \(differing.count - 1) more)" : ""
    return .different("\(first.place): \(first.detail)\(more)")
  }

  private func difference(of known: Artifact, and made: Artifact) throws -> Difference? {
    if known == made { return nil }
    guard known.form == made.form else {
      return .different("is a \(made.form.rawValue), was a \(known.form.rawValue)")
    }
    switch known.form {
    case .file: return try difference(ofFiles: known.digest, made.digest)
    case .folder:
      return try difference(of: parts(ofFolder: known), and: parts(ofFolder: made)) {
        try difference(ofFiles: $0, $1)
      }
    case .collection:
      return try difference(of: parts(ofCollection: known), and: parts(ofCollection: made)) {
        try difference(of: $0, and: $1)
      }
    }
  }

  private func parts(ofFolder artifact: Artifact) throws -> [String: Digest] {
    guard let folder = FolderManifest(bytes: try store.read(artifact.digest)) else {
      throw EnvironmentError(.integrity, "object \(artifact.digest) is no folder; run fathom fsck")
    }
    return Dictionary(folder.files.map { ($0.path, $0.digest) }) { first, _ in first }
  }

  private func parts(ofCollection artifact: Artifact) throws -> [String: Artifact] {
    guard let collection = Collection(bytes: try store.read(artifact.digest)) else {
      throw EnvironmentError(
        .integrity, "object \(artifact.digest) is no collection; run fathom fsck")
    }
    return Dictionary(
      (0..<collection.count).map { (collection.id(at: $0), collection.artifact(at: $0)) }
    ) { first, _ in first }
  }

  private func difference<Part>(
    of known: [String: Part], and made: [String: Part],
    _ compare: (Part, Part) throws -> Difference?
  ) throws -> Difference? {
    try merged(
      Set(known.keys).union(made.keys).sorted().map { name in
        guard let old = known[name] else { return (name, .different("was not made before")) }
        guard let new = made[name] else { return (name, .different("is not made any more")) }
        return (name, try compare(old, new))
      })
  }

  // MARK: Files

  private func difference(ofFiles known: Digest, _ made: Digest) throws -> Difference? {
    if known == made { return nil }
    let paths = (store.path(of: known), store.path(of: made))
    guard let tolerance else { return try firstByte(paths) }
    if let old = try? SafetensorsFile(path: paths.0), let new = try? SafetensorsFile(path: paths.1)
    {
      return try difference(of: old, and: new, tolerance)
    }
    let (old, new) = (try mapped(paths.0), try mapped(paths.1))
    return try NumbersInText.difference(of: old, and: new, tolerance: tolerance)
      ?? firstByte(paths)
  }

  private func mapped(_ path: String) throws -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      throw EnvironmentError(.inputOutput, "'\(path)' cannot be read", cause: "\(error)")
    }
  }

  private func firstByte(_ paths: (String, String)) throws -> Difference {
    let (old, new) = (try mapped(paths.0), try mapped(paths.1))
    let common = zip(old, new).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    let place = common ?? min(old.count, new.count)
    let sizes = old.count == new.count ? "" : ", \(new.count) bytes instead of \(old.count)"
    return .different("other bytes from \(place) on\(sizes)")
  }

  /// Floats by the largest magnitude of their tensor; all else byte by byte.
  private func difference(
    of old: SafetensorsFile, and new: SafetensorsFile, _ tolerance: Double
  ) throws -> Difference? {
    guard old.metadata == new.metadata else { return .different("other metadata") }
    guard old.entries == new.entries else { return .different("other tensors or shapes") }
    return merged(
      try old.entries.map { entry in
        guard entry.type != .f32 else {
          return (
            entry.name,
            difference(try old.tensor(entry.name), try new.tensor(entry.name), tolerance)
          )
        }
        let same = old.withBytes(of: entry) { old in
          new.withBytes(of: entry) { old.elementsEqual($0) }
        }
        return (entry.name, same ? nil : .different("other values"))
      })
  }

  private func difference(
    _ old: MappedTensor<Float>, _ new: MappedTensor<Float>, _ tolerance: Double
  ) -> Difference? {
    old.withElements { old in
      new.withElements { new in
        var (largest, distance) = (0.0, 0.0)
        for (before, after) in zip(old, new) where before.bitPattern != after.bitPattern {
          guard before.isFinite, after.isFinite else {
            return .different("\(after) where \(before) was")
          }
          distance = max(distance, abs(Double(before) - Double(after)))
        }
        guard distance > 0 else { return nil }
        for value in old where value.isFinite { largest = max(largest, abs(Double(value))) }
        let share = distance / max(largest, .leastNormalMagnitude)
        return share <= tolerance
          ? .within(share) : .different("numbers differ by \(share) of the largest")
      }
    }
  }
}

/// Two texts of which only numbers may differ: CSV, JSON, Markdown, SVG.
enum NumbersInText {
  /// - Returns: `nil` where the bytes are no text
  static func difference(
    of old: Data, and new: Data, tolerance: Double
  ) -> OutputComparison.Difference? {
    guard String(validating: old, as: UTF8.self) != nil,
      String(validating: new, as: UTF8.self) != nil
    else { return nil }
    var (left, right) = (Tokens(old), Tokens(new))
    var (line, largest) = (1, 0.0)
    while true {
      let (before, after) = (left.next(), right.next())
      guard let before, let after else {
        if before == nil, after == nil { return .within(largest) }
        return .different("line \(line): one ends before the other")
      }
      if before.bytes.elementsEqual(after.bytes) {
        line += before.bytes.count { $0 == UInt8(ascii: "\n") }
        continue
      }
      let text = { (token: Tokens.Token) in String(decoding: token.bytes.prefix(40), as: UTF8.self)
      }
      guard let old = before.number, let new = after.number else {
        return .different("line \(line): \(text(after)) where \(text(before)) was")
      }
      let share = abs(new - old) / max(1, abs(old))
      guard share <= tolerance else {
        return .different("line \(line): \(text(after)), was \(text(before))")
      }
      largest = max(largest, share)
    }
  }

  /// A text as numbers and what is between them. Digits inside a word are no number.
  private struct Tokens {
    struct Token {
      var bytes: Data
      var number: Double?
    }

    private let data: Data
    private var position: Data.Index

    init(_ data: Data) {
      self.data = data
      position = data.startIndex
    }

    mutating func next() -> Token? {
      guard position < data.endIndex else { return nil }
      let start = position
      guard startsWord() else {
        repeat { position += 1 } while position < data.endIndex && !startsWord()
        return Token(bytes: data[start..<position], number: nil)
      }
      repeat {
        position += 1
      } while position < data.endIndex && (Tokens.isWord(data[position]) || isExponentSign())
      let bytes = data[start..<position]
      return Token(bytes: bytes, number: Double(String(decoding: bytes, as: UTF8.self)))
    }

    /// A word begins here, or a number with its minus.
    private func startsWord() -> Bool {
      if Tokens.isWord(data[position]) { return true }
      guard data[position] == UInt8(ascii: "-"), position + 1 < data.endIndex else { return false }
      return Tokens.isWord(data[position + 1])
        && (position == data.startIndex || !Tokens.isWord(data[position - 1]))
    }

    /// `1e-5`: the sign belongs to the number.
    private func isExponentSign() -> Bool {
      (data[position] == UInt8(ascii: "-") || data[position] == UInt8(ascii: "+"))
        && data[position - 1] | 0x20 == UInt8(ascii: "e")
    }

    private static func isWord(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "."), UInt8(ascii: "_"), 0x80...:
        true
      default: false
      }
    }
  }
}
