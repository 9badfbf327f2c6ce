internal import CAnalysis

/// Centroids laid out for finding the nearest one of many rows.
///
/// The score of a row x is (x · c) − (o · c + ‖c‖² / 2), with c a centroid seen from the origin o:
/// half of ‖x − o‖² − ‖x − o − c‖². The row's scores are the same whichever rows stand beside it.
struct NearestCentroids {
  let clusters: Int
  let dimension: Int
  /// The largest norm of a centroid, seen from the origin.
  let largest: Double
  /// No score of a row x is farther from the true one than this times the longer of ‖x‖ · `largest`
  /// and `largestHalf`, twice the usual bound of a sum of `dimension` products.
  let error: Double
  let largestHalf: Double
  private let packed: [Float]
  private let halves: [Float]
  private let groups: Int

  /// - Parameters:
  ///   - centroids: `[k, d]`, seen from `origin`
  ///   - origin: `[d]`
  init(_ centroids: [Float], origin: [Double]) {
    let dimension = origin.count
    let lanes = Int(CANALYSIS_LANES)
    clusters = dimension > 0 ? centroids.count / dimension : 1
    groups = (clusters + lanes - 1) / lanes
    self.dimension = dimension
    var packed = [Float](repeating: 0, count: groups * dimension * lanes)
    var halves = [Float](repeating: .infinity, count: groups * lanes)
    var largest = 0.0
    for cluster in 0..<clusters {
      let (group, lane) = cluster.quotientAndRemainder(dividingBy: lanes)
      var (square, offset) = (0.0, 0.0)
      for column in 0..<dimension {
        let value = centroids[cluster * dimension + column]
        packed[(group * dimension + column) * lanes + lane] = value
        square += Double(value) * Double(value)
        offset += Double(value) * origin[column]
      }
      halves[cluster] = Float(offset + square / 2)
      largest = max(largest, square)
    }
    self.packed = packed
    self.halves = halves
    self.largest = largest.squareRoot()
    largestHalf = halves[..<clusters].reduce(0) { max($0, Double($1.magnitude)) }
    error = Double(dimension + 16) * 0x1p-23
  }

  /// For each of some rows the nearest centroid, the lowest number of equals, its score and the
  /// highest of the others.
  struct Answers {
    var labels: [Int32]
    var best: [Float]
    var second: [Float]

    init(capacity: Int) {
      labels = Array(repeating: 0, count: capacity)
      best = Array(repeating: 0, count: capacity)
      second = best
    }
  }

  /// - Parameter rows: `[count, d]`, seen from zero
  func find(_ rows: UnsafePointer<Float>, count: Int, into answers: inout Answers) {
    precondition(count <= answers.labels.count, "more rows than answers")
    canalysis_nearest(
      rows, Int64(count), Int64(dimension), packed, halves, Int64(groups), &answers.labels,
      &answers.best, &answers.second)
  }
}
