internal import CAnalysis
internal import Foundation

/// Rows of equal length that need not lie in memory all at once.
public protocol RowSource: Sendable {
  /// n
  var count: Int { get }
  /// d
  var dimension: Int { get }

  /// Some rows, in the order asked for: `[numbers, d]`, all finite. Called on several threads at once.
  func rows(_ numbers: some Collection<Int>) throws -> Matrix<Float>
}

/// Groups rows by k-means that sees a mini-batch at a time, for data beyond memory.
///
/// It starts from `kMeans` of a sample: 3 batches, at least 20 rows a cluster and all rows where there are no
/// more. Each batch's rows, drawn with replacement, go to their nearest centroids, which move to the mean of
/// all rows that they were ever given. It settles when the smoothed inertia of batches has not fallen for 10
/// of them. At last every row is given to its nearest centroid, and centroids become the means of their rows; one
/// that has none takes the row farthest from its own. Holds a chunk of rows a thread, besides labels.
/// Distances are float32, sums Float64 in a fixed order: the result does not depend on `threads`.
///
/// Source: Sculley (2010), algorithm 1; the smoothed inertia as in scikit-learn's `MiniBatchKMeans`.
/// - Parameters:
///   - batch: rows of a batch
///   - maximumBatches: that are drawn at most
/// - Throws: `AnalysisError` where there are more clusters than rows; what the source throws
public func miniBatchKMeans(
  _ source: some RowSource, clusters: Int, batch: Int, maximumBatches: Int = 300,
  restarts: Int = 10, threads: Int = 1, using generator: inout some RandomNumberGenerator
) throws -> KMeansResult {
  precondition(batch > 0 && maximumBatches > 0, "counts must be positive")
  guard clusters <= source.count else {
    throw AnalysisError(
      .tooManyClusters, "\(clusters) clusters of \(source.count) points: a cluster would be empty")
  }
  let size = min(source.count, max(3 * batch, 20 * clusters))
  let chosen =
    size == source.count
    ? Array(0..<size) : sample(size, of: source.count, using: &generator)
  let rows = try source.rows(chosen)
  let origin = try rows.columnMeans()
  let start = try kMeans(
    rows, clusters: clusters, restarts: restarts, threads: threads, using: &generator)
  var batches = Batches(start.centroids, origin: origin)
  let (steps, settled) = try batches.run(
    source, size: batch, maximum: maximumBatches, using: &generator)
  return try batches.finish(source, steps: steps, settled: settled, threads: threads)
}

/// Distinct numbers below `count`, in rising order.
///
/// Source: Floyd, in Bentley & Floyd (1987).
private func sample(
  _ size: Int, of count: Int, using generator: inout some RandomNumberGenerator
) -> [Int] {
  var chosen: Set<Int> = []
  for last in count - size..<count {
    let number = Int.random(in: 0...last, using: &generator)
    chosen.insert(chosen.contains(number) ? last : number)
  }
  return chosen.sorted()
}

/// Centroids on their way, seen from an origin.
private struct Batches {
  let clusters: Int
  let dimension: Int
  let origin: [Double]
  /// `[k, d]`
  var centroids: [Double]
  /// How many rows each was given.
  var counts: [Double]

  /// Rows of the last pass that are looked at together.
  static let chunk = 4096
  static let patience = 10

  init(_ centroids: Matrix<Double>, origin: [Double]) {
    (clusters, dimension, self.origin) = (centroids.rows, centroids.columns, origin)
    self.centroids = centroids.elements.enumerated().map {
      $0.element - origin[$0.offset % centroids.columns]
    }
    counts = [Double](repeating: 0, count: centroids.rows)
  }

  private var nearest: NearestCentroids {
    NearestCentroids(centroids.map { Float($0) }, origin: origin)
  }

  /// The label of each row of `[m, d]`, and its squared distance to the centroid.
  private func look(
    _ rows: Matrix<Float>, _ nearest: NearestCentroids
  ) -> (labels: [Int], distances: [Double]) {
    var answers = NearestCentroids.Answers(capacity: rows.rows)
    rows.elements.withUnsafeBufferPointer { values in
      if let start = values.baseAddress {
        nearest.find(start, count: rows.rows, into: &answers)
      }
    }
    let labels = answers.labels.prefix(rows.rows).map { Int($0) }
    let distances = squaredDistances(
      rows.elements, rows: rows.rows, to: origin, centres: centroids,
      labels: labels.map { Int32($0) }, chunk: max(1, rows.rows), threads: 1)
    return (labels, distances)
  }

  // MARK: Batches

  mutating func run(
    _ source: some RowSource, size: Int, maximum: Int,
    using generator: inout some RandomNumberGenerator
  ) throws -> (steps: Int, settled: Bool) {
    let weight = min(1, 2 * Double(size) / Double(source.count + 1))
    var (smooth, best, waited) = (Double?.none, Double.infinity, 0)
    for step in 1...maximum {
      let numbers = (0..<size).map { _ in Int.random(in: 0..<source.count, using: &generator) }
      let rows = try source.rows(numbers)
      let (labels, distances) = look(rows, nearest)
      move(rows, labels)
      let mean = distances.reduce(0, +) / Double(size)
      let value = smooth.map { $0 * (1 - weight) + mean * weight } ?? mean
      smooth = value
      waited = value < best ? 0 : waited + 1
      best = min(best, value)
      if waited == Batches.patience { return (step, true) }
    }
    return (maximum, false)
  }

