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

  @Test("mini-batches of mapped files find what all rows give, with the same errors")
  func batches() async throws {
    let bench = try AnalysisBench()
    let rows = Self.blobs(4, rows: 400)
    let input = try bench.many(
      "item",
      [
        ("a", try bench.features(Array(rows[..<150]), name: "a")),
        ("none", try bench.features([], name: "none", width: 2)),
        ("b", try bench.features(Array(rows[150...]), name: "b")),
      ])
    func run(_ options: [String: Value], cpus: Int = 1) async throws -> [String] {
      try await bench.run(
        "kmeans", options: options.merging(["clusters": 4, "normalise": "none"]) { $1 },
        inputs: ["features": input], cpus: cpus)
      return [
        try String(contentsOfFile: bench.path("clusters") + "/assignments.csv", encoding: .utf8),
        try bench.text("scores"),
      ]
    }
    let (all, some) = (try await run([:]), try await run(["batch": 32]))
    #expect(some[0] == all[0])
    #expect(try await run(["batch": 32], cpus: 3) == some)
    #expect(try bench.text("curve") == "clusters,iteration,inertia,silhouette\n")
    func failure(_ options: [String: Value], _ features: JobInput) async -> String {
      do {
        try await bench.run(
          "kmeans", options: options.merging(["batch": 8]) { $1 }, inputs: ["features": features])
      } catch { return "\(error)" }
      return "no error"
    }
    #expect(await failure(["clusters": 401], input).hasPrefix("401 clusters of 400 feature rows"))
    #expect(await failure(["clusters": 2, "up_to": 4], input).contains("cannot choose K"))
    let bad = JobInput.one(path: try bench.features([[1, 2], [1, .nan]], name: "bad"))
    #expect(await failure(["clusters": 1], bad).contains("row 1, column 1: nan is not finite"))
    let wide = try bench.many(
      "item",
      [
        ("a", try bench.features([[1, 2]], name: "two")),
        ("b", try bench.features([[1, 2, 3]], name: "three")),
      ])
    #expect(await failure(["clusters": 1], wide).contains("have 3 columns"))
  }

  /// Rows about so many places far from each other.
  static func blobs(_ count: Int, rows: Int) -> [[Float]] {
    var random = CounterRandom(seed: 7, kind: "kmeans", item: "", purpose: "test")
    func noise() -> Float { Float(random.next() >> 40) / 0x1p24 }
    return (0..<rows).map { row in
      let angle = Float(row % count) / Float(count) * 2 * .pi
      return [10 * cos(angle) + noise(), 10 * sin(angle) + noise(), noise()]
    }
  }

  /// Rows of `curve` after its header.
  static func curve(_ bench: AnalysisBench) throws -> [[String]] {
    let lines = try bench.text("curve").split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(lines.first == ["clusters", "iteration", "inertia", "silhouette"])
    return Array(lines.dropFirst())
  }

  @Test("K by Silhouette is the number of blobs, with the bytes of that K fixed")
  func chosen() async throws {
    let bench = try AnalysisBench()
    let input = [
      "features": JobInput.one(path: try bench.features(Self.blobs(5, rows: 120), name: "f"))
    ]
    func bytes() throws -> [Data] {
      try ["clusters/assignments.csv", "clusters/centroids.safetensors", "scores"].map {
        try Data(contentsOf: URL(fileURLWithPath: bench.path($0)))
      }
    }
    for form in ["sqeuclidean", "euclidean"] {
      let events = try await bench.run(
        "kmeans",
        options: [
          "clusters": 1, "up_to": 9, "normalise": "none", "silhouette": .string(form),
        ], inputs: input)
      #expect(events.contains { $0.message == "5 clusters of 1 to 9 were chosen" })
      let ends = try Self.curve(bench).filter { !$0[3].isEmpty || $0[0] == "1" }
      #expect(Set(ends.map { $0[0] }) == Set((1...9).map(String.init)))
      let silhouettes = ends.compactMap { end in Double(end[3]).map { (end[0], $0) } }
      #expect(silhouettes.count == 8)
      #expect(silhouettes.max { $0.1 < $1.1 }?.0 == "5")
      let found = try bytes()
      try await bench.run(
        "kmeans", options: ["clusters": 5, "normalise": "none", "silhouette": .string(form)],
        inputs: input)
      #expect(try bytes() == found)
    }
  }

  @Test("inertia falls with each iteration, and with K; its last is the score's")
  func curve() async throws {
    let bench = try AnalysisBench()
    let rows = (0..<400).map { i in [17, 22, 27].map { Float((i * $0 + $0) % 101) } }
    try await bench.run(
      "kmeans", options: ["clusters": 2, "up_to": 6, "normalise": "none"],
      inputs: ["features": .one(path: try bench.features(rows, name: "f"))])
    let lines = try Self.curve(bench)
    var ends: [Double] = []
    for count in 2...6 {
      let own = lines.filter { $0[0] == "\(count)" }
      #expect(own.map { $0[1] } == (1...own.count).map(String.init))
      let inertias = own.compactMap { Double($0[2]) }
      for (before, after) in zip(inertias, inertias.dropFirst()) {
        #expect(after <= before * (1 + 1e-6))
      }
      ends.append(try #require(inertias.last))
    }
    for (before, after) in zip(ends, ends.dropFirst()) { #expect(after < before) }
    #expect(ends.contains { (try? bench.text("scores").contains("\($0)")) == true })
  }

  @Test("a range beyond the rows, or that ends before it begins, is an error that names the option")
  func badRange() async throws {
    let bench = try AnalysisBench()
    let three = try bench.features([[1, 2], [3, 4], [5, 6]], name: "three")
    await #expect {
      try await bench.run(
        "kmeans", options: ["clusters": 2, "up_to": 4], inputs: ["features": .one(path: three)])
    } throws: { "\($0)".hasPrefix("4 clusters of 3 feature rows") && "\($0)".contains("'up_to'") }
    await #expect {
      try await bench.run(
        "kmeans", options: ["clusters": 3, "up_to": 2], inputs: ["features": .one(path: three)])
    } throws: { "\($0)".contains("below 'clusters', which is 3") }
  }
}
