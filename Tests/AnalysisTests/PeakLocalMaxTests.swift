import Analysis
import Foundation
import Testing

@Suite struct PeakLocalMaxTests {
  @Test("maps full of plateaus and ties give scikit-image's cells in its order, with all options")
  func agrees() throws {
    let goldens = try SaliencyGoldens.read().peaks
    #expect(goldens.count == 120)
    for (number, golden) in goldens.enumerated() {
      let found = try golden.map.withUnsafeBufferPointer {
        try peakLocalMax(
          of: $0, height: golden.height, width: golden.width, distance: golden.minDistance,
          threshold: golden.thresholdRel, least: golden.thresholdAbs,
          border: golden.excludeBorder, count: golden.numPeaks ?? .max)
      }
      #expect(found.map { [$0.row, $0.column] } == golden.peaks, "case \(number)")
    }
  }

  @Test("on maps of unequal values both ways give scikit-image's cells")
  func smooth() throws {
    for golden in try SaliencyGoldens.read().smoothPeaks {
      try golden.map.withUnsafeBufferPointer {
        let theirs = try peakLocalMax(of: $0, height: 28, width: 36, distance: 2, threshold: 0.1)
        #expect(theirs.map { [$0.row, $0.column] } == golden.peaks)
        let ours = try peaks(of: $0, height: 28, width: 36, distance: 2, threshold: 0.1)
        #expect(Set(ours) == Set(theirs))
      }
    }
  }

  @Test("values below zero, a distance beyond the map and no cells at all")
  func extremes() throws {
    func find(_ map: [Float], _ height: Int, _ width: Int, _ distance: Int) throws -> [[Int]] {
      try map.withUnsafeBufferPointer {
        try peakLocalMax(of: $0, height: height, width: width, distance: distance)
          .map { [$0.row, $0.column] }
      }
    }
    #expect(try find([-5, -1, -3, -4, -2, -9], 2, 3, 1) == [[0, 1]])
    #expect(try find([-1, -3, -3, -3, -2, -9], 1, 6, 1) == [[0, 0], [0, 4], [0, 2]])
    #expect(try find([0, 1, 0, 3, 0, 2], 2, 3, 900) == [[1, 0]])
    #expect(try find([], 0, 4, 2) == [])
    #expect(throws: AnalysisError(.notFinite, "row 1, column 0 is -inf, not finite")) {
      try find([0, 1, -.infinity, 0], 2, 2, 1)
    }
  }
}
