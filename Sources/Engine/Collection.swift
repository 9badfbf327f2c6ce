import Glibc
import StageKit

/// Artifacts under keys: what a `many` port carries, sorted by key.
///
/// As an object: the line `fathom collection 1`, a line of column names separated by tabs, then
/// `form digest size key…` an entry, separated by tabs. Names and keys are percent-encoded where
/// they hold `%` or a control character.
///
/// It keeps those bytes and reads an entry from its line when asked for it, so that many entries
/// take no more memory than their object, and equal ones are found without reading them.
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

  public let columns: [String]
  /// The object.
  public let bytes: [UInt8]
  /// Where the line of each entry starts, and at last where the bytes end.
  private let starts: [Int]
  /// Where the key starts in a line, counted from the line's start.
  private let keyOffsets: [UInt8]
  /// Whether the order of encoded keys may differ from that of the keys.
  private let hasEscapes: Bool

  /// Sorts the entries by key.
  public init(columns: [String], entries: some Sequence<Entry>) {
    var builder = CollectionBuilder(columns: columns)
    for entry in entries { builder.append(entry.key, entry.artifact) }
    self = builder.finish()
  }

  /// `nil` where the bytes are no manifest.
  public init?(bytes: [UInt8]) {
    var starts: [Int] = []
    var keyOffsets: [UInt8] = []
    var columns: [String] = []
    let hasEscapes = bytes.withUnsafeBytes { all -> Bool? in
      guard all.last == Words.newline else { return nil }
      var lines = Words(all)
      guard lines.next(until: Words.newline)?.elementsEqual(Collection.firstLine.utf8) == true,
        let header = lines.next(until: Words.newline)
      else { return nil }
      columns = header.isEmpty ? [] : Collection.decode(header)
      starts.reserveCapacity(lines.rest.count / 90)
      keyOffsets.reserveCapacity(lines.rest.count / 90)
      var position = all.count - lines.rest.count
      var hasEscapes = false
      while let line = lines.next(until: Words.newline) {
        var words = Words(line)
        guard words.nextArtifact(separator: Collection.tab) != nil else { return nil }
        let key = words.rest
        let head = line.count - key.count
        let cells = 1 + key.count(where: { $0 == Collection.tab })
        guard key.isEmpty ? columns.count <= 1 : cells == columns.count,
          columns.isEmpty || line[head - 1] == Collection.tab
        else { return nil }
        hasEscapes = hasEscapes || key.contains(PercentCode.escape)
        starts.append(position)
        keyOffsets.append(UInt8(head))
        position += line.count + 1
      }
      starts.append(position)
      return hasEscapes
    }
    guard let hasEscapes else { return nil }
    self.init(
      columns: columns, bytes: bytes, starts: starts, keyOffsets: keyOffsets,
      hasEscapes: hasEscapes)
  }

  fileprivate init(
    columns: [String], bytes: [UInt8], starts: [Int], keyOffsets: [UInt8], hasEscapes: Bool
  ) {
    self.columns = columns
    self.bytes = bytes
    self.starts = starts
    self.keyOffsets = keyOffsets
    self.hasEscapes = hasEscapes
  }

  public static func == (a: Collection, b: Collection) -> Bool { a.bytes == b.bytes }
  public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

  // MARK: Entries

  public var count: Int { starts.count - 1 }

  public var entries: some RandomAccessCollection<Entry> {
    (0..<count).lazy.map { Entry(key: key(at: $0), artifact: artifact(at: $0)) }
  }

  public func key(at index: Int) -> [String] {
    withKey(at: index) { columns.isEmpty ? [] : Collection.decode($0) }
  }

  public func artifact(at index: Int) -> Artifact {
    withLine(at: index) { line in
      var words = Words(line)
      return words.nextArtifact(separator: Collection.tab)!  // All lines were read once.
    }
  }

  /// The key as people read it.
  public func id(at index: Int) -> String { Collection.display(key(at: index), columns: columns) }

  /// Bytes of all artifacts.
  public var size: Int { (0..<count).reduce(0) { $0 + artifact(at: $1).size } }

  /// The first key that occurs twice.
  public var duplicateKey: [String]? {
    (0..<max(count - 1, 0)).first { compare(at: $0, self, at: $0 + 1) == 0 }.map(key(at:))
  }

  /// Whether an entry is the same as one of another collection of the same columns.
  func isSame(at index: Int, _ other: Collection, at otherIndex: Int) -> Bool {
    withLine(at: index) { line in
      other.withLine(at: otherIndex) { line.elementsEqual($0) }
    }
  }

  /// The order of an entry's key and of one of another collection of the same columns: below
  /// zero, zero or above.
  func compare(at index: Int, _ other: Collection, at otherIndex: Int) -> Int {
    withKey(at: index) { a in
      other.withKey(at: otherIndex) { b in
        // A tab comes before all that a key holds, as the end of a key does.
        let order = Collection.compare(a, b)
        guard order != 0, hasEscapes || other.hasEscapes else { return order }
        return Collection.precedes(Collection.decode(a), Collection.decode(b)) ? -1 : 1
      }
    }
  }

  /// Walks two collections of the same columns side by side, in the order of the keys.
  ///
  /// - Parameter body: gets the places of a key in one of them, or in both.
  static func walk(
    _ a: Collection, _ b: Collection, _ body: (_ a: Int?, _ b: Int?) throws -> Void
  ) rethrows {
    var i = 0
    var j = 0
    while i < a.count || j < b.count {
      let order = i == a.count ? 1 : j == b.count ? -1 : a.compare(at: i, b, at: j)
      try body(order <= 0 ? i : nil, order >= 0 ? j : nil)
      if order <= 0 { i += 1 }
      if order >= 0 { j += 1 }
    }
  }

  // MARK: Bytes

  fileprivate static let firstLine = "fathom collection 1"
  fileprivate static let tab = UInt8(ascii: "\t")

  private func withLine<Result>(at index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
  {
    bytes.withUnsafeBytes { all in
      body(UnsafeRawBufferPointer(rebasing: all[starts[index]..<(starts[index + 1] - 1)]))
    }
  }

  /// The encoded key.
  fileprivate func withKey<Result>(
    at index: Int, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    withLine(at: index) { line in
      body(UnsafeRawBufferPointer(rebasing: line[Int(keyOffsets[index])...]))
    }
  }

  fileprivate static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    if let aStart = a.baseAddress, let bStart = b.baseAddress {
      let order = memcmp(aStart, bStart, min(a.count, b.count))
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }

  private static func decode(_ cells: UnsafeRawBufferPointer) -> [String] {
    cells.split(separator: tab, omittingEmptySubsequences: false).map {
      PercentCode.decode(String(decoding: $0, as: UTF8.self))
    }
  }

  /// Byte order, column by column.
  public static func precedes(_ a: [String], _ b: [String]) -> Bool {
    for (left, right) in zip(a, b) where left != right {
      return left.utf8.lexicographicallyPrecedes(right.utf8)
    }
    return a.count < b.count
  }

  /// A key as people read it: `method=pace,seed=0/p01/scan.mp4`.
  public static func display(_ key: [String], columns: [String]) -> String {
    if key.count == 1, columns == ["item"] { return key[0] }
    let axes = zip(columns, key).filter { $0.0 != "item" }.map { "\($0)=\($1)" }
    let items = zip(columns, key).filter { $0.0 == "item" }.map(\.1)
    return ((axes.isEmpty ? [] : [axes.joined(separator: ",")]) + items).joined(separator: "/")
  }
}

