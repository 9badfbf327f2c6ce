/// Which cluster each row of a data set is in, and what is known of its distances.
///
/// A row keeps its label unseen as long as its own centroid is surely the nearest: an upper bound
/// on the distance to it and a lower bound on the distance to every other give way by as much as
/// the centroids move. Rounding is part of the bounds, so the labels are those of plain Lloyd.
///
/// Source: Hamerly, "Making k-means even faster" (2010), section 3, without the distances between
/// centroids; the allowance for rounding is our own.
struct Assignment {
  private struct Chunk {
    /// -1 before the first time.
    var labels: [Int32]
    var upper: [Double]
    var lower: [Double]
  }

  private struct Pass {
    var chunk: Chunk
    var sums: ExactSums
    var looks = 0
  }

  private(set) var sums: ExactSums
  private var chunks: [Chunk]
  private let size: Int
  /// How far each centroid moved since the last time, and the farthest of the others.
  private var moves: [Double]
  private var otherMoves: [Double]

  init(_ data: Lloyd) {
    size = data.chunk
    sums = ExactSums(
      clusters: data.clusters, dimension: data.dimension, rows: data.count, largest: data.largest)
    moves = Array(repeating: 0, count: data.clusters)
    otherMoves = moves
    chunks = stride(from: 0, to: data.count, by: size).map { first in
      let count = min(data.chunk, data.count - first)
      return Chunk(
        labels: Array(repeating: -1, count: count), upper: Array(repeating: 0, count: count),
        lower: Array(repeating: 0, count: count))
    }
  }

  var labels: [Int32] { chunks.flatMap(\.labels) }

  /// The centroids have moved by these distances.
  mutating func loosen(by moves: [Double]) {
    self.moves = moves
    let farthest = moves.indices.max { moves[$0] < moves[$1] } ?? 0
    let next = moves.indices.filter { $0 != farthest }.map { moves[$0] }.max() ?? 0
    otherMoves = moves.indices.map { $0 == farthest ? next : moves[farthest] }
  }

  /// Labels every row with its nearest centroid, the lowest number of equals.
  ///
  /// - Returns: how many rows were held against all centroids
  mutating func assign(_ data: Lloyd, to centroids: NearestCentroids, skipping: Bool) -> Int {
    let length = data.origin.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let state = self
    let passes = mapChunks(of: data.count, size: size, threads: data.threads) { rows in
      var pass = Pass(chunk: state.chunks[rows.lowerBound / state.size], sums: state.sums.empty)
      data.values.withUnsafeBufferPointer { values in
        data.norms.withUnsafeBufferPointer { norms in
          guard let values = values.baseAddress, let norms = norms.baseAddress else { return }
          var looker = Looker(
            values: values + rows.lowerBound * data.dimension, norms: norms + rows.lowerBound,
            originLength: length, centroids: centroids)
          for first in stride(from: 0, to: rows.count, by: Lloyd.block) {
            let block = first..<min(first + Lloyd.block, rows.count)
            let open = skipping ? state.open(block, of: &pass.chunk, looker) : Array(block)
            if open.count * 4 >= block.count * 3 {
              looker.look(at: block, &pass)
            } else {
              looker.look(at: open, &pass)
            }
          }
          looker.finish(&pass)
        }
      }
      return pass
    }
    for pass in passes { sums += pass.sums }
    chunks = passes.map(\.chunk)
    return passes.reduce(0) { $0 + $1.looks }
  }

  /// The rows of a block whose label may change.
  private func open(_ block: Range<Int>, of chunk: inout Chunk, _ looker: Looker) -> [Int] {
    var open: [Int] = []
    for row in block {
      let label = Int(chunk.labels[row])
      guard label >= 0 else {
        open.append(row)
        continue
      }
      let upper = chunk.upper[row] + moves[label]
      let lower = chunk.lower[row] - otherMoves[label]
      (chunk.upper[row], chunk.lower[row]) = (upper, lower)
      // Scores are half of squared distances: two of them may be wrong by `error` each.
      if !(lower > 0 && upper * upper + 4 * looker.error(of: row) < lower * lower) {
        open.append(row)
      }
    }
    return open
  }

