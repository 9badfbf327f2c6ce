import Engine
import Foundation
import Glibc
import StageKit

/// What git knows of the project, read from its files: asking git itself costs milliseconds.
struct GitHead {
  var commit: String?
  var ref: String?

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
    guard let status = git(["status", "--porcelain"], in: project) else { return nil }
    guard !status.isEmpty else { return SourceChanges(isDirty: false, patch: nil) }
    // A patch that cannot be kept is no reason to fail a run.
    let patch = git(["diff", "HEAD"], in: project).flatMap { patch in
      patch.isEmpty ? nil : try? store.put(Array(patch))
    }
    return SourceChanges(isDirty: true, patch: patch)
  }

  private static func git(_ arguments: [String], in folder: String) -> Data? {
    guard let (status, data) = try? Program.run(["git", "-C", folder] + arguments, quiet: true),
      status == 0
    else { return nil }
    return data
  }
}
