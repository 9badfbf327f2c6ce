/// Columns brought to zero mean and unit variance, by the means and deviations of other rows; a column
/// that is constant there is only moved.
public struct Standardisation: Sendable {
  private let means: [Double]
  private let factors: [Double]

  /// - Parameter rows: `[n, d]`
  /// - Throws: `AnalysisError` where there is no row or a value is not finite
  public init(of rows: Matrix<Float>) throws(AnalysisError) {
    let means = try rows.columnMeans()
    var sums = [Double](repeating: 0, count: rows.columns)
    for row in 0..<rows.rows {
      for (column, value) in rows[row: row].enumerated() {
        let difference = Double(value) - means[column]
        sums[column] += difference * difference
      }
    }
    self.means = means
    factors = sums.map { $0 > 0 ? 1 / ($0 / Double(rows.rows)).squareRoot() : 1 }
  }

  public func callAsFunction(_ rows: Matrix<Float>) -> Matrix<Float> {
    var elements = rows.elements
    for index in elements.indices {
      let column = index % rows.columns
      elements[index] = Float((Double(elements[index]) - means[column]) * factors[column])
    }
    return Matrix(rows: rows.rows, columns: rows.columns, elements: elements)
  }
}
