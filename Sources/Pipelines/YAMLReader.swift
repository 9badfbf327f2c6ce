internal import CYAML
internal import StageKit

/// One YAML file as a tree of nodes, built from libyaml's events.
///
/// Anchors, aliases and merge keys (`<<`) work; the tree an alias stands for is shared, never
/// copied, and how much aliases may add is bounded, as is nesting.
struct YAMLReader: ~Copyable {
  /// Levels of lists and maps.
  static let depthLimit = 100
  /// Nodes that all aliases of a file together may stand for.
  static let aliasLimit = 100_000

  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let event: UnsafeMutablePointer<yaml_event_t>
  private let file: Int32
  private let problems: Problems
  private let isArgument: Bool
  private var anchors: [String: Anchor] = [:]
  private var expanded = 0
  /// Anchors whose value is still being read.
  private var open: Set<String> = []

  private struct Anchor {
    let node: Node
    let size: Int
    let depth: Int
  }

  /// The reading cannot go on; the problem has been reported.
  private struct Stop: Error {}

  /// The root of a text, null where it is empty; `nil` where a problem of its syntax was reported.
  ///
  /// - Parameter isArgument: The text stands on the command line: its nodes have no line.
  static func read(_ file: Int32, of problems: Problems, isArgument: Bool = false) -> Node? {
    let mark = Mark(file: file, line: 1, column: 1, length: 1)
    let source = problems.source(mark)
    if let offset = source.firstInvalidByte {
      let place = source.place(ofByte: offset)
      let byte = String(source.bytes[offset], radix: 16)
      problems.report(
        .notUTF8, "byte 0x\(byte) is not UTF-8; save the file as UTF-8",
        at: Mark(file: file, line: Int32(place.line), column: Int32(place.column), length: 1))
      return nil
    }
    return source.bytes.withUnsafeBufferPointer { bytes in
      var reader = YAMLReader(file: file, problems: problems, isArgument: isArgument)
      yaml_parser_set_encoding(reader.parser, YAML_UTF8_ENCODING)
      yaml_parser_set_input_string(reader.parser, bytes.baseAddress, bytes.count)
      return try? reader.document()
    }
  }

  private init(file: Int32, problems: Problems, isArgument: Bool) {
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    event = .allocate(capacity: 1)
    event.initialize(to: yaml_event_t())
    yaml_parser_initialize(parser)
    self.file = file
    self.problems = problems
    self.isArgument = isArgument
  }

  deinit {
    yaml_event_delete(event)
    yaml_parser_delete(parser)
    event.deallocate()
    parser.deallocate()
  }

  private mutating func document() throws(Stop) -> Node {
    try advance()  // stream start
    try advance()
    guard event.pointee.type == YAML_DOCUMENT_START_EVENT else {
      return Node(scalar: .null, mark: mark())
    }
    try advance()
    let (root, _, _) = try node(depth: 0)
    try advance()  // document end
    try advance()
    if event.pointee.type == YAML_DOCUMENT_START_EVENT {
      throw stop(.yamlSyntax, "a second document starts here; expected one document a file", mark())
    }
    return root
  }

  /// Reads the node that the current event starts: the node, its size and its depth.
  private mutating func node(depth: Int) throws(Stop) -> (node: Node, size: Int, depth: Int) {
    let start = mark()
    switch event.pointee.type {
    case YAML_SCALAR_EVENT:
      let anchor = anchorName(event.pointee.data.scalar.anchor)
      let scalar = try scalar(start)
      if let anchor { anchors[anchor] = Anchor(node: scalar, size: 1, depth: 0) }
      return (scalar, 1, 0)
    case YAML_ALIAS_EVENT:
      let found = try alias(start, depth: depth)
      return (found.node, found.size, found.depth)
    case YAML_SEQUENCE_START_EVENT:
      let anchor = anchorName(event.pointee.data.sequence_start.anchor)
      try checkTag(event.pointee.data.sequence_start.tag, allowing: "seq", at: start)
      return try collection(start, depth: depth, anchor: anchor, isMap: false)
    case YAML_MAPPING_START_EVENT:
      let anchor = anchorName(event.pointee.data.mapping_start.anchor)
      try checkTag(event.pointee.data.mapping_start.tag, allowing: "map", at: start)
      return try collection(start, depth: depth, anchor: anchor, isMap: true)
    default:
      throw stop(.yamlSyntax, "expected a value", start)
    }
  }

