import Foundation
import StageKit

/// Takes the user's own files in: videos, and what is known of each.
///
/// Nothing is copied unless `copy` says so: an entry is a path and a digest. Only DICOM files are
/// written anew, as Matroska files of frames, times and calibration (`DICOMCines`). An item's id is its
/// path relative to the imported folder. Writes for every video a `LabelFile` where labels are given,
/// and a `GazeFile` where there is gaze of it. A video is decoded only where labels or gaze speak of
/// its frames. `docs/data.md` has the columns.
struct ImportStage: Stage {
  static let kind = "import"
  static let version = 3
  static let summary = "Takes videos of a folder in, with their labels, gaze and true structures"
  static let videos = Output("videos", "video", many: true, help: "video files")
  static let labels = Output(
    "labels", "labels", many: true,
    help: "TSV: label, group, and first, last where labels are of frames; an entry for each video")
  static let gaze = Output(
    "gaze", "gaze", many: true,
    help: "TSV: frame, time, eye, x, y, valid; under the ids of those videos that have gaze")
  static let truth = Output(
    "truth", "truth", many: true,
    help: "TSV: frame, label, structure, x, y, long_axis; under the ids of videos with such a table"
  )
  static let info = Output("info", "info", help: "JSON: counts, bytes, what was left out and why")
  static let inputs: [Input] = []
  static let outputs = [videos, labels, gaze, truth, info]

  /// What counts as a video where no pattern is given.
  private static let videoExtensions: Set<String> = DICOMCines.extensions.union([
    "3gp", "asf", "avi", "flv", "m2v", "m4v", "mj2", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "ogv", "ts", "vob", "webm", "wmv",
  ])

  private let folder: String
  private let patterns: [PathPattern]
  private let gazePatterns: [PathPattern]
  private let truthPatterns: [PathPattern]
  private let copies: Bool
  private let labelSource: String
  private let labelColumn: String
  private let groupColumn: String
  private let classes: [String]
  private let gazeReading: GazeReading
  private let onProblem: ImportProblems.Reaction

  init(options: inout OptionReader) throws(Diagnostic) {
    folder = try options.files("path", help: "the folder whose files are imported, or one file")
    patterns = try options.texts(
      "pattern", default: [],
      help: "globs of the videos below it, such as **/*.mp4; by default all common video files"
    ).map(PathPattern.init)
    gazePatterns = try options.texts(
      "gaze", default: [],
      help:
        "globs of gaze files: of the video of the same path without extension, or tables with a "
        + "column 'path' or 'item'"
    ).map(PathPattern.init)
    truthPatterns = try options.texts(
      "truth", default: [],
      help:
        "globs of tables of structures that somebody has marked, of the video of the same path "
        + "without extension"
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
    classes = try options.texts(
      "classes", default: [], help: "the labels that may occur; any where it is empty")
    gazeReading = try GazeReading(options: &options)
    onProblem = try options.choice(
      "on_problem", default: ImportProblems.Reaction.error,
      help: "bad labels or gaze: fail, or leave the video out and list it")
  }

  func run(in context: StageContext) async throws {
    let selected = try selectVideos(of: context.sources)
    let known = Set(context.sources.map(\.id))
    var problems = ImportProblems(onProblem)
    let table = try labelTable(in: context)
    for reason in table?.strays(among: known) ?? [] { problems.ignore(reason) }
    let gaze = try ImportedGaze(
      gazeSources(in: context, videos: Set(selected.map(\.id))), of: selected.map(\.id),
      known: known, gazeReading, problems: &problems)
    let looking = gaze.videos
    let cines = try DICOMCines(of: selected, &problems, in: context)
    let clocks = FrameClocks(
      of: selected.filter {
        problems.leftOut[$0.id] == nil
          && (looking.contains($0.id) || table?.needsClocks == true && table?.has($0.id) == true)
      }.map { ($0.id, cines[$0.id] ?? $0.path) }, in: context)

    var found: [String: LabelFile] = [:]
    var gazes: [String: GazeFile] = [:]
    for video in selected where problems.leftOut[video.id] == nil {
      found[video.id] =
        try problems.guarding(video.id) {
          try labels(of: video.id, table) { try clocks.clock(of: video.id) }
        } ?? nil
      guard looking.contains(video.id) else { continue }
      gazes[video.id] = try problems.guarding(video.id) {
        try gaze.gaze(of: video.id, clock: clocks.clock(of: video.id))
      }
    }
    let truths = try truths(of: selected, in: context, &problems)
    leaveOutSharedFiles(of: selected, found, table, &problems)
    try problems.settle(in: context)
    let kept = selected.filter { problems.leftOut[$0.id] == nil }
    guard !kept.isEmpty else {
      throw StageFailure("all \(selected.count) videos were left out; the log has the reasons")
    }
    try checkGaze(of: kept, looking)
    for video in kept {
      try put(video, cines[video.id], in: context)
      try found[video.id]?.write(to: context.path(ImportStage.labels, id: video.id))
      try gazes[video.id]?.write(to: context.path(ImportStage.gaze, id: video.id))
      try truths[video.id]?.write(to: context.path(ImportStage.truth, id: video.id))
    }
    try writeInfo(
      kept, labels: kept.count { found[$0.id] != nil }, gaze: kept.count { gazes[$0.id] != nil },
      problems, in: context)
  }

  private func selectVideos(of sources: [StageContext.Source]) throws -> [StageContext.Source] {
    let selected = sources.filter { source in
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
        "found no video in '\(folder)': none of its \(sources.count) files matches "
          + "\(wanted); correct 'path' or 'pattern'")
    }
    return selected
  }