  /// Holds rows of a chunk against all centroids.
  private struct Looker {
    let values: UnsafePointer<Float>
    let norms: UnsafePointer<Double>
    let originLength: Double
    let centroids: NearestCentroids
    /// Rows that lie apart are brought together here.
    private var gathered: [Float] = []
    private var places: [Int] = []
    private var answers = NearestCentroids.Answers(capacity: Lloyd.block)

    init(
      values: UnsafePointer<Float>, norms: UnsafePointer<Double>, originLength: Double,
      centroids: NearestCentroids
    ) {
      (self.values, self.norms) = (values, norms)
      (self.originLength, self.centroids) = (originLength, centroids)
    }

    /// How far a score of the row may be from the true one.
    func error(of row: Int) -> Double {
      centroids.error
        * max((norms[row].squareRoot() + originLength) * centroids.largest, centroids.largestHalf)
    }

    mutating func look(at block: Range<Int>, _ pass: inout Pass) {
      look(values + block.lowerBound * centroids.dimension, block.count, &pass) {
        block.lowerBound + $0
      }
    }

    mutating func look(at rows: [Int], _ pass: inout Pass) {
      for row in rows {
        let start = values + row * centroids.dimension
        gathered.append(contentsOf: UnsafeBufferPointer(start: start, count: centroids.dimension))
        places.append(row)
        if places.count == Lloyd.block { finish(&pass) }
      }
    }

    mutating func finish(_ pass: inout Pass) {
      let (rows, places) = (gathered, places)
      rows.withUnsafeBufferPointer { rows in
        if let start = rows.baseAddress { look(start, places.count, &pass) { places[$0] } }
      }
      gathered.removeAll(keepingCapacity: true)
      self.places.removeAll(keepingCapacity: true)
    }

    private mutating func look(
      _ rows: UnsafePointer<Float>, _ count: Int, _ pass: inout Pass, _ place: (Int) -> Int
    ) {
      centroids.find(rows, count: count, into: &answers)
      pass.looks += count
      for index in 0..<count {
        let row = place(index)
        let label = answers.labels[index]
        let old = pass.chunk.labels[row]
        if label != old {
          pass.sums.move(
            rows + index * centroids.dimension, from: old < 0 ? nil : Int(old), to: Int(label))
          pass.chunk.labels[row] = label
        }
        let error = error(of: row)
        pass.chunk.upper[row] =
          max(0, norms[row] - 2 * Double(answers.best[index]) + 2 * error).squareRoot()
        pass.chunk.lower[row] =
          max(0, norms[row] - 2 * Double(answers.second[index]) - 2 * error).squareRoot()
      }
    }
  }

  /// Gives every empty cluster the row that is farthest from its centroid, the first of equals,
  /// among clusters that keep another.
  mutating func repair(_ data: Lloyd, _ centroids: [Float]) {
    guard sums.sizes.contains(0) else { return }
    var distances = squaredDistances(
      data.values, rows: data.count, to: data.origin, centres: centroids.map { Double($0) },
      labels: labels, chunk: size, threads: data.threads)
    for empty in sums.sizes.indices where sums.sizes[empty] == 0 {
      var farthest: (row: Int, label: Int)?
      for row in distances.indices {
        let label = Int(chunks[row / size].labels[row % size])
        if sums.sizes[label] > 1, distances[row] > farthest.map({ distances[$0.row] }) ?? -1 {
          farthest = (row, label)
        }
      }
      guard let farthest else { return }
      data.values.withUnsafeBufferPointer { values in
        guard let start = values.baseAddress else { return }
        sums.move(start + farthest.row * data.dimension, from: farthest.label, to: empty)
      }
      let (chunk, row) = farthest.row.quotientAndRemainder(dividingBy: size)
      chunks[chunk].labels[row] = Int32(empty)
      // Nothing is known of its distance to the new centroid.
      chunks[chunk].upper[row] = .infinity
      distances[farthest.row] = 0
    }
  }
}
