import Analysis
import Foundation
import TestKit
import Testing

@Suite struct SpectralResidualTests {
  /// The frame of the golden's script.
  static func frame(_ height: Int, _ width: Int) -> [UInt8] {
    (0..<height).flatMap { y in
      (0..<width).map { x in
        let (dy, dx, radius) = (y - height / 3, x - 2 * width / 3, height / 6)
        let disc = dy * dy + dx * dx < radius * radius
        let bar = abs(y - 3 * height / 4) < 3 && x < width / 2
        return UInt8(90 + (x * 7 + y * 13) % 31 + (disc ? 80 : 0) + (bar ? 50 : 0))
      }
    }
  }

  @Test("a map agrees with numpy's, and sums to 1")
  func agrees() throws {
    let golden = try Goldens.read().spectralResidual
    let residual = SpectralResidual(height: golden.height, width: golden.width)
    let map = SpectralResidualTests.frame(golden.height, golden.width)
      .withUnsafeBufferPointer { residual.map(of: $0) }
    #expect(map.count == 28 * 36)
    #expect(isClose(map.reduce(0) { $0 + Double($1) }, 1, relative: 1e-6))
    for (value, expected) in zip(map, golden.map) {
      #expect(isClose(Double(value), expected, relative: 1e-5))
    }
  }

  @Test("a lone bright spot is the most salient place")
  func spot() throws {
    var frame = [UInt8](repeating: 20, count: 56 * 72)
    for y in 14..<18 { for x in 50..<54 { frame[y * 72 + x] = 200 } }
    let residual = SpectralResidual(height: 56, width: 72)
    let map = frame.withUnsafeBufferPointer { residual.map(of: $0) }
    let place = try #require(map.indices.max { map[$0] < map[$1] })
    #expect((6...9).contains(place / 36))
    #expect((24...27).contains(place % 36))
  }

  @Test("a frame of one value has the same saliency everywhere", arguments: [0, 1, 255] as [UInt8])
  func blank(value: UInt8) {
    let frame = [UInt8](repeating: value, count: 40 * 48)
    let residual = SpectralResidual(height: 40, width: 48, grid: [5, 6])
    let map = frame.withUnsafeBufferPointer { residual.map(of: $0) }
    #expect(map == [Float](repeating: 1 / 30, count: 30))
  }

  @Test(
    "frames and grids of any size give finite maps that sum to 1",
    arguments: [
      (1, 1, [1, 1]), (1, 90, [3, 5]), (90, 1, [28, 36]), (7, 5, [28, 36]), (61, 67, [2, 2]),
    ])
  func sizes(height: Int, width: Int, grid: [Int]) {
    let frame = (0..<height * width).map { UInt8(($0 * 37) % 251) }
    let residual = SpectralResidual(height: height, width: width, grid: grid)
    let map = frame.withUnsafeBufferPointer { residual.map(of: $0) }
    #expect(map.count == grid[0] * grid[1])
    #expect(map.allSatisfy { $0.isFinite && $0 >= 0 })
    #expect(isClose(map.reduce(0) { $0 + Double($1) }, 1, relative: 1e-5))
  }
}

@Suite struct PeaksTests {
  func find(
    _ map: [[Float]], distance: Int = 2, threshold: Double = 0.1
  ) throws(AnalysisError) -> [Peak] {
    let flat = Array(map.joined())
    return try flat.withUnsafeBufferPointer { buffer throws(AnalysisError) in
      try peaks(
        of: buffer, height: map.count, width: map[0].count, distance: distance,
        threshold: threshold)
    }
  }

  @Test("peaks agree with scikit-image where values differ")
  func agrees() throws {
    let golden = try Goldens.read().peaks
    let found = try golden.map.withUnsafeBufferPointer {
      try peaks(
        of: $0, height: golden.height, width: golden.width, distance: golden.distance,
        threshold: golden.threshold)
    }
    #expect(found.map { [$0.row, $0.column] } == golden.peaks)
    #expect(found.allSatisfy { abs($0.y - Double($0.row)) <= 0.5 })
    #expect(found.allSatisfy { abs($0.x - Double($0.column)) <= 0.5 })
  }

