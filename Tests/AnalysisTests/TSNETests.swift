import Foundation
import TestKit
import Testing

@testable import Analysis

@Suite struct TSNETests {
  /// `Goldens/analysis/tsne.json`: what openTSNE makes of `points`.
  private struct Golden: Decodable {
    var divergence: Double

    static func read(from file: String = #filePath) throws -> Golden {
      let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
      return try JSONDecoder().decode(
        Golden.self,
        from: Data(contentsOf: tests.appending(path: "Goldens/analysis/tsne.json")))
    }
  }

  /// The data set of `Goldens/analysis/make_tsne.py`.
  private static let points: Matrix<Float> = {
    let (rows, columns, clusters) = (400, 16, 5)
    let centres = KMeansDataSets.uniform(100, clusters * columns)
    let noise = KMeansDataSets.uniform(101, rows * columns)
    return Matrix(
      rows: rows, columns: columns,
      elements: (0..<rows * columns).map { index in
        let (row, column) = index.quotientAndRemainder(dividingBy: columns)
        return Float(3 * centres[row % clusters * columns + column] + 2 * noise[index])
      })
  }()

  private func embed(
    _ points: Matrix<Float>, _ tsne: TSNE = TSNE(), threads: Int = 2
  ) throws -> TSNE.Result {
    var random = TestRandom(1)
    return try tsne(points, threads: threads, using: &random)
  }

  /// 20 iterations, so that a test of bytes or shapes is short.
  private func short(_ method: TSNE.Method = .exact, perplexity: Double = 30) -> TSNE {
    var tsne = TSNE()
    (tsne.method, tsne.perplexity, tsne.iterations) = (method, perplexity, 20)
    tsne.exaggeratedIterations = 10
    return tsne
  }

  @Test(
    "the divergence is within 2 % of openTSNE's, with the repulsion of all pairs and of the grid",
    arguments: [TSNE.Method.exact, .fft])
  func divergence(method: TSNE.Method) throws {
    let golden = try Golden.read().divergence
    var tsne = TSNE()
    tsne.method = method
    let result = try embed(TSNETests.points, tsne)
    #expect(isClose(result.divergence, golden, relative: 0.02))
    // The five groups lie together: the nearest of 98 % of the rows is of its own.
    let own = (0..<400).count { row in
      let other = (0..<400).filter { $0 != row }.min {
        distance(result.embedding, row, $0) < distance(result.embedding, row, $1)
      }
      return (other ?? 0) % 5 == row % 5
    }
    #expect(own >= 392)
    for column in 0..<2 {
      let mean = (0..<400).reduce(0) { $0 + Double(result.embedding[$1, column]) } / 400
      #expect(abs(mean) < 1e-4)
    }
  }

  private func distance(_ points: Matrix<Float>, _ a: Int, _ b: Int) -> Float {
    let (dx, dy) = (points[a, 0] - points[b, 0], points[a, 1] - points[b, 1])
    return dx * dx + dy * dy
  }

  @Test(
    "the repulsion of all pairs is the sum of its definition, and the grid's is near",
    // Where points are far apart, each one's push on itself is the grid's error.
    arguments: [(1e-3, 0.01), (1, 0.01), (20, 0.05), (90, 0.1)] as [(Float, Double)])
  func repulsion(extent: Float, tolerance: Double) throws {
    var random = TestRandom(3)
    // Not a whole number of vectors.
    let positions = (0..<501).map { _ in SIMD2<Float>.random(in: -extent...extent, using: &random) }
    var forces: [SIMD2<Double>] = []
    var normaliser = 0.0
    for a in positions {
      var force = SIMD2<Double>()
      for b in positions {
        let d = SIMD2<Double>(a) - SIMD2<Double>(b)
        let kernel = 1 / (1 + (d * d).sum())
        normaliser += kernel
        force += kernel * kernel * d
      }
      forces.append(force)
      normaliser -= 1
    }
    /// The error of all forces beside their size.
    func error(_ found: [SIMD2<Float>]) -> Double {
      let errors = zip(found, forces).reduce(0.0) { sum, pair in
        let d = SIMD2<Double>(pair.0) - pair.1
        return sum + (d * d).sum()
      }
      return (errors / forces.reduce(0.0) { $0 + ($1 * $1).sum() }).squareRoot()
    }
    let exact = Repulsion(exactly: positions, threads: 2)
    #expect(isClose(exact.normaliser, normaliser, relative: 1e-6))
    #expect(error(exact.forces) < 1e-5)

    let low = positions.reduce(positions[0]) { pointwiseMin($0, $1) }
    let high = positions.reduce(positions[0]) { pointwiseMax($0, $1) }
    let (boxes, width) = InterpolationGrid.size(covering: (high - low).max())
    let grid = InterpolationGrid(boxes: boxes, width: width)
      .repulsion(of: positions, middle: (low + high) / 2, threads: 2)
    #expect(isClose(grid.normaliser, normaliser, relative: tolerance))
    #expect(error(grid.forces) < tolerance)
  }

