import Foundation
import StageKit
import TestKit
import Testing

@Suite struct KMeansStageTests {
  @Test("rows of all items are grouped, and assigned by item and row")
  func assignments() async throws {
    let bench = try AnalysisBench()
    // Directions decide after normalisation: lengths do not.
    let a = try bench.features([[1, 0.1], [0, 5], [9, 0]], name: "a")
    let none = try bench.features([], name: "none", width: 2)
    let b = try bench.features([[0.1, 1], [3, 0.1]], name: "b")
    let input = try bench.many("item", [("a, 1.mp4", a), ("none", none), ("b", b)])
    let events = try await bench.run(
      "kmeans", options: ["clusters": 2], inputs: ["features": input])
    let assignments = try String(
      contentsOfFile: bench.path("clusters") + "/assignments.csv", encoding: .utf8)
    #expect(
      assignments == """
        item,row,cluster
        "a, 1.mp4",0,0
        "a, 1.mp4",1,1
        "a, 1.mp4",2,0
        b,0,1
        b,1,0

        """)
    let file = try SafetensorsFile(path: bench.path("clusters") + "/centroids.safetensors")
    #expect(try file.tensor("centroids", of: Float.self).shape == [2, 2])
    #expect(file.metadata == ["normalise": "l2"])
    #expect(events.contains { $0.event == .metric && $0.name == "inertia" })
    #expect(try bench.text("scores").contains("\"name\": \"inertia\""))
  }

  @Test("the outputs are the same bytes for any number of processors, and other for another seed")
  func deterministic() async throws {
    let bench = try AnalysisBench()
    let rows = (0..<600).map { i in [17, 22, 27].map { Float((i * $0 + $0) % 101) } }
    let input = ["features": JobInput.one(path: try bench.features(rows, name: "f"))]
    func clusters(cpus: Int) async throws -> [Data] {
      try await bench.run(
        "kmeans", options: ["clusters": 5, "restarts": 2, "normalise": "none"], inputs: input,
        cpus: cpus)
      return try ["clusters/assignments.csv", "clusters/centroids.safetensors", "scores"].map {
        try Data(contentsOf: URL(fileURLWithPath: bench.path($0)))
      }
    }
    #expect(try await clusters(cpus: 1) == clusters(cpus: 2))
  }

  @Test("more clusters than rows, rows of two lengths and NaN are errors that say where")
  func badInput() async throws {
    let bench = try AnalysisBench()
    let three = try bench.features([[1, 2], [3, 4], [5, 6]], name: "three")
    await #expect {
      try await bench.run("kmeans", inputs: ["features": .one(path: three)])
    } throws: { "\($0)".hasPrefix("14 clusters of 3 feature rows") }

    let wide = try bench.features([[1, 2, 3]], name: "wide")
    let both = try bench.many("item", [("a", three), ("b", wide)])
    await #expect {
      try await bench.run("kmeans", options: ["clusters": 2], inputs: ["features": both])
    } throws: { "\($0)".contains("have 3 columns") && "\($0)".contains("have 2") }

    let bad = try bench.features([[1, 2], [1, .nan]], name: "bad")
    let input = try bench.many("item", [("a", three), ("b", bad)])
    await #expect(
      throws: AnalysisBench.Failure(
        description: "features of 'b', row 1, column 1: nan is not finite")
    ) { try await bench.run("kmeans", options: ["clusters": 2], inputs: ["features": input]) }
  }
}
