import Analysis
import TestKit
import Testing

@Suite struct KMeansTests {
  @Test("the inertia is within 0.1 % of scikit-learn's best of 20 starts")
  func inertia() throws {
    let golden = try Goldens.read().kmeans
    var random = TestRandom(1)
    let result = try kMeans(golden.matrix, clusters: golden.clusters, using: &random)
    #expect(result.inertia < golden.inertia * 1.001)
    #expect(result.inertia > golden.inertia * 0.98)
    #expect(result.converged)
    #expect(result.labels.count == 300)
    // Clusters are numbered by size.
    let sizes = (0..<golden.clusters).map { k in result.labels.count { $0 == k } }
    #expect(sizes == sizes.sorted(by: >))
    // Inertia and centroids belong to the labels.
    let partition = try Partition(golden.matrix, labels: result.labels, clusters: golden.clusters)
    #expect(isClose(partition.inertia, result.inertia, relative: 1e-12))
  }

  @Test("20 data sets: the inertia is within 0.1 % of scikit-learn's best of as many restarts")
  func twentyDataSets() throws {
    let golden = try KMeansDataSets.read().inertias
    try #require(golden.count == 20)
    for number in 0..<20 {
      let (points, clusters) = KMeansDataSets.points(number)
      var random = TestRandom(UInt64(number))
      let result = try kMeans(points, clusters: clusters, restarts: 10, using: &random)
      #expect(result.inertia < golden[number] * 1.001, "data set \(number)")
      // Each iteration lowers it, and the last is the result's.
      #expect(isClose(result.inertias.last ?? 0, result.inertia, relative: 1e-6))
      for (before, after) in zip(result.inertias, result.inertias.dropFirst()) {
        #expect(after <= before * (1 + 1e-6))
      }
    }
  }

  @Test("rows that are skipped have the labels that looking at them gives, to the last bit")
  func skipping() throws {
    for number in 0..<20 {
      var (points, clusters) = KMeansDataSets.points(number)
      if number % 2 == 1 {
        // Far from zero, so that rows are copied and centred.
        points = Matrix(
          rows: points.rows, columns: points.columns, elements: points.elements.map { $0 + 1000 })
      }
      clusters += 5
      let start = Matrix(
        rows: clusters, columns: points.columns,
        elements: Array(points.elements[..<(clusters * points.columns)]))
      let results = try [true, false].map {
        try kMeans(
          points, from: start, maximumIterations: 50, tolerance: 0, threads: 2, skipping: $0)
      }
      #expect(results[0].labels == results[1].labels)
      #expect(results[0].centroids == results[1].centroids)
      #expect(results[0].inertias == results[1].inertias)
      #expect(results[0].inertia == results[1].inertia)
    }
  }

  @Test("labels, centroids and inertia are the same for any number of threads")
  func threads() throws {
    var random = TestRandom(6)
    let points = random.matrix(1300, 4)
    let results = try [1, 2, 5].map { threads in
      var random = TestRandom(2)
      return try kMeans(
        points, clusters: 6, restarts: 2, maximumIterations: 10, threads: threads, using: &random)
    }
    for result in results.dropFirst() {
      #expect(result.labels == results[0].labels)
      #expect(result.centroids == results[0].centroids)
      #expect(result.inertia == results[0].inertia)
    }
  }

  @Test(
    "well separated groups are found whatever the offset and the scale",
    arguments: [
      (0, 1), (1e4, 1), (0, 1e-20), (0, 1e20),
    ] as [(Float, Float)])
  func separated(offset: Float, scale: Float) throws {
    let points = Matrix<Float>(
      (0..<30).map { row in
        let group = Float(row % 3)
        return [offset + scale * (group * 10 + Float(row) * 0.01), offset - scale * group * 10]
      })
    var random = TestRandom(1)
    let result = try kMeans(points, clusters: 3, restarts: 3, using: &random)
    for row in 0..<30 { #expect(result.labels[row] == result.labels[row % 3]) }
    #expect(Set(result.labels) == [0, 1, 2])
  }

  @Test("fewer distinct points than clusters still fill every cluster")
  func duplicates() throws {
    let points = Matrix<Float>((0..<9).map { [Float($0 % 2), 1] })
    var random = TestRandom(1)
    let result = try kMeans(points, clusters: 4, restarts: 2, using: &random)
    #expect(Set(result.labels) == [0, 1, 2, 3])
    // Nothing but the rounding of the means of equal values.
    #expect(result.inertia < 1e-30)
  }

  @Test("as many clusters as points give each point its own; one cluster is the mean")
  func extremes() throws {
    var random = TestRandom(9)
    let points = random.matrix(7, 3)
    let all = try kMeans(points, clusters: 7, restarts: 1, using: &random)
    #expect(Set(all.labels).count == 7)
    #expect(all.inertia < 1e-12)
    let one = try kMeans(points, clusters: 1, restarts: 1, using: &random)
    #expect(one.labels == [Int](repeating: 0, count: 7))
    for column in 0..<3 {
      let mean = (0..<7).reduce(0) { $0 + Double(points[$1, column]) } / 7
      #expect(isClose(one.centroids[0, column], mean, relative: 1e-12, absolute: 1e-12))
    }
  }

  @Test("constant features make no difference and no NaN")
  func constantColumns() throws {
    let points = Matrix<Float>(rows: 5, columns: 2, repeating: 3)
    var random = TestRandom(1)
    let result = try kMeans(points, clusters: 2, using: &random)
    #expect(Set(result.labels) == [0, 1])
    #expect(result.inertia == 0)
    #expect(result.centroids.elements == [3, 3, 3, 3])
  }

  @Test("more clusters than points, no points and NaN are errors")
  func badInput() throws {
    var random = TestRandom(1)
    var points = Matrix<Float>(rows: 3, columns: 2)
    #expect {
      try kMeans(points, clusters: 4, using: &random)
    } throws: { error in
      (error as? AnalysisError)?.code == .tooManyClusters
    }
    points[1, 0] = .infinity
    #expect(throws: AnalysisError(.notFinite, "row 1, column 0 is inf, not finite")) {
      try kMeans(points, clusters: 2, using: &random)
    }
  }

  @Test("normalised rows have norm 1, tiny and huge ones too; a row of zeros stays")
  func normalising() {
    let points = Matrix<Float>([[3, 4], [0, 0], [3e-30, 4e-30], [-3e30, 4e30]]).normalisingRows()
    for (value, expected) in zip(points.elements, [0.6, 0.8, 0, 0, 0.6, 0.8, -0.6, 0.8]) {
      #expect(isClose(Double(value), expected, relative: 1e-6))
    }
  }
}