  @Test(
    "the embedding is the same for any number of threads", arguments: [TSNE.Method.exact, .fft])
  func threads(method: TSNE.Method) throws {
    var random = TestRandom(5)
    // More rows than a chunk of any part.
    let points = random.matrix(1300, 5)
    let results = try [1, 2, 5].map { try embed(points, short(method), threads: $0) }
    for result in results.dropFirst() {
      #expect(result.embedding.elements == results[0].embedding.elements)
      #expect(result.divergence == results[0].divergence)
    }
  }

  @Test("one row lies at the origin, at no divergence; two lie apart")
  func fewRows() throws {
    let one = try embed(Matrix<Float>([[3, 4]]))
    #expect(one.embedding.elements == [0, 0])
    #expect(one.divergence == 0)
    let two = try embed(Matrix<Float>([[3, 4], [5, 6]]), short(perplexity: 1))
    #expect(distance(two.embedding, 0, 1) > 0)
    #expect(abs(two.divergence) < 1e-6)
  }

  @Test("equal rows lie beside each other; where all are equal they lie at the origin")
  func duplicates() throws {
    // 60 rows, each twice.
    let elements = Array(TSNETests.points.elements[..<(60 * 16)])
    let twice = Matrix(rows: 120, columns: 16, elements: elements + elements)
    var tsne = TSNE()
    tsne.perplexity = 10
    let result = try embed(twice, tsne)
    #expect(result.embedding.elements.allSatisfy { $0.isFinite })
    let apart = (0..<60).map { distance(result.embedding, $0, $0 + 60) }.max() ?? 0
    let size = (0..<120).map { distance(result.embedding, 0, $0) }.max() ?? 0
    #expect(apart < size / 100)

    let equal = try embed(Matrix<Float>(rows: 50, columns: 3, repeating: 7), short(perplexity: 5))
    #expect(equal.embedding.elements.allSatisfy { $0 == 0 })
    #expect(equal.divergence.isFinite)
  }

  @Test("a constant column makes no difference, and scales from 1e-20 to 1e20 no NaN")
  func columnsAndScales() throws {
    let points = TSNETests.points
    let result = try embed(points, short())
    let rows = (0..<400).map { Array(points.elements[($0 * 16)..<(($0 + 1) * 16)]) }
    let constant = try embed(Matrix<Float>(rows.map { $0 + [5] }), short())
    #expect(isClose(constant.divergence, result.divergence, relative: 0.01))
    for scale in [1e-20, 1e20] as [Float] {
      let scaled = Matrix(rows: 400, columns: 16, elements: points.elements.map { $0 * scale })
      let found = try embed(scaled, short())
      #expect(found.embedding.elements.allSatisfy { $0.isFinite })
      #expect(isClose(found.divergence, result.divergence, relative: 0.01))
    }
  }

  @Test("NaN, a perplexity beyond the other rows, and no rows are errors")
  func badInput() throws {
    var points = Matrix<Float>(rows: 10, columns: 2, repeating: 1)
    #expect {
      try embed(points)
    } throws: { error in
      (error as? AnalysisError)?.code == .outOfRange && "\(error)".contains("a row has 9 others")
    }
    points[1, 0] = .nan
    #expect(throws: AnalysisError(.notFinite, "row 1, column 0 is nan, not finite")) {
      try embed(points, short(perplexity: 3))
    }
    #expect {
      try embed(Matrix<Float>(rows: 0, columns: 2))
    } throws: { error in
      (error as? AnalysisError)?.code == .empty
    }
  }
}
