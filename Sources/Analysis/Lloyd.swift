internal import CAnalysis

/// One data set made ready for Lloyd's iterations.
///
/// The rows are looked at from their mean: distances then cancel least. Where the mean is small
/// beside the spread they stay where they are and the origin enters the scores; else they are
/// copied, centred and scaled by a power of two so that squares neither overflow nor vanish.
struct Lloyd {
  let count: Int
  let dimension: Int
  let clusters: Int
  let threads: Int
  /// The mean of the points `[d]`.
  let mean: [Double]
  /// `[n, d]`
  let values: [Float]
  /// Where the values are seen from `[d]`.
  let origin: [Double]
  /// Values are points times this.
  let scale: Double
  /// The squared distance of each row of values to the origin.
  let norms: [Double]
  /// The largest magnitude of a value.
  let largest: Double
  /// Rows of a chunk: few chunks, as each has sums `[k, d]` of its own.
  let chunk: Int
  /// Rows that are looked at at once, so that they are still in the cache when they are summed.
  static let block = 240

  /// - Throws: `AnalysisError` where there are more clusters than points, or a value is not finite
  init(_ points: Matrix<Float>, clusters: Int, threads: Int) throws(AnalysisError) {
    precondition(clusters > 0, "counts must be positive")
    guard clusters <= points.rows else {
      throw AnalysisError(
        .tooManyClusters, "\(clusters) clusters of \(points.rows) points: a cluster would be empty")
    }
    count = points.rows
    dimension = points.columns
    self.clusters = clusters
    self.threads = threads
    chunk = max(512, (points.rows + 31) / 32)
    let extent = try Extent(points, chunk: chunk, threads: threads)
    mean = extent.mean
    let norms = squaredDistances(
      points.elements, rows: count, to: mean, chunk: chunk, threads: threads)
    let square = mean.reduce(0) { $0 + $1 * $1 }
    let spread = norms.reduce(0, +) / Double(count)
    if square <= 16 * spread, (0x1p-30...0x1p30).contains(extent.largest) {
      (values, origin, scale, self.norms) = (points.elements, mean, 1, norms)
      largest = extent.largest
    } else {
      scale = extent.farthest > 0 ? 1 / extent.farthest.binade : 1
      largest = 2
      origin = Array(repeating: 0, count: dimension)
      values = Lloyd.centred(points, mean, scale: scale, chunk: chunk, threads: threads)
      self.norms = squaredDistances(
        values, rows: count, to: origin, chunk: chunk, threads: threads)
    }
  }

  private static func centred(
    _ points: Matrix<Float>, _ mean: [Double], scale: Double, chunk: Int, threads: Int
  ) -> [Float] {
    let width = points.columns
    return Array(unsafeUninitializedCapacity: points.elements.count) { values, filled in
      filled = points.elements.count
      guard let start = values.baseAddress else { return }
      // Every chunk writes rows of its own.
      nonisolated(unsafe) let target = start
      _ = mapChunks(of: points.rows, size: chunk, threads: threads) { rows in
        points.elements.withUnsafeBufferPointer { elements in
          guard let source = elements.baseAddress else { return }
          canalysis_centre(
            source + rows.lowerBound * width, Int64(rows.count), Int64(width), mean, scale,
            target + rows.lowerBound * width)
        }
      }
    }
  }

  /// Centroids in the scale of the points `[k, d]`, as values seen from the origin.
  func centred(_ centroids: Matrix<Float>) -> [Float] {
    centroids.elements.enumerated().map { index, value in
      Float((Double(value) - mean[index % dimension]) * scale)
    }
  }

  struct Outcome {
    var labels: [Int32]
    /// After each iteration, in the scale of the points.
    var inertias: [Double]
    var converged: Bool
    /// How many times a row was held against all centroids.
    var looks: Int

    var inertia: Double { inertias.last ?? 0 }
  }

  /// - Parameters:
  ///   - start: centroids `[k, d]` seen from the origin
  ///   - skipping: whether rows are left out whose label cannot change: the same result
  func run(
    from start: [Float], maximumIterations: Int, tolerance: Double, skipping: Bool = true
  ) -> Outcome {
    var centroids = start
    let square = norms.reduce(0, +)
    let variance = square / Double(max(count * dimension, 1))
    var assignment = Assignment(self)
    var outcome = Outcome(labels: [], inertias: [], converged: false, looks: 0)
    while outcome.inertias.count < maximumIterations, !outcome.converged {
      outcome.looks += assignment.assign(
        self, to: NearestCentroids(centroids, origin: origin), skipping: skipping)
      assignment.repair(self, centroids)
      let labels = assignment.labels
      let settled = labels == outcome.labels
      outcome.labels = labels

      var between = 0.0
      var moves = [Double](repeating: 0, count: clusters)
      for cluster in 0..<clusters {
        var (length, move) = (0.0, 0.0)
        for (column, value) in assignment.sums.mean(cluster).enumerated() {
          let offset = value - origin[column]
          let index = cluster * dimension + column
          let centroid = Float(offset)
          length += offset * offset
          move += Double(centroid - centroids[index]) * Double(centroid - centroids[index])
          centroids[index] = centroid
        }
        between += Double(assignment.sums.sizes[cluster]) * length
        moves[cluster] = move
      }
      // What the points are from the origin, less what their means are.
      outcome.inertias.append(max(0, square - between) / (scale * scale))
      assignment.loosen(by: moves.map { $0.squareRoot() })
      outcome.converged = settled || moves.reduce(0, +) <= tolerance * variance
    }
    return outcome
  }

