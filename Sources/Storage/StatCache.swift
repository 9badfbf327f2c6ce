public import Engine
internal import Foundation
internal import GRDB
internal import Glibc
internal import StageKit

/// Digests of files, remembered by the stamp of each file.
///
/// A file is read again when its device, inode, size, mtime or ctime changed. One that was
/// written a moment before it was digested is not remembered, since a write right after that
/// could leave the same stamp (git's "racy" entries). A file inside the project is remembered by
/// its path from there, so that the project can move.
extension ProvenanceDatabase: FileDigests {
  public func digests(of paths: [String]) throws -> [FileDigest?] {
    let stamps = try concurrentMap(count: paths.count) { FileStamp(following: paths[$0]) }
    var digests = [FileDigest?](repeating: nil, count: paths.count)
    let order = sortedByKey(paths)
    try recall(paths, stamps, order, into: &digests)

    let misses = order.filter { digests[$0] == nil && stamps[$0] != nil }
    if misses.isEmpty { return digests }
    let fresh = try concurrentMap(count: misses.count) { try FileDigest(of: paths[misses[$0]]) }
    for (index, file) in zip(misses, fresh) { digests[index] = file }
    if mode == .readWrite {
      try remember(zip(misses, fresh).compactMap { index, file in file.map { (paths[index], $0) } })
    }
    return digests
  }

  // MARK: The table

  /// The indices of paths in the order of the table: by the bytes of their keys.
  private func sortedByKey(_ paths: [String]) -> [Int] {
    let isSorted = paths.indices.dropFirst().allSatisfy { index in
      !precedes(paths[index], paths[index - 1])
    }
    return isSorted
      ? Array(paths.indices) : paths.indices.sorted { precedes(paths[$0], paths[$1]) }
  }

  private func precedes(_ a: String, _ b: String) -> Bool {
    withKey(of: a) { a in withKey(of: b) { b in compare(a, b) < 0 } }
  }

  private func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int32 {
    if let aStart = a.baseAddress, let bStart = b.baseAddress {
      let order = memcmp(aStart, bStart, min(a.count, b.count))
      if order != 0 { return order }
    }
    return a.count < b.count ? -1 : a.count == b.count ? 0 : 1
  }

  /// The bytes by which a path is remembered.
  private func withKey<Result>(
    of path: String, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    var path = path
    let isInside = path.utf8.starts(with: projectPrefix.utf8)
    return try path.withUTF8 { bytes in
      let start = isInside ? projectPrefix.utf8.count : 0
      return try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[start...])))
    }
  }

  private func key(of path: String) -> String {
    withKey(of: path) { String(decoding: $0, as: UTF8.self) }
  }

  /// Walks the table and the paths side by side; where many rows lie between two paths it looks
  /// the next one up instead, so that few paths cost few look-ups and many cost one scan.
  private func recall(
    _ paths: [String], _ stamps: [FileStamp?], _ order: [Int], into digests: inout [FileDigest?]
  ) throws {
    let rowsBeforeLookup = 16
    try readOnce { connection in
      let rows = try Prepared(
        connection,
        """
        SELECT path, dev, inode, size, mtime_ns, ctime_ns, digest FROM file_stat
        WHERE path >= ? ORDER BY path
        """)
      var hasRow = false
      var skipped = rowsBeforeLookup
      for index in order {
        guard let stamp = stamps[index] else { continue }
        var isFound = false
        while true {
          if skipped >= rowsBeforeLookup {
            rows.reset()
            rows.bind(key(of: paths[index]))
            hasRow = try rows.step()
            skipped = 0
          }
          guard hasRow else { break }
          let order = rows.withBytes(0) { row in withKey(of: paths[index]) { compare(row, $0) } }
          if order >= 0 {
            isFound = order == 0
            break
          }
          hasRow = try rows.step()
          skipped += 1
        }
        if isFound, stamp == FileStamp(row: rows), let digest = rows.digest(6) {
          digests[index] = FileDigest(digest: digest, size: stamp.size, stamp: stamp)
          skipped = 0
        }
        if !hasRow { break }
      }
    }
  }

  private func remember(_ files: [(path: String, file: FileDigest)]) throws {
    let settled = files.compactMap { path, file in file.stamp.map { (path, file.digest, $0) } }
    if settled.isEmpty { return }
    try write { connection in
      let insert = try Prepared(
        connection, "INSERT OR REPLACE INTO file_stat VALUES (?, ?, ?, ?, ?, ?, ?)")
      for (path, digest, stamp) in settled {
        insert.bind(key(of: path)).bind(stamp.device).bind(stamp.inode).bind(stamp.size)
          .bind(stamp.modifiedNanoseconds).bind(stamp.changedNanoseconds)
          .bind(digest)
        try insert.run()
      }
    }
  }
}

extension FileStamp {
  /// From columns 1 to 5 of a row of `file_stat`.
  fileprivate init(row: Prepared) {
    self.init(
      device: row.integer(1), inode: row.integer(2), size: row.integer(3),
      modifiedNanoseconds: row.integer(4), changedNanoseconds: row.integer(5))
  }
}

extension FileDigest {
  /// Reads a file; `nil` where there is no readable regular one.
  ///
  /// - Throws: `EnvironmentError` where it changes while it is read, twice, or cannot be read.
  fileprivate init?(of path: String) throws {
    for _ in 1...2 {
      guard let file = OpenFile(ifReadable: path) else {
        if [EMFILE, ENFILE, EIO, ENOMEM].contains(errno) { throw failure(.reading, path) }
        return nil
      }
      let status = try file.status()
      guard status.isRegular else { return nil }
      let stamp = FileStamp(status)
      let now = FileDigest.nowNanoseconds
      let content = try file.digest(size: stamp.size)
      guard FileStamp(try file.status()) == stamp, FileStamp(following: path) == stamp,
        content.size == stamp.size
      else { continue }
      let newest = max(stamp.modifiedNanoseconds, stamp.changedNanoseconds)
      let isSettled = newest + stamp.marginNanoseconds < now
      self.init(
        digest: content.digest, size: content.size, stamp: isSettled ? stamp : nil)
      return
    }
    throw EnvironmentError(
      .inputOutput,
      "'\(path)' changes while it is read; let what writes it finish, and run again")
  }

  private static var nowNanoseconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.nanoseconds
  }
}

extension FileStamp {
  /// How coarse the file system's clock may be: two seconds where it shows whole ones.
  fileprivate var marginNanoseconds: Int {
    let second = 1_000_000_000
    return modifiedNanoseconds % second != 0 || changedNanoseconds % second != 0
      ? 10_000_000 : 2 * second
  }
}
