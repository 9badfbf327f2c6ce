internal import Analysis
internal import Charts
internal import StageKit

/// Compares landmarks with the true structures of simulated videos.
///
/// Items of `landmarks` are joined with those of `truth` by id, the last column of their keys. Only
/// frames with truth and at least one landmark count, but for those of the labels in `without`.
/// Distances are those on the screen (the width of the picture is taken by its aspect), to the nearest
/// structure of the frame, as shares of the anatomy's long axis.
///
/// Scores: `landmark_distance` (median) and `landmark_distance_mean`; `landmarks_within` (share of
/// landmarks at most `within` from a structure); `structures_found` (share of structures of all frames
/// with such a landmark); `landmarks_per_frame`. Where nobody has marked structures
/// (`truth` has no item) there are no scores, and the table is empty. Each has the attributes `low` and `high`, the
/// percentile interval of a bootstrap over items, and `items` and `frames`, how many counted.
/// The table has a row for each class and structure, and one for each class with an empty structure.
/// Source: Droste et al. (ISBI 2020); Efron & Tibshirani (1993) for the intervals.
struct LandmarkScoresStage: Stage {
  static let kind = "landmark_scores"
  static let version = 1
  static let summary = "Compares landmarks with the true structures of simulated videos"
  static let landmarks = Input("landmarks", "landmarks", many: true, help: "of each video")
  static let truth = Input(
    "truth", "truth", many: true, help: "TSV: " + TruthFile.columns.joined(separator: ", "))
  static let roles = Input(
    "roles", "roles", optional: true, help: "which items to take, with the option 'role'")
  static let scores = Output(
    "scores", "scores",
    help: "JSON: landmark_distance, landmark_distance_mean, landmarks_within, structures_found, "
      + "landmarks_per_frame, each with low and high")
  static let table = Output(
    "table", "csv",
    help:
      "CSV: label, structure (empty: the class), structures, found, landmarks, within, distance_median, distance_mean"
  )
  static let inputs = [landmarks, truth, roles]
  static let outputs = [scores, table]

  static let level = 0.95

