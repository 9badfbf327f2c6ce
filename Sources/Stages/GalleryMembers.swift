internal import Analysis
internal import StageKit

/// Feature rows as members of their clusters: where each comes from, how far it is from its centroid,
/// and what it truly shows.
struct GalleryMembers {
  struct Member {
    /// Of the features' rows.
    var number: Int
    var item: String
    /// Within its item.
    var row: Int
    var landmark: Landmark
    /// Euclidean, to its centroid, in the scale that was clustered.
    var distance: Double
    /// "unknown" where it is not known.
    var structure: String
    var label: String
  }

  static let unknown = "unknown"
  /// By cluster, nearest first, equal ones in the order of rows.
  let clusters: [[Member]]
  let count: Int
  let items: Int

  /// - Throws: `StageFailure` naming the file that is bad, or belongs to other features
  init(
    features input: Input, clusters folder: String, in context: StageContext
  ) throws {
    let features = try FeatureSet(input, in: context)
    let found = try ClusterFolder(folder: folder, for: features)
    let (points, centroids) = (features.points(found.normalisation), found.centroids)
    guard points.rows == 0 || centroids.columns == points.columns,
      found.labels.allSatisfy((0..<centroids.rows).contains)
    else {
      throw StageFailure(
        "'\(folder)' has \(centroids.rows) centroids of \(centroids.columns) columns, which do not "
          + "fit features of \(points.columns) or the clusters that it assigns")
    }
    let distances = mapChunks(of: points.rows, size: 4096, threads: context.cpus) { rows in
      rows.map { row in
        var sum = 0.0
        for column in 0..<points.columns {
          let difference =
            Double(points.elements[row * points.columns + column])
            - centroids.elements[found.labels[row] * points.columns + column]
          sum += difference * difference
        }
        return sum.squareRoot()
      }
    }.flatMap { $0 }

    var members = [[Member]](repeating: [], count: centroids.rows)
    var number = 0
    let entries = try context.entries(input)
    for entry in entries {
      let path = entry.path + "/index.csv"
      let landmarks = try LandmarkFile.read(path)
      let table = try TextTable(path: path, isCommaSeparated: true)
      let structure = table.optionalColumn("structure")
      let label = table.optionalColumn("class")
      func known(_ row: Int, _ column: Int?) -> String {
        let cell = column.map { table.rows[row][$0] } ?? ""
        return cell.isEmpty ? GalleryMembers.unknown : cell
      }
      let key = entry.key.isEmpty ? [""] : entry.key.map(\.value)
      for (row, landmark) in landmarks.enumerated() {
        guard number < features.places.count, features.places[number] == (key, row) else {
          throw StageFailure(
            "'\(path)' has \(landmarks.count) rows; its features have another number")
        }
        members[found.labels[number]].append(
          Member(
            number: number, item: entry.id, row: row, landmark: landmark,
            distance: distances[number], structure: known(row, structure),
            label: known(row, label)))
        number += 1
      }
      guard number == features.places.count || features.places[number].row == 0 else {
        throw StageFailure(
          "'\(path)' has \(landmarks.count) rows; its features have another number")
      }
    }
    clusters = members.map { own in
      own.sorted { ($0.distance, $0.number) < ($1.distance, $1.number) }
    }
    count = number
    items = Set(entries.map(\.id)).count
  }

  /// "heart 60 % · femur 30 % · 2 others 10 %": names by how many there are, then by name.
  static func shares(of names: [String]) -> String {
    guard !names.isEmpty else { return "none" }
    let counts = Dictionary(grouping: names) { $0 }.mapValues(\.count)
      .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    func share(_ count: Int) -> String {
      "\(OverlayPainter.decimal(100 * Double(count) / Double(names.count), 0)) %"
    }
    let shown = counts.count > 6 ? counts.prefix(5) : counts[...]
    var parts = shown.map { "\($0.key) \(share($0.value))" }
    let rest = counts.dropFirst(shown.count)
    if !rest.isEmpty {
      parts.append("\(rest.count) others \(share(rest.reduce(0) { $0 + $1.value }))")
    }
    return parts.joined(separator: " · ")
  }
}