  @Test("the sub-pixel position of a sampled Gaussian is its centre")
  func subpixel() throws {
    func value(_ y: Int, _ x: Int) -> Float {
      let (dy, dx) = (Double(y) - 4.3, Double(x) - 6.8)
      return Float(exp(-(dy * dy + dx * dx) / 4.5))
    }
    let map = (0..<9).map { y in (0..<12).map { x in value(y, x) } }
    let peak = try #require(try find(map).first)
    #expect((peak.row, peak.column) == (4, 7))
    #expect(isClose(peak.y, 4.3, absolute: 1e-5))
    #expect(isClose(peak.x, 6.8, absolute: 1e-5))
  }

  @Test("a peak on the border stays at its cell across it, and is fitted along it")
  func border() throws {
    var map = [[Float]](repeating: [Float](repeating: 0.05, count: 6), count: 5)
    map[0] = [0.05, 0.1, 0.5, 1, 0.5, 0.1]
    map[4][5] = 0.8
    let found = try find(map)
    #expect(found.map { [$0.row, $0.column] } == [[0, 3], [4, 5]])
    #expect((found[0].y, found[0].x) == (0, 3))
    #expect((found[1].y, found[1].x) == (4, 5))
  }

  @Test("a plateau is one peak in its middle; two equal neighbours peak half-way between them")
  func plateau() throws {
    var map = [[Float]](repeating: [Float](repeating: 0.01, count: 11), count: 9)
    for y in 1...3 { for x in 1...3 { map[y][x] = 1 } }
    map[6][7] = 0.9
    map[6][8] = 0.9
    let found = try find(map)
    #expect(found.map { [$0.row, $0.column] } == [[2, 2], [6, 7]])
    #expect((found[0].y, found[0].x) == (2, 2))
    #expect((found[1].y, found[1].x) == (6, 7.5))
  }

  @Test("the threshold is a share of the map's maximum, and reached by a value equal to it")
  func threshold() throws {
    var map = [[Float]](repeating: [Float](repeating: 0, count: 12), count: 3)
    map[1][1] = 4
    map[1][6] = 1
    map[1][10] = 0.99
    #expect(try find(map, threshold: 0.25).map(\.column) == [1, 6])
    #expect(try find(map, threshold: 0).count == 3)
  }

  @Test("a map of one value has no peak; a map with NaN is an error that says where")
  func degenerate() throws {
    #expect(try find([[0.5, 0.5], [0.5, 0.5]]) == [])
    #expect(try find([[0, 0], [0, 0]]) == [])
    #expect(try find([[7]]) == [])
    #expect(throws: AnalysisError(.notFinite, "row 1, column 0 is nan, not finite")) {
      try find([[0, 1], [.nan, 0]])
    }
  }
}

@Suite struct PatchTests {
  @Test("a patch has mean 0 and deviation 1 and repeats the frame's border")
  func patch() {
    // Rows 0 1 2 / 3 4 5 / 6 7 8, the 3x3 patch around (0, 0): rows and columns 0, 0, 1.
    let frame: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    let patch = frame.withUnsafeBufferPointer {
      normalisedPatch(of: $0, height: 3, width: 3, centre: (0, 0), patch: (3, 3))
    }
    let raw = [0, 0, 1, 0, 0, 1, 3, 3, 4].map { Double($0) }
    let mean = raw.reduce(0, +) / 9
    let deviation = (raw.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 9).squareRoot()
    #expect(patch == raw.map { Float(($0 - mean) / deviation) })
  }

  @Test("an even patch around a point between pixels is centred on it")
  func evenPatch() {
    let frame = (0..<64).map { UInt8($0) }
    let patch = frame.withUnsafeBufferPointer {
      normalisedPatch(of: $0, height: 8, width: 8, centre: (3.5, 3.5), patch: (2, 2))
    }
    // Pixels 27, 28, 35, 36.
    #expect(patch[0] < patch[1] && patch[1] < patch[2] && patch[2] < patch[3])
    #expect(isClose(Double(patch[0]), -4.5 / (16.25 as Double).squareRoot(), relative: 1e-6))
  }

  @Test("a patch of one value is all zeros")
  func constant() {
    let frame = [UInt8](repeating: 9, count: 16)
    let patch = frame.withUnsafeBufferPointer {
      normalisedPatch(of: $0, height: 4, width: 4, centre: (1, 1), patch: (3, 3))
    }
    #expect(patch == [Float](repeating: 0, count: 9))
  }
}