  private mutating func move(_ rows: Matrix<Float>, _ labels: [Int]) {
    for (row, label) in labels.enumerated() {
      counts[label] += 1
      let share = 1 / counts[label]
      for column in 0..<dimension {
        let value = Double(rows[row, column]) - origin[column]
        centroids[label * dimension + column] +=
          share * (value - centroids[label * dimension + column])
      }
    }
  }

  // MARK: The last pass

  private struct Part: Sendable {
    var labels: [Int32]
    var sums: [Double]
    var farthest: (row: Int, distance: Double)
  }

  mutating func finish(
    _ source: some RowSource, steps: Int, settled: Bool, threads: Int
  ) throws -> KMeansResult {
    var labels: [Int32] = []
    labels.reserveCapacity(source.count)
    var sums = [Double](repeating: 0, count: clusters * dimension)
    var sizes = [Int](repeating: 0, count: clusters)
    var far: [(row: Int, distance: Double)] = []
    let (nearest, copy) = (nearest, self)
    try eachChunk(of: source, threads: threads) { first, rows -> Part in
      let (own, distances) = copy.look(rows, nearest)
      var part = Part(
        labels: own.map { Int32($0) },
        sums: [Double](repeating: 0, count: copy.clusters * copy.dimension), farthest: (first, -1))
      for (row, label) in own.enumerated() {
        for column in 0..<copy.dimension {
          part.sums[label * copy.dimension + column] +=
            Double(rows[row, column]) - copy.origin[column]
        }
        if distances[row] > part.farthest.distance { part.farthest = (first + row, distances[row]) }
      }
      return part
    } take: { part in
      labels += part.labels
      for label in part.labels { sizes[Int(label)] += 1 }
      for index in sums.indices { sums[index] += part.sums[index] }
      far.append(part.farthest)
    }
    try repair(source, &labels, &sums, &sizes, far)
    for cluster in 0..<clusters {
      for index in cluster * dimension..<(cluster + 1) * dimension {
        centroids[index] = sums[index] / Double(sizes[cluster])
      }
    }
    return try result(source, labels, sizes, steps, settled, threads: threads)
  }

  /// Gives each empty cluster the farthest row of a chunk whose own cluster keeps another.
  private func repair(
    _ source: some RowSource, _ labels: inout [Int32], _ sums: inout [Double],
    _ sizes: inout [Int], _ far: [(row: Int, distance: Double)]
  ) throws {
    var candidates = far.sorted { ($1.distance, $0.row) < ($0.distance, $1.row) }.map(\.row)[...]
    // Fewer chunks than empty clusters: any row does.
    candidates += (0..<min(source.count, Batches.chunk)).filter { !candidates.contains($0) }
    for cluster in 0..<clusters where sizes[cluster] == 0 {
      while let row = candidates.popFirst() {
        let old = Int(labels[row])
        guard sizes[old] > 1 else { continue }
        let values = try source.rows(CollectionOfOne(row))
        for column in 0..<dimension {
          let value = Double(values[0, column]) - origin[column]
          sums[old * dimension + column] -= value
          sums[cluster * dimension + column] = value
        }
        sizes[old] -= 1
        sizes[cluster] = 1
        labels[row] = Int32(cluster)
        break
      }
    }
  }

  private func result(
    _ source: some RowSource, _ labels: [Int32], _ sizes: [Int], _ steps: Int, _ settled: Bool,
    threads: Int
  ) throws -> KMeansResult {
    var inertia = 0.0
    let copy = self
    try eachChunk(of: source, threads: threads) { first, rows in
      squaredDistances(
        rows.elements, rows: rows.rows, to: copy.origin, centres: copy.centroids,
        labels: Array(labels[first..<first + rows.rows]), chunk: rows.rows, threads: 1
      ).reduce(0, +)
    } take: {
      inertia += $0
    }
    let centres = Matrix(
      rows: clusters, columns: dimension,
      elements: centroids.indices.map { centroids[$0] + origin[$0 % dimension] })
    let order = clustersBySize(sizes, centres)
    var number = order
    for (new, old) in order.enumerated() { number[old] = new }
    return KMeansResult(
      labels: labels.map { number[Int($0)] },
      centroids: Matrix(
        rows: clusters, columns: dimension, elements: order.flatMap { Array(centres[row: $0]) }),
      inertia: inertia, inertias: [], iterations: steps, converged: settled)
  }

  /// Chunks side by side, a few at a time, whose results are taken in order.
  private func eachChunk<Result: Sendable>(
    of source: some RowSource, threads: Int,
    _ body: @Sendable (Int, Matrix<Float>) throws -> Result, take: (Result) -> Void
  ) throws {
    let group = Batches.chunk * 8
    for first in stride(from: 0, to: source.count, by: group) {
      let end = min(first + group, source.count)
      let parts = mapChunks(of: end - first, size: Batches.chunk, threads: threads) { rows in
        Swift.Result {
          try body(
            first + rows.lowerBound,
            source.rows(first + rows.lowerBound..<first + rows.upperBound))
        }
      }
      for part in parts { take(try part.get()) }
    }
  }
}
