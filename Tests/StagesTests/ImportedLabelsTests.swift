import Foundation
import StageKit
import TestKit
import Testing

@Suite("import: labels")
struct ImportedLabelsTests {
  private let bench: ImportBench

  init() throws { bench = try ImportBench() }

  /// Clips `a.mkv` of 10 frames and `b.mkv` of 5.
  private func run(
    _ table: String, _ options: [String: Value] = [:], name: String = "labels.tsv", cpus: Int = 1
  ) async throws -> WholeStageRun {
    try await bench.run(
      options.merging(["labels": .string(name)]) { first, _ in first }, files: [name: table],
      clips: ["a.mkv": 10, "b.mkv": 5], cpus: cpus)
  }

  @Test("a TSV or a CSV gives labels and groups")
  func tables() async throws {
    let tabs = "path\tlabel\tpatient\na.mp4\tcovid\t7\nb, \"c\".mp4\tregular\t8\n"
    let files = ["a.mp4": "a", "b, \"c\".mp4": "b"]
    let run = try await bench.run(
      ["labels": "index.tsv", "group_column": "patient"],
      files: files.merging(["index.tsv": tabs]) { $1 })
    #expect(run.failure == nil)
    #expect(try run.text("labels", "a.mp4") == "label\tgroup\ncovid\t7\n")
    #expect(try run.text("labels", "b, \"c\".mp4") == "label\tgroup\nregular\t8\n")
    let commas = "\u{feff}item,class\r\na.mp4,\"covid, mild\"\r\n\"b, \"\"c\"\".mp4\",regular"
    let csv = try await bench.run(
      ["labels": "index.csv", "label_column": "class"],
      files: files.merging(["index.csv": commas]) { $1 })
    #expect(csv.failure == nil)
    #expect(try csv.text("labels", "a.mp4") == "label\tgroup\ncovid, mild\ta.mp4\n")
    #expect(try csv.text("labels", "b, \"c\".mp4").hasPrefix("label\tgroup\nregular\t"))
  }