  private mutating func collection(
    _ start: Mark, depth: Int, anchor: String?, isMap: Bool
  ) throws(Stop) -> (node: Node, size: Int, depth: Int) {
    guard depth < Self.depthLimit else {
      throw stop(
        .tooDeep, "lists and maps are nested more than \(Self.depthLimit) levels deep", start)
    }
    if let anchor { open.insert(anchor) }
    var size = 1
    var below = 0
    var result: Node
    if isMap {
      let isFlow = event.pointee.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
      var map = MapBuilder(problems: problems)
      while true {
        try advance()
        if event.pointee.type == YAML_MAPPING_END_EVENT { break }
        let (key, keyMark, isMerge) = try key()
        try advance()
        let value = try node(depth: depth + 1)
        size += 1 + value.size
        below = max(below, value.depth)
        if isMerge {
          try merge(value.node, at: keyMark, into: &map)
        } else {
          map.set(Node.Entry(key: key, keyMark: keyMark, value: value.node))
        }
      }
      result = Node(map: map.entries, mark: isFlow ? span(from: start) : start)
    } else {
      let isFlow = event.pointee.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
      var nodes: [Node] = []
      while true {
        try advance()
        if event.pointee.type == YAML_SEQUENCE_END_EVENT { break }
        let value = try node(depth: depth + 1)
        size += value.size
        below = max(below, value.depth)
        nodes.append(value.node)
      }
      result = Node(list: nodes, mark: isFlow ? span(from: start) : start)
    }
    if let anchor {
      open.remove(anchor)
      anchors[anchor] = Anchor(node: result, size: size, depth: below + 1)
    }
    return (result, size, below + 1)
  }

  // MARK: Parts of a node

  private mutating func key() throws(Stop) -> (text: String, mark: Mark, isMerge: Bool) {
    let start = mark()
    switch event.pointee.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.pointee.data.scalar
      if let anchor = anchorName(scalar.anchor) {
        anchors[anchor] = Anchor(node: try self.scalar(start), size: 1, depth: 0)
      }
      let text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return (text, start, text == "<<" && scalar.style == YAML_PLAIN_SCALAR_STYLE)
    case YAML_ALIAS_EVENT:
      let found = try alias(start, depth: 0)
      guard found.node.isScalar else { break }
      return (found.node.value.text, start, false)
    default: break
    }
    throw stop(.yamlSyntax, "a key is a list or a map; expected text", start)
  }

  private func scalar(_ start: Mark) throws(Stop) -> Node {
    let scalar = event.pointee.data.scalar
    let bytes = UnsafeBufferPointer(start: UnsafePointer(scalar.value), count: scalar.length)
    var content = CoreSchema.Scalar.text
    if scalar.style == YAML_PLAIN_SCALAR_STYLE, scalar.tag == nil {
      content = CoreSchema.resolve(bytes)
    } else if let tag = scalar.tag {
      content = try tagged(String(cString: tag), bytes, start)
    }
    switch content {
    case .null: return Node(scalar: .null, mark: start)
    case .bool(let flag): return Node(scalar: .bool(flag), mark: start)
    case .integer(let integer): return Node(scalar: .integer(integer), mark: start)
    case .number(let number): return Node(scalar: .number(number), mark: start)
    case .outOfRange:
      problems.report(
        .outOfRange,
        "\(String(decoding: bytes, as: UTF8.self)) does not fit 64 bits; quote it if it is text",
        at: start)
      return Node(scalar: .integer(0), mark: start)
    case .text:
      let text = String(decoding: bytes, as: UTF8.self)
      return Node(
        scalar: .string(text), mark: start, holdsReferences: Template.holdsReferences(bytes))
    }
  }

  /// The tags of the core schema; `!` alone means text.
  private func tagged(
    _ tag: String, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Mark
  ) throws(Stop) -> CoreSchema.Scalar {
    let plain = CoreSchema.resolve(bytes)
    switch (tag, plain) {
    case ("!", _), ("tag:yaml.org,2002:str", _): return .text
    case ("tag:yaml.org,2002:null", .null), ("tag:yaml.org,2002:bool", .bool),
      ("tag:yaml.org,2002:int", .integer), ("tag:yaml.org,2002:float", .number):
      return plain
    case ("tag:yaml.org,2002:float", .integer(let integer)): return .number(Double(integer))
    default:
      let text = String(decoding: bytes, as: UTF8.self)
      throw stop(.yamlSyntax, "tag '\(tag)' does not fit '\(text)', or is not supported", start)
    }
  }

  private func checkTag(
    _ tag: UnsafeMutablePointer<yaml_char_t>?, allowing name: String, at start: Mark
  ) throws(Stop) {
    guard let tag else { return }
    let text = String(cString: tag)
    guard text == "!" || text == "tag:yaml.org,2002:\(name)" else {
      throw stop(.yamlSyntax, "tag '\(text)' is not supported", start)
    }
  }

  private func anchorName(_ name: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    name.map { String(cString: $0) }
  }

  private mutating func alias(_ start: Mark, depth: Int) throws(Stop) -> Anchor {
    let name = String(cString: event.pointee.data.alias.anchor)
    guard let anchor = anchors[name], !open.contains(name) else {
      let why =
        open.contains(name)
        ? "alias '*\(name)' stands inside the value that it names"
        : "alias '*\(name)' has no anchor before it"
          + problems.suggestion(for: name, among: anchors.keys.sorted())
      throw stop(.yamlSyntax, why, start)
    }
    expanded += anchor.size
    guard expanded <= Self.aliasLimit else {
      throw stop(
        .aliasBomb, "aliases stand for more than \(Self.aliasLimit) values; write them out", start)
    }
    guard depth + anchor.depth <= Self.depthLimit else {
      throw stop(
        .tooDeep, "lists and maps are nested more than \(Self.depthLimit) levels deep", start)
    }
    return anchor
  }

  private func merge(_ value: Node, at mark: Mark, into map: inout MapBuilder) throws(Stop) {
    let maps = if case .list(let nodes) = value.content { nodes } else { [value] }
    for node in maps {
      guard let entries = node.entries else {
        throw stop(
          .yamlSyntax, "'<<' merges a map or a list of maps; quote it if it is a key", mark)
      }
      map.merge(entries)
    }
  }

  // MARK: Events and places

  private func advance() throws(Stop) {
    yaml_event_delete(event)
    guard yaml_parser_parse(parser, event) == 1 else { throw syntaxError() }
  }

  private func mark() -> Mark { span(from: event.pointee.start_mark, to: event.pointee.end_mark) }

  private func span(from start: yaml_mark_t, to end: yaml_mark_t) -> Mark {
    if isArgument { return Mark(file: file, line: 0, column: 0, length: 1) }
    let length = start.line == end.line ? max(1, Int(end.column) - Int(start.column)) : 1
    return Mark(
      file: file, line: Int32(truncatingIfNeeded: start.line + 1),
      column: Int32(truncatingIfNeeded: start.column + 1),
      length: Int32(truncatingIfNeeded: length))
  }

  /// From the start of a flow collection to the current event, which ends it.
  private func span(from start: Mark) -> Mark {
    let end = event.pointee.end_mark
    if isArgument { return start }
    guard Int(end.line) + 1 == Int(start.line) else { return start }
    var mark = start
    mark.length = max(1, Int32(truncatingIfNeeded: end.column + 1) - start.column)
    return mark
  }

  private func stop(_ rule: Diagnostic.Rule, _ message: String, _ mark: Mark) -> Stop {
    problems.report(rule, message, at: mark)
    return Stop()
  }

  private func syntaxError() -> Stop {
    let state = parser.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "cannot be read as YAML"
    var place = span(from: state.problem_mark, to: state.problem_mark)
    if state.error == YAML_READER_ERROR, !isArgument {
      let at = problems.source(place).place(ofByte: Int(state.problem_offset))
      place.line = Int32(at.line)
      place.column = Int32(at.column)
    } else if state.error == YAML_MEMORY_ERROR {
      return stop(.yamlSyntax, "there is not enough memory to read the file", place)
    }
    var notes: [(String, Mark)] = []
    if let context = state.context {
      notes.append(
        (String(cString: context), span(from: state.context_mark, to: state.context_mark)))
    }
    let line = problems.source(place).line(Int(place.line)) ?? []
    let before = String(decoding: line, as: UTF8.self).unicodeScalars.prefix(Int(place.column))
    let message =
      before.last == "\t" ? "a tab indents this line; YAML is indented with spaces" : problem
    problems.report(.yamlSyntax, message, at: place, notes: notes)
    return Stop()
  }
}

