import Foundation
import StageKit
import TestKit
import Testing

/// Folders of clips: small ones that the command makes, and broken ones.
struct Clips {
  let bench: Workbench

  static let pipeline = """
    stages:
      clips: { uses: import, with: { path: clips } }
      decode: { uses: decode, each: video, in: { video: clips.videos }, with: { size: [32, 32] } }
      saliency:
        uses: saliency
        each: frames
        in: { frames: decode.frames }
        with: { method: spectral_residual, every: 2 }
      landmarks: { uses: landmarks, each: maps, in: { maps: saliency.maps } }
      pixels:
        uses: extract
        each: [frames, landmarks]
        in: { frames: decode.frames, landmarks: landmarks.landmarks }
        with: { features: pixels }
      kmeans: { uses: kmeans, in: { features: pixels.features }, with: { clusters: 2 } }
      metrics: { uses: metrics, in: { features: pixels.features, clusters: kmeans.clusters } }
      table:
        uses: table
        in: { scores: metrics.scores }
        with: { columns: [silhouette, uniqueness, compactness] }

    """
  static let all: Set = [
    "clips", "decode", "saliency", "landmarks", "pixels", "kmeans", "metrics", "table",
  ]
  static let eachStages = ["decode", "saliency", "landmarks", "pixels"]

  /// A project with `make.yaml`, which makes this many clips, and the first of them in `clips/`.
  init(_ pipeline: String = Clips.pipeline, made count: Int, taken: Int) async throws {
    bench = try Workbench(pipeline)
    try bench.write(
      """
      pipeline: make
      stages:
        shapes:
          uses: moving_shapes
          with: { clips: \(count), frames: 6, size: [48, 64] }

      """, to: "make.yaml")
    let outcome = try await bench.fathom("run", "make.yaml")
    guard outcome.code == 0 else { throw Problem(outcome.errors) }
    for name in made.prefix(taken) { try take(name) }
  }

  private static let folder = "Artifacts/latest/make/shapes/videos"

  /// The names of the clips that were made.
  var made: [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: bench.path(Clips.folder))
    return (names ?? []).filter { $0 != "index.tsv" }.sorted()
  }

  func data(of name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: bench.path("\(Clips.folder)/\(name)")))
  }

  func take(_ name: String, as other: String? = nil) throws {
    try bench.write(try data(of: name), to: "clips/\(other ?? name)")
  }
}

@Suite("A folder of clips", .aFewAtATime)
struct ClipTests {
  @Test("adding one runs one item of each stage; changing one too; taking it back runs none")
  func oneMore() async throws {
    let clips = try await Clips(made: 5, taken: 3)
    let bench = clips.bench
    try await bench.run(expecting: Clips.all)
    let table = try bench.latest("table/csv")
    #expect(try await bench.ranItems().count == 12)
    try await bench.run(expecting: [])

    try clips.take(clips.made[3])
    try await bench.run(expecting: Clips.all)
    #expect(try await bench.ranItems() == Set(Clips.eachStages.map { "\($0) \(clips.made[3])" }))
    #expect(try bench.latest("table/csv") != table)

    try clips.take(clips.made[4], as: clips.made[3])
    try await bench.run(expecting: Clips.all)
    #expect(try await bench.ranItems() == Set(Clips.eachStages.map { "\($0) \(clips.made[3])" }))

    try FileManager.default.removeItem(atPath: bench.path("clips/\(clips.made[3])"))
    try await bench.run(expecting: [])
    #expect(try bench.latest("table/csv") == table)
  }

  @Test("the reason for an each: stage names the items")
  func reason() async throws {
    let clips = try await Clips(made: 3, taken: 2)
    let bench = clips.bench
    try await bench.run(expecting: Clips.all)
    try clips.take(clips.made[2])
    try await bench.run("decode", expecting: ["clips", "decode"])
    let text = try await bench.fathom("why", "decode").output
    #expect(text.contains("1 new item (\(clips.made[2]))"), "\(text)")
    #expect(text.contains("then: saliency, landmarks, pixels, kmeans, metrics, table"), "\(text)")
  }

  @Test("a wiped store gets every item again, and a lost object its own item alone")
  func lost() async throws {
    let clips = try await Clips(made: 3, taken: 3)
    let (bench, names) = (clips.bench, clips.made)
    let other = try clips.data(of: names[0])
    try await bench.run(expecting: Clips.all)
    try FileManager.default.removeItem(atPath: bench.path("Artifacts/store"))
    try bench.write(other, to: "clips/\(names[1])")
    try await bench.run("decode", expecting: ["clips", "decode"])
    #expect(try await bench.ranItems() == Set(names.map { "decode \($0)" }))
    try await bench.run(expecting: Clips.all.subtracting(["clips", "decode"]))

    let frames = bench.path("Artifacts/latest/p/decode/frames/\(names[2])")
    try FileManager.default.removeItem(at: URL(fileURLWithPath: frames).resolvingSymlinksInPath())
    try bench.edit("every: 2", to: "every: 3")
    try await bench.run(expecting: Clips.all.subtracting(["clips"]))
    let decoded = try await bench.ranItems().filter { $0.hasPrefix("decode") }
    #expect(decoded == ["decode \(names[2])"])
    #expect(FileManager.default.fileExists(atPath: frames))
  }

