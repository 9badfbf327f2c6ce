internal import Charts
internal import StageKit

extension FigureStage {
  /// What means are taken over: "mean over seed and fold".
  private static func mean(over others: [String]) -> String {
    others.isEmpty ? "mean" : "mean over \(others.joined(separator: " and "))"
  }

  private static func note(_ marks: String, _ groups: RowGroups, _ scores: ScoreTable) -> String {
    guard scores.table.rows.contains(where: { $0.cells.contains { $0.count > 1 } }) else {
      return "\(marks): one value each (n = 1)."
    }
    return "\(marks): \(mean(over: groups.others)); error bars: ± 1 sample standard deviation; "
      + "\(scores.counts)."
  }

  // MARK: Bars

  func bars(_ context: StageContext) throws -> BarChart {
    let groups = try groups(FigureStage.scores, in: context)
    let scores = try ScoreTable(groups, of: FigureStage.scores, columns: columns, varies: varies)
    return BarChart(
      scores.table, titles: columns.indices.map(scores.title),
      colours: MethodColours.colours(of: groups.labels), width: width,
      note: FigureStage.note("Bars", groups, scores))
  }

  // MARK: Relation

  func relation(_ context: StageContext) throws -> (ScatterChart, Table) {
    let groups = try groups(FigureStage.scores, in: context)
    let metrics = try ScoreTable(groups, of: FigureStage.scores, columns: columns, varies: varies)
    let later = try self.groups(FigureStage.downstream, in: context)
    let scores = try ScoreTable(
      later, of: FigureStage.downstream, columns: against, option: "against", varies: varies)
    // One name may stand on both sides.
    func column(_ column: Table.Column, _ side: String) -> Table.Column {
      columns.contains(column.name) && against.contains(column.name)
        ? Table.Column("\(side)_\(column.name)", higherIsBetter: column.higherIsBetter) : column
    }
    var table = Table(
      rowHeader: groups.header,
      columns: metrics.table.columns.map { column($0, "scores") }
        + scores.table.columns.map { column($0, "downstream") }, rows: [])
    for row in metrics.table.rows {
      guard let other = scores.table.rows.first(where: { $0.label == row.label }) else {
        context.log("'\(row.label)' has no downstream scores and is left out")
        continue
      }
      table.rows.append(Table.Row(row.label, row.cells + other.cells))
    }
    for label in scores.table.rows.map(\.label) where !groups.labels.contains(label) {
      context.log("'\(label)' has downstream scores alone and is left out")
    }
    guard !table.rows.isEmpty else {
      throw StageFailure(
        "no \(groups.header) has both scores (\(groups.labels.joined(separator: ", "))) and "
          + "downstream scores (\(later.labels.joined(separator: ", ")))")
    }
    let colours = MethodColours.colours(of: table.rows.map(\.label))
    var panels: [ScatterChart.Panel] = []
    for first in columns.indices {
      for second in against.indices {
        let points = zip(table.rows, colours).compactMap { row, colour -> ScatterChart.Group? in
          let (x, y) = (row.cells[first], row.cells[columns.count + second])
          guard let place = x.value, let height = y.value else { return nil }
          let point = ScatterChart.Point(
            x: place, y: height, xDeviation: x.deviation, yDeviation: y.deviation)
          return ScatterChart.Group(row.label, [point], colour: colour)
        }
        panels.append(
          .init("", points, axes: .init(x: metrics.title(first), y: scores.title(second))))
      }
    }
    let hasErrors = table.rows.contains { $0.cells.contains { $0.deviation != nil } }
    let note =
      "Points: \(table.rows.count) of \(groups.header.isEmpty ? "all" : groups.header)"
      + (hasErrors
        ? ", means; bars: ± 1 sample standard deviation; \(metrics.counts) across, "
          + "\(scores.counts) upward." : ".")
    return (ScatterChart(panels, width: width, note: note), table)
  }