  /// - Parameter cine: what became of the video where it is DICOM
  private func put(
    _ source: StageContext.Source, _ cine: String?, in context: StageContext
  ) throws {
    if let cine {
      try FileManager.default.moveItem(
        atPath: cine, toPath: context.path(ImportStage.videos, id: source.id))
    } else if copies {
      try FileManager.default.copyItem(
        atPath: source.path, toPath: context.path(ImportStage.videos, id: source.id))
    } else {
      context.add(source, to: ImportStage.videos, id: source.id)
    }
  }

  private func writeInfo(
    _ kept: [StageContext.Source], labels: Int, gaze: Int, _ problems: ImportProblems,
    in context: StageContext
  ) throws {
    let info = Value.map(
      [
        .init("videos", .integer(kept.count)),
        .init("bytes", .integer(kept.reduce(0) { $0 + $1.size })),
        .init("labels", .integer(labels)), .init("gaze", .integer(gaze)),
        .init("files", .integer(context.sources.count)),
      ] + problems.value)
    try writeText(info.json + "\n", to: context.path(ImportStage.info))
  }

  // MARK: Labels

  private func labelTable(in context: StageContext) throws -> ImportedLabels? {
    guard labelSource != "none", labelSource != "folder" else { return nil }
    guard let source = context.sources.first(where: { $0.id == labelSource }) else {
      let clause = Suggestion.clause(for: labelSource, among: context.sources.map(\.id))
      throw StageFailure("'labels' names '\(labelSource)', which is not in '\(folder)'\(clause)")
    }
    return try ImportedLabels(source, label: labelColumn, group: groupColumn, classes: classes)
  }

  /// `nil` where no labels are given.
  private func labels(
    of video: String, _ table: ImportedLabels?, clock: () throws -> FrameClock
  ) throws -> LabelFile? {
    if let table { return try table.labels(of: video, clock: clock) }
    guard labelSource == "folder" else { return nil }
    let parts = video.split(separator: "/")
    guard parts.count >= 2 else {
      throw StageFailure(
        "'\(video)' lies in no folder below '\(folder)' that could be its label; "
          + "move it into one, or set 'labels' to a file")
    }
    let label = String(parts[parts.count - 2])
    guard classes.isEmpty || classes.contains(label) else {
      let clause = Suggestion.clause(for: label, among: classes)
      throw StageFailure("'\(video)' lies in '\(label)', which is none of 'classes'\(clause)")
    }
    return LabelFile(group: video, segments: [.init(label: label)])
  }

  /// The same file under two groups would be on two sides of a split; nobody knows whose it is.
  private func leaveOutSharedFiles(
    of videos: [StageContext.Source], _ labels: [String: LabelFile], _ table: ImportedLabels?,
    _ problems: inout ImportProblems
  ) {
    func described(_ video: String, _ group: String) -> String {
      "'\(video)' (group '\(group)'\(table?.place(of: video).map { ", \($0)" } ?? ""))"
    }
    var first: [Digest: (id: String, group: String)] = [:]
    for video in videos {
      guard let group = labels[video.id]?.group else { continue }
      guard let other = first[video.digest] else {
        first[video.digest] = (video.id, group)
        continue
      }
      guard other.group != group else { continue }
      let reason =
        "\(described(other.id, other.group)) and \(described(video.id, group)) are the same file; "
        + "expected one group, or one of them"
      problems.leaveOut(other.id, reason)
      problems.leaveOut(video.id, reason)
    }
  }

  // MARK: Structures

  private func truths(
    of videos: [StageContext.Source], in context: StageContext, _ problems: inout ImportProblems
  ) throws -> [String: TruthFile] {
    let byStem = Dictionary(grouping: videos.map(\.id), by: ImportedGaze.stem)
    let own = Set(videos.map(\.id))
    var truths: [String: TruthFile] = [:]
    for source in context.sources
    where !own.contains(source.id) && truthPatterns.contains(where: { $0.matches(source.id) }) {
      guard let video = ImportedGaze.stems(source.id).lazy.compactMap({ byStem[$0]?.first }).first
      else {
        problems.ignore(
          "table of structures '\(source.id)' belongs to no video: none has this path without extension"
        )
        continue
      }
      guard truths[video] == nil else {
        problems.leaveOut(video, "'\(video)' has two tables of structures; narrow 'truth'")
        continue
      }
      truths[video] = try problems.guarding(video) { try TruthFile(TextTable(source)) }
    }
    guard truthPatterns.isEmpty || !truths.isEmpty || !problems.leftOut.isEmpty else {
      let wanted = truthPatterns.map { "'\($0.text)'" }.joined(separator: " or ")
      throw StageFailure(
        "found no table of structures that belongs to a video: no file that matches \(wanted) has a "
          + "video's path without its extension")
    }
    return truths
  }

  // MARK: Gaze

  private func gazeSources(
    in context: StageContext, videos: Set<String>
  ) -> [StageContext.Source] {
    context.sources.filter { source in
      !videos.contains(source.id) && source.id != labelSource
        && gazePatterns.contains { $0.matches(source.id) }
    }
  }

  private func checkGaze(of kept: [StageContext.Source], _ looking: Set<String>) throws {
    guard !gazePatterns.isEmpty, !kept.contains(where: { looking.contains($0.id) }) else { return }
    guard looking.isEmpty else {
      throw StageFailure(
        "all \(looking.count) videos that have gaze were left out; the log has the reasons")
    }
    let wanted = gazePatterns.map { "'\($0.text)'" }.joined(separator: " or ")
    throw StageFailure(
      "found no gaze that belongs to a video: no file that matches \(wanted) has a video's path "
        + "without its extension, or a row about a video")
  }
}