  /// The partition in the scale of the points, with sums in Float64.
  func result(of outcome: Outcome, _ points: Matrix<Float>) -> KMeansResult {
    let (clusters, width, labels, mean) = (clusters, dimension, outcome.labels, mean)
    var sizes = [Int](repeating: 0, count: clusters)
    for label in labels { sizes[Int(label)] += 1 }
    var centres = [Double](repeating: 0, count: clusters * width)
    let parts = mapChunks(of: count, size: chunk, threads: threads) { rows in
      var sums = [Double](repeating: 0, count: clusters * width)
      points.elements.withUnsafeBufferPointer { elements in
        sums.withUnsafeMutableBufferPointer { sums in
          guard let elements = elements.baseAddress, let sums = sums.baseAddress else { return }
          for row in rows {
            canalysis_add(
              elements + row * width, Int64(width), mean, sums + Int(labels[row]) * width)
          }
        }
      }
      return sums
    }
    for part in parts { for index in centres.indices { centres[index] += part[index] } }
    for cluster in 0..<clusters {
      for index in cluster * width..<(cluster + 1) * width {
        centres[index] /= Double(sizes[cluster])
      }
    }
    let centroids = Matrix(rows: clusters, columns: width, elements: centres)
    let inertia = squaredDistances(
      points.elements, rows: count, to: mean, centres: centres, labels: labels, chunk: chunk,
      threads: threads
    ).reduce(0, +)
    let order = clustersBySize(sizes, centroids)
    var number = order
    for (new, old) in order.enumerated() { number[old] = new }
    return KMeansResult(
      labels: labels.map { number[Int($0)] },
      centroids: Matrix(
        rows: clusters, columns: width,
        elements: order.flatMap { zip(centroids[row: $0], mean).map { $0 + $1 } }),
      inertia: inertia, inertias: outcome.inertias, iterations: outcome.inertias.count,
      converged: outcome.converged)
  }
}

/// Where the values of a data set lie.
private struct Extent {
  /// Of each column.
  let mean: [Double]
  /// The largest magnitude of a value.
  let largest: Double
  /// The largest distance of a value from the mean of its column.
  let farthest: Double

  /// - Throws: `AnalysisError` where a value is not finite
  init(_ points: Matrix<Float>, chunk: Int, threads: Int) throws(AnalysisError) {
    let width = points.columns
    let parts = mapChunks(of: points.rows, size: chunk, threads: threads) { rows in
      var sums = [Double](repeating: 0, count: width)
      var low = [Float](repeating: .infinity, count: width)
      var high = [Float](repeating: -.infinity, count: width)
      points.elements.withUnsafeBufferPointer { elements in
        guard let start = elements.baseAddress else { return }
        canalysis_extent(
          start + rows.lowerBound * width, Int64(rows.count), Int64(width), &sums, &low, &high)
      }
      return (sums, low, high)
    }
    var mean = [Double](repeating: 0, count: width)
    for (sums, _, _) in parts { for column in 0..<width { mean[column] += sums[column] } }
    for column in 0..<width { mean[column] /= Double(points.rows) }
    // A sum of float32 in Float64 is finite where all of them are.
    if !mean.allSatisfy(\.isFinite), let bad = points.elements.firstIndex(where: { !$0.isFinite }) {
      throw AnalysisError(
        .notFinite,
        "row \(bad / width), column \(bad % width) is \(points.elements[bad]), not finite"
      )
    }
    var (largest, farthest) = (0.0, 0.0)
    for (_, low, high) in parts {
      for column in 0..<width {
        let (low, high) = (Double(low[column]), Double(high[column]))
        largest = max(largest, abs(low), abs(high))
        farthest = max(farthest, mean[column] - low, high - mean[column])
      }
    }
    (self.mean, self.largest, self.farthest) = (mean, largest, farthest)
  }
}

/// The squared distance of every row of `[n, d]` to `origin`; to the centre of its label `[k, d]`,
/// seen from there, where labels are given.
func squaredDistances(
  _ values: [Float], rows count: Int, to origin: [Double],
  centres: [Double] = [], labels: [Int32] = [], chunk: Int, threads: Int
) -> [Double] {
  let width = origin.count
  let parts = mapChunks(of: count, size: chunk, threads: threads) { rows in
    values.withUnsafeBufferPointer { values in
      centres.withUnsafeBufferPointer { centres in
        rows.map { row in
          guard let start = values.baseAddress else { return 0.0 }
          let centre =
            labels.isEmpty ? nil : centres.baseAddress.map { $0 + Int(labels[row]) * width }
          return canalysis_distance(start + row * width, Int64(width), origin, centre)
        }
      }
    }
  }
  return Array(parts.joined())
}
