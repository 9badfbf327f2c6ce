/// Where a project keeps what is its own; the one place that knows.
public struct ProjectLayout: Hashable, Sendable {
  /// The folder with `.fathom/`, or the current one.
  public var root: String

  public init(root: String) { self.root = root }

  public var configuration: String { root + "/.fathom/config.yaml" }
  public var artifacts: String { root + "/Artifacts" }
  public var database: String { artifacts + "/fathom.db" }
  public var latest: String { artifacts + "/latest" }
  public var defaultStore: String { artifacts + "/store" }

  public func logs(run: Int) -> String { "\(artifacts)/logs/\(run)" }
}
