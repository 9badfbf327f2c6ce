public import StageKit

/// Where a value was written: a file of the load, and a place in it.
///
/// Small and without a string, because every key and value of a pipeline carries one;
/// `Sources.position(_:)` makes it a `SourcePosition`.
public struct Mark: Hashable, Sendable {
  /// Index of the file in `Sources`.
  var file: Int32
  /// 1-based; 0 where the whole file (or a command line argument) is meant.
  var line: Int32
  /// 1-based, in Unicode scalars.
  var column: Int32
  /// Columns on that line, at least 1.
  var length: Int32
}

/// A YAML value that knows where it was written.
public struct Node: Sendable {
  public enum Content: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([Node])
    case map([Entry])
  }

  /// One entry of a map, in the order written. Keys are text as written, unique in their map.
  public struct Entry: Sendable {
    public var key: String
    public var keyMark: Mark
    public var value: Node
  }

  public let content: Content
  public let mark: Mark
  /// Whether a text in here holds `${`, so that most values need no search for references.
  let holdsReferences: Bool

  init(scalar content: Content, mark: Mark, holdsReferences: Bool = false) {
    self.content = content
    self.mark = mark
    self.holdsReferences = holdsReferences
  }

  init(list nodes: [Node], mark: Mark) {
    content = .list(nodes)
    self.mark = mark
    holdsReferences = nodes.contains { $0.holdsReferences }
  }

  init(map entries: [Entry], mark: Mark) {
    content = .map(entries)
    self.mark = mark
    holdsReferences = entries.contains { $0.value.holdsReferences }
  }

  /// The entry of a map with this key. Linear: for the small maps of a stage.
  public func entry(_ key: String) -> Entry? {
    entries?.first { $0.key == key }
  }

  public var entries: [Entry]? {
    if case .map(let entries) = content { entries } else { nil }
  }

  var text: String? {
    if case .string(let text) = content { text } else { nil }
  }

  var isNull: Bool {
    if case .null = content { true } else { false }
  }

  var isScalar: Bool {
    switch content {
    case .list, .map: false
    default: true
    }
  }

  /// The value without its places.
  public var value: Value {
    switch content {
    case .null: .null
    case .bool(let flag): .bool(flag)
    case .integer(let integer): .integer(integer)
    case .number(let number): .number(number)
    case .string(let text): .string(text)
    case .list(let nodes): .list(nodes.map(\.value))
    case .map(let entries): .map(entries.map { Value.Pair($0.key, $0.value.value) })
    }
  }

  /// Where the entry at a path of keys and indexes is written, or the nearest one above it: a part
  /// of a preset is written nowhere.
  func mark(at path: [String]) -> Mark {
    var node = self
    for (depth, key) in path.enumerated() {
      switch node.content {
      case .map(let entries):
        guard let entry = entries.first(where: { $0.key == key }) else { return node.mark }
        if depth == path.count - 1, entry.value.isScalar { return entry.keyMark }
        node = entry.value
      case .list(let nodes):
        guard let index = Int(key), nodes.indices.contains(index) else { return node.mark }
        node = nodes[index]
      default: return node.mark
      }
    }
    return node.mark
  }

  /// Encodes as `CanonicalEncoder` would encode `value`, without making it.
  func encode(into encoder: inout CanonicalEncoder) {
    switch content {
    case .null: encoder.encodeNull()
    case .bool(let flag): encoder.encode(flag)
    case .integer(let integer): encoder.encode(integer)
    case .number(let number): encoder.encode(number)
    case .string(let text): encoder.encode(text)
    case .list(let nodes):
      encoder.encodeList(count: nodes.count)
      for node in nodes { node.encode(into: &encoder) }
    case .map(let entries):
      encoder.encodeMap(count: entries.count)
      // By index, since copying entries costs more than encoding them.
      var order = Array(entries.indices)
      if entries.count > 1 { order.sort { entries[$0].key < entries[$1].key } }
      for index in order {
        encoder.encode(entries[index].key)
        entries[index].value.encode(into: &encoder)
      }
    }
  }
}
