/// Squared Euclidean distances between the rows of `a` `[m, d]` and of `b` `[k, d]`, into
/// `distances` `[m, k]`.
///
/// Computed as ‖a‖² + ‖b‖² − 2 a·b by a matrix product. Where that would cancel (the distance is
/// small beside the norms) it is summed from the differences instead, so equal rows are exactly 0
/// apart. Rows should be centred first: the fewer cancel, the faster.
///
/// - Parameters:
///   - aNorms: squared norms of the rows of `a` `[m]`
///   - bNorms: squared norms of the rows of `b` `[k]`
///   - products: scratch space `[m, k]`
func squaredDistances<Scalar: BLASScalar>(
  _ a: UnsafeBufferPointer<Scalar>, norms aNorms: UnsafeBufferPointer<Double>,
  _ b: UnsafeBufferPointer<Scalar>, norms bNorms: UnsafeBufferPointer<Double>, dimension: Int,
  products: UnsafeMutableBufferPointer<Scalar>, into distances: UnsafeMutableBufferPointer<Double>
) {
  let (m, k) = (aNorms.count, bNorms.count)
  multiply(a, b, transposingB: true, into: products, rows: m, columns: k, inner: dimension)
  // Above this share of the norms the product keeps about half of the scalar's digits or more.
  let cancels = Double(Scalar.ulpOfOne).squareRoot() * 16
  for i in 0..<m {
    let norm = aNorms[i]
    var anyCancels = false
    for j in i * k..<(i + 1) * k {
      let sum = norm + bNorms[j - i * k]
      let distance = sum - 2 * Double(products[j])
      distances[j] = distance
      anyCancels = anyCancels || !(distance > cancels * sum)
    }
    guard anyCancels else { continue }
    for j in 0..<k where !(distances[i * k + j] > cancels * (norm + bNorms[j])) {
      distances[i * k + j] = squaredDistance(
        UnsafeBufferPointer(rebasing: a[i * dimension..<(i + 1) * dimension]),
        UnsafeBufferPointer(rebasing: b[j * dimension..<(j + 1) * dimension]))
    }
  }
}

/// The sum of squared differences, in Float64: eight sums side by side, then together.
func squaredDistance<A: BLASScalar, B: BLASScalar>(
  _ a: UnsafeBufferPointer<A>, _ b: UnsafeBufferPointer<B>
) -> Double {
  var sums = SIMD8<Double>()
  let whole = a.count & ~7
  for first in stride(from: 0, to: whole, by: 8) {
    var differences = SIMD8<Double>()
    for lane in 0..<8 { differences[lane] = Double(a[first + lane]) - Double(b[first + lane]) }
    sums += differences * differences
  }
  var sum = sums.sum()
  for index in whole..<a.count {
    let difference = Double(a[index]) - Double(b[index])
    sum += difference * difference
  }
  return sum
}

/// One row of `[n, d]`.
func row<Scalar>(
  _ row: Int, of rows: UnsafeBufferPointer<Scalar>, _ dimension: Int
) -> UnsafeBufferPointer<Scalar> {
  UnsafeBufferPointer(rebasing: rows[row * dimension..<(row + 1) * dimension])
}

func squaredNorm(_ values: some Sequence<Double>) -> Double { values.reduce(0) { $0 + $1 * $1 } }

/// The squared norm of each row of `[m, d]`, in Float64.
func squaredNorms<Scalar: BLASScalar>(
  _ rows: UnsafeBufferPointer<Scalar>, dimension: Int, count: Int
) -> [Double] {
  (0..<count).map { row in
    var sum = 0.0
    for index in row * dimension..<(row + 1) * dimension {
      sum += Double(rows[index]) * Double(rows[index])
    }
    return sum
  }
}
