internal import StageKit

/// One reference of one input port, checked against the stage it names.
struct Link {
  /// How the consumer chooses a value of one axis of the producer.
  enum Choice {
    /// `stage@axis=value.port`: index of the value.
    case pick(Int)
    /// Both have the axis: index of the consumer's axis.
    case match(Int)
    /// Only the producer has it.
    case gather
  }

  /// Index of the producer among the stages.
  let producer: Int
  let output: OutputPort
  /// One for each axis of the producer.
  let choices: [Choice]
  /// The gathered axes, then `item` for a collection of items.
  let columns: [String]
  let reference: Node
}

/// What feeds one port of one stage.
struct PortLinks {
  let input: Input
  let field: Node.Entry
  /// For each point of the stage's matrix; one entry where all points have the same.
  let links: [[Link]]

  func links(at point: Int) -> [Link] { links.count == 1 ? links[0] : links[point] }
}

extension Expansion {
  /// Checks `in:` of a stage and finds the outputs that it names.
  func wire(_ index: Int) -> [PortLinks] {
    let stage = stages[index]
    var entries: [Node.Entry] = []
    if let field = stage.field("in") {
      guard let map = map(field, nil, of: "port: stage.port") else { return [] }
      entries = map
    }
    if stage.portsAreKnown, stage.kind != nil {
      for input in stage.inputs
      where !input.optional && !entries.contains(where: { $0.key == input.name }) {
        problems.report(
          .missingPort,
          "stage '\(stage.name)' gives nothing to port '\(input.name)' of \(stage.owner)",
          at: stage.place("in"))
      }
    }
    var wired: [PortLinks] = []
    for entry in entries {
      var input = Input(entry.key, .any)
      if stage.portsAreKnown {
        guard let known = stage.inputs.first(where: { $0.name == entry.key }) else {
          let clause =
            stage.inputs.isEmpty
            ? ", which has none"
            : problems.suggestion(for: entry.key, among: stage.inputs.map(\.name))
          problems.report(
            .unknownPort, "unknown input '\(entry.key)' of \(stage.owner)\(clause)",
            at: entry.keyMark)
          continue
        }
        input = known
      }
      let varies = entry.value.holdsReferences && stage.axesAreKnown && !stage.axes.isEmpty
      let points = varies ? stage.points : [stage.points.first ?? []]
      var cache: [Value: [Link]] = [:]
      wired.append(
        PortLinks(
          input: input, field: entry,
          links: points.map { point in
            guard
              let node = template.resolve(
                entry.value, axes: stage.axisPoints(point), for: .address)
            else { return [] }
            if !varies { return links(of: node, input, stage) }
            let key = node.value
            if let known = cache[key] { return known }
            let found = links(of: node, input, stage)
            cache[key] = found
            return found
          }))
    }
    return wired.sorted { $0.input.name < $1.input.name }
  }

  private func links(of node: Node, _ input: Input, _ stage: StageDeclaration) -> [Link] {
    let nodes: [Node]
    if case .list(let listed) = node.content {
      nodes = listed
      if nodes.isEmpty {
        problems.report(
          .wrongType, "port '\(input.name)' has an empty list; expected references",
          at: node.mark)
      }
    } else {
      nodes = [node]
    }
    let links = nodes.compactMap { link($0, input, stage) }
    guard links.count == nodes.count else { return [] }
    return countFits(of: links, input, stage, at: node.mark) ? links : []
  }

  private func link(_ node: Node, _ input: Input, _ stage: StageDeclaration) -> Link? {
    guard let text = node.text, let reference = ArtifactReference(text) else {
      reportForm(of: node, input)
      return nil
    }
    guard let producerIndex = stageIndex[reference.stage] else {
      problems.report(
        .unknownStage,
        "unknown stage '\(reference.stage)' in '\(text)'"
          + problems.suggestion(for: reference.stage, among: stages.map(\.name)), at: node.mark)
      return nil
    }
    let producer = stages[producerIndex]
    stage.edges.append(StageDeclaration.Edge(producer: producerIndex, mark: node.mark))
    guard producer.portsAreKnown else { return nil }
    guard let output = producer.outputs.first(where: { $0.name == reference.port }) else {
      let names = producer.outputs.map(\.name)
      let outputs =
        names.isEmpty ? "it has no outputs" : "its outputs are \(names.joined(separator: ", "))"
      let near = Suggestion.nearest(to: reference.port, among: names)
      problems.report(
        .unknownPort,
        "'\(text)' is no output of \(producer.owner); "
          + (near.map { "did you mean '\($0)'?" } ?? outputs), at: node.mark)
      return nil
    }
    guard output.type.fits(input.type) else {
      problems.report(
        .portType,
        "'\(text)' is \(output.type.rawValue), but port '\(input.name)' of \(stage.owner) takes"
          + " \(input.type.rawValue)", at: node.mark)
      return nil
    }
    guard producer.axesAreKnown, stage.axesAreKnown,
      let choices = choices(for: reference, of: producer, in: stage, node)
    else { return nil }
    var columns: [String] = []
    for (axis, choice) in zip(producer.axes, choices) {
      if case .gather = choice { columns.append(axis.name) }
    }
    if output.many || !producer.each.isEmpty { columns.append("item") }
    return Link(
      producer: producerIndex, output: output, choices: choices, columns: columns, reference: node)
  }

