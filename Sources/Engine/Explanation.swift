public import StageKit

/// What differs between two actions, component by component: the answer of `fathom why`.
public struct Explanation: Hashable, Sendable {
  public struct Change: Hashable, Sendable {
    /// The component's path, such as `with.task.paces`.
    public var path: String
    /// `nil` where the component is new.
    public var old: Value?
    /// `nil` where the component is gone.
    public var new: Value?
    /// Where the new value was written, or the old one where it is gone.
    public var position: SourcePosition?
  }

  /// In the order of the new key; components that are gone come last.
  public var changes: [Change]
  /// How many components of each kind are equal: `["option": 11, "input": 3]`.
  public var unchanged: [String: Int]

  public init(from old: [ActionField], to new: [ActionField]) {
    var before: [String: ActionField] = [:]
    for field in old { before[field.path] = field }
    changes = []
    unchanged = [:]
    for field in new {
      let was = before.removeValue(forKey: field.path)
      if was?.value == field.value {
        unchanged[Explanation.group(of: field.path), default: 0] += 1
      } else {
        changes.append(
          Change(path: field.path, old: was?.value, new: field.value, position: field.position))
      }
    }
    for field in old where before[field.path] != nil {
      changes.append(Change(path: field.path, old: field.value, new: nil, position: field.position))
    }
  }

  /// One line: the names of what changed, `with.clusters, in.features and 2 more`.
  public var summary: String {
    let names = changes.map(\.path)
    let shown = names.prefix(3).joined(separator: ", ")
    return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
  }

  /// What a component is: option, input, file, output, variable, stage version or command.
  public static func group(of path: String) -> String {
    switch path.prefix(while: { $0 != "." && $0 != "/" }) {
    case "with": "option"
    case "in": "input"
    case "files": "file"
    case "out": "output"
    case "env": "variable"
    case "version": "stage version"
    case "kind": "kind"
    case "run": "command"
    default: "rule"
    }
  }
}