/// Makes a collection entry by entry.
struct CollectionBuilder {
  private let columns: [String]
  private var bytes: [UInt8]
  private var starts: [Int] = []
  private var keyOffsets: [UInt8] = []
  private let headerLength: Int

  /// - Parameter count: about how many entries come.
  init(columns: [String], count: Int = 0) {
    self.columns = columns
    bytes = []
    bytes.reserveCapacity(64 + count * 100)
    bytes += "\(Collection.firstLine)\n".utf8
    bytes += columns.map(PercentCode.encode).joined(separator: "\t").utf8
    bytes.append(Words.newline)
    headerLength = bytes.count
    starts.reserveCapacity(count + 1)
    keyOffsets.reserveCapacity(count)
  }

  mutating func append(_ key: [String], _ artifact: Artifact) {
    begin(artifact)
    for (index, part) in key.enumerated() {
      if index > 0 { bytes.append(Collection.tab) }
      PercentCode.encode(part, to: &bytes)
    }
    bytes.append(Words.newline)
  }

  /// Appends an entry with the key of one of another collection of the same columns.
  mutating func append(keyAt index: Int, of other: Collection, _ artifact: Artifact) {
    begin(artifact)
    other.withKey(at: index) { bytes.append(contentsOf: $0) }
    bytes.append(Words.newline)
  }

  private mutating func begin(_ artifact: Artifact) {
    starts.append(bytes.count)
    bytes += artifact.form.rawValue.utf8
    bytes.append(Collection.tab)
    artifact.digest.appendHex(to: &bytes)
    bytes.append(Collection.tab)
    bytes += String(artifact.size).utf8
    if !columns.isEmpty { bytes.append(Collection.tab) }
    keyOffsets.append(UInt8(bytes.count - starts[starts.count - 1]))
  }

  /// Sorts what was appended in another order.
  consuming func finish() -> Collection {
    let made = collection()
    let isSorted = (0..<max(made.count - 1, 0)).allSatisfy {
      made.compare(at: $0, made, at: $0 + 1) <= 0
    }
    if isSorted { return made }
    var sorted = CollectionBuilder(columns: columns, count: made.count)
    let order = (0..<made.count).sorted { a, b in
      let order = made.compare(at: a, made, at: b)
      // Equal keys are an error that somebody will report: in the order that they came.
      return order == 0 ? a < b : order < 0
    }
    for index in order { sorted.append(keyAt: index, of: made, made.artifact(at: index)) }
    return sorted.collection()
  }

  private func collection() -> Collection {
    Collection(
      columns: columns, bytes: bytes, starts: starts + [bytes.count], keyOffsets: keyOffsets,
      hasEscapes: bytes[headerLength...].contains(PercentCode.escape))
  }
}
