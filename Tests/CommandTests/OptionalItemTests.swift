import Foundation
import StageKit
import Testing

@Suite("Items that an optional port lacks", .aFewAtATime)
struct OptionalItemTests {
  private static let pipeline = """
    stages:
      scans: { uses: import, with: { path: in, truth: ["*.tsv"], labels: labels.csv } }
      decode: { uses: decode, each: video, in: { video: scans.videos } }
      maps:
        uses: saliency
        each: frames
        in: { frames: decode.frames }
        with: { method: spectral_residual }
      landmarks: { uses: landmarks, each: maps, in: { maps: maps.maps } }
      pixels:
        uses: extract
        each: [frames, landmarks, truth]
        in: { frames: decode.frames, landmarks: landmarks.landmarks, truth: scans.truth }
        with: { features: pixels, patch: [8, 8], within: 10 }
      scores: { uses: landmark_scores, in: { landmarks: landmarks.landmarks, truth: scans.truth } }

    """
  private static let header = "frame\tlabel\tstructure\tx\ty\tlong_axis\n"
  private static let marks =
    header + (0..<12).map { "\($0)\tA\tspot\t0.5\t0.5\t1\n" }.joined()

  private func structures(_ item: String, _ bench: Workbench) throws -> Set<String> {
    let lines = try bench.latest("pixels/features/\(item)/index.csv").split(separator: "\n")
    let column = try #require(lines[0].split(separator: ",").firstIndex(of: "structure"))
    return Set(
      lines.dropFirst().map {
        "\($0.split(separator: ",", omittingEmptySubsequences: false)[column])"
      })
  }

  @Test("run without it, and again, alone, when it is there")
  func missing() async throws {
    let bench = try Workbench(
      Self.pipeline,
      files: ["in/labels.csv": "path,label,group\na.mp4,A,1\nb.avi,A,2\n", "in/a.tsv": Self.marks])
    try bench.addClips(2, to: "in")
    // Nobody has marked anything: there is nothing to compare with.
    try bench.edit(", truth: [\"*.tsv\"]", to: "")
    try await bench.run(expecting: ["scans", "decode", "maps", "landmarks", "pixels", "scores"])
    #expect(try structures("a.mp4", bench) == [""])
    #expect(try bench.latest("scores/table").split(separator: "\n").count == 1)
    // One is marked: its item runs again, the other's does not. Scores want all.
    try bench.edit("path: in,", to: "path: in, truth: [\"*.tsv\"],")
    try await bench.run("pixels", expecting: ["scans", "pixels"])
    #expect(try await bench.ranItems() == ["pixels a.mp4"])
    #expect(try structures("a.mp4", bench) == ["spot"])
    #expect(try structures("b.avi", bench) == [""])
    let scores = try await bench.run("scores", failing: 1)
    #expect(scores.errors.contains("the input 'truth' lacks 1 items that landmarks has: b.avi"))
    try bench.write(Self.marks, to: "in/b.tsv")
    try await bench.run("pixels", expecting: ["scans", "pixels"])
    #expect(try await bench.ranItems() == ["pixels b.avi"])
    try await bench.run(expecting: ["scores"])
    // The first port decides which items there are.
    try bench.edit("each: [frames, landmarks, truth]", to: "each: [truth, frames, landmarks]")
    try FileManager.default.removeItem(atPath: bench.path("in/b.tsv"))
    try await bench.run("pixels", expecting: ["pixels"])
  }
}
