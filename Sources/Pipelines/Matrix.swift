internal import StageKit

/// One axis of a stage's matrix.
struct Axis {
  let name: String
  /// Where the axis is named.
  let mark: Mark
  /// Over a map, the names are its keys; over a list, the values' text.
  let isMap: Bool
  private(set) var values: [AxisPoint] = []
  private var indices: [String: Int] = [:]

  init(name: String, mark: Mark, isMap: Bool) {
    self.name = name
    self.mark = mark
    self.isMap = isMap
  }

  func index(of name: String) -> Int? { indices[name] }

  var names: [String] { values.map(\.name) }

  /// - Returns: `false` where there is a value of this name already.
  mutating func add(_ name: String, _ value: Node) -> Bool {
    guard indices.updateValue(values.count, forKey: name) == nil else {
      indices[name] = values.firstIndex { $0.name == name }
      return false
    }
    values.append(AxisPoint(axis: self.name, name: name, value: value))
    return true
  }
}

extension Expansion {
  /// Instances that one stage may have.
  static var pointLimit: Int { 100_000 }

  /// Reads `matrix`, `exclude` and `include` into the axes and points of a stage.
  ///
  /// `exclude` and `include` stand beside `matrix`, or inside it as in GitHub Actions.
  func declareMatrix(of stage: StageDeclaration) {
    let field = stage.field("matrix")
    var exclude = stage.field("exclude")
    var include = stage.field("include")
    if let field {
      guard let node = template.resolve(field.value, axes: nil) else {
        stage.axesAreKnown = false
        return
      }
      guard let entries = node.entries else {
        problems.report(
          .wrongType, "'matrix' is \(node.value.typeName); expected a map of axes", at: node.mark)
        stage.axesAreKnown = false
        return
      }
      for entry in entries {
        switch entry.key {
        case "exclude": exclude = exclude ?? entry
        case "include": include = include ?? entry
        default: declareAxis(entry, of: stage)
        }
      }
    }
    guard stage.axesAreKnown else { return }
    if stage.axes.isEmpty {
      if let exclude {
        problems.report(
          .unknownAxis, "'exclude' drops combinations of a matrix, and there is none",
          at: exclude.keyMark)
        stage.axesAreKnown = false
        return
      }
      guard let include else {
        if let field {
          problems.report(.emptyAxis, "'matrix' has no axes", at: field.value.mark)
          stage.axesAreKnown = false
        }
        return
      }
      declareAxes(ofFirstCombinationIn: include, of: stage)
      guard stage.axesAreKnown else { return }
      stage.points = []
    } else {
      makeProduct(of: stage, excluding: exclude)
    }
    if let include { add(include, to: stage) }
    guard stage.axesAreKnown else { return }
    if stage.points.isEmpty {
      problems.report(
        .emptyAxis, "the matrix of stage '\(stage.name)' has no combination left",
        at: stage.place("matrix"))
      stage.axesAreKnown = false
    }
    if let long = stage.points.first(where: { stage.address($0).utf8.count > 240 }) {
      problems.report(
        .invalidName,
        "the address '\(stage.address(long).prefix(60))…' is longer than 240 bytes; name the values"
          + " of the axis by a map", at: stage.place("matrix"))
    }
  }

  private func declareAxis(_ entry: Node.Entry, of stage: StageDeclaration) {
    checkAxisName(entry, of: stage)
    let node = entry.value
    var axis: Axis
    switch node.content {
    case .list(let nodes):
      axis = Axis(name: entry.key, mark: entry.keyMark, isMap: false)
      for value in nodes {
        guard value.isScalar, !value.isNull else {
          problems.report(
            .wrongType,
            "axis '\(entry.key)' holds \(value.value.typeName) (\(value.value.display)); expected"
              + " scalars, or a map that names its values", at: value.mark)
          stage.axesAreKnown = false
          continue
        }
        add(value.value.text, value, to: &axis, at: value.mark)
      }
    case .map(let entries):
      axis = Axis(name: entry.key, mark: entry.keyMark, isMap: true)
      for value in entries { add(value.key, value.value, to: &axis, at: value.keyMark) }
    default:
      problems.report(
        .wrongType,
        "axis '\(entry.key)' is \(node.value.typeName) (\(node.value.display)); expected a list of"
          + " scalars or a map", at: entry.value.mark)
      stage.axesAreKnown = false
      return
    }
    if axis.values.isEmpty, stage.axesAreKnown {
      problems.report(
        .emptyAxis, "axis '\(entry.key)' of stage '\(stage.name)' has no values", at: entry.keyMark,
        notes: node.mark == entry.keyMark ? [] : [("the values are written here", node.mark)])
      stage.axesAreKnown = false
    }
    stage.axes.append(axis)
  }

  private func checkAxisName(_ entry: Node.Entry, of stage: StageDeclaration) {
    // A collection's index has these columns beside one for each axis.
    let isTaken = entry.key == "item" || entry.key == "path"
    guard let problem = Name.problem(entry.key) ?? (isTaken ? "is a column of collections" : nil)
    else { return }
    problems.report(
      .invalidName, "the name '\(entry.key)' of an axis \(problem)", at: entry.keyMark)
    stage.axesAreKnown = false
  }

