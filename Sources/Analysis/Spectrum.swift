internal import COpenBLAS
internal import Foundation

/// How the variance of features is spread over directions.
public struct Spectrum: Sendable {
  /// The singular values of the rows as they are, the largest first.
  public let singularValues: [Double]
  /// The eigenvalues of the rows' covariance, the largest first.
  public let variances: [Double]

  /// Squares of singular values below this share of the largest are rounding, and count as 0.
  private static let rounding = 1e-12

  /// Sums and eigenvalues are Float64; the result does not depend on `threads`.
  ///
  /// - Parameter points: `[n, d]`; takes O(n d min(n, d)) time
  /// - Throws: `AnalysisError` where there is no row or a value is not finite
  public init(_ points: Matrix<Float>, threads: Int) throws(AnalysisError) {
    let means = try points.columnMeans()
    func squares(from origin: [Double]) -> [Double] {
      let values = Spectrum.eigenvalues(Spectrum.products(points, from: origin, threads: threads))
      let limit = (values.first ?? 0) * Spectrum.rounding
      return values.map { $0 > limit ? $0 : 0 }
    }
    singularValues = squares(from: means.map { _ in 0 }).map { $0.squareRoot() }
    variances = squares(from: means).map { $0 / Double(points.rows) }
  }

  /// The effective rank: exp of the entropy of the singular values' shares, 1 to min(n, d); 0 of zeros.
  ///
  /// Source: Garrido et al. (2023), equation 1, with their ε of 1e-7 left out: a share of 0 adds nothing.
  public var rankMe: Double {
    let total = singularValues.reduce(0, +)
    guard total > 0 else { return 0 }
    let entropy = singularValues.reduce(0.0) { sum, value in
      let share = value / total
      return share > 0 ? sum - share * log(share) : sum
    }
    return exp(entropy)
  }

  /// α of the power law λ_k ~ k^−α that fits the variances best: the slope of ln λ_k over ln k by least
  /// squares, over all λ_k above 0. About 1 is called well spread; more is concentrated on few
  /// directions. `nil` of fewer than three.
  ///
  /// Source: Agrawal et al. (2022), section 3.
  public var alphaReQ: Double? {
    let points = variances.enumerated().filter { $0.element > 0 }
      .map { (x: log(Double($0.offset + 1)), y: log($0.element)) }
    guard points.count >= 3 else { return nil }
    let count = Double(points.count)
    let (x, y) = (
      points.reduce(0) { $0 + $1.x } / count, points.reduce(0) { $0 + $1.y } / count
    )
    let spread = points.reduce(0) { $0 + ($1.x - x) * ($1.x - x) }
    return -points.reduce(0) { $0 + ($1.x - x) * ($1.y - y) } / spread
  }

  /// Inner products of columns, or of rows where these are fewer, both seen from `origin`.
  private static func products(
    _ points: Matrix<Float>, from origin: [Double], threads: Int
  ) -> Matrix<Double> {
    let (n, d) = (points.rows, points.columns)
    @Sendable func rows(_ range: Range<Int>) -> Matrix<Double> {
      Matrix(
        rows: range.count, columns: d,
        elements: (range.lowerBound * d..<range.upperBound * d).map {
          Double(points.elements[$0]) - origin[$0 % d]
        })
    }
    if n <= d {
      let all = rows(0..<n)
      return product(all, all, transposingB: true)
    }
    let parts = mapChunks(of: n, size: 1024, threads: threads) { range in
      let block = rows(range)
      var turned = Matrix<Double>(rows: d, columns: block.rows)
      for row in 0..<block.rows { for column in 0..<d { turned[column, row] = block[row, column] } }
      return product(turned, block)
    }
    var sum = Matrix<Double>(rows: d, columns: d)
    for part in parts {
      sum.withMutableElements { sum in
        for index in sum.indices { sum[index] += part.elements[index] }
      }
    }
    return sum
  }

  /// Of a symmetric matrix, the largest first.
  private static func eigenvalues(_ matrix: Matrix<Double>) -> [Double] {
    guard matrix.rows > 0 else { return [] }
    useOneThread()
    var (order, info) = (Int32(matrix.rows), Int32(0))
    var elements = matrix.elements
    var values = [Double](repeating: 0, count: matrix.rows)
    var length = Int32(max(1, 34 * matrix.rows))
    var work = [Double](repeating: 0, count: Int(length))
    dsyev_("N", "L", &order, &elements, &order, &values, &work, &length, &info, 1, 1)
    precondition(info == 0, "LAPACK's dsyev ended with \(info)")
    return values.reversed()
  }
}
