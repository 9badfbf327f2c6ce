import StageKit
import TestKit
import Testing

@Suite("The parts of a method", .aFewAtATime)
struct MethodTests {
  /// Nothing of it is run.
  static let pipeline = """
    stages:
      scans: { uses: simulate, with: { patients: 2 } }
      decode: { uses: decode, each: video, in: { video: scans.videos } }
      pretrain:
        uses: pretrain
        matrix:
          method:
            quarter: { pretext: rotation, angles: [0, 90] }
        in: { frames: decode.frames }
        with: { task: "${matrix.method}" }

    """

  @Test("a short name is printed as YAML that reads as the document of --json does")
  func shortName() async throws {
    let bench = try Workbench(Self.pipeline)
    let text = try await bench.fathom("show", "method", "pace").output
    #expect(text.hasPrefix("# How fast is it played? Wang et al. (2020)\n"), "\(text)")
    #expect(text.contains("\n# paces = [1, 2, 3, 4]: "), "\(text)")
    #expect(text.contains("\npace:\n  sampler: { stride: 1, "), "\(text)")
    #expect(text.contains("\n    - transform: { name: pace, paces: [1, 2, 3, 4] }\n"), "\(text)")
    let json = try await bench.fathom("show", "method", "pace", "--json").json
    #expect(json["schema_version"]?.integer == 1)
    #expect(json["options"]?.elements.map(\.text) == ["paces", "contrastive"])
    // What was printed, put in the pipeline, is the same method.
    let parts = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.dropFirst()
    try bench.edit(
      " { pretext: rotation, angles: [0, 90] }",
      to: "\n" + parts.map { "            \($0)" }.joined(separator: "\n"))
    let own = try await bench.fathom("show", "method", "quarter", "--json").json
    #expect(own["expansion"] == json["expansion"])
  }

  @Test("a method of the pipeline is shown by its own name")
  func ofThePipeline() async throws {
    let bench = try Workbench(Self.pipeline)
    let text = try await bench.fathom("show", "method", "quarter").output
    #expect(text.hasPrefix("# as 'Pipelines/p.yaml' has it\nquarter:\n"), "\(text)")
    #expect(text.contains("{ name: rotation, angles: [0, 90] }"), "\(text)")
  }

  @Test("a name that nobody knows is an error that offers the nearest")
  func unknown() async throws {
    let bench = try Workbench(Self.pipeline)
    let outcome = try await bench.fathom("show", "method", "rotatoin")
    #expect(outcome.code == 2)
    #expect(
      outcome.errors.contains("there is no method 'rotatoin'; did you mean 'rotation'?"),
      "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }
}
