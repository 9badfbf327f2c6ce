import Foundation
import StageKit
import Testing

/// The same gaze and the same labels, written in each way that an import reads.
@Suite("Imported gaze and labels", .aFewAtATime)
struct ImportedTablesTests {
  /// Frame, x and y in pixels of [48, 64]; frame 3 has no gaze.
  private static let looks = [(0, 16, 12), (1, 16, 12), (2, 32, 24), (4, 48, 36), (5, 48, 36)]

  /// A table of `a.mp4`, 25 frames a second.
  private static func table(
    _ header: String, _ separator: String, _ row: (_ frame: Int, _ x: Int, _ y: Int) -> [String]
  ) -> String {
    let rows = looks.map { row($0.0, $0.1, $0.2).joined(separator: separator) }
    return ([header] + rows).joined(separator: "\n") + "\n"
  }

  private static let gaze: [String: String] = [
    "in/seconds/a.csv": table("time,x,y", ",") { frame, x, y in
      ["\(Double(frame) / 25)", "\(Double(x) / 64)", "\(Double(y) / 48)"]
    },
    "in/frames/a.gaze.tsv": table("x\ty\tframe", "\t") { frame, x, y in
      ["\(Double(x) / 64)", "\(Double(y) / 48)", "\(frame)"]
    },
    "in/milliseconds/a.csv": table("ms,GazeX,GazeY", ",") { frame, x, y in
      ["\(frame * 40)", "\(x)", "\(y)"]
    },
    "in/pixels/all.tsv": table("path\tframe\tx\ty\tvalid", "\t") { frame, x, y in
      ["a.mp4", "\(frame)", "\(x)", "\(y)", "1"]
    } + "a.mp4\t3\t\t\t0\n",
  ]
  private static let gazePipeline = """
    stages:
      seconds: { uses: import, with: { path: in/seconds, gaze: ["*.csv"] } }
      frames: { uses: import, with: { path: in/frames, gaze: ["*.tsv"], gaze_time: frames } }
      milliseconds:
        uses: import
        with:
          path: in/milliseconds
          gaze: ["*.csv"]
          gaze_units: pixels
          gaze_time: milliseconds
          gaze_columns: { time: ms, x: GazeX, y: GazeY }
      pixels: { uses: import, with: { path: in/pixels, gaze: ["*.tsv"], gaze_units: pixels } }
      of_seconds: { uses: gaze, each: gaze, in: { gaze: seconds.gaze } }
      of_frames: { uses: gaze, each: gaze, in: { gaze: frames.gaze } }
      of_milliseconds: { uses: gaze, each: gaze, in: { gaze: milliseconds.gaze } }
      of_pixels: { uses: gaze, each: gaze, in: { gaze: pixels.gaze } }

    """

  @Test("the same gaze by time or frame, in shares or pixels, as CSV or TSV has the same fixations")
  func gaze() async throws {
    let bench = try Workbench(Self.gazePipeline, files: Self.gaze)
    let forms = ["seconds", "frames", "milliseconds", "pixels"]
    for form in forms { try bench.addClips(2, to: "in/\(form)") }
    let outcome = try await bench.fathom("run")
    #expect(outcome.code == 0, "\(outcome.errors)")
    for form in forms {
      let folder = try bench.contents(of: "Artifacts/latest/p/of_\(form)/fixations")
      // The video without gaze has no item.
      #expect(folder.keys.filter { $0 != "index.tsv" } == ["a.mp4"])
      #expect(
        folder["a.mp4"].map { String(decoding: $0, as: UTF8.self) } == """
          frame\tx\ty\tbridged
          0\t0.25\t0.25\t0
          1\t0.25\t0.25\t0
          2\t0.5\t0.5\t0
          3\t0.625\t0.625\t1
          4\t0.75\t0.75\t0
          5\t0.75\t0.75\t0

          """, "\(form)")
    }
    try await bench.run(expecting: [])
  }

  private static let clips = ["a.mp4", "b.avi", "c.mkv", "d.mkv"]
  /// Frames 0 to 1 show `x`, 2 to 5 `y`; each clip is a patient's.
  private static let labels: [String: String] = {
    func table(_ header: String, _ rows: [[String]]) -> String {
      let lines = clips.enumerated().flatMap { number, clip in
        rows.map { ([clip] + $0 + ["p\(number)"]).joined(separator: "\t") }
      }
      return (["path\t\(header)\tlabel\tpatient"] + lines).joined(separator: "\n") + "\n"
    }
    let frames = (0..<6).map { ["\($0)", $0 < 2 ? "x" : "y"] }
    return [
      "in/frames.tsv": table("frame", frames),
      "in/segments.tsv": table("first\tlast", [["2", "5", "y"], ["0", "1", "x"]]),
      "in/seconds.tsv": table("start\tend", [["0", "0.08", "x"], ["0.08", "0.24", "y"]]),
      "in/videos.csv": "item,label,patient\n"
        + clips.enumerated().map { "\($1),\($0 % 2 == 0 ? "x" : "y"),p\($0)\n" }.joined(),
    ]
  }()
  private static let labelsPipeline = """
    params:
      forms: { frames: frames.tsv, segments: segments.tsv, seconds: seconds.tsv, videos: videos.csv }
    stages:
      clips:
        uses: import
        matrix: { form: "${params.forms}" }
        with:
          { path: in, labels: "${matrix.form}", group_column: patient, classes: [x, y] }
      roles:
        uses: split
        matrix: { form: "${params.forms}" }
        in: { labels: clips.labels }
        with: { patients: { pretrain: 2, test: 2 } }
      chosen:
        uses: select
        matrix: { form: "${params.forms}", role: [pretrain, test] }
        in: { items: clips.videos, roles: roles.roles }
        with: { role: "${matrix.role}" }

    """

  @Test("labels by frame, segment, time and video go through split and select")
  func labels() async throws {
    let bench = try Workbench(Self.labelsPipeline, files: Self.labels)
    try bench.addClips(4, to: "in")
    let outcome = try await bench.fathom("run")
    #expect(outcome.code == 0, "\(outcome.errors)")
    var roles: [String: [[String]]] = [:]
    for form in ["frames", "segments", "seconds", "videos"] {
      let table = try #require(IndexFile(text: try bench.latest("roles@form=\(form)/roles")))
      roles[form] = table.rows
      #expect(table.rows.map { $0[0] } == Self.clips)
      for role in ["pretrain", "test"] {
        let chosen = try bench.contents(
          of: "Artifacts/latest/p/chosen@form=\(form),role=\(role)/items")
        let expected = table.rows.filter { $0[2] == role }.map { $0[0] }
        #expect(expected.count == 2)
        #expect(Set(chosen.keys).subtracting(["index.tsv"]) == Set(expected))
      }
    }
    for form in ["frames", "segments", "seconds"] {
      for (number, clip) in Self.clips.enumerated() {
        #expect(
          try bench.latest("clips@form=\(form)/labels/\(clip)")
            == "first\tlast\tlabel\tgroup\n0\t1\tx\tp\(number)\n2\t5\ty\tp\(number)\n", "\(form)")
      }
    }
    #expect(roles["segments"] == roles["frames"])
    #expect(roles["seconds"] == roles["frames"])
    // Where each video has one class, each role gets one of both.
    for role in ["pretrain", "test"] {
      let own = (roles["videos"] ?? []).filter { $0[2] == role }.map { $0[1] }
      #expect(Set(own.map { ["p0", "p2"].contains($0) }) == [true, false], "\(role): \(own)")
    }
  }
}
