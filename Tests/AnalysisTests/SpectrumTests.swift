import Foundation
import TestKit
import Testing

@testable import Analysis

@Suite("spectra") struct SpectrumTests {
  private struct Goldens: Decodable {
    struct Case: Decodable {
      var points: [[Float]]
      var rankMe: Double
      var alphaReq: Double
    }

    var cases: [Case]
  }

  @Test("RankMe and alpha-ReQ are numpy's, on any number of threads")
  func goldens() throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let goldens = try decoder.decode(
      Goldens.self, from: Data(contentsOf: tests.appending(path: "Goldens/analysis/spectrum.json")))
    #expect(goldens.cases.count == 3)
    for golden in goldens.cases {
      for threads in [1, 3] {
        let spectrum = try Spectrum(Matrix(golden.points), threads: threads)
        #expect(isClose(spectrum.rankMe, golden.rankMe, relative: 1e-9))
        #expect(isClose(try #require(spectrum.alphaReQ), golden.alphaReq, relative: 1e-7))
      }
    }
  }

  @Test("by hand: d equal directions have rank d, one has 1, none has 0; λ = k^-2 has alpha 2")
  func byHand() throws {
    let unit = Matrix<Float>([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    #expect(isClose(try Spectrum(unit, threads: 1).rankMe, 3, relative: 1e-12))
    let line = Matrix<Float>([[1, 2], [2, 4], [3, 6], [-1, -2]])
    #expect(isClose(try Spectrum(line, threads: 1).rankMe, 1, relative: 1e-6))
    #expect(try Spectrum(line, threads: 1).alphaReQ == nil)
    #expect(try Spectrum(Matrix<Float>(rows: 2, columns: 2), threads: 1).rankMe == 0)
    // Along each axis k a pair at ±1/k: variance 2 / (n k²).
    var rows: [[Float]] = []
    for k in 1...6 {
      for sign: Float in [1, -1] {
        rows.append((1...6).map { $0 == k ? sign / Float(k) : 0 })
      }
    }
    #expect(isClose(try #require(Spectrum(Matrix(rows), threads: 1).alphaReQ), 2, relative: 1e-6))
    #expect(throws: AnalysisError.self) {
      try Spectrum(Matrix<Float>(rows: 0, columns: 2), threads: 1)
    }
    #expect(throws: AnalysisError.self) {
      try Spectrum(Matrix<Float>([[.infinity]]), threads: 1)
    }
  }
}