  private func reportForm(of node: Node, _ input: Input) {
    guard let text = node.text else {
      problems.report(
        .wrongType,
        "port '\(input.name)' is \(node.value.typeName) (\(node.value.display)); expected"
          + " stage.port, or a list of them", at: node.mark)
      return
    }
    var hint = ""
    if let index = stageIndex[text], let output = stages[index].outputs.first {
      hint = "; did you mean '\(text).\(output.name)'?"
    }
    problems.report(
      .unknownReference,
      "'\(text)' is no reference; expected stage.port or stage@axis=value.port\(hint)",
      at: node.mark)
  }

  private func choices(
    for reference: ArtifactReference, of producer: StageDeclaration, in stage: StageDeclaration,
    _ node: Node
  ) -> [Link.Choice]? {
    var isFine = true
    for pick in reference.picks where !producer.axes.contains(where: { $0.name == pick.axis }) {
      let clause =
        producer.axes.isEmpty
        ? ", which has no matrix"
        : problems.suggestion(for: pick.axis, among: producer.axes.map(\.name))
      problems.report(
        .unknownAxis, "unknown axis '\(pick.axis)' of stage '\(producer.name)'\(clause)",
        at: node.mark)
      isFine = false
    }
    let choices = producer.axes.map { axis -> Link.Choice in
      if let pick = reference.picks.first(where: { $0.axis == axis.name }) {
        if let index = axis.index(of: pick.value) { return .pick(index) }
        problems.report(
          .unmatchedAxis,
          "stage '\(producer.name)' has no \(axis.name)=\(pick.value)"
            + problems.suggestion(for: pick.value, among: axis.names), at: node.mark,
          notes: [("the axis is declared here", axis.mark)])
        isFine = false
        return .pick(0)
      }
      guard let own = stage.axes.firstIndex(where: { $0.name == axis.name }) else {
        return .gather
      }
      for value in stage.axes[own].values where axis.index(of: value.name) == nil {
        problems.report(
          .unmatchedAxis,
          "stage '\(producer.name)' has no \(axis.name)=\(value.name), which stage '\(stage.name)'"
            + " needs; it has \(axis.names.joined(separator: ", "))",
          at: value.value.mark,
          notes: [
            ("the axis of '\(producer.name)'", axis.mark), ("it is needed here", node.mark),
          ], once: true)
        isFine = false
      }
      return .match(own)
    }
    return isFine ? choices : nil
  }

  /// Whether one or many artifacts come, as the port, `each:` and the other references ask.
  private func countFits(
    of links: [Link], _ input: Input, _ stage: StageDeclaration, at mark: Mark
  ) -> Bool {
    guard let first = links.first, stage.portsAreKnown else { return true }
    let text = first.reference.text ?? ""
    let keys = first.columns.joined(separator: ", ")
    func report(_ message: String) -> Bool {
      problems.report(.portCount, message, at: mark)
      return false
    }
    if links.count > 1 {
      for link in links {
        let other = link.reference.text ?? ""
        if link.columns.isEmpty {
          return report("'\(other)' is one artifact; a list of references joins collections")
        }
        if Set(link.columns) != Set(first.columns) {
          return report(
            "'\(text)' is keyed by \(keys) and '\(other)' by \(link.columns.joined(separator: ", "));"
              + " a list of references joins collections with equal keys")
        }
        if !link.output.type.fits(first.output.type) {
          problems.report(
            .portType,
            "'\(text)' is \(first.output.type.rawValue) and '\(other)' \(link.output.type.rawValue);"
              + " a list of references joins collections of one type", at: mark)
          return false
        }
      }
    }
    if stage.each.contains(input.name) {
      if first.columns.isEmpty {
        return report("'each' maps over port '\(input.name)', and '\(text)' is one artifact")
      } else if first.columns != ["item"] {
        return report(
          "'each' maps over port '\(input.name)', and '\(text)' is keyed by \(keys); expected items"
            + " alone: give stage '\(stage.name)' the same axes, or pick by"
            + " 'stage@axis=value.port'")
      }
    } else if stage.kind != nil, !input.many, !first.columns.isEmpty {
      // A command takes what comes, and one artifact is a collection of one without keys.
      let hint =
        first.columns == ["item"]
        ? "name the port in 'each'"
        : "give stage '\(stage.name)' the same axes, or pick by 'stage@axis=value.port'"
      return report(
        "port '\(input.name)' of \(stage.owner) takes one artifact, and '\(text)' is a collection"
          + " keyed by \(keys); \(hint)")
    }
    return true
  }

