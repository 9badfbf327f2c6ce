import StageKit
import Testing

@Suite("Cells of tables", .aFewAtATime)
struct CellTests {
  private static let pipeline = """
    params: { methods: [2, 3] }
    stages:
      score:
        uses: metrics
        matrix: { method: "${params.methods}", seed: [1, 2] }
        in: { features: pixels.features, clusters: kmeans.clusters }
        with: { tau: "${matrix.seed}" }
      shapes:
        uses: moving_shapes
        with: { clips: 2, frames: 4, size: [32, 32], codecs: [mjpeg], seed: 3 }
      frames: { uses: decode, each: video, in: { video: shapes.videos }, with: { size: [32, 32] } }
      maps: { uses: saliency, each: frames, in: { frames: frames.frames }, with: { method: spectral_residual } }
      landmarks: { uses: landmarks, each: maps, in: { maps: maps.maps } }
      pixels:
        uses: extract
        each: [frames, landmarks]
        in: { frames: frames.frames, landmarks: landmarks.landmarks }
        with: { features: pixels }
      kmeans:
        uses: kmeans
        matrix: { method: "${params.methods}", seed: [1, 2] }
        in: { features: pixels.features }
        with: { clusters: "${matrix.method}", seed: "${matrix.seed}" }
      table:
        uses: table
        in: { scores: score.scores }
        with: { rows: method, columns: [silhouette, compactness], varies: [clusters] }

    """

  @Test("name the instances of their row, and no other, also where these were hits")
  func sources() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run(failing: 0)
    // The table alone runs again; what it is made of is older.
    try bench.edit("columns: [silhouette, compactness]", to: "columns: [compactness]")
    try await bench.run(expecting: ["table"])
    let document = try await bench.fathom("show", "table:3:compactness", "--json").json
    let jobs = document["sources"]?.elements.compactMap { $0["job"] } ?? []
    #expect(
      jobs.map { $0["instance"]?.text } == ["score@method=3,seed=1", "score@method=3,seed=2"])
    #expect(jobs.allSatisfy { $0["run"] == 1 && $0["decision"] == "run" })
    #expect(document["job"]?["run"] == 2 && document["n"] == 2)
    let upstream = document["upstream"]?.elements.compactMap { $0["instance"]?.text } ?? []
    #expect(upstream.contains("kmeans@method=3,seed=2"))
    #expect(!upstream.contains { $0.contains("method=2") }, "\(upstream)")
    let text = try await bench.fathom("show", "table:3:compactness").output
    #expect(text.contains("mean of 2 values ± their sample standard deviation; lower is better"))
  }

  @Test("of what was cut off name the job that measured it")
  func cutOff() async throws {
    let bench = try Workbench(Self.pipeline)
    // Both methods are now the same action, which one of them executes.
    try bench.edit("clusters: \"${matrix.method}\"", to: "clusters: 2")
    try await bench.run(failing: 0)
    for row in ["2", "3"] {
      let document = try await bench.fathom("show", "table:\(row):silhouette", "--json").json
      let jobs = document["sources"]?.elements.compactMap { $0["job"] } ?? []
      #expect(jobs.count == 2 && jobs.allSatisfy { $0["decision"] == "run" }, "\(row): \(jobs)")
    }
    let metrics = try await bench.fathom("metrics", "--name", "silhouette", "--json").json
    #expect(metrics["metrics"]?.elements.count == 4)
  }
}
