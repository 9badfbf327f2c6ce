/// The two directions in which `points` `[n, d]`, already centred, vary most, and where each row
/// lies along them: `[n, 2]`, all 0 for a direction without variance.
///
/// Found by the iteration of a subspace from a random start, until the variances along them settle
/// to 1e-6: what t-SNE starts from needs no more. A direction's sign is that of its largest
/// component, the first of equals, made positive. Products are float32, the sums of their blocks
/// Float64; the result does not depend on `threads`.
///
/// Source: Halko, Martinsson & Tropp (2011), algorithm 4.4.
func principalScores(
  _ points: Matrix<Float>, threads: Int, using generator: inout some RandomNumberGenerator
) -> Matrix<Double> {
  let (n, d) = (points.rows, points.columns)
  let width = min(10, d)
  guard n > 0, width > 0 else { return Matrix(rows: n, columns: 2) }
  var basis = orthonormal(
    Matrix<Double>(
      rows: width, columns: d,
      elements: (0..<width * d).map { _ in Double.random(in: -1...1, using: &generator) }))
  var variances: [Double] = []
  for _ in 0..<60 {
    let image = covarianceProduct(points, basis, threads: threads)
    // Within the subspace, the directions of most variance first.
    let (values, vectors) = symmetricEigenvectors(product(image, basis, transposingB: true))
    let settled = zip(values.prefix(2), variances).allSatisfy { abs($0 - $1) <= 1e-6 * values[0] }
    let isFirst = variances.isEmpty
    variances = Array(values.prefix(2))
    if settled && !isFirst {
      basis = product(vectors, basis)
      break
    }
    basis = orthonormal(product(vectors, image))
  }
  var scores = Matrix<Double>(rows: n, columns: 2)
  for component in 0..<min(2, width) {
    let direction = Array(basis[row: component])
    let largest = direction.reduce(0.0) { abs($1) > abs($0) ? $1 : $0 }
    for row in 0..<n {
      var sum = 0.0
      for column in 0..<d {
        sum += Double(points.elements[row * d + column]) * direction[column]
      }
      scores[row, component] = largest < 0 ? -sum : sum
    }
  }
  return scores
}

/// `basis` `[b, d]` times XᵀX.
private func covarianceProduct(
  _ points: Matrix<Float>, _ basis: Matrix<Double>, threads: Int
) -> Matrix<Double> {
  let (b, d) = (basis.rows, points.columns)
  let directions = Matrix<Float>(rows: b, columns: d, elements: basis.elements.map { Float($0) })
  let parts = mapChunks(of: points.rows, size: 1024, threads: threads) { rows in
    let block = Matrix<Float>(
      rows: rows.count, columns: d,
      elements: Array(points.elements[rows.lowerBound * d..<rows.upperBound * d]))
    return product(product(directions, block, transposingB: true), block)
  }
  var sum = Matrix<Double>(rows: b, columns: d)
  for part in parts {
    sum.withMutableElements { sum in
      for index in 0..<sum.count { sum[index] += Double(part.elements[index]) }
    }
  }
  return sum
}

/// The rows made orthogonal to those before them and of norm 1; rows of 0 where nothing is left.
private func orthonormal(_ rows: Matrix<Double>) -> Matrix<Double> {
  var result = (0..<rows.rows).map { Array(rows[row: $0]) }
  func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for index in a.indices { sum += a[index] * b[index] }
    return sum
  }
  for row in result.indices {
    let before = dot(result[row], result[row]).squareRoot()
    // Twice is enough: Kahan, in Parlett (1980).
    for _ in 0..<2 {
      for other in 0..<row {
        let share = dot(result[row], result[other])
        for index in result[row].indices { result[row][index] -= share * result[other][index] }
      }
    }
    let norm = dot(result[row], result[row]).squareRoot()
    let scale = norm > 1e-12 * before ? 1 / norm : 0
    for index in result[row].indices { result[row][index] *= scale }
  }
  return Matrix(result)
}

/// Eigenvalues of a small symmetric matrix `[b, b]`, the largest first, and their eigenvectors as
/// rows, by Jacobi's rotations.
private func symmetricEigenvectors(
  _ matrix: Matrix<Double>
) -> (values: [Double], vectors: Matrix<Double>) {
  let b = matrix.rows
  var a = matrix
  var vectors = Matrix<Double>(rows: b, columns: b)
  for index in 0..<b { vectors[index, index] = 1 }
  for _ in 0..<30 {
    for p in 0..<b {
      for q in p + 1..<max(b, p + 1) where a[p, q] != 0 {
        let theta = (a[q, q] - a[p, p]) / (2 * a[p, q])
        let tangent = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for k in 0..<b {
          (a[k, p], a[k, q]) = (
            cosine * a[k, p] - sine * a[k, q], sine * a[k, p] + cosine * a[k, q]
          )
        }
        for k in 0..<b {
          (a[p, k], a[q, k]) = (
            cosine * a[p, k] - sine * a[q, k], sine * a[p, k] + cosine * a[q, k]
          )
          (vectors[p, k], vectors[q, k]) = (
            cosine * vectors[p, k] - sine * vectors[q, k],
            sine * vectors[p, k] + cosine * vectors[q, k]
          )
        }
      }
    }
  }
  let order = (0..<b).sorted { (-a[$0, $0], $0) < (-a[$1, $1], $1) }
  return (order.map { a[$0, $0] }, Matrix(order.map { Array(vectors[row: $0]) }))
}
