public import StageKit

/// The instances of a plan that the user asked for, and those they need.
///
/// A target is a stage (`pretrain`), a stage with axes (`pretrain@method=pace`, which axes are left
/// out may have any value), or a glob over either (`pre*`, `pretrain@method=p*`, `*@seed=0`),
/// where `*` stands for any text and `?` for one character.
public struct TargetSelection: Sendable {
  /// Indices into `Plan.instances`.
  public let chosen: Set<Int>
  /// The chosen instances and all that they read, directly or not.
  public let needed: Set<Int>

  /// - Parameter targets: Everything is chosen where there are none.
  /// - Throws: `Diagnostics` with each target that no instance matches.
  public init(_ targets: [String], in plan: Plan) throws(Diagnostics) {
    var chosen: Set<Int> = []
    var problems: [Diagnostic] = []
    for target in targets {
      let matches = Self.matches(of: target, in: plan)
      if matches.isEmpty { problems.append(Self.problem(target, in: plan)) }
      chosen.formUnion(matches)
    }
    guard problems.isEmpty else { throw Diagnostics(problems) }
    self.chosen = targets.isEmpty ? Set(plan.instances.indices) : chosen
    needed = targets.isEmpty ? self.chosen : plan.upstream(of: chosen)
  }

  private static func matches(of target: String, in plan: Plan) -> [Int] {
    let parts = ArtifactReference.splitAddress(target[...])
    let isGlob = { (text: String) in text.utf8.contains { $0 == 0x2A || $0 == 0x3F } }
    return plan.instances.indices.filter { index in
      let instance = plan.instances[index]
      if instance.address == target { return true }
      guard let parts else { return isGlob(target) && Glob.matches(target, instance.address) }
      return Glob.matches(parts.stage, instance.stage)
        && parts.picks.allSatisfy { pick in
          instance.axes.contains { $0.axis == pick.axis && Glob.matches(pick.value, $0.name) }
        }
    }
  }

  private static func problem(_ target: String, in plan: Plan) -> Diagnostic {
    var names: [String] = []
    var seen: Set<String> = []
    let hasAxes = target.utf8.contains(UInt8(ascii: "@"))
    for instance in plan.instances {
      let name = hasAxes ? instance.address : instance.stage
      if seen.insert(name).inserted { names.append(name) }
    }
    let near = Suggestion.nearest(to: target, among: names)
    let hint = near.map { "did you mean '\($0)'?" } ?? "'fathom plan' lists what there is"
    return Diagnostic(
      .unknownTarget, "no stage of the pipeline is '\(target)'; \(hint)",
      at: SourcePosition(path: target, line: 0, column: 0))
  }
}

/// Patterns in which `*` stands for any text and `?` for one character.
public enum Glob {
  public static func matches(_ pattern: String, _ text: String) -> Bool {
    let pattern = Array(pattern.unicodeScalars)
    let text = Array(text.unicodeScalars)
    var at = 0
    var place = 0
    var star: (pattern: Int, text: Int)?
    while place < text.count {
      if at < pattern.count, pattern[at] == "*" {
        star = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == "?" || pattern[at] == text[place] {
        at += 1
        place += 1
      } else if let last = star {
        at = last.pattern + 1
        place = last.text + 1
        star = (last.pattern, place)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == "*" }
  }
}

extension Plan {
  /// The instances and everything they read, directly or not.
  public func upstream(of instances: Set<Int>) -> Set<Int> {
    var found = instances
    var open = Array(instances)
    while let index = open.popLast() {
      for input in self.instances[index].inputs {
        for source in input.sources where found.insert(source.producer).inserted {
          open.append(source.producer)
        }
      }
    }
    return found
  }

  /// Everything that reads the instance, directly or not.
  public func downstream(of index: Int) -> Set<Int> {
    let consumers = consumers
    var found: Set<Int> = []
    var open = [index]
    while let next = open.popLast() {
      for consumer in consumers[next] where found.insert(consumer).inserted {
        open.append(consumer)
      }
    }
    return found
  }

  /// For each instance, the instances that read it, in order and each once.
  public var consumers: [[Int]] {
    var consumers = Array(repeating: [Int](), count: instances.count)
    for (index, instance) in instances.enumerated() {
      for input in instance.inputs {
        for source in input.sources where consumers[source.producer].last != index {
          consumers[source.producer].append(index)
        }
      }
    }
    return consumers
  }
}