  private func add(_ name: String, _ value: Node, to axis: inout Axis, at mark: Mark) {
    let first = axis.index(of: name).map { axis.values[$0].value.mark }
    if !axis.add(name, value) {
      problems.report(
        .duplicateEntry, "axis '\(axis.name)' has the value '\(name)' twice", at: mark,
        notes: first.map { [("first set here", $0)] } ?? [])
    }
  }

  /// Without `matrix`, the first combination of `include` names the axes.
  private func declareAxes(
    ofFirstCombinationIn include: Node.Entry, of stage: StageDeclaration
  ) {
    guard let node = template.resolve(include.value, axes: nil) else {
      stage.axesAreKnown = false
      return
    }
    if case .list(let nodes) = node.content, let first = nodes.first?.entries, !first.isEmpty {
      for entry in first {
        checkAxisName(entry, of: stage)
        stage.axes.append(Axis(name: entry.key, mark: entry.keyMark, isMap: false))
      }
    } else {
      reportShape(of: include, node, "whole")
      stage.axesAreKnown = false
    }
  }

  private func makeProduct(of stage: StageDeclaration, excluding field: Node.Entry?) {
    let count = stage.axes.reduce(1) { count, axis in
      let (product, overflow) = count.multipliedReportingOverflow(by: axis.values.count)
      return overflow ? Int.max : product
    }
    guard count <= Self.pointLimit else {
      problems.report(
        .outOfRange,
        "the matrix of stage '\(stage.name)' has more than \(Self.pointLimit) combinations",
        at: stage.place("matrix"))
      stage.axesAreKnown = false
      return
    }
    stage.points = [[]]
    for axis in stage.axes {
      stage.points = stage.points.flatMap { point in axis.values.indices.map { point + [$0] } }
    }
    guard let field, let node = template.resolve(field.value, axes: nil) else { return }
    guard case .list(let nodes) = node.content else {
      return reportShape(of: field, node, "partial")
    }
    for node in nodes {
      guard let entries = node.entries, !entries.isEmpty else {
        reportShape(of: field, node, "partial")
        continue
      }
      guard let partial = combination(entries, of: stage) else { continue }
      let wanted = partial.map { ($0.axis, stage.axes[$0.axis].index(of: $0.name)) }
      stage.points.removeAll { point in wanted.allSatisfy { point[$0.0] == $0.1 } }
    }
  }

  private func add(_ field: Node.Entry, to stage: StageDeclaration) {
    guard let node = template.resolve(field.value, axes: nil) else { return }
    guard case .list(let nodes) = node.content else { return reportShape(of: field, node, "whole") }
    var known = Set(stage.points)
    for node in nodes {
      guard let entries = node.entries else {
        reportShape(of: field, node, "whole")
        continue
      }
      guard let whole = combination(entries, of: stage) else {
        stage.axesAreKnown = false
        continue
      }
      let given = Set(whole.map(\.axis))
      let missing = stage.axes.indices.filter { !given.contains($0) }.map { stage.axes[$0].name }
      guard missing.isEmpty else {
        problems.report(
          .missingField,
          "'include' adds whole combinations, and this one lacks \(missing.joined(separator: ", "))",
          at: node.mark)
        stage.axesAreKnown = false
        continue
      }
      var point = Array(repeating: 0, count: stage.axes.count)
      for part in whole {
        if let index = stage.axes[part.axis].index(of: part.name) {
          point[part.axis] = index
        } else if stage.axes[part.axis].isMap {
          let axis = stage.axes[part.axis]
          problems.report(
            .unmatchedAxis,
            "axis '\(axis.name)' has no value '\(part.name)'"
              + problems.suggestion(for: part.name, among: axis.names), at: part.value.mark,
            notes: [("the axis", axis.mark)])
          stage.axesAreKnown = false
        } else {
          point[part.axis] = stage.axes[part.axis].values.count
          _ = stage.axes[part.axis].add(part.name, part.value)
        }
      }
      if known.insert(point).inserted {
        stage.points.append(point)
      } else if stage.axesAreKnown {
        problems.report(
          .duplicateEntry, "'include' adds '\(stage.address(point))', which is there already",
          at: node.mark)
      }
    }
  }

  private typealias Part = (axis: Int, name: String, value: Node)

  /// A partial or whole combination: an axis and a value's name each.
  private func combination(_ entries: [Node.Entry], of stage: StageDeclaration) -> [Part]? {
    var parts: [Part] = []
    for entry in entries {
      guard let axis = stage.axes.firstIndex(where: { $0.name == entry.key }) else {
        problems.report(
          .unknownAxis,
          "unknown axis '\(entry.key)'"
            + problems.suggestion(for: entry.key, among: stage.axes.map(\.name)), at: entry.keyMark)
        continue
      }
      guard entry.value.isScalar, !entry.value.isNull else {
        problems.report(
          .wrongType,
          "the value of axis '\(entry.key)' is \(entry.value.value.typeName); expected a scalar",
          at: entry.value.mark)
        continue
      }
      parts.append((axis, entry.value.value.text, entry.value))
    }
    return parts.count == entries.count ? parts : nil
  }

  private func reportShape(of field: Node.Entry, _ node: Node, _ extent: String) {
    problems.report(
      .wrongType,
      "'\(field.key)' holds \(node.value.typeName); expected a list of \(extent) combinations such"
        + " as [{axis: value}]", at: node.mark)
  }
}
