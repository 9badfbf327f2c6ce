import Foundation
import StageKit
import TestKit
import Testing

@Suite struct MetricsStageTests {
  func cluster(
    _ bench: AnalysisBench, _ features: JobInput, clusters: Int, normalise: Value = "none"
  ) async throws -> String {
    try await bench.run(
      "kmeans", options: ["clusters": .integer(clusters), "normalise": normalise],
      inputs: ["features": features])
    return try bench.keep("clusters", as: "kept-\(UUID().uuidString)")
  }

  func scores(_ bench: AnalysisBench) throws -> [String: Value] {
    let json = try JSONDecoder().decode(Value.self, from: Data(try bench.text("scores").utf8))
    guard case .list(let metrics) = json["metrics"] else { return [:] }
    return Dictionary(uniqueKeysWithValues: metrics.map { ($0["name"]?.text ?? "", $0) })
  }

  @Test("every metric stands under its own name with direction, tau, base, scale and normalisation")
  func names() async throws {
    let bench = try AnalysisBench()
    let features = JobInput.one(
      path: try bench.features([[-3], [-1], [-3], [-1], [9], [11]], name: "f"))
    let clusters = try await cluster(bench, features, clusters: 2)
    let events = try await bench.run(
      "metrics", options: ["tau": 2],
      inputs: ["features": features, "clusters": .one(path: clusters)])
    let scores = try scores(bench)
    #expect(
      Set(scores.keys) == [
        "silhouette", "silhouette_sqeuclidean", "silhouette_literal", "compactness",
        "compactness_scale_free", "uniqueness", "log_uniqueness", "uniqueness_min_over_bases",
        "log_uniqueness_min_over_bases", "uniqueness_mean_over_bases",
        "log_uniqueness_mean_over_bases", "uniqueness_max_over_bases",
        "log_uniqueness_max_over_bases", "uniqueness_scale_free", "log_uniqueness_scale_free",
        "inertia", "davies_bouldin", "calinski_harabasz", "rank_me", "alpha_req",
      ])
    // Clusters −2 ± 1 (4 rows) and 10 ± 1 (2 rows) about 2: W = 1, δ = 16 and 64, T = 33.
    #expect(scores["compactness"]?["value"]?.text == "0.5")
    #expect(scores["compactness"]?["tau"] == 2)
    #expect(scores["compactness"]?["direction"] == "lower")
    #expect(scores["compactness"]?["normalise"] == "none")
    #expect(scores["compactness_scale_free"]?["tau"] == 33)
    #expect(scores["uniqueness"]?["base"] == 0)
    #expect(scores["uniqueness"]?["direction"] == "higher")
    #expect(scores["uniqueness"]?["scale"] == 33)
    let expected = log((4 * exp(16.0 - 1) + 2 * exp(64.0 + 1)) / 6 / 2)
    guard case .number(let logarithm) = scores["log_uniqueness"]?["value"] else {
      Issue.record("no log_uniqueness")
      return
    }
    #expect(isClose(logarithm, expected, relative: 1e-12))
    #expect(events.contains { $0.event == .log && $0.message?.contains("literal") == true })
    #expect(events.contains { $0.event == .metric && $0.name == "silhouette" })
  }

  @Test("uniqueness beyond Float64 is null, never infinite, and its logarithm remains")
  func overflow() async throws {
    let bench = try AnalysisBench()
    let features = JobInput.one(path: try bench.features([[-100], [-100], [100]], name: "f"))
    let clusters = try await cluster(bench, features, clusters: 2)
    try await bench.run(
      "metrics", inputs: ["features": features, "clusters": .one(path: clusters)])
    let scores = try scores(bench)
    #expect(scores["uniqueness"]?["value"] == .null)
    guard case .number = scores["log_uniqueness"]?["value"] else {
      Issue.record("no log_uniqueness")
      return
    }
    #expect(try !bench.text("scores").localizedCaseInsensitiveContains("inf\""))
    #expect(try !bench.text("scores").contains("Infinity"))
  }

  @Test("one cluster leaves silhouettes undefined; only sqeuclidean is there when asked so")
  func oneCluster() async throws {
    let bench = try AnalysisBench()
    let features = JobInput.one(path: try bench.features([[1], [2], [3]], name: "f"))
    let clusters = try await cluster(bench, features, clusters: 1)
    try await bench.run(
      "metrics", options: ["silhouette": "sqeuclidean"],
      inputs: ["features": features, "clusters": .one(path: clusters)])
    let scores = try scores(bench)
    #expect(scores["silhouette"] == nil)
    #expect(scores["silhouette_sqeuclidean"]?["value"] == .null)
  }

  @Test("clusters of other features and a base that is no cluster are errors")
  func badInput() async throws {
    let bench = try AnalysisBench()
    let rows: [[Float]] = [[1], [2], [3], [9]]
    let a = try bench.many("item", [("a", try bench.features(rows, name: "a"))])
    let b = try bench.many("item", [("b", try bench.features(rows, name: "b"))])
    let short = try bench.many("item", [("a", try bench.features([[1]], name: "short"))])
    let clusters = JobInput.one(path: try await cluster(bench, a, clusters: 2))
    await #expect {
      try await bench.run("metrics", inputs: ["features": b, "clusters": clusters])
    } throws: { "\($0)".contains("where the features have row 0 of 'b'") }
    await #expect {
      try await bench.run("metrics", inputs: ["features": short, "clusters": clusters])
    } throws: { "\($0)".contains("assigns 4 rows; the features have 1") }
    await #expect(throws: AnalysisBench.Failure(description: "base cluster 2 of 2 clusters")) {
      try await bench.run(
        "metrics", options: ["base": 2], inputs: ["features": a, "clusters": clusters])
    }
  }

  @Test("intervals come from whole scans: two scans that are equal leave none to chance")
  func intervals() async throws {
    let bench = try AnalysisBench()
    let rows: [[Float]] = [[-3], [-1], [-3], [-1], [9], [11]]
    let equal = try bench.many(
      "item",
      [("a", try bench.features(rows, name: "a")), ("b", try bench.features(rows, name: "b"))])
    let other = try bench.many(
      "item",
      [
        ("a", try bench.features(rows, name: "c")),
        ("b", try bench.features([[-5], [0], [8], [14]], name: "d")),
        ("c", try bench.features([[-2], [12]], name: "e")),
      ])
    for (features, isWide) in [(equal, false), (other, true)] {
      let clusters = try await cluster(bench, features, clusters: 2)
      try await bench.run(
        "metrics", options: ["resamples": 200],
        inputs: ["features": features, "clusters": .one(path: clusters)])
      let scores = try scores(bench)
      for name in [
        "silhouette", "silhouette_sqeuclidean", "compactness", "log_uniqueness", "davies_bouldin",
      ] {
        guard let value = Double(scores[name]?["value"]?.text ?? ""),
          let low = Double(scores[name]?["low"]?.text ?? ""),
          let high = Double(scores[name]?["high"]?.text ?? "")
        else {
          Issue.record("\(name) has no interval")
          continue
        }
        #expect(low <= value + 1e-12 && value <= high + 1e-12, "\(name)")
        #expect(isWide ? high > low : isClose(high, low, relative: 1e-12), "\(name)")
      }
      #expect(scores["silhouette"]?["resamples"] == 200)
      #expect(scores["silhouette"]?["scans"] == (isWide ? 3 : 2))
    }
    let one = JobInput.one(path: try bench.features(rows, name: "one"))
    try await bench.run(
      "metrics",
      inputs: ["features": one, "clusters": .one(path: try await cluster(bench, one, clusters: 2))])
    #expect(try scores(bench)["compactness"]?["low"] == .null)
  }

  @Test("the nearest rows of other scans vote on the class, never those of the same scan")
  func votes() async throws {
    let bench = try AnalysisBench()
    // By each scan's own rows all would be right; the others' next ones are of the other class in scan b.
    let rows: [(String, [[Float]], [String])] = [
      ("a", [[1, 0], [1, 0.1], [0, 1]], ["x", "x", "y"]),
      ("b", [[1, 0.2], [0.1, 1], [0, 1]], ["y", "y", ""]), ("c", [[1, 0.05]], ["x"]),
    ]
    let features = try bench.many(
      "item",
      try rows.map { name, rows, classes in
        let folder = try bench.features(rows, name: name)
        try ("frame,class\n" + classes.map { "0,\($0)\n" }.joined())
          .write(toFile: folder + "/index.csv", atomically: true, encoding: .utf8)
        return (name, folder)
      })
    let clusters = JobInput.one(path: try await cluster(bench, features, clusters: 2))
    try await bench.run(
      "metrics", options: ["voters": 1, "resamples": 1],
      inputs: ["features": features, "clusters": clusters])
    // a: x by c, x by c (its second is as near to b's y at .2 as to c's x at .05: c is nearer), y by b;
    // b: its y at .2 is next to a's x, its other y to a's y; c: x.
    let found = try scores(bench)["knn_accuracy"]
    #expect(found?["known"] == 6)
    #expect(try abs(#require(Double(found?["value"]?.text ?? "")) - 5.0 / 6) < 1e-12)
  }

  @Test("classes of the index give NMI and ARI over the rows where they are known")
  func truth() async throws {
    let bench = try AnalysisBench()
    let folder = try bench.features([[-3], [-1], [-2], [9], [11], [10]], name: "f")
    let features = JobInput.one(path: folder)
    let clusters = JobInput.one(path: try await cluster(bench, features, clusters: 2))
    func run(_ classes: [String]) async throws -> [String: Value] {
      try ("frame,class\n" + classes.map { "0,\($0)\n" }.joined())
        .write(toFile: folder + "/index.csv", atomically: true, encoding: .utf8)
      try await bench.run("metrics", inputs: ["features": features, "clusters": clusters])
      return try scores(bench)
    }
    let found = try await run(["heart", "heart", "", "femur", "femur", "femur"])
    #expect(found["ari"]?["value"] == 1)
    #expect(found["nmi"]?["known"] == 5)
    // One scan: nobody of another could vote.
    #expect(found["knn_accuracy"]?["value"] == .null && found["knn_accuracy"]?["known"] == 0)
    // Variances 1.0 (rank one, but for the mean).
    #expect(try abs(#require(Double(found["rank_me"]?["value"]?.text ?? "")) - 1) < 1e-9)
    #expect(found["nmi_structure"] == nil)
    #expect(try await run(["", "", "", "", "", ""])["ari"]?["value"] == .null)
    await #expect { _ = try await run(["heart"]) } throws: {
      "\($0)".contains("has 1 rows; the features beside it have 6")
    }
  }
}
