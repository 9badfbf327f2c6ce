internal import StageKit

/// Expands a pipeline file into instances, reporting every problem on the way.
///
/// First all stages are declared (what ports and axes they have), then wired to each other, then
/// ordered, then made into instances. A class, because all steps share what is known of the
/// stages; it lives within one call of a loader.
final class Expansion {
  struct PointLookUp: Hashable {
    let stage: Int
    let axes: [Int]
  }

  let problems: Problems
  let template: Template
  /// The project's folder, absolute.
  let root: String
  private let loadCatalogue: () throws -> Catalogue
  private let isThere: (String) -> Bool
  private var kinds: [String: KindDescription]?
  private var knownFiles: [String: Bool] = [:]

  var stages: [StageDeclaration] = []
  /// Stage → its index in `stages`.
  var stageIndex: [String: Int] = [:]
  /// Index in the plan of each stage's first instance.
  var base: [Int] = []
  var pointsByKey: [PointLookUp: [[Int]: [Int]]] = [:]

  init(
    template: Template, root: String, catalogue: @escaping () throws -> Catalogue,
    fileExists: @escaping (String) -> Bool
  ) {
    problems = template.problems
    self.template = template
    self.root = root
    loadCatalogue = catalogue
    isThere = fileExists
  }

  var kindNames: [String] { kinds?.keys.sorted() ?? [] }

  /// Loads the catalogue when the first stage asks for a kind.
  func kind(_ name: String) throws -> KindDescription? {
    if kinds == nil {
      kinds = try Dictionary(
        loadCatalogue().kinds.map { ($0.kind, $0) }, uniquingKeysWith: { first, _ in first })
    }
    return kinds?[name]
  }

  func fileExists(_ path: String) -> Bool {
    if let known = knownFiles[path] { return known }
    let exists = isThere(path)
    knownFiles[path] = exists
    return exists
  }

  /// - Returns: The instances in topological order. What they hold is of use only where no
  ///   problem was reported.
  /// - Throws: What loading the catalogue throws.
  func instances(of entries: [Node.Entry]) throws -> [Instance] {
    stages.reserveCapacity(entries.count)
    stageIndex.reserveCapacity(entries.count)
    for entry in entries {
      stageIndex[entry.key] = stages.count
      stages.append(try declare(entry))
    }
    let wiring = stages.indices.map(wire)
    let order = StageOrder.sort(stages, problems: problems)
    base = Array(repeating: 0, count: stages.count)
    var count = 0
    for stage in order {
      base[stage] = count
      count += stages[stage].points.count
    }
    var instances: [Instance] = []
    instances.reserveCapacity(count)
    for index in order {
      for point in stages[index].points.indices {
        instances.append(instance(of: stages[index], at: point, wiring[index]))
      }
    }
    return instances
  }

  private func instance(
    of stage: StageDeclaration, at pointIndex: Int, _ wiring: [PortLinks]
  ) -> Instance {
    let point = stage.points[pointIndex]
    let axes = stage.axisPoints(point)
    let work: Work
    var outputs = stage.outputs
    if let kind = stage.kind {
      let options = options(of: stage, kind, axes: axes)
      work = .kind(kind.kind, version: kind.version, options: options)
    } else {
      let text = command(of: stage, axes: axes)
      work = .command(text ?? Positioned("", at: problems.position(stage.mark)))
      outputs = self.outputs(of: stage, axes: axes)
    }
    let settings = settings(of: stage, axes: axes)
    return Instance(
      stage: stage.name, address: stage.address(point),
      axes: axes.map { AxisValue(axis: $0.axis, name: $0.name) }, work: work,
      inputs: wiring.compactMap { binding($0, of: stage, at: pointIndex) }, outputs: outputs,
      each: stage.each, files: files(of: stage, axes: axes),
      environment: environment(of: stage, axes: axes), resources: settings.resources,
      retries: settings.retries, timeoutSeconds: settings.timeoutSeconds,
      skipsFailedItems: settings.skipsFailedItems, frozen: settings.frozen,
      tolerance: settings.tolerance.map { Tolerance(share: $0, betweenProcessorsOnly: false) }
        ?? stage.kind?.tolerance.map { Tolerance(share: $0, betweenProcessorsOnly: true) },
      description: settings.description, position: problems.position(stage.mark))
  }
}

/// Puts producers before consumers, otherwise in the order of the file.
enum StageOrder {
  /// Depth first along the references, without recursion, so that a long chain is no problem.
  /// A reference back into the path that led to it closes a cycle, which is reported whole.
  static func sort(_ stages: [StageDeclaration], problems: Problems) -> [Int] {
    let producers = stages.map(\.edges)
    var state = [State](repeating: .new, count: stages.count)
    var order: [Int] = []
    order.reserveCapacity(stages.count)
    for start in stages.indices where state[start] == .new {
      var path: [(stage: Int, next: Int)] = [(start, 0)]
      state[start] = .open
      while let top = path.last {
        guard top.next < producers[top.stage].count else {
          state[top.stage] = .done
          order.append(top.stage)
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let edge = producers[top.stage][top.next]
        switch state[edge.producer] {
        case .new:
          state[edge.producer] = .open
          path.append((edge.producer, 0))
        case .open:
          let cycle = path.map(\.stage).drop { $0 != edge.producer } + [edge.producer]
          let names = cycle.map { stages[$0].name }.joined(separator: " -> ")
          problems.report(.cycle, "stages read each other: \(names)", at: edge.mark)
        case .done: break
        }
      }
    }
    return order
  }

  private enum State { case new, open, done }
}
