import Engine
import Foundation
import Glibc
import StageKit

/// What the worker says of its kinds, kept between invocations so that a no-op never starts it.
///
/// The answer lies in `$XDG_CACHE_HOME/fathom/`, under a name made of the worker's path, inode,
/// size and times, and of the processor, which decides what some options mean: another worker or
/// processor has another name.
enum CatalogueCache {
  static func load(worker: String) throws -> Catalogue {
    guard let identity = identity(of: worker) else {
      throw EnvironmentError(
        .worker,
        "there is no worker at '\(worker)'; build it with 'make build', or set FATHOM_WORKER")
    }
    let file = folder.map { "\($0)/catalogue-\(identity).json" }
    if let file, let data = FileManager.default.contents(atPath: file),
      let catalogue = try? JSONDecoder().decode(Catalogue.self, from: data)
    {
      return catalogue
    }
    let data = try ask(worker)
    guard let catalogue = try? JSONDecoder().decode(Catalogue.self, from: data) else {
      throw EnvironmentError(
        .worker, "'\(worker) catalogue' did not print a catalogue; is it of this version?")
    }
    if let file { keep(data, at: file) }
    return catalogue
  }

  private static func identity(of worker: String) -> String? {
    var status = stat()
    guard stat(worker, &status) == 0 else { return nil }
    var encoder = CanonicalEncoder()
    encoder.encode(worker)
    encoder.encode(Host.processor)
    encoder.encode(Int(bitPattern: UInt(status.st_dev)))
    encoder.encode(Int(bitPattern: UInt(status.st_ino)))
    encoder.encode(Int(status.st_size))
    encoder.encode(status.st_mtim.tv_sec)
    encoder.encode(status.st_mtim.tv_nsec)
    encoder.encode(status.st_ctim.tv_sec)
    encoder.encode(status.st_ctim.tv_nsec)
    return String(encoder.digest.hex.prefix(32))
  }

  private static var folder: String? {
    if let cache = Environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return cache + "/fathom" }
    return Environment["HOME"].map { $0 + "/.cache/fathom" }
  }

  private static func ask(_ worker: String) throws -> Data {
    do {
      let (status, data) = try Program.run([worker, "catalogue"])
      if status == 0 { return data }
    } catch {
      throw EnvironmentError(.worker, "cannot start '\(worker)'", cause: "\(error)")
    }
    throw EnvironmentError(
      .worker, "'\(worker) catalogue' failed; build it anew with 'make build'")
  }

  /// A cache that cannot be written only costs time.
  private static func keep(_ data: Data, at file: String) {
    let parent = String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.startIndex))
    try? FileManager.default.createDirectory(
      atPath: parent, withIntermediateDirectories: true)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    where name.hasPrefix("catalogue-") {
      try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
    }
    try? data.write(to: URL(fileURLWithPath: file), options: .atomic)
  }
}
