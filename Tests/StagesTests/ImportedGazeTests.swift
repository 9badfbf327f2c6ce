import Foundation
import StageKit
import TestKit
import Testing

@Suite("import: gaze")
struct ImportedGazeTests {
  private let bench: ImportBench

  init() throws { bench = try ImportBench() }

  /// Clips `a.mkv` of 10 frames of [16, 32] pixels in 0.4 s, and `b.mkv` of 5.
  private func run(
    _ files: [String: String], _ options: [String: Value] = [:]
  ) async throws -> WholeStageRun {
    try await bench.run(
      options.merging(["gaze": ["**/*.csv", "**/*.tsv"]]) { first, _ in first }, files: files,
      clips: ["a.mkv": 10, "b.mkv": 5])
  }

  private static let header = "frame\ttime\teye\tx\ty\tvalid\n"

  @Test("gaze belongs to the video of the same path, and its times to frames")
  func ofPath() async throws {
    let run = try await bench.run(
      ["gaze": ["**/*.csv"]],
      files: [
        "x/a.csv": "time,x,y\n0.0,0.5,0.25\n0.119,0.1,1.1\n0.0395,,\n0.08,0.5,0.5\n",
        "notes.txt": "",
      ],
      clips: ["x/a.mkv": 10, "x/b.mkv": 3])
    #expect(run.failure == nil)
    #expect(run.order["gaze"] == ["x/a.mkv"])
    // In order of time; 0.0395 s is frame 1 and 0.119 s frame 3 by a clock of whole milliseconds.
    #expect(
      try run.text("gaze", "x/a.mkv")
        == Self.header + "0\t0.0\tboth\t0.5\t0.25\t1\n1\t0.0395\tboth\t\t\t0\n"
        + "2\t0.08\tboth\t0.5\t0.5\t1\n3\t0.119\tboth\t0.1\t1.1\t1\n")
    #expect(try ImportBench.info(run)["gaze"] == 1)
  }

  @Test("a gaze file may have two extensions; the nearest video counts")
  func twoExtensions() async throws {
    let run = try await bench.run(
      ["gaze": ["**/*.gaze.csv"]],
      files: ["x/a.gaze.csv": Self.good, "x/a.b.gaze.csv": "time,x,y\n0,0.25,0.5\n"],
      clips: ["x/a.mkv": 2, "x/a.b.mkv": 2])
    #expect(run.failure == nil)
    #expect(try run.text("gaze", "x/a.mkv").hasSuffix("0\t0.0\tboth\t0.5\t0.5\t1\n"))
    #expect(try run.text("gaze", "x/a.b.mkv").hasSuffix("0\t0.0\tboth\t0.25\t0.5\t1\n"))
  }

  @Test("pixels become shares, milliseconds seconds, and names those of fathom")
  func unitsAndNames() async throws {
    let run = try await run(
      ["a.tsv": "t_ms\tGazeX\tGazeY\tok\n0\t8\t4\ttrue\n320\t32\t16\tFalse\n399\t16\t2\t1\n"],
      [
        "gaze_units": "pixels", "gaze_time": "milliseconds",
        "gaze_columns": ["time": "t_ms", "x": "GazeX", "y": "GazeY", "valid": "ok"],
      ])
    #expect(run.failure == nil)
    #expect(
      try run.text("gaze", "a.mkv")
        == Self.header + "0\t0.0\tboth\t0.25\t0.25\t1\n8\t0.32\tboth\t\t\t0\n"
        + "9\t0.399\tboth\t0.5\t0.125\t1\n")
  }

  @Test("two eyes are two samples, each valid by itself or both by one column")
  func eyes() async throws {
    let run = try await run([
      "a.csv": "frame,left_x,left_y,right_x,right_y,left_valid,right_valid\n"
        + "1,0.1,0.2,0.3,0.4,1,1\n2,0.1,0.2,nan,nan,1,0\n",
      "b.csv": "frame,left_x,left_y,right_x,right_y,valid\n0,0.1,0.2,0.3,0.4,1\n1,,,,,0\n",
    ])
    #expect(run.failure == nil)
    #expect(
      try run.text("gaze", "a.mkv")
        == Self.header + "1\t0.04\tleft\t0.1\t0.2\t1\n1\t0.04\tright\t0.3\t0.4\t1\n"
        + "2\t0.08\tleft\t0.1\t0.2\t1\n2\t0.08\tright\t\t\t0\n")
    #expect(
      try run.text("gaze", "b.mkv")
        == Self.header + "0\t0.0\tleft\t0.1\t0.2\t1\n0\t0.0\tright\t0.3\t0.4\t1\n"
        + "1\t0.04\tleft\t\t\t0\n1\t0.04\tright\t\t\t0\n")
  }

  @Test("one table may hold the gaze of all videos")
  func oneTable() async throws {
    let table = "path,frame,time,x,y\na.mkv,3,9,0.5,0.5\nb.mkv,1,9,0.25,0.5\na.mkv,2,9,0.75,0.5\n"
    let run = try await run(["all.csv": table], ["gaze_time": "frames"])
    #expect(run.failure == nil)
    #expect(
      try run.text("gaze", "a.mkv")
        == Self.header + "2\t0.08\tboth\t0.75\t0.5\t1\n3\t0.12\tboth\t0.5\t0.5\t1\n")
    #expect(try run.text("gaze", "b.mkv") == Self.header + "1\t0.04\tboth\t0.25\t0.5\t1\n")
  }

  private static let good = "time,x,y\n0,0.5,0.5\n"
  private static let bad: [(files: [String: String], options: [String: Value], message: String)] = [
    (["a.csv": "time,x\n0,1\n"], [:], "'a.csv' line 1 has no column 'y'"),
    (["a.csv": "x,y\n0,1\n"], [:], "'a.csv' line 1 has no column 'time' or 'frame' (or name it in"),
    (
      ["a.csv": "time,gx,gy\n0,1,1\n"], [:], "'a.csv' line 1 has no column 'x' and 'y', or 'left_x'"
    ),
    (
      ["a.csv": "time,left_x,right_x\n0,1,1\n"], [:], "'a.csv' line 1 has no column 'left_y'"
    ),
    (
      ["a.csv": good], ["gaze_columns": ["x": "gx"]], "'a.csv' line 1 has no column 'gx'"
    ),
    (
      ["a.csv": "time,x,y\n0,0.5,0.5\n1,x,0.5\n"], [:],
      "'a.csv' line 3: time is '1'; 'a.mkv' lasts from 0 to 0.4 s; expected a time within it, in "
        + "seconds"
    ),
    (
      ["a.csv": "time,x,y\n0,0.5,0.5\n120,0.5,0.5\n"], [:],
      "'a.csv' line 3: time is '120'; 'a.mkv' lasts from 0 to 0.4 s; expected a time within it, in "
        + "seconds; if these are milliseconds, set 'gaze_time: milliseconds'"
    ),
    (["a.csv": "time,x,y\n-0.1,0.5,0.5\n"], [:], "'a.csv' line 2: time is '-0.1'; 'a.mkv' lasts"),
    (["a.csv": "time,x,y\nnan,0.5,0.5\n"], [:], "'a.csv' line 2: time is 'nan'; expected a finite"),
    (
      ["a.csv": "frame,x,y\n10,0.5,0.5\n"], [:],
      "'a.csv' line 2: frame is '10'; 'a.mkv' has 10 frames"
    ),
    (
      ["a.csv": "time,x,y\n0,NaN,0.5\n"], [:],
      "'a.csv' line 2: x is 'NaN'; expected a finite number"
    ),
    (["a.csv": "time,x,y\n0,0.5,\n"], [:], "'a.csv' line 2: y is ''; expected a finite number"),
    (
      ["a.csv": "time,x,y,valid\n0,,,1\n"], [:], "'a.csv' line 2: x is ''; expected a finite number"
    ),
    (
      ["a.csv": "time,x,y,valid\n0,0,0,yes\n"], [:],
      "'a.csv' line 2: valid is 'yes'; expected 1 or 0"
    ),
    (
      ["a.csv": "time,x,y,valid\n0,,,0\n0.1,,,0\n"], [:],
      "'a.csv' from line 2 on: none of the 2 gaze samples of 'a.mkv' is valid"
    ),
    (["a.csv": "time,x,y\n"], [:], "'a.csv': none of the 0 gaze samples of 'a.mkv' is valid"),
    (
      ["a.csv": "time,x,y\n0,0.5,0.5\n0.1,20,8\n0.2,21,9\n"], [:],
      "'a.csv' line 3: x '20', y '8'; 2 of 3 samples are far outside of 0 to 1; if they are pixels "
        + "of the video, set 'gaze_units: pixels'"
    ),
    (
      ["a.csv": good], ["gaze_units": "pixels"],
      "'a.csv' line 2: x '0.5', y '0.5'; no sample is beyond 1.5 pixels; if these are shares of the "
        + "picture, set 'gaze_units: normalised'"
    ),
    (
      ["a.csv": "time,x,y\n0,900,500\n"], ["gaze_units": "pixels"],
      "'a.csv' line 2: x '900', y '500'; 1 of 1 samples are far off the picture of 32 by 16 pixels"
    ),
    (
      ["a.csv": "time,x,y\n0,0.5,0.5\n0.3,0.5,0.5\n"], ["gaze_time": "milliseconds"],
      "'a.csv' line 3: time is '0.3'; all samples are within the first frame; if these are seconds"
    ),
    (["a.csv": good, "a.tsv": good], [:], "'a.mkv' has two gaze files, 'a.csv' and 'a.tsv'"),
    (
      ["a.csv": good, "z.csv": "path,time,x,y\na.mkv,0,0.5,0.5\n"], [:],
      "'a.mkv' has gaze in 'a.csv' and in 'z.csv'"
    ),
    (["a.csv": good, "z.csv": good], [:], "gaze file 'z.csv' belongs to no video"),
    (
      ["z.csv": "path,time,x,y\na.mk,0,0.5,0.5\n"], [:],
      "'z.csv' line 2 is about 'a.mk', which is not there; did you mean 'a.mkv'?"
    ),
    (["z.csv": "path,x,y\na.mkv,0.5,0.5\n"], [:], "'z.csv' line 1 has no column 'time' or 'frame'"),
    (["z.txt": ""], [:], "found no gaze that belongs to a video"),
  ]

  @Test("what does not fit is refused with file and line", arguments: bad)
  func refused(
    files: [String: String], options: [String: Value], message: String
  ) async throws {
    let failure = try await run(files, options).failure ?? "no failure"
    #expect(failure.hasPrefix(message) || failure.hasPrefix("'a.mkv': " + message), "\(failure)")
  }

  @Test("skip leaves the videos out whose gaze is bad, and lists them")
  func skip() async throws {
    let run = try await run(
      ["a.csv": "time,x,y\n9,0.5,0.5\n", "b.csv": Self.good, "z.csv": Self.good],
      ["on_problem": "skip"])
    #expect(run.failure == nil)
    #expect(run.order["videos"] == ["b.mkv"])
    #expect(run.order["gaze"] == ["b.mkv"])
    let reasons = try ImportBench.leftOut(run)
    #expect(reasons.keys.sorted() == ["a.mkv"])
    #expect(reasons["a.mkv"]?.hasPrefix("'a.csv' line 2: time is '9'") == true)
    #expect(
      try ImportBench.info(run)["ignored"]?.display.contains("'z.csv' belongs to no video") == true)
  }

  @Test("an option that names columns wrongly is refused")
  func options() async throws {
    for (value, message) in [
      (["eye": "x"] as Value, "names the unknown column 'eye'"), (["x": 3], "gives x 3; expected"),
      (["x"], "is [\"x\"]; expected a map"),
    ] {
      let run = try await run(["a.csv": Self.good], ["gaze_columns": value])
      #expect(
        run.failure?.contains("option 'gaze_columns' \(message)") == true, "\(run.failure ?? "")")
    }
  }
}
