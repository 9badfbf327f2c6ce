internal import StageKit

/// What speaks against videos, and against rows and files that belong to none: errors, or a list of
/// what was left out.
struct ImportProblems {
  enum Reaction: String, CaseIterable {
    case error
    /// Leaves the video out and lists it.
    case skip
  }

  let reaction: Reaction
  /// Video → the first reason.
  private(set) var leftOut: [String: String] = [:]
  /// Rows and files without a video.
  private(set) var ignored: [String] = []

  init(_ reaction: Reaction) { self.reaction = reaction }

  mutating func leaveOut(_ video: String, _ reason: String) {
    if leftOut[video] == nil { leftOut[video] = reason }
  }

  mutating func ignore(_ reason: String) { ignored.append(reason) }

  /// Runs `body`; a `StageFailure` is a reason to leave the video out.
  mutating func guarding<Result>(_ video: String, _ body: () throws -> Result) rethrows -> Result? {
    do {
      return try body()
    } catch let failure as StageFailure {
      leaveOut(video, failure.message)
      return nil
    }
  }

  /// Throws what there is, or tells the log of it.
  ///
  /// - Throws: `StageFailure` with the first five problems, unless they are to be skipped
  func settle(in context: StageContext) throws {
    let videos = leftOut.sorted { $0.key < $1.key }
    guard reaction == .error else {
      for (video, reason) in videos { context.log("left out '\(video)': \(reason)") }
      for reason in ignored { context.log("ignored: \(reason)") }
      return
    }
    let all = videos.map { video, reason in
      reason.contains("'\(video)'") ? reason : "'\(video)': \(reason)"
    }
    var seen: Set<String> = []
    let reasons = (all + ignored).filter { seen.insert($0).inserted }
    guard !reasons.isEmpty else { return }
    let rest = reasons.count > 5 ? "; and \(reasons.count - 5) more problems" : ""
    throw StageFailure(
      reasons.prefix(5).joined(separator: "; ") + rest
        + "; correct them, or set 'on_problem: skip' to leave such videos and rows out")
  }

  /// For `info`: what was left out, and what was ignored.
  var value: [Value.Pair] {
    [
      .init(
        "left_out",
        .list(
          leftOut.sorted { $0.key < $1.key }.map {
            ["video": .string($0.key), "reason": .string($0.value)]
          })),
      .init("ignored", .list(ignored.map { .string($0) })),
    ]
  }
}
