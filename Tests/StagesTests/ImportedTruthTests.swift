import StageKit
import Testing

@Suite("import: marked structures")
struct ImportedTruthTests {
  private static let header = "frame\tlabel\tstructure\tx\ty\tlong_axis\n"

  @Test("a table belongs to the video of the same path; a video without one has no entry")
  func ofPath() async throws {
    let bench = try ImportBench()
    let run = try await bench.run(
      ["truth": ["**/*.truth.csv"], "on_problem": "skip"],
      files: [
        "x/a.truth.csv": "structure,frame,x,y,long_axis,label\nheart,3,0.25,0.5,0.75,4CH\n",
        "x/c.truth.csv": Self.header,
      ],
      clips: ["x/a.mkv": 4, "x/b.mkv": 3])
    #expect(run.failure == nil)
    #expect(run.order["truth"] == ["x/a.mkv"])
    #expect(
      try run.text("truth", "x/a.mkv") == Self.header + "3\t4CH\theart\t0.25\t0.5\t0.75\n")
    #expect(try ImportBench.info(run)["ignored"]?.json.contains("x/c.truth.csv") == true)
  }

  @Test(
    "what is wrong is said with file, line and column",
    arguments: [
      ("frame\tlabel\n0\tA\n", "has no column 'structure'"),
      (header + "0\tA\theart\tfar\t0.5\t0.5\n", "far"),
      (header + "0\tA\theart\t0.5\t0.5\t0\n", "expected a length above 0"),
    ])
  func wrong(_ text: String, _ message: String) async throws {
    let bench = try ImportBench()
    let run = try await bench.run(
      ["truth": ["*.tsv"]], files: ["a.tsv": text], clips: ["a.mkv": 2])
    let failure = try #require(run.failure)
    #expect(failure.contains("a.tsv"))
    #expect(failure.contains(message), "\(failure)")
  }

  @Test("patterns that find nothing are an error")
  func nothing() async throws {
    let run = try await ImportBench().run(
      ["truth": ["*.marks"]], files: [:], clips: ["a.mkv": 2])
    #expect(run.failure?.contains("found no table of structures") == true)
  }
}
