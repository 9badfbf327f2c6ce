import Foundation
import StageKit

/// Takes the user's own files in: videos, and what is known of each.
///
/// Nothing is copied unless `copy` says so: an entry is a path and a digest. Only DICOM files are
/// written anew, as Matroska files of frames, times and calibration (`DICOMSource`). An item's id is its
/// path relative to the imported folder. Writes for every video a labels TSV (`label`, `group`)
/// where labels are given, and its gaze file where there is one.
struct ImportStage: Stage {
  static let kind = "import"
  static let version = 2
  static let summary = "Takes videos of a folder in, with their labels and gaze"
  static let videos = Output("videos", "video", many: true, help: "video files")
  static let labels = Output(
    "labels", "labels", many: true, help: "TSV with one row: label, group; an entry for each video")
  static let gaze = Output("gaze", "gaze", many: true, help: "gaze files under their videos' ids")
  static let info = Output("info", "info", help: "JSON: counts and bytes")
  static let inputs: [Input] = []
  static let outputs = [videos, labels, gaze, info]

  /// What counts as a video where no pattern is given.
  private static let videoExtensions: Set<String> = DICOMSource.extensions.union([
    "3gp", "asf", "avi", "flv", "m2v", "m4v", "mj2", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "ogv", "ts", "vob", "webm", "wmv",
  ])

  private let folder: String
  private let patterns: [PathPattern]
  private let gazePatterns: [PathPattern]
  private let copies: Bool
  private let labelSource: String
  private let labelColumn: String
  private let groupColumn: String

  init(options: inout OptionReader) throws(Diagnostic) {
    folder = try options.files("path", help: "the folder whose files are imported, or one file")
    patterns = try options.texts(
      "pattern", default: [],
      help: "globs of the videos below it, such as **/*.mp4; by default all common video files"
    ).map(PathPattern.init)
    gazePatterns = try options.texts(
      "gaze", default: [],
      help: "globs of gaze files, each belonging to the video of the same path without extension"
    ).map(PathPattern.init)
    copies = try options.boolean(
      "copy", default: false, help: "keeps a copy in the store, so that the files may go")
    labelSource = try options.text(
      "labels", default: "none",
      help: "'none', 'folder' (the folder a video lies in), or a TSV or CSV file below the path")
    labelColumn = try options.text(
      "label_column", default: "label", help: "the column of the labels file that holds the label")
    groupColumn = try options.text(
      "group_column", default: "group",
      help: "the column that holds the patient or other group that must stay together")
  }

  func run(in context: StageContext) async throws {
    let selected = context.sources.filter { source in
      patterns.isEmpty
        ? ImportStage.videoExtensions.contains((source.id as NSString).pathExtension.lowercased())
        : patterns.contains { $0.matches(source.id) }
    }
    guard !selected.isEmpty else {
      let wanted =
        patterns.isEmpty
        ? "a common video extension (\(ImportStage.videoExtensions.sorted().joined(separator: ", ")))"
        : patterns.map { "'\($0.text)'" }.joined(separator: " or ")
      throw StageFailure(
        "found no video in '\(folder)': none of its \(context.sources.count) files matches "
          + "\(wanted); correct 'path' or 'pattern'")
    }
    for video in selected { try put(video, to: ImportStage.videos, id: video.id, in: context) }
    let labelled = try writeLabels(of: selected, in: context)
    let gazed = try addGaze(of: selected, in: context)
    let bytes = selected.reduce(0) { $0 + $1.size }
    let info: Value = [
      "videos": .integer(selected.count), "bytes": .integer(bytes), "labels": .integer(labelled),
      "gaze": .integer(gazed), "files": .integer(context.sources.count),
    ]
    try Data((info.json + "\n").utf8)
      .write(to: URL(fileURLWithPath: try context.path(ImportStage.info)))
  }

  private func put(
    _ source: StageContext.Source, to output: Output, id: String, in context: StageContext
  ) throws {
    if output.name == ImportStage.videos.name, DICOMSource.isDICOM(source) {
      try DICOMSource.write(source, to: output, id: id, in: context)
    } else if copies {
      let target = try context.path(output, id: id)
      try FileManager.default.copyItem(atPath: source.path, toPath: target)
    } else {
      context.add(source, to: output, id: id)
    }
  }

  // MARK: Labels

