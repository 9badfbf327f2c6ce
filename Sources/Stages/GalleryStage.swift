internal import Charts
internal import Pictures
internal import StageKit

/// Shows what each cluster is: the patches of the picture nearest its centroid and farthest from it, and
/// the share of each true structure.
///
/// A patch is centred at the landmark's cell; where it reaches beyond the frame it is black.
struct GalleryStage: Stage {
  static let kind = "gallery"
  static let version = 2
  static let summary = "Shows the patches nearest each cluster's centroid and farthest from it"
  static let frames = Input(
    "frames", "frames", many: true, help: "frames u8 [T, H, W], by item")
  static let features = Input(
    "features", "features", many: true,
    help: "features f32 [n, d] and index.csv: the landmark of each row, its structure and class")
  static let clusters = Input(
    "clusters", "clusters", help: "centroids.safetensors, assignments.csv")
  static let sheets = Output(
    "sheets", "picture", many: true, fileExtension: "png", help: "PNG: a sheet for each cluster")
  static let data = Output(
    "data", "csv", fileExtension: "csv",
    help: "cluster, side, rank, item, row, frame, grid_row, grid_column, distance, structure, class"
  )
  static let inputs = [frames, features, clusters]
  static let outputs = [sheets, data]

  let count: Int
  let columns: Int
  let patch: [Int]
  let side: Int

  init(options: inout OptionReader) throws(Diagnostic) {
    count = try options.integer(
      "count", in: 1...200, default: 16, unit: "patches",
      help: "nearest the centroid, and as many farthest; fewer where a cluster has fewer than both")
    columns = try options.integer("columns", in: 1...50, default: 8, help: "patches in a row")
    patch = try options.integers(
      "patch", count: 2, in: 1..., default: [48, 48], unit: "px",
      help: "[height, width] of the patch, in pixels of the frames, each at most 1024")
    side = try options.integer(
      "side", in: 16...800, default: 112, unit: "pixels",
      help: "the longer side of a patch in the sheet")
    guard patch.allSatisfy({ $0 <= 1024 }) else {
      throw options.problem("patch", "is \(patch) px; expected at most 1024 each")
    }
  }

  func run(in context: StageContext) async throws {
    let members = try GalleryMembers(
      features: GalleryStage.features, clusters: context.path(GalleryStage.clusters), in: context)
    let paths = Dictionary(
      try context.entries(GalleryStage.frames).map { ($0.id, $0.path) }
    ) { first, _ in first }
    var sets: [String: FrameSet] = [:]
    var data = CSVFile(columns: [
      "cluster", "side", "rank", "item", "row", "frame", "grid_row", "grid_column", "distance",
      "structure", "class",
    ])
    let digits = String(max(0, members.clusters.count - 1)).count
    for (cluster, own) in members.clusters.enumerated() {
      let near = own.prefix(count)
      // A small cluster shows no patch twice.
      let far = own.dropFirst(near.count).suffix(count).reversed()
      var sections: [(title: String, cells: [GallerySheet.Cell])] = []
      for (side, chosen) in [("near", Array(near)), ("far", Array(far))] {
        var cells: [GallerySheet.Cell] = []
        for (rank, member) in chosen.enumerated() {
          guard let path = paths[member.item] else {
            throw StageFailure(
              "features are of the item '\(member.item)', which has no frames"
                + Suggestion.clause(for: member.item, among: paths.keys.sorted()))
          }
          let set = try sets[member.item] ?? FrameSet(path: path)
          sets[member.item] = set
          cells.append(try cell(member, of: set))
          data.rows.append([
            "\(cluster)", side, "\(rank + 1)", member.item, "\(member.row)",
            "\(member.landmark.frame)", "\(member.landmark.row)", "\(member.landmark.column)",
            "\(member.distance)", member.structure, member.label,
          ])
        }
        sections.append(
          (side == "near" ? "Nearest the centroid" : "Farthest from the centroid", cells))
      }
      let number = String(repeating: "0", count: digits - "\(cluster)".count) + "\(cluster)"
      do {
        try GallerySheet(
          title: "Cluster \(cluster)", lines: summary(of: own, among: members),
          sections: sections, columns: columns, side: side
        ).write(to: context.path(GalleryStage.sheets, id: "cluster-\(number)"))
      } catch let error as PictureError {
        throw StageFailure(
          error.code == .badSize
            ? "\(error); make 'count', 'columns' or 'side' smaller" : error.description)
      }
      context.progress(cluster + 1, of: members.clusters.count, unit: "clusters")
    }
    try writeText(data.text, to: context.path(GalleryStage.data))
  }

  private func summary(
    of own: [GalleryMembers.Member], among members: GalleryMembers
  ) -> [String] {
    let share = OverlayPainter.decimal(100 * Double(own.count) / Double(max(1, members.count)), 1)
    let items = Set(own.map(\.item)).count
    // What nobody knows of any landmark is not said of each.
    let known = [("structures", \.structure), ("classes", \GalleryMembers.Member.label)].filter {
      _, path in members.clusters.joined().contains { $0[keyPath: path] != GalleryMembers.unknown }
    }
    return [
      "\(own.count) of \(members.count) landmarks (\(share) %), in \(items) of \(members.items) scans"
    ]
      + known.map { name, path in
        "\(name): \(GalleryMembers.shares(of: own.map { $0[keyPath: path] }))"
      }
  }

  private func cell(
    _ member: GalleryMembers.Member, of set: FrameSet
  ) throws -> GallerySheet.Cell {
    let landmark = member.landmark
    guard landmark.frame < set.count else {
      throw StageFailure(
        "a landmark of '\(member.item)' is in frame \(landmark.frame); '\(set.path)' has "
          + "\(set.count) frames")
    }
    func first(_ cell: Int, _ cells: Int, _ pixels: Int, _ length: Int) -> Int {
      let centre = ExtractStage.pixel(cell, of: cells, in: pixels)
      return Int((centre - Double(length - 1) / 2).rounded())
    }
    let top = first(landmark.row, landmark.grid[0], set.height, patch[0])
    let left = first(landmark.column, landmark.grid[1], set.width, patch[1])
    let pixels = set.frames.withRow(landmark.frame) { frame in
      (top..<top + patch[0]).flatMap { y in
        (left..<left + patch[1]).map { x -> UInt8 in
          let isInside = (0..<set.height).contains(y) && (0..<set.width).contains(x)
          return isInside ? frame[y * set.width + x] : 0
        }
      }
    }
    let isKnown = member.structure != GalleryMembers.unknown
    let isLabelled = member.label != GalleryMembers.unknown
    let distance = OverlayPainter.decimal(member.distance, 3)
    return GallerySheet.Cell(
      patch: Image(grey: pixels, height: patch[0], width: patch[1]),
      structure: isKnown ? member.structure : isLabelled ? member.label : "",
      caption: "\(member.item)\nframe \(landmark.frame) · d \(distance)")
  }
}
