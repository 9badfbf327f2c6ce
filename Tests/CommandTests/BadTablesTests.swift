import Foundation
import StageKit
import Testing

/// What is wrong with gaze, labels or groups: an error that names file and line, or a listed skip.
@Suite("Bad gaze, labels and groups", .aFewAtATime)
struct BadTablesTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Beside `a.mp4` and `b.avi`, of 6 frames in 0.24 s.
    var files: [String: String]
    var options: String
    /// What is said of it, from its beginning on.
    var message: String
    /// The videos that are left out where that is asked for; none where something is ignored.
    var leftOut: [String] = ["a.mp4"]
    /// Whether no skip makes up for it.
    var isFatal = false
  }

  private static let gaze = "gaze: [\"*.csv\"]"
  private static let good = ["b.csv": "time,x,y\n0,0.5,0.5\n"]

  private static func gaze(
    _ name: String, _ text: String, options: String = "", _ message: String
  ) -> Case {
    Case(
      testDescription: name, files: good.merging(["a.csv": text]) { $1 },
      options: gaze + options, message: message)
  }

  private static func labels(
    _ name: String, _ text: String, options: String = "", leftOut: [String] = ["a.mp4"],
    _ message: String
  ) -> Case {
    Case(
      testDescription: name, files: ["l.tsv": text], options: "labels: l.tsv" + options,
      message: message, leftOut: leftOut)
  }

  static let cases = [
    gaze(
      "a gaze file without a column", "time,x\n0,0.5\n", "'a.csv' line 1 has no column 'y'"),
    Case(
      testDescription: "a gaze table of many videos without a column",
      files: ["z.csv": "path,time,x\na.mp4,0,0.5\n"], options: gaze,
      message: "'z.csv' line 1 has no column 'y'", isFatal: true),
    gaze(
      "pixels that are said to be shares", "time,x,y\n0,30,20\n0.04,31,22\n",
      "'a.csv' line 2: x '30', y '20'; 2 of 2 samples are far outside of 0 to 1; if they are pixels "
        + "of the video, set 'gaze_units: pixels'"),
    Case(
      testDescription: "shares that are said to be pixels",
      files: ["a.csv": "time,x,y\n0,0.5,0.5\n", "b.csv": "time,x,y\n0,32,24\n"],
      options: gaze + ", gaze_units: pixels",
      message:
        "'a.csv' line 2: x '0.5', y '0.5'; no sample is beyond 1.5 pixels; if these are shares"
    ),
    gaze(
      "a time beyond the video", "time,x,y\n0,0.5,0.5\n7,0.5,0.5\n",
      "'a.csv' line 3: time is '7'; 'a.mp4' lasts from 0 to 0.24 s; expected a time within it"),
    gaze(
      "a position that is no number", "time,x,y\n0,0.5,0.5\n0.04,nan,0.5\n",
      "'a.csv' line 3: x is 'nan'; expected a finite number; say that a sample was lost by"),
    gaze(
      "a time that is no number", "time,x,y\nNaN,0.5,0.5\n",
      "'a.csv' line 2: time is 'NaN'; expected a finite number"),
    gaze(
      "a gaze without a valid sample", "time,x,y,valid\n0,,,0\n0.04,,,0\n",
      "'a.csv' from line 2 on: none of the 2 gaze samples of 'a.mp4' is valid"),
    labels(
      "a label of a frame that is not there", "path\tframe\tlabel\na.mp4\t6\tx\nb.avi\t0\tx\n",
      "'l.tsv' line 2: frame is '6'; 'a.mp4' has 6 frames, counted from 0"),
    labels(
      "a class that is not in the list", "path\tlabel\nb.avi\theart\na.mp4\theat\n",
      options: ", classes: [heart]",
      "'l.tsv' line 3: label is 'heat'; this is none of 'classes'; did you mean 'heart'?"),
    labels(
      "a video without a row", "path\tlabel\nb.avi\theart\n", "'a.mp4' has no row in 'l.tsv'"),
    labels(
      "a row without a video", "path\tlabel\na.mp4\tx\nb.avi\tx\nc.mp4\tx\n", leftOut: [],
      "'l.tsv' line 4 is about 'c.mp4', which is not there; did you mean 'a.mp4'?"),
    Case(
      testDescription: "a gaze file of no video",
      files: ["a.csv": "time,x,y\n0,0.5,0.5\n"]
        .merging(["z.csv": "time,x,y\n0,0.5,0.5\n"]) { $1 }, options: gaze,
      message: "gaze file 'z.csv' belongs to no video", leftOut: []),
  ]

  private func project(_ options: String, _ files: [String: String]) throws -> Workbench {
    let bench = try Workbench(
      """
      stages:
        clips: { uses: import, with: { path: in, on_problem: error, \(options) } }

      """)
    try bench.addClips(2, to: "in")
    for (name, text) in files { try bench.write(text, to: "in/\(name)") }
    return bench
  }

  private func leftOut(_ bench: Workbench) throws -> (videos: [String: String], ignored: [String]) {
    let info = try JSONDecoder().decode(Value.self, from: Data(bench.latest("clips/info").utf8))
    let videos = (info["left_out"]?.elements ?? []).map {
      ($0["video"]?.text ?? "", $0["reason"]?.text ?? "")
    }
    return (
      Dictionary(uniqueKeysWithValues: videos), (info["ignored"]?.elements ?? []).map(\.text)
    )
  }

  @Test(
    "fail with file and line, or are left out and listed where that is asked for", arguments: cases)
  func bad(_ bad: Case) async throws {
    let bench = try project(bad.options, bad.files)
    let failure = try await bench.run(failing: 1).errors
    #expect(
      failure.contains("failed  clips: \(bad.message)")
        || failure.contains("failed  clips: 'a.mp4': \(bad.message)"), "\(failure)")
    #expect(bench.find("latest/p/clips").isEmpty)
    try bench.edit("on_problem: error", to: "on_problem: skip")
    guard !bad.isFatal else {
      #expect(try await bench.run(failing: 1).errors.contains("failed  clips: \(bad.message)"))
      return
    }
    #expect(failure.contains("set 'on_problem: skip' to leave such videos and rows out"))
    let log = try await bench.run(expecting: ["clips"]).errors
    let (videos, ignored) = try leftOut(bench)
    #expect(videos.keys.sorted() == bad.leftOut)
    let reasons = bad.leftOut.isEmpty ? ignored : Array(videos.values)
    #expect(reasons.count == 1)
    #expect(reasons.allSatisfy { $0.hasPrefix(bad.message) }, "\(reasons)")
    #expect(log.contains(bad.message), "\(log)")
    let kept = Set(["a.mp4", "b.avi"]).subtracting(bad.leftOut)
    #expect(
      Set(try bench.contents(of: "Artifacts/latest/p/clips/videos").keys)
        .subtracting(["index.tsv"]) == kept)
  }

  @Test("that leave no video with gaze say so")
  func nothingLeft() async throws {
    let bench = try project(Self.gaze, ["a.csv": "time,x\n0,0.5\n"])
    try bench.edit("on_problem: error", to: "on_problem: skip")
    let errors = try await bench.run(failing: 1).errors
    #expect(
      errors.contains("failed  clips: all 1 videos that have gaze were left out; the log has"),
      "\(errors)")
    #expect(errors.contains("left out 'a.mp4': 'a.csv' line 1 has no column 'y'"))
  }

  @Test("one file under two groups names both with their lines, or leaves both out")
  func sharedFile() async throws {
    let bench = try project(
      "labels: l.tsv",
      ["l.tsv": "path\tlabel\tgroup\nz.mp4\tx\tp3\na.mp4\tx\tp1\nb.avi\tx\tp2\n"])
    try bench.write(golden("video/h264.mp4"), to: "in/z.mp4")
    let reason =
      "'a.mp4' (group 'p1', 'l.tsv' line 3) and 'z.mp4' (group 'p3', 'l.tsv' line 2) are the same "
      + "file; expected one group, or one of them"
    let errors = try await bench.run(failing: 1).errors
    #expect(errors.contains("failed  clips: \(reason); correct them"), "\(errors)")
    try bench.edit("on_problem: error", to: "on_problem: skip")
    try await bench.run(expecting: ["clips"])
    #expect(try leftOut(bench).videos == ["a.mp4": reason, "z.mp4": reason])
  }
}