  // MARK: Curves

  /// Of a column of curves: one of trainings, or of `sensitivity` (METRIC_NORMALISATION).
  private static func direction(of column: String) -> Scores.Direction {
    SensitivityStage.metrics.first { column.hasPrefix($0.name + "_") }?.direction
      ?? PretrainCurves.direction(of: column)
  }

  /// Means over the entries of a row, at each step that all of them have.
  func curves(_ context: StageContext) throws -> LineChart {
    let groups = try groups(FigureStage.curves, in: context)
    guard !columns.isEmpty else { throw StageFailure("option 'columns' names no curve") }
    var axis = ""
    /// Row → column → step → values.
    var values: [String: [String: [Double: [Double]]]] = [:]
    var steps: Set<Double> = []
    var found: [String] = []
    for (label, entries) in groups.groups {
      for entry in entries {
        let table = try TextTable(path: entry.path, isCommaSeparated: true)
        guard axis.isEmpty || table.columns[0] == axis else {
          throw StageFailure(
            "'\(entry.path)' begins with the column '\(table.columns[0])', others with '\(axis)'")
        }
        axis = table.columns[0]
        found += table.columns.filter { !found.contains($0) }
        for column in columns {
          guard let place = table.optionalColumn(column) else { continue }
          for row in table.rows.indices where !table.rows[row][place].isEmpty {
            let step = try table.number(row, 0)
            steps.insert(step)
            values[label, default: [:]][column, default: [:]][step, default: []].append(
              try table.number(row, place))
          }
        }
      }
    }
    for column in columns where !found.contains(column) {
      throw StageFailure(
        "option 'columns' names '\(column)', which no curves have"
          + Suggestion.clause(for: column, among: found))
    }
    let colours = MethodColours.colours(of: groups.labels)
    func place(_ column: String, _ label: String) -> String { "\(column).\(label)" }
    let data = CSVFile(
      columns: [axis] + columns.flatMap { column in groups.labels.map { place(column, $0) } },
      rows: steps.sorted().map { step in
        ["\(step)"]
          + columns.flatMap { column in
            groups.groups.map { label, entries in
              // A mean over some of the trainings would jump where one of them ends.
              guard let own = values[label]?[column]?[step], own.count == entries.count else {
                return ""
              }
              return "\(own.reduce(0, +) / Double(own.count))"
            }
          }
      })
    let panels = columns.map { column in
      LineChart.Panel(
        title: AxisTitle(
          SensitivityStage.words(column) ?? ScoreTable.words(column),
          higherIsBetter: FigureStage.direction(of: column) == .higher
        ).text,
        lines: zip(groups.labels, colours).compactMap { label, colour in
          values[label]?[column].map { _ in
            .init(place(column, label), label: label, colour: colour)
          }
        }, range: column.hasSuffix("accuracy") ? 0...1 : nil)
    }
    let count = groups.groups.map(\.entries.count).max() ?? 1
    let note =
      count > 1 ? "Lines: \(FigureStage.mean(over: groups.others)), n = \(count) or fewer." : ""
    return LineChart(data, x: axis, panels: panels, width: width, note: note)
  }

  // MARK: Confusion

