import Engine
import Glibc
import StageKit

/// The layout of a store, number 1.
struct StoreFolders: Sendable {
  static let layout = 1
  /// `FICLONE` of `linux/fs.h`: shares the blocks of a file instead of copying them.
  static let cloneRequest: UInt = 0x4004_9409

  let root: String
  var objects: String { "\(root)/objects" }
  var actions: String { "\(root)/actions" }
  var staging: String { "\(root)/staging" }
  var locks: String { "\(root)/staging/locks" }
  var checkpoints: String { "\(root)/checkpoints" }
  var roots: String { "\(root)/roots" }
  private var layoutFile: String { "\(root)/layout" }

  /// `ab/<62 more hex>` below a folder.
  func file(of digest: Digest, in folder: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(folder.utf8.count + 66)
    bytes += folder.utf8
    bytes.append(UInt8(ascii: "/"))
    digest.appendHex(to: &bytes)
    bytes.insert(UInt8(ascii: "/"), at: bytes.count - 62)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Checks that the folder is a store that we know, and makes what is missing.
  func prepare() throws {
    if try !isKnown() {
      try makeFolders(root)
      // Another process may be making the same store; the layout is what it writes first.
      guard try isEmpty() || isKnown() else {
        throw EnvironmentError(
          .storeLayout,
          "'\(root)' is not a fathom store, and it is not empty; "
            + "set FATHOM_STORE to an empty or a new folder")
      }
      try write(
        "fathom store \(StoreFolders.layout)\nneeds fathom 0.1 or newer\n", to: layoutFile)
    }
    for folder in [objects, actions, staging, locks, checkpoints, roots]
    where mkdir(folder, 0o777) != 0 && errno != EEXIST {
      // Reading needs none of them; writing says what is wrong.
      return
    }
    if access("\(root)/CACHEDIR.TAG", F_OK) != 0 {
      try? write(
        """
        Signature: 8a477f597d28d172789f06886806bc55
        # This folder holds what fathom can make again. See https://bford.info/cachedir/

        """, to: "\(root)/CACHEDIR.TAG")
    }
  }

  /// Whether there is a layout, of our number.
  private func isKnown() throws -> Bool {
    guard access(layoutFile, F_OK) == 0 else { return false }
    let text = String(
      decoding: try OpenFile(layoutFile, O_RDONLY, for: .reading).readAll(), as: UTF8.self)
    let lines = text.split(separator: "\n")
    guard let first = lines.first, first.hasPrefix("fathom store "),
      let number = Int(first.dropFirst("fathom store ".count))
    else {
      throw EnvironmentError(
        .storeLayout,
        "'\(layoutFile)' does not say what layout the store has; "
          + "set FATHOM_STORE to another folder, or remove this one: a store can be made again")
    }
    guard number <= StoreFolders.layout else {
      let need = lines.dropFirst().first.map { " (it \($0))" } ?? ""
      throw EnvironmentError(
        .storeLayout,
        "the store '\(root)' has layout \(number), and this fathom knows \(StoreFolders.layout); "
          + "use a newer fathom\(need), or set FATHOM_STORE to another folder")
    }
    return true
  }

  private func isEmpty() throws -> Bool {
    try names(in: root).allSatisfy { $0.hasPrefix(".layout-") || $0 == "lost+found" }
  }

  private func write(_ text: String, to path: String) throws {
    let temporary = "\(root)/.layout-\(uniqueName())"
    do {
      let file = try OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, for: .writing)
      try file.write(Array(text.utf8))
      try file.sync()
      guard rename(temporary, path) == 0 else { throw failure(.writing, path) }
    } catch {
      unlink(temporary)
      throw error
    }
  }
}

extension ContentStore {
  /// Notes that a project uses this store, so that nothing it needs is collected.
  ///
  /// A store that cannot be written needs no note: nothing is removed from it either.
  /// - Parameter project: the project's folder, absolute.
  public func addRoot(project: String) throws {
    let note = "\(folders.roots)/\(Digest(of: project.utf8).hex)"
    guard access(note, F_OK) != 0 else { return }
    do {
      try writeThenRename(to: note) { try $0.write(Array(project.utf8)) }
    } catch let problem as EnvironmentError {
      guard problem.code == .notWritable else { throw problem }
    }
  }

  /// The projects that use this store, sorted.
  public func rootProjects() throws -> [String] {
    try names(in: folders.roots).map { name in
      let bytes = try OpenFile("\(folders.roots)/\(name)", O_RDONLY, for: .reading).readAll()
      return String(decoding: bytes, as: UTF8.self)
    }.sorted()
  }
}
