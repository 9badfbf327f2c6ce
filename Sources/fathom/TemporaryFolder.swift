import Foundation

/// A folder of this process, gone when it says so.
struct TemporaryFolder {
  let path: String

  init(_ purpose: String) throws {
    path = NSTemporaryDirectory() + "\(purpose)-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