  /// A panel for each row: the counts of its entries together, as shares of each label.
  func confusion(_ context: StageContext) throws -> (ShareChart, CSVFile) {
    let groups = try groups(FigureStage.confusion, in: context)
    var classes: [String] = []
    var panels: [ShareChart.Panel] = []
    var data = CSVFile(columns: [groups.header.isEmpty ? "row" : groups.header, "label"])
    for (label, entries) in groups.groups {
      var counts: [[Int]] = []
      for entry in entries {
        let table = try TextTable(path: entry.path, isCommaSeparated: true)
        let own = Array(table.columns.dropFirst())
        if classes.isEmpty { classes = own }
        guard own == classes, table.rows.map({ $0[0] }) == classes else {
          throw StageFailure(
            "'\(entry.path)' counts the classes \(own.joined(separator: ", ")); others "
              + "\(classes.joined(separator: ", ")): they are no matrices of the same labels")
        }
        let read = try table.rows.indices.map { row in
          try own.indices.map { try table.integer(row, $0 + 1, from: 0) }
        }
        counts =
          counts.isEmpty
          ? read : zip(counts, read).map { zip($0, $1).map { $0 + $1 } }
      }
      data.rows += zip(classes, counts).map { [label, $0] + $1.map { "\($0)" } }
      panels.append(
        .init(
          label,
          counts.map { line in
            let total = line.reduce(0, +)
            return total > 0 ? line.map { Double($0) / Double(total) } : nil
          }))
    }
    data.columns += classes
    let others =
      groups.others.isEmpty ? "" : ", all \(groups.others.joined(separator: " and ")) together"
    return (
      ShareChart(
        panels, rows: classes, rowTitle: "label", columns: classes, columnTitle: "predicted",
        width: width,
        note: "Numbers: per cent of the frames with a label\(others); a row is 100."), data
    )
  }

  // MARK: Clusters

  /// A panel for each entry, its points grouped by a column; crosses are the means of groups.
  func clusters(_ context: StageContext) throws -> (ScatterChart, CSVFile) {
    let groups = try groups(FigureStage.embedding, in: context)
    var panels: [ScatterChart.Panel] = []
    var data = CSVFile(columns: [])
    var counts: [Int] = []
    for (label, entries) in groups.groups {
      for entry in entries {
        let table = try TextTable(path: entry.path, isCommaSeparated: true)
        let (x, y) = (try table.column("x"), try table.column("y"))
        // Without clusters all points are of one group.
        let group =
          colour == "cluster" ? table.optionalColumn(colour) : try table.column(colour)
        let title =
          ([label]
          + entry.key.filter { $0.column != groups.header }.map { "\($0.column) \($0.value)" })
          .joined(separator: ", ")
        let columns = ["panel"] + table.columns
        guard data.columns.isEmpty || data.columns == columns else {
          throw StageFailure(
            "'\(entry.path)' has the columns \(table.columns.joined(separator: ", ")); the ones "
              + "before have \(data.columns.dropFirst().joined(separator: ", "))")
        }
        data.columns = columns
        data.rows += table.rows.map { [title] + $0 }
        counts.append(table.rows.count)
        var points: [String: [ScatterChart.Point]] = [:]
        for row in table.rows.indices {
          points[group.map { table.rows[row][$0] } ?? "", default: []].append(
            .init(x: try table.number(row, x), y: try table.number(row, y)))
        }
        panels.append(.init(title, FigureStage.groups(points)))
      }
    }
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    let note =
      "Points: \(least == most ? "\(most)" : "\(least) to \(most)") feature rows, embedded; crosses: "
      + "mean places of each \(ScoreTable.words(colour).lowercased())."
    return (ScatterChart(panels, width: width, note: note), data)
  }

  /// Numbers in their order before other names; unnamed points are grey, and have no centre.
  private static func groups(_ points: [String: [ScatterChart.Point]]) -> [ScatterChart.Group] {
    let names = points.keys.sorted {
      (Int($0) ?? .max, $0) < (Int($1) ?? .max, $1)
    }
    let colours = Palette.allCases.filter { $0 != .grey }
    let marks = ScatterChart.Mark.allCases
    let named = names.filter { !$0.isEmpty }
    return names.map { name in
      let own = points[name] ?? []
      guard let index = named.firstIndex(of: name) else { return .init("", own, colour: .grey) }
      let count = Double(own.count)
      return .init(
        name, own,
        centre: .init(
          x: own.reduce(0) { $0 + $1.x } / count, y: own.reduce(0) { $0 + $1.y } / count),
        colour: colours[index % colours.count], mark: marks[index / colours.count % marks.count])
    }
  }
}
