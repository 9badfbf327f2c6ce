internal import Glibc
internal import StageKit

/// A pipeline file with all that it includes, as one: each name once, nothing resolved yet.
struct PipelineFile {
  var name: Node?
  var params: [Node.Entry] = []
  var profiles: [Node.Entry] = []
  var stages: [Node.Entry] = []
  /// A `stages` that is no map was reported.
  var stagesAreBroken = false
  /// The root of the pipeline file, for problems of the whole.
  var mark: Mark

  static let fields = ["pipeline", "params", "profiles", "stages", "include"]
}

/// Reads a pipeline file and, depth first, the files it includes, each of them once.
struct PipelineFileReader {
  private let project: String
  private let problems: Problems
  /// Files by absolute path; the value is whether the file is still being read.
  private var isOpen: [String: Bool] = [:]
  /// The files being read, outermost first, as diagnostics show them.
  private var chain: [String] = []
  private var file: PipelineFile

  /// - Returns: `nil` where a file cannot be read or parsed, so that nothing can be said of it.
  static func read(_ path: String, project: String, problems: Problems) -> PipelineFile? {
    let root = Mark(file: -1, line: 1, column: 1, length: 1)
    var reader = PipelineFileReader(
      project: project, problems: problems, file: PipelineFile(mark: root))
    let isReadable = reader.read(Paths.absolute(path), from: nil)
    return isReadable ? reader.file : nil
  }

  private init(project: String, problems: Problems, file: PipelineFile) {
    self.project = project
    self.problems = problems
    self.file = file
  }

  /// - Parameter place: Where the file is included; `nil` for the pipeline file itself.
  private mutating func read(_ path: String, from place: Mark?) -> Bool {
    let shown = Paths.shown(path, project: project)
    if let open = isOpen[path] {
      if open, let place {
        let names = chain[(chain.firstIndex(of: shown) ?? 0)...] + [shown]
        problems.report(
          .cycle, "files include each other: \(names.joined(separator: " -> "))", at: place)
      }
      return true
    }
    let bytes: [UInt8]
    switch SourceText.read(path) {
    case .success(let read): bytes = read
    case .failure(let failure):
      let index = problems.add(SourceText(path: shown, bytes: []))
      problems.report(
        .missingInput, "'\(shown)' cannot be read: \(failure.message)",
        at: place ?? Mark(file: index, line: 0, column: 0, length: 1))
      return false
    }
    isOpen[path] = true
    chain.append(shown)
    defer {
      isOpen[path] = false
      chain.removeLast()
    }
    let index = problems.add(SourceText(path: shown, bytes: bytes))
    guard let root = YAMLReader.read(index, of: problems) else { return false }
    if place == nil { file.mark = Mark(file: index, line: 1, column: 1, length: 1) }
    if root.isNull, place != nil { return true }
    guard let entries = root.entries else {
      problems.report(
        .wrongType,
        root.isNull
          ? "the file is empty; expected a map with 'pipeline' and 'stages'"
          : "the file is \(root.value.typeName); expected a map with 'pipeline' and 'stages'",
        at: root.mark)
      return false
    }
    return read(entries, of: path, isRoot: place == nil)
  }

  private mutating func read(
    _ entries: [Node.Entry], of path: String, isRoot: Bool
  ) -> Bool {
    var isReadable = true
    for entry in entries where entry.key == "include" {
      isReadable = include(entry.value, from: path) && isReadable
    }
    for entry in entries {
      switch entry.key {
      case "pipeline": if isRoot { file.name = entry.value }
      case "params": add(entry, to: \.params, "parameter")
      case "profiles": add(entry, to: \.profiles, "profile")
      case "stages": add(entry, to: \.stages, "stage")
      case "include": break
      default:
        problems.report(
          .unknownField,
          "unknown field '\(entry.key)' of a pipeline"
            + problems.suggestion(for: entry.key, among: PipelineFile.fields), at: entry.keyMark)
      }
    }
    return isReadable
  }

  private mutating func include(_ node: Node, from path: String) -> Bool {
    let nodes = if case .list(let nodes) = node.content { nodes } else { [node] }
    var isReadable = true
    for node in nodes {
      guard let text = node.text else {
        problems.report(
          .wrongType, "'include' is \(node.value.typeName); expected a path or a list of paths",
          at: node.mark)
        continue
      }
      if node.holdsReferences || text.isEmpty || text.utf8.first == UInt8(ascii: "/") {
        let why =
          text.isEmpty
          ? "is empty" : node.holdsReferences ? "holds a reference" : "is absolute"
        problems.report(
          .invalidPath,
          "the path '\(text)' of 'include' \(why); expected a plain path, relative to this file",
          at: node.mark)
        continue
      }
      isReadable =
        read(Paths.absolute(text, from: Paths.folder(of: path)), from: node.mark) && isReadable
    }
    return isReadable
  }

  private mutating func add(
    _ section: Node.Entry, to list: WritableKeyPath<PipelineFile, [Node.Entry]>, _ noun: String
  ) {
    if section.value.isNull { return }
    guard let entries = section.value.entries else {
      problems.report(
        .wrongType, "'\(section.key)' is \(section.value.value.typeName); expected a map",
        at: section.value.mark)
      if section.key == "stages" { file.stagesAreBroken = true }
      return
    }
    for entry in entries {
      if let problem = Name.problem(entry.key) {
        problems.report(
          .invalidName, "the name '\(entry.key)' of a \(noun) \(problem)", at: entry.keyMark)
      }
    }
    // Names are unique in one file already; only a second file can repeat one.
    if file[keyPath: list].isEmpty {
      file[keyPath: list] = entries
      return
    }
    var firstSet = Dictionary(
      file[keyPath: list].map { ($0.key, $0.keyMark) }, uniquingKeysWith: { first, _ in first })
    for entry in entries {
      if let first = firstSet[entry.key] {
        problems.report(
          .duplicateName, "\(noun) '\(entry.key)' is defined twice", at: entry.keyMark,
          notes: [("first set here", first)])
      } else {
        firstSet[entry.key] = entry.keyMark
        file[keyPath: list].append(entry)
      }
    }
  }
}

/// Paths as text: what a user names, where it lies, and how it is shown.
enum Paths {
  static func absolute(_ path: String, from folder: String? = nil) -> String {
    if path.utf8.first == UInt8(ascii: "/") { return normal(path) }
    return normal((folder ?? currentFolder) + "/" + path)
  }

  static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Relative to the project where it lies inside it.
  static func shown(_ path: String, project: String) -> String {
    let root = absolute(project)
    let prefix = root == "/" ? "/" : root + "/"
    return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  private static var currentFolder: String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  /// Without `.`, `..` and doubled slashes.
  private static func normal(_ path: String) -> String {
    var parts: [Substring.UTF8View] = []
    for part in path.utf8.split(separator: UInt8(ascii: "/")) {
      if part.elementsEqual(".".utf8) { continue }
      if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.map { String(Substring($0)) }.joined(separator: "/")
  }
}