  @Test("an option of one stage leaves what comes before it alone")
  func option() async throws {
    let bench = try await Clips(made: 2, taken: 2).bench
    try await bench.run(expecting: Clips.all)
    try bench.edit("clusters: 2", to: "clusters: 3")
    try await bench.run(expecting: ["kmeans", "metrics", "table"])
    try bench.edit("clusters: 3", to: "clusters: 2")
    try await bench.run(expecting: [])
    try bench.edit("size: [32, 32]", to: "size: [48, 48]")
    try await bench.run(expecting: Clips.all.subtracting(["clips"]))
    #expect(try await bench.ranItems().count == 8)
  }

  @Test("a table has its metrics in the views and in files")
  func table() async throws {
    let bench = try await Clips(made: 2, taken: 2).bench
    try await bench.run(expecting: Clips.all)
    let cells = try await bench.rows("SELECT column, text, value, n FROM cells ORDER BY column")
    #expect(cells.compactMap { $0["column"]?.text } == ["compactness", "silhouette", "uniqueness"])
    #expect(cells.allSatisfy { $0["value"] != .null && $0["n"]?.integer == 1 })
    let lines = try bench.latest("table/csv").split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasSuffix("silhouette,uniqueness,compactness"))
  }

  @Test("any number of processors gives the same bytes")
  func processors() async throws {
    let bench = try await Clips(made: 3, taken: 3).bench
    try await bench.run("-j", "1", expecting: Clips.all)
    let query =
      "SELECT instance, name, o.digest FROM job j JOIN job_output o ON o.job = j.id "
      + "WHERE run = (SELECT max(id) FROM run) ORDER BY 1, 2"
    let one = try await bench.rows(query)
    try await bench.run("-f", "-j", "4", expecting: Clips.all)
    #expect(try await bench.rows(query) == one)
    #expect(one.count > 10)
  }
}

@Suite("Broken clips", .aFewAtATime)
struct BrokenClipTests {
  /// Writes one clip that cannot be decoded; returns its name.
  private func add(_ what: String, to clips: Clips) throws -> String {
    let mjpeg = try #require(clips.made.first { $0.hasSuffix(".avi") })
    let h264 = try #require(clips.made.first { $0.hasSuffix(".mp4") })
    var data = try clips.data(of: mjpeg)
    var name = "\(what).avi"
    switch what {
    case "empty": data = Data()
    case "text": data = Data("this is no video\n".utf8)
    case "truncated": data = data.prefix(data.count * 2 / 3)
    case "header_cut_off":
      name = "header_cut_off.mp4"
      data = try clips.data(of: h264).prefix(200)
    case "corrupt":
      name = "corrupt.mp4"
      data = try clips.data(of: h264)
      // Half of the bytes that hold the pictures.
      let box = try #require(data.range(of: Data("mdat".utf8)))
      let size = data[box.lowerBound - 4..<box.lowerBound].reduce(0) { $0 << 8 | Int($1) }
      for index in (box.lowerBound + size / 2)..<(box.lowerBound + size - 8) {
        data[index] = UInt8((index * 151 + 7) & 0xff)
      }
    case "no_frames":
      let list = try #require(data.range(of: Data("movi".utf8)))
      data = data.prefix(list.upperBound)
    case "audio_only":
      name = "audio_only.mp4"
      data = try golden("video/audio.mp4")
    default: throw Problem("no such clip: \(what)")
    }
    try clips.bench.write(data, to: "clips/\(name)")
    return name
  }

  static let kinds = [
    "empty", "text", "truncated", "header_cut_off", "corrupt", "no_frames", "audio_only",
  ]

  @Test("fail with an error that names the file", arguments: kinds)
  func fails(kind: String) async throws {
    let clips = try await Clips(made: 3, taken: 1)
    let name = try add(kind, to: clips)
    let outcome = try await clips.bench.run("decode", "-k", failing: 1)
    #expect(outcome.errors.contains("failed  decode \(name):"), "\(outcome.errors)")
    #expect(outcome.errors.contains("on_error: skip"), "\(outcome.errors)")
    #expect(try await clips.bench.decisions() == ["clips": "run", "decode": "failed"])
    // The good clip has its result and need not be decoded again.
    #expect(try await clips.bench.rows("SELECT 1 FROM item_result").count == 1)
  }

  @Test("are left out and listed where on_error is skip; a second run executes nothing")
  func skip() async throws {
    let clips = try await Clips(
      Clips.pipeline.replacing(
        "with: { size: [32, 32] } }", with: "with: { size: [32, 32] }, on_error: skip }"),
      made: 3, taken: 3)
    let bench = clips.bench
    let names = try Self.kinds.map { try add($0, to: clips) }
    let outcome = try await bench.run(expecting: Clips.all)
    #expect(outcome.errors.contains("7 left out ("), "\(outcome.errors)")
    for name in names { #expect(outcome.errors.contains("\(name)  left out: "), "\(name)") }
    let failed = try await bench.rows(
      "SELECT item FROM latest_items WHERE decision = 'failed' ORDER BY item")
    #expect(failed.compactMap { $0["item"]?.text } == names.sorted())
    #expect(
      try FileManager.default.contentsOfDirectory(
        atPath: bench.path("Artifacts/latest/p/decode/frames")
      ).count == 3)
    try await bench.run(expecting: [])
    // A broken clip that is mended is one item.
    try clips.take(clips.made[1], as: "empty.avi")
    try await bench.run(expecting: Clips.all)
    #expect(
      try await bench.ranItems() == Set(Clips.eachStages.map { "\($0) empty.avi" }))
  }
}
