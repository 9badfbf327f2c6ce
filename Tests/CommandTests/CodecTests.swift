import Foundation
import StageKit
import TestKit
import Testing

@Suite("Simulated scans in each codec", .aFewAtATime)
struct CodecTests {
  private static let settings =
    "patients: 1, scans: 2, planes: [BRAIN-TV, FEMUR], frames: 6, size: [64, 80], lines: 32, "
    + "samples: 128, density: 2"
  private static let pipeline = """
    stages:
      scans:
        uses: simulate
        matrix: { codec: [h264, ffv1, mjpeg] }
        with: { \(settings), codec: "${matrix.codec}" }
      decode:
        uses: decode
        each: video
        matrix: { codec: [h264, ffv1, mjpeg] }
        in: { video: scans.videos }
        with: { size: [64, 80] }
      usual: { uses: simulate, with: { \(settings) } }

    """
  private static let endings = ["h264": "mp4", "ffv1": "mkv", "mjpeg": "avi"]
  private static let all = Set(
    endings.keys.flatMap { ["scans@codec=\($0)", "decode@codec=\($0)"] })

  /// What an output holds of each scan, whatever its video is called.
  private func scans(
    _ codec: String, _ output: String, _ bench: Workbench
  ) throws -> [String: Data] {
    let ending = "." + (Self.endings[codec] ?? "")
    var found: [String: Data] = [:]
    for (name, data) in try bench.contents(of: "Artifacts/latest/p/\(output)")
    where name.hasSuffix(ending) {
      found[String(name.dropLast(ending.count))] = data
    }
    return found
  }

  /// Frames `[T, 64, 80]` of each scan.
  private func frames(_ codec: String, _ bench: Workbench) throws -> [String: MappedTensor<UInt8>] {
    let files = try scans(codec, "decode@codec=\(codec)/frames", bench)
    return try files.mapValues { data in
      let path = "\(bench.scratch.path)/\(Digest(of: Array(data)).hex).safetensors"
      try data.write(to: URL(fileURLWithPath: path))
      return try SafetensorsFile(path: path).tensor("frames", of: UInt8.self, rank: 3)
    }
  }

  @Test("have the same labels, gaze and truth, and frames that decode gives back")
  func codecs() async throws {
    let bench = try Workbench(Self.pipeline)
    try await bench.run("decode", expecting: Self.all)
    for port in ["labels", "gaze", "truth"] {
      let expected = try scans("h264", "scans@codec=h264/\(port)", bench)
      #expect(expected.keys.sorted() == ["p01/scan_1", "p01/scan_2"])
      #expect(expected.values.allSatisfy { !$0.isEmpty })
      for codec in ["ffv1", "mjpeg"] {
        #expect(try scans(codec, "scans@codec=\(codec)/\(port)", bench) == expected)
      }
    }
    let lossless = try frames("ffv1", bench)
    #expect(
      lossless.mapValues(\.shape) == ["p01/scan_1": [6, 64, 80], "p01/scan_2": [6, 64, 80]])
    for codec in ["h264", "mjpeg"] {
      let frames = try frames(codec, bench)
      #expect(frames.mapValues(\.shape) == lossless.mapValues(\.shape))
      for (name, expected) in lossless {
        let pairs = zip(try #require(frames[name]).array, expected.array)
        let difference = pairs.reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect((1..<(6 * expected.count)).contains(difference), "\(codec) \(name)")
      }
    }
    // The default is h264, and so the same action.
    try await bench.run("usual", expecting: [])
    #expect(try await bench.decisions() == ["usual": "hit"])
  }

  @Test("have the same bytes when they are made again")
  func digests() async throws {
    let bench = try Workbench(Self.pipeline)
    let query =
      "SELECT instance, name, o.digest FROM job j JOIN job_output o ON o.job = j.id "
      + "WHERE run = (SELECT max(id) FROM run) ORDER BY 1, 2"
    let scans = Self.all.filter { $0.hasPrefix("scans") }
    try await bench.run("scans", expecting: scans)
    let first = try await bench.rows(query)
    #expect(first.count == 3 * 4)
    try await bench.run("-f", "-j", "1", "scans", expecting: scans)
    #expect(try await bench.rows(query) == first)
  }
}