  private func writeLabels(
    of videos: [StageContext.Source], in context: StageContext
  ) throws -> Int {
    var rows: [String: (label: String, group: String)] = [:]
    switch labelSource {
    case "none": return 0
    case "folder":
      for video in videos {
        let parts = video.id.split(separator: "/")
        guard parts.count >= 2 else {
          throw StageFailure(
            "'\(video.id)' lies in no folder below '\(folder)' that could be its label; "
              + "move it into one, or set 'labels' to a file")
        }
        rows[video.id] = (String(parts[parts.count - 2]), video.id)
      }
    default: rows = try readLabels(in: context)
    }
    let missing = videos.filter { rows[$0.id] == nil }.map { "'\($0.id)'" }
    guard missing.isEmpty else {
      throw StageFailure(
        "\(missing.count) of \(videos.count) videos have no row in '\(labelSource)': "
          + "\(missing.prefix(5).joined(separator: ", "))\(missing.count > 5 ? ", …" : ""); "
          + "add rows, or select fewer videos with 'pattern'")
    }
    for video in videos {
      guard let row = rows[video.id] else { continue }
      let table = IndexFile(columns: ["label", "group"], rows: [[row.label, row.group]])
      let path = try context.path(ImportStage.labels, id: video.id)
      try Data(table.text.utf8).write(to: URL(fileURLWithPath: path))
    }
    return videos.count
  }

  /// Rows by video; a table without a column of groups makes every video a group of its own.
  private func readLabels(
    in context: StageContext
  ) throws -> [String: (label: String, group: String)] {
    guard let source = context.sources.first(where: { $0.id == labelSource }) else {
      let clause = Suggestion.clause(for: labelSource, among: context.sources.map(\.id))
      throw StageFailure("'labels' names '\(labelSource)', which is not in '\(folder)'\(clause)")
    }
    guard let text = try? String(contentsOfFile: source.path, encoding: .utf8) else {
      throw StageFailure("'\(source.id)' is no UTF-8 text; expected a TSV or CSV table")
    }
    let isCommas = source.id.lowercased().hasSuffix(".csv")
    let table = isCommas ? CommaTable.read(text) : IndexFile(text: text)
    guard let table, let idAt = table.columns.firstIndex(where: { ["path", "item"].contains($0) }),
      let labelAt = table.columns.firstIndex(of: labelColumn)
    else {
      throw StageFailure(
        "'\(source.id)' is no table with a column 'path' or 'item' and a column '\(labelColumn)'; "
          + "expected a header and rows of equally many cells, separated by "
          + (isCommas ? "commas" : "tabs"))
    }
    let groupAt = table.columns.firstIndex(of: groupColumn)
    if groupAt == nil, groupColumn != "group" {
      let clause = Suggestion.clause(for: groupColumn, among: table.columns)
      throw StageFailure("'\(source.id)' has no column '\(groupColumn)'\(clause)")
    }
    var rows: [String: (label: String, group: String)] = [:]
    for (number, row) in table.rows.enumerated() {
      let entry = (label: row[labelAt], group: groupAt.map { row[$0] } ?? row[idAt])
      guard rows.updateValue(entry, forKey: row[idAt]) == nil else {
        throw StageFailure("'\(source.id)' line \(number + 2): '\(row[idAt])' occurs twice")
      }
    }
    return rows
  }

  // MARK: Gaze

  private func addGaze(of videos: [StageContext.Source], in context: StageContext) throws -> Int {
    guard !gazePatterns.isEmpty else { return 0 }
    let ids = Set(videos.map(\.id))
    var byStem: [String: String] = [:]
    for source in context.sources
    where !ids.contains(source.id) && gazePatterns.contains(where: { $0.matches(source.id) }) {
      let stem = ImportStage.stem(source.id)
      guard byStem.updateValue(source.id, forKey: stem) == nil else {
        throw StageFailure("two gaze files belong to '\(stem)'; narrow the patterns of 'gaze'")
      }
    }
    let sources = Dictionary(context.sources.map { ($0.id, $0) }) { first, _ in first }
    var count = 0
    for video in videos {
      guard let id = byStem[ImportStage.stem(video.id)], let source = sources[id] else { continue }
      try put(source, to: ImportStage.gaze, id: video.id, in: context)
      count += 1
    }
    guard count > 0 else {
      let wanted = gazePatterns.map { "'\($0.text)'" }.joined(separator: " or ")
      throw StageFailure(
        "found no gaze file that belongs to a video: \(byStem.count) files match \(wanted), "
          + "none has a video's path without its extension")
    }
    return count
  }

  private static func stem(_ path: String) -> String { (path as NSString).deletingPathExtension }
}