  // MARK: Instances

  /// What flows into a port at one point of the stage's matrix; `nil` where nothing is known of it.
  func binding(
    _ port: PortLinks, of stage: StageDeclaration, at pointIndex: Int
  ) -> InputBinding? {
    let links = port.links(at: pointIndex)
    guard let first = links.first else { return nil }
    var sources: [InputBinding.Source] = []
    for link in links {
      let points = matches(of: link, at: stage.points[pointIndex], of: stage)
      if points.isEmpty { reportNoInstance(link, stage, pointIndex) }
      let producer = stages[link.producer]
      let gathered = gatheredAxes(of: link, in: first.columns)
      sources.reserveCapacity(sources.count + points.count)
      for point in points {
        sources.append(
          InputBinding.Source(
            producer: base[link.producer] + point, port: link.output.name,
            key: gathered.map { producer.axes[$0].values[producer.points[point][$0]].name }))
      }
    }
    if links.count > 1, first.columns.last != "item" { checkKeys(sources, port, first.columns) }
    return InputBinding(
      port: port.input.name, type: port.input.type,
      many: stage.kind == nil
        ? !first.columns.isEmpty && !stage.each.contains(port.input.name) : port.input.many,
      optional: port.input.optional, columns: first.columns, sources: sources,
      position: problems.position(port.field.value.mark))
  }

  /// The producer's gathered axes, in the order of the columns.
  private func gatheredAxes(of link: Link, in columns: [String]) -> [Int] {
    if columns.isEmpty { return [] }
    let axes = stages[link.producer].axes
    return columns.compactMap { column in
      axes.indices.first { index in
        if case .gather = link.choices[index] { axes[index].name == column } else { false }
      }
    }
  }

  /// The points of the producer that a consumer's point reads, in the order of the matrix.
  private func matches(of link: Link, at point: [Int], of stage: StageDeclaration) -> [Int] {
    let producer = stages[link.producer]
    if producer.axes.isEmpty { return [0] }
    var fixed: [Int] = []
    var key: [Int] = []
    for (axis, choice) in link.choices.enumerated() {
      switch choice {
      case .gather: continue
      case .pick(let value):
        fixed.append(axis)
        key.append(value)
      case .match(let own):
        let name = stage.axes[own].values[point[own]].name
        guard let value = producer.axes[axis].index(of: name) else { return [] }
        fixed.append(axis)
        key.append(value)
      }
    }
    let lookUp = PointLookUp(stage: link.producer, axes: fixed)
    if let found = pointsByKey[lookUp] { return found[key] ?? [] }
    var table: [[Int]: [Int]] = [:]
    for (index, point) in producer.points.enumerated() {
      table[fixed.map { point[$0] }, default: []].append(index)
    }
    pointsByKey[lookUp] = table
    return table[key] ?? []
  }

  private func reportNoInstance(_ link: Link, _ stage: StageDeclaration, _ pointIndex: Int) {
    let producer = stages[link.producer]
    guard producer.axesAreKnown, !producer.points.isEmpty else { return }
    problems.report(
      .unmatchedAxis,
      "the matrix of stage '\(producer.name)' leaves out what"
        + " '\(stage.address(stage.points[pointIndex]))' reads", at: link.reference.mark,
      notes: [("the matrix of '\(producer.name)'", producer.place("matrix"))], once: true)
  }

  private func checkKeys(
    _ sources: [InputBinding.Source], _ port: PortLinks, _ columns: [String]
  ) {
    var seen: Set<[String]> = []
    for source in sources where !seen.insert(source.key).inserted {
      let key = zip(columns, source.key).map { "\($0)=\($1)" }.joined(separator: ",")
      problems.report(
        .duplicateEntry, "two references give port '\(port.input.name)' the key \(key)",
        at: port.field.value.mark, once: true)
    }
  }
}
