/// A dense matrix `[rows, columns]`, row-major and contiguous.
public struct Matrix<Scalar: BinaryFloatingPoint & BitwiseCopyable & Sendable>: Hashable, Sendable {
  public let rows: Int
  public let columns: Int
  public private(set) var elements: [Scalar]

  public init(rows: Int, columns: Int, elements: [Scalar]) {
    precondition(
      rows >= 0 && columns >= 0 && elements.count == rows * columns,
      "\(elements.count) elements are no matrix [\(rows), \(columns)]")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  public init(rows: Int, columns: Int, repeating value: Scalar = 0) {
    self.init(
      rows: rows, columns: columns, elements: Array(repeating: value, count: rows * columns))
  }

  /// A matrix of the given rows, which must be equally long.
  public init(_ rows: [[Scalar]]) {
    self.init(rows: rows.count, columns: rows.first?.count ?? 0, elements: Array(rows.joined()))
  }

  public subscript(row: Int, column: Int) -> Scalar {
    get { elements[row * columns + column] }
    set { elements[row * columns + column] = newValue }
  }

  public subscript(row row: Int) -> ArraySlice<Scalar> {
    elements[row * columns..<(row + 1) * columns]
  }

  /// Lends the elements for writing.
  mutating func withMutableElements<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    try elements.withUnsafeMutableBufferPointer { try body($0) }
  }
}

// Concrete, so that other modules call specialised code.
extension Matrix<Float> {
  /// Divides every row by its Euclidean norm; a row of norm 0 stays as it is.
  ///
  /// The norm is summed in Float64 after scaling by the row's largest magnitude, so that it
  /// neither overflows nor vanishes.
  public func normalisingRows() -> Matrix {
    var result = self
    result.withMutableElements { elements in
      for row in 0..<rows {
        let values = UnsafeMutableBufferPointer(
          rebasing: elements[row * columns..<(row + 1) * columns])
        let largest = Double(values.reduce(0) { max($0, $1.magnitude) })
        guard largest > 0, largest.isFinite else { continue }
        let norm = values.reduce(0.0) { $0 + (Double($1) / largest) * (Double($1) / largest) }
          .squareRoot()
        for column in 0..<columns {
          values[column] = Float(Double(values[column]) / largest / norm)
        }
      }
    }
    return result
  }

  /// The means of the columns `[columns]`, summed in Float64 and corrected by a second pass, so
  /// that a large common offset costs no precision.
  ///
  /// - Throws: `AnalysisError` where there is no row or a value is not finite
  public func columnMeans() throws(AnalysisError) -> [Double] {
    guard rows > 0 else { throw AnalysisError(.empty, "a mean of no rows") }
    try checkFinite()
    var means = [Double](repeating: 0, count: columns)
    for _ in 0..<2 {
      var sums = [Double](repeating: 0, count: columns)
      elements.withUnsafeBufferPointer { elements in
        for row in 0..<rows {
          for column in 0..<columns {
            sums[column] += Double(elements[row * columns + column]) - means[column]
          }
        }
      }
      for column in 0..<columns { means[column] += sums[column] / Double(rows) }
    }
    return means
  }

  /// - Throws: `AnalysisError` naming the first value that is not finite
  func checkFinite() throws(AnalysisError) {
    if let place = elements.firstIndex(where: { !$0.isFinite }) {
      throw AnalysisError(
        .notFinite,
        "row \(place / columns), column \(place % columns) is \(elements[place]), not finite")
    }
  }
}
