/// Where a project keeps what is its own; the one place that knows.
public struct ProjectLayout: Hashable, Sendable {
  /// The folder with `.fathom/`, or the current one.
  public var root: String
  /// Database, logs, links and, by default, the store.
  public var artifacts: String

  /// - Parameter artifacts: `Artifacts/` below the root unless given
  public init(root: String, artifacts: String? = nil) {
    self.root = root
    self.artifacts = artifacts ?? root + "/Artifacts"
  }

  public var configuration: String { root + "/.fathom/config.yaml" }
  public var database: String { artifacts + "/fathom.db" }
  public var latest: String { artifacts + "/latest" }
  public var defaultStore: String { artifacts + "/store" }

  public func logs(run: Int) -> String { "\(artifacts)/logs/\(run)" }
}