/// Collects the entries of a map and reports keys that are set twice.
private struct MapBuilder {
  let problems: Problems
  private(set) var entries: [Node.Entry] = []
  /// Where each key stands in `entries`; only for maps so large that a search would cost.
  private var places: [String: Int] = [:]
  /// Keys that came from `<<`, which a key of the map itself replaces.
  private var merged: Set<String> = []

  init(problems: Problems) { self.problems = problems }

  mutating func set(_ entry: Node.Entry) {
    guard let place = place(of: entry.key) else { return append(entry) }
    if merged.remove(entry.key) != nil {
      entries[place] = entry
    } else {
      problems.report(
        .duplicateKey, "key '\(entry.key)' is set twice in one map", at: entry.keyMark,
        notes: [("first set here", entries[place].keyMark)])
    }
  }

  /// Adds what a merge key brings; keys that are there already stay.
  mutating func merge(_ others: [Node.Entry]) {
    for entry in others where place(of: entry.key) == nil {
      append(entry)
      merged.insert(entry.key)
    }
  }

  private mutating func append(_ entry: Node.Entry) {
    entries.append(entry)
    if entries.count == 16 {
      for (index, entry) in entries.enumerated() { places[entry.key] = index }
    } else if entries.count > 16 {
      places[entry.key] = entries.count - 1
    }
  }

  private func place(of key: String) -> Int? {
    entries.count < 16 ? entries.firstIndex { $0.key == key } : places[key]
  }
}
