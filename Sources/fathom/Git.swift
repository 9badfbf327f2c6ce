import Engine
import Foundation
import Glibc
import StageKit

/// What git knows of the project, read from its files: asking git itself costs milliseconds.
struct GitHead {
  var commit: String?
  var ref: String?

  init(commit: String, ref: String) {
    self.commit = commit
    self.ref = ref
  }

  init(project: String) {
    var folder = project
    while true {
      let dot = folder + "/.git"
      if let directory = GitHead.directory(dot) {
        read(directory)
        return
      }
      guard let slash = folder.lastIndex(of: "/"), folder != "/" else { return }
      folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
      if folder == "/" { return }
    }
  }

  /// `.git` is a folder, or a file that names one (a worktree).
  private static func directory(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    if status.st_mode & S_IFMT == S_IFDIR { return path }
    guard let text = contents(path), text.hasPrefix("gitdir: ") else { return nil }
    let target = String(text.dropFirst(8))
    return target.hasPrefix("/")
      ? target : String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)) + "/" + target
  }

  private mutating func read(_ directory: String) {
    guard let head = GitHead.contents(directory + "/HEAD") else { return }
    guard head.hasPrefix("ref: ") else {
      commit = head
      return
    }
    let name = String(head.dropFirst(5))
    ref = name
    let common = GitHead.contents(directory + "/commondir").map {
      $0.hasPrefix("/") ? $0 : directory + "/" + $0
    }
    for folder in [directory, common].compactMap({ $0 }) {
      if let text = GitHead.contents("\(folder)/\(name)") {
        commit = text
        return
      }
      if let packed = GitHead.contents("\(folder)/packed-refs") {
        for line in packed.split(separator: "\n") where line.hasSuffix(" " + name) {
          commit = String(line.prefix(40))
          return
        }
      }
    }
  }

  private static func contents(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// Asks git itself how the working tree differs from its commit.
enum GitChanges {
  /// - Returns: `nil` where there is no repository, or no git.
  static func of(project: String, store: any ArtifactStore) -> SourceChanges? {
    guard let status = Git.output(["status", "--porcelain"], in: project) else { return nil }
    guard !status.isEmpty else { return SourceChanges(isDirty: false, patch: nil) }
    // A patch that cannot be kept is no reason to fail a run.
    let patch = Git.output(["diff", "HEAD"], in: project).flatMap { patch in
      patch.isEmpty ? nil : try? store.put(Array(patch))
    }
    return SourceChanges(isDirty: true, patch: patch)
  }
}

/// Git, as people run it.
enum Git {
  /// - Returns: what it prints; `nil` where it fails, or is not there
  static func output(_ arguments: [String], in folder: String, index: String? = nil) -> Data? {
    let words = (index.map { ["env", "GIT_INDEX_FILE=\($0)"] } ?? []) + ["git", "-C", folder]
    guard let (status, data) = try? Program.run(words + arguments, quiet: true), status == 0 else {
      return nil
    }
    return data
  }

  static func text(_ arguments: [String], in folder: String) -> String? {
    output(arguments, in: folder).map {
      String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  /// Names between zero bytes.
  static func names(_ arguments: [String], in folder: String) -> [String]? {
    output(arguments, in: folder).map { data in
      data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// The commit that a tag, a branch or a number names.
  static func commit(_ name: String, in folder: String) -> String? {
    guard !name.hasPrefix("-") else { return nil }
    return text(["rev-parse", "--verify", "--quiet", "\(name)^{commit}"], in: folder)
  }
}

/// The project's folder as one commit has it.
struct GitSnapshot {
  let commit: String
  /// The project.
  let folder: String
  /// Of the project within the repository: empty, or with a slash at its end.
  private let prefix: String
  /// The repository's root.
  private let top: String
  /// Relative to the project, sorted.
  let files: [String]

  /// - Parameter name: of a tag, or anything else that git takes for a commit
  /// - Throws: `UsageError` where there is no repository or no such commit
  init(_ name: String, project: String) throws {
    guard let top = Git.text(["rev-parse", "--show-toplevel"], in: project),
      let prefix = Git.text(["rev-parse", "--show-prefix"], in: project)
    else { throw UsageError("'\(project)' is in no git repository, or git is not there") }
    guard let commit = Git.commit(name, in: project) else {
      let tags = Git.text(["tag"], in: project)?.split(separator: "\n").map(String.init) ?? []
      throw UsageError("git knows no tag '\(name)'\(Suggestion.clause(for: name, among: tags))")
    }
    guard
      let files = Git.names(
        ["ls-tree", "-r", "-z", "--name-only", GitSnapshot.tree(commit, prefix)], in: top)
    else { throw UsageError("commit \(commit.prefix(7)) does not have the project's folder") }
    (self.top, self.prefix, self.commit, folder) = (top, prefix, commit, project)
    self.files = files
  }

  private static func tree(_ commit: String, _ prefix: String) -> String {
    prefix.isEmpty ? commit : "\(commit):\(prefix.dropLast())"
  }

  /// The text of a file.
  ///
  /// - Parameter path: relative to the project
  func read(_ path: String) -> String? {
    Git.output(["show", "\(commit):\(prefix)\(path)"], in: top).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  /// Writes all files into an empty folder, and links to what git does not keep: data beside them.
  ///
  /// - Throws: `EnvironmentError` where git cannot, such as on a full disk
  func write(to place: String) throws {
    let index = place + ".index"
    defer { try? FileManager.default.removeItem(atPath: index) }
    guard
      Git.output(["read-tree", GitSnapshot.tree(commit, prefix)], in: top, index: index) != nil,
      Git.output(["checkout-index", "-a", "--prefix=\(place)/"], in: top, index: index) != nil
    else {
      throw EnvironmentError(
        .inputOutput, "git cannot write the files of \(commit.prefix(7)) to '\(place)'")
    }
    let tracked = Set(Git.names(["ls-files", "-z"], in: folder) ?? [])
    try link("", to: place, except: tracked.union(files))
  }

  private static let ownNames: Set<String> = [".git", "Artifacts"]

  /// - Parameters:
  ///   - path: a folder of the project; empty, or with a slash at its end
  ///   - known: what git keeps now or kept then
  private func link(_ path: String, to place: String, except known: Set<String>) throws {
    let manager = FileManager.default
    let names = (try? manager.contentsOfDirectory(atPath: folder + "/" + path)) ?? []
    for name in names.sorted() where !(path.isEmpty && GitSnapshot.ownNames.contains(name)) {
      let own = path + name
      guard !known.contains(own) else { continue }
      let (source, target) = ("\(folder)/\(own)", "\(place)/\(own)")
      var isFolder: ObjCBool = false
      if manager.fileExists(atPath: target, isDirectory: &isFolder) {
        if isFolder.boolValue { try link(own + "/", to: place, except: known) }
        continue
      }
      // Of a folder whose files are all known otherwise nothing is left to link.
      if known.contains(where: { $0.hasPrefix(own + "/") }) { continue }
      try manager.createSymbolicLink(atPath: target, withDestinationPath: source)
    }
  }
}
