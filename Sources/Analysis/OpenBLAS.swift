internal import COpenBLAS

/// A scalar that OpenBLAS multiplies matrices of.
protocol BLASScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  static func gemm(
    _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>, transposingB: Bool,
    into c: UnsafeMutablePointer<Self>, rows: Int, columns: Int, inner: Int)
}

/// OpenBLAS works in the calling thread alone: our own chunks are what runs in parallel, so that
/// results do not depend on the number of threads.
private let singleThreaded: Void = openblas_set_num_threads(1)

func useOneThread() { singleThreaded }

/// The processor type whose kernels OpenBLAS uses here (`SkylakeX`, `Haswell`): equal names, equal
/// bytes.
public var matrixKernels: String { String(cString: openblas_get_corename()) }

extension Float: BLASScalar {
  static func gemm(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, transposingB: Bool,
    into c: UnsafeMutablePointer<Float>, rows: Int, columns: Int, inner: Int
  ) {
    singleThreaded
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, transposingB ? CblasTrans : CblasNoTrans, Int32(rows),
      Int32(columns), Int32(inner), 1, a, Int32(inner), b,
      Int32(transposingB ? inner : columns), 0, c, Int32(columns))
  }
}

extension Double: BLASScalar {
  static func gemm(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, transposingB: Bool,
    into c: UnsafeMutablePointer<Double>, rows: Int, columns: Int, inner: Int
  ) {
    singleThreaded
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, transposingB ? CblasTrans : CblasNoTrans, Int32(rows),
      Int32(columns), Int32(inner), 1, a, Int32(inner), b,
      Int32(transposingB ? inner : columns), 0, c, Int32(columns))
  }
}

/// `c = a · b`, or `a · bᵀ`: `[rows, inner]` by `[inner, columns]` (`[columns, inner]` where
/// transposed) into `[rows, columns]`. What `c` held is overwritten.
func multiply<Scalar: BLASScalar>(
  _ a: UnsafeBufferPointer<Scalar>, _ b: UnsafeBufferPointer<Scalar>, transposingB: Bool = false,
  into c: UnsafeMutableBufferPointer<Scalar>, rows: Int, columns: Int, inner: Int
) {
  precondition(
    a.count >= rows * inner && b.count >= inner * columns && c.count >= rows * columns,
    "matrices too small for [\(rows), \(inner)] by [\(inner), \(columns)]")
  guard let first = a.baseAddress, let second = b.baseAddress, let product = c.baseAddress,
    rows > 0, columns > 0, inner > 0
  else {
    for index in 0..<rows * columns { c[index] = 0 }
    return
  }
  Scalar.gemm(
    first, second, transposingB: transposingB, into: product, rows: rows, columns: columns,
    inner: inner)
}

/// The product `a · b`, or `a · bᵀ`, of two matrices.
func product<Scalar: BLASScalar>(
  _ a: Matrix<Scalar>, _ b: Matrix<Scalar>, transposingB: Bool = false
) -> Matrix<Scalar> {
  precondition(a.columns == (transposingB ? b.columns : b.rows), "shapes do not fit")
  let columns = transposingB ? b.rows : b.columns
  var c = Matrix<Scalar>(rows: a.rows, columns: columns)
  a.elements.withUnsafeBufferPointer { first in
    b.elements.withUnsafeBufferPointer { second in
      c.withMutableElements {
        multiply(
          first, second, transposingB: transposingB, into: $0, rows: a.rows, columns: columns,
          inner: a.columns)
      }
    }
  }
  return c
}
