/// The nearest rows of every row.
struct NearestNeighbours: Sendable {
  /// Of a row.
  let count: Int
  /// `[n, count]`, the nearest first; of equally near ones the first row.
  let rows: [Int32]
  /// Squared Euclidean distances `[n, count]`.
  let distances: [Double]

  /// The nearest other rows of every row of `points` `[n, d]`.
  init(_ points: Matrix<Float>, count: Int, threads: Int) {
    precondition(count < points.rows, "\(count) neighbours among \(points.rows) rows")
    self.init(of: points, among: points, exceptOwn: true, count: count, threads: threads)
  }

  /// The rows of `points` `[n, d]` that are nearest to every row of `queries` `[m, d]`.
  init(of queries: Matrix<Float>, among points: Matrix<Float>, count: Int, threads: Int) {
    precondition(count <= points.rows, "\(count) neighbours among \(points.rows) rows")
    self.init(of: queries, among: points, exceptOwn: false, count: count, threads: threads)
  }

  /// Compares all pairs of rows, in blocks: O(m n d) time, O(m count) memory.
  ///
  /// Distances are those of `squaredDistances`, so rows should be centred first.
  private init(
    of queries: Matrix<Float>, among points: Matrix<Float>, exceptOwn: Bool, count: Int,
    threads: Int
  ) {
    precondition(queries.columns == points.columns, "rows of two lengths")
    let (n, d) = (points.rows, points.columns)
    let norms = squaredNorms(of: points)
    let own = exceptOwn ? norms : squaredNorms(of: queries)
    let tile = 512
    let parts = mapChunks(of: queries.rows, size: 256, threads: threads) { rows in
      var products = [Float](repeating: 0, count: rows.count * tile)
      var distances = [Double](repeating: 0, count: rows.count * tile)
      var nearest = rows.map { _ in Nearest(count: count) }
      queries.elements.withUnsafeBufferPointer { queries in
        points.elements.withUnsafeBufferPointer { values in
          products.withUnsafeMutableBufferPointer { products in
            distances.withUnsafeMutableBufferPointer { distances in
              for first in stride(from: 0, to: n, by: tile) {
                let others = first..<min(first + tile, n)
                own.withUnsafeBufferPointer { own in
                  norms.withUnsafeBufferPointer { norms in
                    squaredDistances(
                      .init(rebasing: queries[rows.lowerBound * d..<rows.upperBound * d]),
                      norms: .init(rebasing: own[rows]),
                      .init(rebasing: values[others.lowerBound * d..<others.upperBound * d]),
                      norms: .init(rebasing: norms[others]), dimension: d, products: products,
                      into: distances)
                  }
                }
                for row in 0..<rows.count {
                  let line = UnsafeBufferPointer(
                    rebasing: distances[row * others.count..<(row + 1) * others.count])
                  nearest[row].add(
                    line, first: first, except: exceptOwn ? rows.lowerBound + row : nil)
                }
              }
            }
          }
        }
      }
      return nearest.map(\.sorted)
    }
    let lines = parts.joined()
    self.count = count
    rows = lines.flatMap { $0.map(\.row) }
    distances = lines.flatMap { $0.map(\.distance) }
  }
}

private func squaredNorms(of points: Matrix<Float>) -> [Double] {
  points.elements.withUnsafeBufferPointer {
    squaredNorms($0, dimension: points.columns, count: points.rows)
  }
}

/// The least of the distances seen so far, in a heap with the farthest at its top.
private struct Nearest {
  struct Place: Comparable {
    var distance: Double
    var row: Int32

    static func < (a: Place, b: Place) -> Bool { (a.distance, a.row) < (b.distance, b.row) }
  }

  private var heap: [Place]

  init(count: Int) {
    heap = Array(repeating: Place(distance: .infinity, row: .max), count: count)
  }

  var sorted: [Place] { heap.sorted() }

  /// Adds the distances of the rows from `first` on, which come after all that were added before.
  mutating func add(_ distances: UnsafeBufferPointer<Double>, first: Int, except own: Int?) {
    guard !heap.isEmpty else { return }
    heap.withUnsafeMutableBufferPointer { heap in
      var farthest = heap[0].distance
      for index in 0..<distances.count {
        let distance = distances[index]
        // Rows come in order: one as far as the farthest is later than it, and so not nearer.
        guard distance < farthest, first + index != own else { continue }
        Nearest.replaceTop(
          of: heap, by: Place(distance: distance, row: Int32(truncatingIfNeeded: first + index)))
        farthest = heap[0].distance
      }
    }
  }

  private static func replaceTop(of heap: UnsafeMutableBufferPointer<Place>, by new: Place) {
    var hole = 0
    while true {
      var child = 2 * hole + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child] < heap[child + 1] { child += 1 }
      guard new < heap[child] else { break }
      heap[hole] = heap[child]
      hole = child
    }
    heap[hole] = new
  }
}
