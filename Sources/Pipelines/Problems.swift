internal import Glibc
internal import StageKit

/// A text that marks point into: a file, or an argument of the command line.
struct SourceText: Sendable {
  /// As diagnostics show it.
  let path: String
  let bytes: [UInt8]

  /// The bytes of a file of at most 64 MiB, or why they cannot be had.
  static func read(_ path: String) -> Result<[UInt8], ReadFailure> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(ReadFailure(code: errno)) }
    defer { close(descriptor) }
    let limit = 64 << 20
    var size = stat()
    let expected = fstat(descriptor, &size) == 0 ? Int(size.st_size) : 0
    guard expected <= limit else { return .failure(ReadFailure(code: EFBIG)) }
    var bytes: [UInt8] = []
    while bytes.count <= limit {
      let room = max(1, expected - bytes.count + 1, bytes.isEmpty ? 0 : 4096)
      var failure: Int32 = 0
      let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        let got = Glibc.read(descriptor, buffer.baseAddress, room)
        failure = got < 0 ? errno : 0
        count = max(0, got)
      }
      if failure == EINTR { continue }
      if failure != 0 { return .failure(ReadFailure(code: failure)) }
      if chunk.isEmpty { return .success(bytes) }
      if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
    }
    return .failure(ReadFailure(code: EFBIG))
  }

  struct ReadFailure: Error {
    let code: Int32
    var message: String { String(cString: strerror(code)) }
  }

  /// The first byte that is not UTF-8, or `nil`.
  var firstInvalidByte: Int? {
    if bytes.withUnsafeBufferPointer({ String(validating: $0, as: UTF8.self) }) != nil {
      return nil
    }
    var offset = 0
    while offset < bytes.count {
      let length = Self.scalarLength(bytes[offset...])
      if length == 0 { return offset }
      offset += length
    }
    return nil
  }

  /// Bytes of the scalar that a slice starts with; 0 where it is not UTF-8.
  private static func scalarLength(_ slice: ArraySlice<UInt8>) -> Int {
    var iterator = slice.prefix(4).makeIterator()
    var decoder = UTF8()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return 0 }
    return UTF8.width(scalar)
  }

  /// Line and column, both 1-based, of a byte.
  func place(ofByte offset: Int) -> (line: Int, column: Int) {
    var line = 1
    var start = 0
    for end in lineEnds where end.next <= offset {
      line += 1
      start = end.next
    }
    if line == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]), offset >= 3 { start = 3 }
    let before = bytes[start..<max(start, min(offset, bytes.count))]
    return (line, before.count { $0 & 0xC0 != 0x80 } + 1)
  }

  /// The bytes of a line without its end, or `nil` past the last one.
  func line(_ number: Int) -> ArraySlice<UInt8>? {
    guard number >= 1 else { return nil }
    let ends = lineEnds
    guard number <= ends.count + 1 else { return nil }
    var start = number == 1 ? 0 : ends[number - 2].next
    if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
    let end = number <= ends.count ? ends[number - 1].end : bytes.count
    return bytes[start..<end]
  }

  /// The place of the `number`th `${` (from 0) at or after a mark, over its length up to `}`.
  func place(ofReference number: Int, after mark: Mark) -> Mark {
    var left = number
    var lineNumber = Int(mark.line)
    var column = Int(mark.column) - 1
    while let line = line(lineNumber) {
      let scalars = Array(String(decoding: line, as: UTF8.self).unicodeScalars)
      var at = column
      while at + 1 < scalars.count {
        if scalars[at] == "$", scalars[at + 1] == "{" {
          if left == 0 {
            let end = scalars[at...].firstIndex(of: "}") ?? at + 1
            return Mark(
              file: mark.file, line: Int32(lineNumber), column: Int32(at + 1),
              length: Int32(end - at + 1))
          }
          left -= 1
        }
        at += 1
      }
      lineNumber += 1
      column = 0
    }
    return mark
  }

  /// The end of each line and the start of the next, with YAML 1.1's line breaks, as libyaml
  /// counts them.
  private var lineEnds: [(end: Int, next: Int)] {
    var ends: [(end: Int, next: Int)] = []
    var at = 0
    while at < bytes.count {
      let width: Int
      switch bytes[at] {
      case 0x0A: width = 1
      case 0x0D: width = at + 1 < bytes.count && bytes[at + 1] == 0x0A ? 2 : 1
      case 0xC2: width = at + 1 < bytes.count && bytes[at + 1] == 0x85 ? 2 : 0
      case 0xE2:
        width =
          at + 2 < bytes.count && bytes[at + 1] == 0x80 && bytes[at + 2] & 0xFE == 0xA8 ? 3 : 0
      default: width = 0
      }
      if width > 0 { ends.append((at, at + width)) }
      at += max(1, width)
    }
    return ends
  }
}

/// Every text of one load, and every problem found in them.
///
/// A class, because all steps of a load report to one list. Lives within one call of a loader.
final class Problems {
  private var sources: [SourceText] = []
  private var found: [Diagnostic] = []
  private var seen: Set<Diagnostic> = []
  private var seenPlaces: Set<Place> = []

  private struct Place: Hashable {
    let rule: Diagnostic.Rule
    let position: SourcePosition
  }

  var isEmpty: Bool { found.isEmpty }

  /// All problems in the order of their positions.
  var sorted: Diagnostics {
    Diagnostics(
      found.enumerated().sorted {
        ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
      }
      .map(\.element))
  }

  func add(_ source: SourceText) -> Int32 {
    sources.append(source)
    return Int32(sources.count - 1)
  }

  /// A mark for a whole argument of the command line, such as `-S params.clip=8`.
  ///
  /// - Parameter value: The part of it that is YAML.
  func argument(_ text: String, value: some Sequence<UInt8> = []) -> Mark {
    let source = SourceText(path: text, bytes: Array(value))
    return Mark(file: add(source), line: 0, column: 0, length: 1)
  }

  func source(_ mark: Mark) -> SourceText { sources[Int(mark.file)] }

  func position(_ mark: Mark) -> SourcePosition {
    SourcePosition(
      path: sources[Int(mark.file)].path, line: Int(mark.line), column: Int(mark.column),
      length: Int(mark.length))
  }

  /// Reports a problem; the same one again (of another instance, through an alias) is dropped.
  ///
  /// - Parameter once: Drops every other problem of this rule at this place as well: they follow
  ///   from one mistake.
  func report(
    _ rule: Diagnostic.Rule, _ message: String, at mark: Mark, notes: [(String, Mark)] = [],
    once: Bool = false
  ) {
    let diagnostic = Diagnostic(
      rule, message, at: position(mark),
      notes: notes.map { Diagnostic.Note($0.0, at: position($0.1)) })
    let isNewPlace = seenPlaces.insert(Place(rule: rule, position: diagnostic.position)).inserted
    guard isNewPlace || !once, seen.insert(diagnostic).inserted else { return }
    found.append(diagnostic)
  }

  /// `Suggestion.clause`, silent once there are so many problems that looking costs seconds.
  func suggestion(for name: String, among candidates: [String]) -> String {
    found.count < 200 ? Suggestion.clause(for: name, among: candidates) : ""
  }
}