  let within: Double
  let leftOut: [String]
  let role: String
  let resamples: Int
  let seed: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    within = try options.number(
      "within", from: 0, to: 10, default: 0.1, unit: "of the long axis",
      help: "a landmark at most this far from a structure is at it")
    leftOut = try options.texts(
      "without", default: [],
      help: "labels whose frames do not count, such as those of no standard plane")
    role = try options.text(
      "role", default: "", help: "takes the items that roles give this role; all unless given")
    resamples = try options.integer(
      "resamples", in: 1...100_000, default: 1000, help: "of the bootstrap over items")
    seed = try options.integer("seed", in: 0..., default: 0, help: "of the bootstrap")
  }

  func run(in context: StageContext) async throws {
    guard try !context.entries(LandmarkScoresStage.truth).isEmpty else {
      context.log(
        "nobody has marked structures in these videos: landmarks are compared with nothing")
      try Scores([]).write(to: LandmarkScoresStage.scores, in: context)
      try writeText(table(of: []).text, to: context.path(LandmarkScoresStage.table))
      return
    }
    let pairs = try pairs(in: context)
    var items: [LandmarkComparison] = []
    var labels: Set<String> = []
    for (number, pair) in pairs.enumerated() {
      let structures = try TruthFile(path: pair.truth).structures
      labels.formUnion(structures.map(\.label))
      items.append(
        LandmarkComparison(
          try LandmarkFile.read(pair.landmarks),
          structures.filter { !leftOut.contains($0.label) }, within: within))
      context.progress(number + 1, of: pairs.count, unit: "items")
    }
    if let unknown = leftOut.first(where: { !labels.contains($0) }) {
      throw StageFailure(
        "option 'without' names '\(unknown)', which is no label of 'truth'"
          + Suggestion.clause(for: unknown, among: labels.sorted()))
    }
    let frames = items.reduce(0) { $0 + $1.frameCount }
    guard frames > 0 else {
      throw StageFailure(
        "no frame has both landmarks and truth in \(items.count) items; expected landmarks of the "
          + "videos that the truth is of (source_frame counts the frames of the video from 0)")
    }
    try Scores(metrics(of: LandmarkMeasures(items, within: within), items.count, frames: frames))
      .write(to: LandmarkScoresStage.scores, in: context)
    try writeText(table(of: items).text, to: context.path(LandmarkScoresStage.table))
  }

  /// The files of each item that counts, sorted by id.
  private func pairs(
    in context: StageContext
  ) throws -> [(landmarks: String, truth: String)] {
    var landmarks = try byItem(LandmarkScoresStage.landmarks, in: context)
    let truth = try byItem(LandmarkScoresStage.truth, in: context)
    if let items = try itemsOfRole(in: context) {
      landmarks = landmarks.filter { items.contains($0.key) }
      try check(items.subtracting(landmarks.keys), "landmarks", "the role '\(role)'")
    }
    guard !landmarks.isEmpty else { throw StageFailure("the input 'landmarks' has no item") }
    try check(Set(landmarks.keys).subtracting(truth.keys), "truth", "landmarks")
    return landmarks.sorted { $0.key < $1.key }.map { ($0.value, truth[$0.key] ?? "") }
  }

  private func byItem(_ input: Input, in context: StageContext) throws -> [String: String] {
    try Dictionary(context.entries(input).map { ($0.id, $0.path) }) { first, second in
      throw StageFailure(
        "the input '\(input.name)' has two entries of one item, '\(first)' and '\(second)'; "
          + "expected one an item: fix the other axes (stage@axis=value.port)")
    }
  }

  private func check(_ missing: Set<String>, _ input: String, _ origin: String) throws {
    guard !missing.isEmpty else { return }
    let names = missing.sorted()
    let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    throw StageFailure(
      "the input '\(input)' lacks \(names.count) items that \(origin) has: \(shown); expected the "
        + "same ids")
  }

  private func itemsOfRole(in context: StageContext) throws -> Set<String>? {
    guard !role.isEmpty else { return nil }
    guard context.has(LandmarkScoresStage.roles) else {
      throw StageFailure("option 'role' is '\(role)'; expected the input 'roles' with it")
    }
    let path = try context.path(LandmarkScoresStage.roles)
    let entries = try RolesFile(path: path).entries
    let items = Set(entries.filter { $0.role?.rawValue == role }.map(\.item))
    guard !items.isEmpty else {
      throw StageFailure(
        "no item of '\(path)' has the role '\(role)'"
          + Suggestion.clause(for: role, among: Set(entries.compactMap(\.role?.rawValue)).sorted()))
    }
    return items
  }

  private func metrics(
    of measures: LandmarkMeasures, _ items: Int, frames: Int
  ) -> [Scores.Metric] {
    LandmarkMeasures.Measure.allCases.map { measure in
      var random = CounterRandom(
        seed: seed, kind: LandmarkScoresStage.kind, item: "", purpose: "bootstrap")
      let interval = bootstrapInterval(
        items: items, resamples: resamples, level: LandmarkScoresStage.level, using: &random
      ) { measures.value(measure, counts: $0) }
      let isDistance = measure == .median || measure == .mean
      let direction: Scores.Direction? =
        isDistance ? .lower : measure == .landmarksPerFrame ? nil : .higher
      return Scores.Metric(
        name: measure.rawValue,
        value: measures.value(measure, counts: Array(repeating: 1, count: items)),
        unit: isDistance
          ? "of the long axis" : measure == .landmarksPerFrame ? "landmarks/frame" : "1",
        direction: direction,
        attributes: [
          .init("low", interval.map { .number($0.lowerBound) } ?? .null),
          .init("high", interval.map { .number($0.upperBound) } ?? .null),
          .init("level", .number(LandmarkScoresStage.level)),
          .init("resamples", .integer(resamples)), .init("within", .number(within)),
          .init("without", .list(leftOut.map { .string($0) })), .init("items", .integer(items)),
          .init("frames", .integer(frames)),
        ])
    }
  }

  /// Sorted by label and structure; the class as a whole comes first.
  private func table(of items: [LandmarkComparison]) -> CSVFile {
    struct Row {
      var distances: [Double] = []
      var structures = 0
      var found = 0
    }
    var rows: [[String]: Row] = [:]
    for item in items {
      for match in item.matches {
        for name in ["", match.structure] {
          rows[[match.label, name], default: Row()].distances.append(match.distance)
        }
      }
      for sighting in item.sightings {
        for name in ["", sighting.structure] {
          rows[[sighting.label, name], default: Row()].structures += 1
          rows[[sighting.label, name], default: Row()].found += sighting.isFound ? 1 : 0
        }
      }
    }
    return CSVFile(
      columns: [
        "label", "structure", "structures", "found", "landmarks", "within", "distance_median",
        "distance_mean",
      ],
      rows: rows.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, row in
        let sorted = row.distances.sorted()
        let count = Double(sorted.count)
        let mean = sorted.isEmpty ? "" : "\(sorted.reduce(0, +) / count)"
        return key + [
          "\(row.structures)", "\(Double(row.found) / Double(row.structures))", "\(sorted.count)",
          sorted.isEmpty ? "" : "\(Double(sorted.count { $0 <= within }) / count)",
          sorted.isEmpty ? "" : "\(quantile(0.5, of: sorted))", mean,
        ]
      })
  }
}
