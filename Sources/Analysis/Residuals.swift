/// Points seen from their own centroids: r = x − μ_k, in float32 and of a size whose squares neither
/// overflow nor vanish.
///
/// Distances are made of r, so that neither the place of the origin nor that of the clusters costs
/// them digits: ‖x − μ_l‖² = ‖r‖² + ‖μ_k − μ_l‖² + 2 r·(μ_k − μ_l).
struct Residuals {
  let partition: Partition
  /// A power of two, by which residuals and centroids are multiplied.
  let scale: Double
  /// (μ_k − x̄) `scale` `[K, d]`, and their norms.
  private let centroids: [Float]
  private let centroidNorms: [Double]
  /// ‖μ_k − μ_l‖² `[K, K]`.
  let centroidDistances: Matrix<Double>

  init(_ partition: Partition) {
    self.partition = partition
    let reach = max(partition.squaredRadii.max() ?? 0, partition.between.max() ?? 0).squareRoot()
    let scale = reach > 0 ? 1 / reach.binade : 1
    self.scale = scale
    centroids = partition.centroids.elements.map { Float($0 * scale) }
    centroidNorms = partition.between.map { $0.squareRoot() }
    let (clusters, dimension) = (partition.clusters, partition.points.columns)
    var distances = Matrix<Double>(rows: clusters, columns: clusters)
    partition.centroids.elements.withUnsafeBufferPointer { centroids in
      for k in 0..<clusters {
        for l in 0..<k {
          distances[k, l] = squaredDistance(
            row(k, of: centroids, dimension), row(l, of: centroids, dimension))
          distances[l, k] = distances[k, l]
        }
      }
    }
    centroidDistances = distances
  }

  /// The scaled residuals of some rows `[rows, d]`.
  func write(_ rows: some Collection<Int>, into result: UnsafeMutableBufferPointer<Float>) {
    let dimension = partition.points.columns
    partition.points.elements.withUnsafeBufferPointer { points in
      partition.centres.elements.withUnsafeBufferPointer { centres in
        for (place, number) in rows.enumerated() {
          let values = row(number, of: points, dimension)
          let centre = row(partition.labels[number], of: centres, dimension)
          let target = UnsafeMutableBufferPointer(
            rebasing: result[place * dimension..<(place + 1) * dimension])
          for column in 0..<dimension {
            target[column] = Float((Double(values[column]) - centre[column]) * scale)
          }
        }
      }
    }
  }

  /// The squared distances of some rows, whose residuals are given, to all centroids `[rows, K]`.
  ///
  /// - Parameter products: scratch space `[rows, K]`
  func distancesToCentroids(
    _ rows: some Collection<Int>, _ residuals: UnsafeBufferPointer<Float>,
    products: UnsafeMutableBufferPointer<Float>, into distances: UnsafeMutableBufferPointer<Double>
  ) {
    let (clusters, dimension) = (partition.clusters, partition.points.columns)
    centroids.withUnsafeBufferPointer {
      multiply(
        residuals, $0, transposingB: true, into: products, rows: rows.count, columns: clusters,
        inner: dimension)
    }
    let factor = 2 / (scale * scale)
    for (place, number) in rows.enumerated() {
      let own = partition.labels[number]
      let square = partition.squaredRadii[number]
      let norm = square.squareRoot()
      let product = Double(products[place * clusters + own])
      for cluster in 0..<clusters {
        let index = place * clusters + cluster
        guard cluster != own else {
          distances[index] = square
          continue
        }
        distances[index] =
          square + centroidDistances[own, cluster] + factor * (product - Double(products[index]))
        // Two clusters near each other, far from the mean: their products cancel.
        let bound = norm * (centroidNorms[own] + centroidNorms[cluster])
        if !(bound <= 8 * distances[index]) { distances[index] = distance(number, cluster) }
      }
    }
  }

  /// ‖x − μ_k‖², from the differences.
  private func distance(_ number: Int, _ cluster: Int) -> Double {
    let dimension = partition.points.columns
    return partition.points.elements.withUnsafeBufferPointer { points in
      partition.centres.elements.withUnsafeBufferPointer { centres in
        squaredDistance(
          row(number, of: points, dimension), row(cluster, of: centres, dimension))
      }
    }
  }
}