  @Test("a row a frame becomes segments; frames without a row have none")
  func byFrame() async throws {
    var text = "\u{feff}path\tframe\tlabel\tgroup\r\n"
    for (frame, label) in [(3, "x"), (1, "x"), (2, "x"), (4, "y"), (6, "y")] {
      text += "a.mkv\t\(frame)\t\(label)\tp1\r\n"
    }
    let run = try await run(text + "\r\nb.mkv\t4\tx\tp2\r\n")
    #expect(run.failure == nil)
    #expect(
      try run.text("labels", "a.mkv")
        == "first\tlast\tlabel\tgroup\n1\t3\tx\tp1\n4\t4\ty\tp1\n6\t6\ty\tp1\n")
    #expect(try run.text("labels", "b.mkv") == "first\tlast\tlabel\tgroup\n4\t4\tx\tp2\n")
  }

  @Test("segments are of frames, both ends included, in any order")
  func bySegment() async throws {
    let run = try await run(
      "path,first,last,label,group\na.mkv,5,9,y,p\nb.mkv,0,4,x,q\na.mkv,0,3,x,p\n",
      name: "labels.csv")
    #expect(
      try run.text("labels", "a.mkv") == "first\tlast\tlabel\tgroup\n0\t3\tx\tp\n5\t9\ty\tp\n")
  }

  @Test("seconds become the frames shown from the start on and before the end")
  func bySeconds() async throws {
    // 25 frames a second: a frame every 40 ms. 0.079 is frame 2, cut to whole milliseconds.
    let run = try await run(
      "path\tstart\tend\tlabel\na.mkv\t0\t0.079\tx\na.mkv\t0.079\t0.21\ty\na.mkv\t0.3\t0.4\tz\n"
        + "b.mkv\t0\t0.2\tx\n")
    #expect(
      try run.text("labels", "a.mkv")
        == "first\tlast\tlabel\tgroup\n0\t1\tx\ta.mkv\n2\t5\ty\ta.mkv\n8\t9\tz\ta.mkv\n")
    #expect(try run.text("labels", "b.mkv") == "first\tlast\tlabel\tgroup\n0\t4\tx\tb.mkv\n")
  }

  @Test("any number of processors gives the same labels")
  func processors() async throws {
    let text = "path\tframe\tlabel\na.mkv\t3\tx\nb.mkv\t0\ty\n"
    let (one, two) = (try await run(text), try await run(text, cpus: 2))
    for id in ["a.mkv", "b.mkv"] {
      #expect(try one.text("labels", id) == (try two.text("labels", id)))
    }
  }

  private static let bad: [(text: String, message: String)] = [
    ("path\tlabel\na.mkv\n", "'labels.tsv' line 2: has 1 cells; the header has 2"),
    ("name\tlabel\na.mkv\tx\n", "'labels.tsv' line 1 has no column 'path' or 'item'"),
    (
      "path\tlabels\na.mkv\tx\n",
      "'labels.tsv' line 1 has no column 'label'; did you mean 'labels'?"
    ),
    ("path,label\na.mkv,x\n", "'labels.tsv' line 1 has no column 'path' or 'item' but one cell"),
    ("", "'labels.tsv' line 1: has no header"),
    (
      "path\tlabel\na.mkv\tx\na.mkv\ty\nb.mkv\tx\n",
      "'labels.tsv' line 3: 'a.mkv' stands in line 2 already"
    ),
    ("path\tlabel\na.mkv\tx\n", "'b.mkv' has no row in 'labels.tsv'"),
    (
      "path\tlabel\na.mkv\tx\nb.mkv\tx\nb.mk\tx\n",
      "'labels.tsv' line 4 is about 'b.mk', which is not there; did you mean 'b.mkv'?"
    ),
    (
      "path\tlabel\na.mkv\t\nb.mkv\tx\n",
      "'a.mkv': 'labels.tsv' line 2: label is ''; expected a label"
    ),
    (
      "path\tframe\tlabel\na.mkv\t10\tx\nb.mkv\t0\tx\n",
      "'labels.tsv' line 2: frame is '10'; 'a.mkv' has 10 frames, counted from 0"
    ),
    (
      "path\tframe\tlabel\na.mkv\t1.5\tx\nb.mkv\t0\tx\n",
      "'a.mkv': 'labels.tsv' line 2: frame is '1.5'; expected a whole number from 0 on"
    ),
    (
      "path\tframe\tlabel\na.mkv\t1\tx\nb.mkv\t0\tx\na.mkv\t1\ty\n",
      "'labels.tsv' line 4: frame 1 of 'a.mkv' has a label already, in line 2"
    ),
    (
      "path\tfirst\tlast\tlabel\na.mkv\t5\t4\tx\nb.mkv\t0\t1\tx\n",
      "'a.mkv': 'labels.tsv' line 2: last is '4'; expected a frame from 5 on, the first one"
    ),
    (
      "path\tfirst\tlast\tlabel\na.mkv\t5\t7\tx\nb.mkv\t0\t1\tx\na.mkv\t0\t5\tx\n",
      "'labels.tsv' line 4: frame 5 of 'a.mkv' has a label already, in line 2"
    ),
    ("path\tfirst\tlabel\na.mkv\t5\tx\n", "'labels.tsv' line 1 has no column 'last'"),
    (
      "path\tfirst\tlast\tframe\tlabel\na.mkv\t5\t5\t5\tx\n",
      "'labels.tsv' line 1 has the columns 'frame' and also 'first' and 'last'"
    ),
    (
      "path\tstart\tend\tlabel\na.mkv\t0\t400\tx\nb.mkv\t0\t0.1\tx\n",
      "'labels.tsv' line 2: end is '400'; 'a.mkv' ends at 0.4 s"
    ),
    (
      "path\tstart\tend\tlabel\na.mkv\t0.2\t0.1\tx\nb.mkv\t0\t0.1\tx\n",
      "'a.mkv': 'labels.tsv' line 2: end is '0.1'; expected a time after the start, 0.2 s"
    ),
    (
      "path\tstart\tend\tlabel\na.mkv\t0.05\t0.06\tx\nb.mkv\t0\t0.1\tx\n",
      "'labels.tsv' line 2: end is '0.06'; 'a.mkv' has no frame between"
    ),
    (
      "path\tframe\tlabel\tgroup\na.mkv\t0\tx\tp\na.mkv\t1\tx\tq\nb.mkv\t0\tx\tr\n",
      "'a.mkv': 'labels.tsv' line 3: group is 'q'; the video is in group 'p' by line 2"
    ),
    ("path\tlabel\tgroup\na.mkv\tx\t\nb.mkv\tx\tp\n", "'a.mkv': 'labels.tsv' line 2: group is ''"),
  ]

  @Test("what does not fit is refused with file, line and column", arguments: bad)
  func refused(text: String, message: String) async throws {
    let run = try await run(text)
    #expect(run.failure?.hasPrefix(message) == true, "\(run.failure ?? "no failure")")
  }

  @Test("lines are right where cells hold line breaks")
  func quotedLines() async throws {
    let run = try await run(
      "path,note,label\na.mkv,\"two\nlines\",x\n\nb.mkv,,\n", name: "labels.csv")
    #expect(
      run.failure?.hasPrefix("'b.mkv': 'labels.csv' line 5: label is ''") == true,
      "\(run.failure ?? "no failure")")
  }

  @Test("a file of labels, or a column, that is not there is an error that says what there is")
  func missing() async throws {
    let table = "path\tlabel\na.mkv\tx\nb.mkv\ty\n"
    let other = try await run(table, ["labels": "label.tsv"])
    #expect(
      other.failure
        == "'labels' names 'label.tsv', which is not in 'clips'; did you mean 'labels.tsv'?")
    let group = try await run(table, ["group_column": "patient"])
    #expect(group.failure?.hasPrefix("'labels.tsv' line 1 has no column 'patient'") == true)
  }

  @Test("classes that are not in the list are unknown, with the nearest that is")
  func classes() async throws {
    let table = "path\tlabel\na.mkv\tcovid\nb.mkv\tregulr\n"
    let run = try await run(table, ["classes": ["covid", "regular"]])
    #expect(
      run.failure?.hasPrefix(
        "'b.mkv': 'labels.tsv' line 3: label is 'regulr'; this is none of 'classes'; did you mean "
          + "'regular'?") == true, "\(run.failure ?? "no failure")")
  }

  @Test("a row about a file that is no selected video is nothing to complain of")
  func unselected() async throws {
    let run = try await run(
      "path\tlabel\na.mkv\tx\nb.mkv\ty\n", ["pattern": ["a.*"]])
    #expect(run.failure == nil)
    #expect(run.order["labels"] == ["a.mkv"])
    #expect(try ImportBench.info(run)["ignored"] == [])
  }

  @Test("the same file under two groups is an error that names both")
  func sharedFile() async throws {
    let files = ["a.mp4": "same", "b.mp4": "same", "c.mp4": "other"]
    func run(_ group: String, _ options: [String: Value] = [:]) async throws -> WholeStageRun {
      let table = "path\tlabel\tgroup\na.mp4\tx\tp\nb.mp4\tx\t\(group)\nc.mp4\tx\tr\n"
      return try await bench.run(
        options.merging(["labels": "l.tsv"]) { $1 }, files: files.merging(["l.tsv": table]) { $1 })
    }
    #expect(
      try await run("q").failure
        == "'a.mp4' (group 'p', 'l.tsv' line 2) and 'b.mp4' (group 'q', 'l.tsv' line 3) are the same "
        + "file; expected one group, or one of them; correct them, or set 'on_problem: skip' to leave "
        + "such videos and rows out")
    #expect(try await run("p").failure == nil)
    let skipped = try await run("q", ["on_problem": "skip"])
    #expect(skipped.order["videos"] == ["c.mp4"])
    #expect(Set(try ImportBench.leftOut(skipped).keys) == ["a.mp4", "b.mp4"])
  }

  @Test("skip leaves out what has a problem, and lists it with the reason")
  func skip() async throws {
    let text =
      "path\tframe\tlabel\na.mkv\t3\tx\nb.mkv\t9\tx\ngone.mkv\t1\tx\nbroken.mkv\t0\tx\n"
    let run = try await bench.run(
      ["labels": "l.tsv", "on_problem": "skip"],
      files: ["l.tsv": text, "broken.mkv": "no video"],
      clips: ["a.mkv": 10, "b.mkv": 5, "c.mkv": 2])
    #expect(run.failure == nil)
    #expect(run.order["videos"] == ["a.mkv"])
    #expect(run.order["labels"] == ["a.mkv"])
    let reasons = try ImportBench.leftOut(run)
    #expect(
      reasons["b.mkv"]
        == "'l.tsv' line 3: frame is '9'; 'b.mkv' has 5 frames, counted from 0")
    #expect(reasons["c.mkv"] == "'c.mkv' has no row in 'l.tsv'")
    // The place of the project is no part of the bytes.
    #expect(reasons["broken.mkv"]?.hasPrefix("'broken.mkv': ") == true)
    #expect(reasons.count == 3)
    let info = try ImportBench.info(run)
    #expect(info["videos"] == 1)
    #expect(info["ignored"] == ["'l.tsv' line 4 is about 'gone.mkv', which is not there"])
    let none = try await bench.run(
      ["labels": "l.tsv", "on_problem": "skip"],
      files: ["l.tsv": "path\tlabel\n", "a.mp4": ""])
    #expect(none.failure == "all 1 videos were left out; the log has the reasons")
  }

  @Test("many problems are counted")
  func many() async throws {
    let files = Dictionary(uniqueKeysWithValues: (0..<9).map { ("\($0).mp4", "\($0)") })
    let run = try await bench.run(
      ["labels": "l.tsv"], files: files.merging(["l.tsv": "path\tlabel\n"]) { $1 })
    let failure = try #require(run.failure)
    #expect(failure.hasPrefix("'0.mp4' has no row in 'l.tsv'; '1.mp4' has"))
    #expect(failure.contains("; and 4 more problems; correct them"))
  }

  @Test("no video is decoded where nothing speaks of its frames")
  func light() async throws {
    // Text that is no video shows it: decoding would fail.
    let files = ["a.mp4": "text", "l.tsv": "path\tlabel\na.mp4\tx\nb.mkv\ty\n"]
    let gaze = ["b.csv": "time,x,y\n0,0.5,0.5\n"]
    let run = try await bench.run(
      ["labels": "l.tsv", "gaze": ["*.csv"]], files: files.merging(gaze) { $1 },
      clips: ["b.mkv": 3])
    #expect(run.failure == nil)
    #expect(run.order["videos"] == ["a.mp4", "b.mkv"])
    let byFrame = try await bench.run(
      ["labels": "l.tsv"],
      files: files.merging(["l.tsv": "path\tframe\tlabel\na.mp4\t0\tx\n"]) { $1 })
    #expect(byFrame.failure?.hasPrefix("'a.mp4': ") == true, "\(byFrame.failure ?? "")")
  }
}
