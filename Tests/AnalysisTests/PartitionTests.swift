import Analysis
import Foundation
import TestKit
import Testing

@Suite struct PartitionTests {
  @Test("silhouettes agree with scikit-learn in both metrics, and with equation 1 as printed")
  func silhouettesAgree() throws {
    let golden = try Goldens.read().partition
    let partition = try Partition(
      golden.matrix, labels: golden.labels, clusters: golden.clusters)
    let euclidean = MeanDistances.euclidean(partition)
    let squared = MeanDistances.squaredEuclidean(partition)
    let cases: [(MeanDistances, MeanDistances, [Double])] = [
      (euclidean, euclidean, golden.silhouettes), (squared, squared, golden.silhouettesSqeuclidean),
      (euclidean, squared, golden.silhouettesLiteral),
    ]
    for (own, others, expected) in cases {
      let values = try #require(silhouettes(partition, own: own, others: others))
      #expect(values.count == expected.count)
      for (value, wanted) in zip(values, expected) {
        #expect(isClose(value, wanted, relative: 1e-6, absolute: 1e-6))
      }
    }
  }

  @Test(
    "indices agree with scikit-learn, compactness and uniqueness with the equations"
  )
  func indicesAgree() throws {
    let golden = try Goldens.read().partition
    let partition = try Partition(
      golden.matrix, labels: golden.labels, clusters: golden.clusters)
    #expect(isClose(try #require(partition.daviesBouldin), golden.daviesBouldin, relative: 1e-10))
    #expect(
      isClose(try #require(partition.calinskiHarabasz), golden.calinskiHarabasz, relative: 1e-10))
    #expect(isClose(partition.compactness(), golden.compactness, relative: 1e-10))
    #expect(isClose(partition.compactness(tau: 4), golden.compactness / 4, relative: 1e-10))
    for (base, expected) in golden.uniquenessByBase.enumerated() {
      #expect(isClose(exp(partition.logUniqueness(base: base)), expected, relative: 1e-9))
      #expect(
        isClose(exp(partition.logUniqueness(base: base, tau: 4)), expected / 4, relative: 1e-9))
    }
    #expect(partition.baseCluster == 2)  // 17 of the 40 points
  }

  @Test("compactness and uniqueness of three clusters on a line, worked by hand")
  func workedByHand() throws {
    // Means −2, 0, 4 with weights ½, ¼, ¼ about x̄ = 0; each cluster is its mean ± 1.
    let points = Matrix<Float>([[-3], [-1], [-3], [-1], [-1], [1], [3], [5]])
    let partition = try Partition(points, labels: [0, 0, 0, 0, 1, 1, 2, 2], clusters: 3)
    #expect(partition.mean == [0])
    #expect(partition.compactness() == 1)
    #expect(partition.totalVariance == 1 + 0.5 * 4 + 0.25 * 16)
    #expect(partition.compactness(tau: partition.totalVariance) == 1.0 / 7)
    // Base 0: cosines 1, 0 (the mean itself), −1.
    let expected = 0.5 * exp(4 - 1) + 0.25 * exp(0) + 0.25 * exp(16 + 1)
    #expect(isClose(exp(partition.logUniqueness(base: 0)), expected, relative: 1e-12))
    // Base 1 lies on the mean: all cosines are 0.
    let onMean = 0.5 * exp(4) + 0.25 + 0.25 * exp(16)
    #expect(isClose(exp(partition.logUniqueness(base: 1)), onMean, relative: 1e-12))
    let free = 0.5 * exp(4 / 7.0 - 1) + 0.25 + 0.25 * exp(16 / 7.0 + 1)
    #expect(isClose(exp(partition.scaleFreeLogUniqueness(base: 0)), free, relative: 1e-12))
  }

  @Test("with two clusters the means lie opposite: cosines ±1, δ₂ = (n₁/n₂)² δ₁")
  func twoClusters() throws {
    var random = TestRandom(4)
    let points = random.matrix(30, 4)
    let labels = (0..<30).map { $0 < 20 ? 0 : 1 }
    let partition = try Partition(points, labels: labels, clusters: 2)
    #expect(isClose(partition.between[1], 4 * partition.between[0], relative: 1e-9))
    let expected =
      2 / 3.0 * exp(partition.between[0] - 1) + 1 / 3.0 * exp(partition.between[1] + 1)
    #expect(isClose(exp(partition.logUniqueness(base: 0)), expected, relative: 1e-9))
  }

  @Test("renumbering the clusters changes nothing but the number of the base")
  func relabelling() throws {
    let golden = try Goldens.read().partition
    let number = [3, 1, 0, 2]
    let a = try Partition(golden.matrix, labels: golden.labels, clusters: 4)
    let b = try Partition(golden.matrix, labels: golden.labels.map { number[$0] }, clusters: 4)
    #expect(b.baseCluster == number[a.baseCluster])
    let pairs = [
      (a.compactness(), b.compactness()),
      (try #require(a.daviesBouldin), try #require(b.daviesBouldin)),
      (
        a.logUniqueness(base: a.baseCluster),
        b.logUniqueness(base: b.baseCluster)
      ),
      (a.scaleFreeLogUniqueness(base: 1), b.scaleFreeLogUniqueness(base: number[1])),
    ]
    for (one, other) in pairs { #expect(isClose(one, other, relative: 1e-12)) }
    let ofA = MeanDistances.euclidean(a)
    let ofB = MeanDistances.euclidean(b)
    let one = try #require(silhouettes(a, own: ofA, others: ofA))
    let other = try #require(silhouettes(b, own: ofB, others: ofB))
    for (x, y) in zip(one, other) { #expect(isClose(x, y, relative: 1e-6, absolute: 1e-6)) }
  }

  @Test("scale-free forms do not change when all features are multiplied")
  func scaleFree() throws {
    let golden = try Goldens.read().partition
    let matrix = golden.matrix
    let larger = Matrix(
      rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { $0 * 8 })
    let a = try Partition(matrix, labels: golden.labels, clusters: 4)
    let b = try Partition(larger, labels: golden.labels, clusters: 4)
    #expect(
      isClose(
        a.compactness(tau: a.totalVariance), b.compactness(tau: b.totalVariance), relative: 1e-12))
    #expect(
      isClose(
        a.scaleFreeLogUniqueness(base: 2), b.scaleFreeLogUniqueness(base: 2), relative: 1e-12))
    #expect(isClose(a.compactness() * 64, b.compactness(), relative: 1e-12))
  }

  @Test("uniqueness beyond Float64 keeps a finite logarithm")
  func overflow() throws {
    let points = Matrix<Float>([[-100], [-100], [100], [100]])
    let partition = try Partition(points, labels: [0, 0, 1, 1], clusters: 2)
    let logarithm = partition.logUniqueness(base: 0)
    #expect(exp(logarithm) == .infinity)
    #expect(isClose(logarithm, 10_000 + log((exp(-1) + exp(1)) / 2), relative: 1e-12))
  }

  @Test("points that are all equal have silhouette, compactness and Davies-Bouldin 0")
  func duplicates() throws {
    let points = Matrix<Float>(rows: 6, columns: 3, repeating: 0.1)
    let partition = try Partition(points, labels: [0, 0, 0, 1, 1, 1], clusters: 2)
    for distances in [
      MeanDistances.euclidean(partition), MeanDistances.squaredEuclidean(partition),
    ] {
      #expect(
        silhouettes(partition, own: distances, others: distances)
          == [Double](repeating: 0, count: 6))
    }
    #expect(partition.compactness() == 0)
    #expect(partition.compactness(tau: partition.totalVariance) == 0)
    #expect(partition.daviesBouldin == 0)
    #expect(partition.calinskiHarabasz == nil)
    #expect(partition.logUniqueness(base: 0) == 0)
    #expect(partition.scaleFreeLogUniqueness(base: 0) == 0)
  }

  @Test("equal points far from the rest are exactly 0 apart: their silhouette is 1")
  func exactDuplicates() throws {
    var random = TestRandom(8)
    let rows = (0..<8).map { _ in random.matrix(1, 5).elements }
    let points = Matrix<Float>([rows[0], rows[0], rows[0], rows[1], rows[1], rows[2], rows[3]])
    let partition = try Partition(points, labels: [0, 0, 0, 1, 1, 2, 2], clusters: 3)
    let distances = MeanDistances.euclidean(partition)
    let values = try #require(silhouettes(partition, own: distances, others: distances))
    #expect(values.prefix(5) == [1, 1, 1, 1, 1])
  }

  @Test("one cluster has no silhouette, and uniqueness 1 at its own mean")
  func oneCluster() throws {
    var random = TestRandom(2)
    let partition = try Partition(
      random.matrix(20, 3), labels: [Int](repeating: 0, count: 20), clusters: 1)
    let distances = MeanDistances.euclidean(partition)
    #expect(silhouettes(partition, own: distances, others: distances) == nil)
    #expect(partition.daviesBouldin == nil)
    #expect(partition.calinskiHarabasz == nil)
    #expect(partition.logUniqueness(base: 0) == 0)
  }

  @Test("a NaN, a label that is no cluster and a cluster without points are errors that say where")
  func badInput() throws {
    var points = Matrix<Float>(rows: 4, columns: 2)
    #expect(throws: AnalysisError(.badLabels, "row 2 is in cluster 7 of 2")) {
      try Partition(points, labels: [0, 1, 7, 0], clusters: 2)
    }
    #expect(throws: AnalysisError(.badLabels, "cluster 1 of 2 has no point")) {
      try Partition(points, labels: [0, 0, 0, 0], clusters: 2)
    }
    #expect(throws: AnalysisError(.badLabels, "3 labels for 4 points")) {
      try Partition(points, labels: [0, 1, 0], clusters: 2)
    }
    points[3, 1] = .nan
    #expect(throws: AnalysisError(.notFinite, "row 3, column 1 is nan, not finite")) {
      try Partition(points, labels: [0, 1, 0, 1], clusters: 2)
    }
  }

  @Test("silhouettes over several blocks are the same for any number of threads")
  func threads() throws {
    var random = TestRandom(3)
    let points = random.matrix(700, 3)
    let labels = (0..<700).map { ($0 * 7) % 5 }
    let partition = try Partition(points, labels: labels, clusters: 5)
    let one = MeanDistances.euclidean(partition, threads: 1)
    let three = MeanDistances.euclidean(partition, threads: 3)
    let alone = try #require(silhouettes(partition, own: one, others: one))
    #expect(alone == silhouettes(partition, own: three, others: three))
    // Against a plain double loop for one row.
    var sums = [Double](repeating: 0, count: 5)
    for row in 0..<700 {
      var square = 0.0
      for column in 0..<3 {
        square += pow(Double(points[row, column]) - Double(points[123, column]), 2)
      }
      sums[labels[row]] += square.squareRoot()
    }
    let a = sums[labels[123]] / 139
    let b = try #require((0..<5).filter { $0 != labels[123] }.map { sums[$0] / 140 }.min())
    #expect(isClose(alone[123], (b - a) / max(a, b), relative: 1e-6, absolute: 1e-6))
  }

  @Test(
    "a common offset of 1000 and threads cost no digit: both forms agree with a plain double loop")
  func offset() throws {
    var random = TestRandom(9)
    let labels = (0..<600).map { $0 % 3 }
    // Two clusters near each other, a third far away: their products would cancel.
    let spread = random.matrix(600, 19)
    let points = Matrix<Float>(
      rows: 600, columns: 19,
      elements: spread.elements.enumerated().map { index, value in
        1000 + value + [0, 1, 400][labels[index / 19]]
      })
    let partition = try Partition(points, labels: labels, clusters: 3, threads: 2)
    let forms: [(MeanDistances, Bool)] = [
      (MeanDistances.squaredEuclidean(partition, threads: 2), true),
      (MeanDistances.euclidean(partition, threads: 2), false),
    ]
    for (distances, isSquared) in forms {
      let values = try #require(silhouettes(partition, own: distances, others: distances))
      for row in stride(from: 0, to: 600, by: 37) {
        var sums = [Double](repeating: 0, count: 3)
        for other in 0..<600 {
          let square = zip(points[row: row], points[row: other]).reduce(0.0) {
            $0 + pow(Double($1.0) - Double($1.1), 2)
          }
          sums[labels[other]] += isSquared ? square : square.squareRoot()
        }
        let a = sums[labels[row]] / 199
        let b = try #require((0..<3).filter { $0 != labels[row] }.map { sums[$0] / 200 }.min())
        #expect(isClose(values[row], (b - a) / max(a, b), relative: 1e-6, absolute: 1e-6))
      }
    }
  }

  @Test("scans drawn twice, once or never give the clusters of the points so repeated")
  func drawnScans() throws {
    var random = TestRandom(5)
    let points = random.matrix(60, 4)
    let labels = (0..<60).map { $0 % 3 }
    let scans = (0..<60).map { $0 / 20 }
    let partition = try Partition(points, labels: labels, clusters: 3)
    let moments = ScanMoments(partition, scans: scans, count: 3)
    let counts = [2, 0, 1]
    let rows = (0..<60).flatMap { [Int](repeating: $0, count: counts[scans[$0]]) }
    let repeated = try Partition(
      Matrix(rows.map { Array(points[row: $0]) }), labels: rows.map { labels[$0] }, clusters: 3)
    let drawn = try #require(moments.drawn(counts))
    #expect(drawn.kept == [0, 1, 2])
    #expect(isClose(drawn.moments.compactness(), repeated.compactness(), relative: 1e-12))
    #expect(
      isClose(
        drawn.moments.logUniqueness(base: 1), repeated.logUniqueness(base: 1), relative: 1e-9))
    #expect(
      isClose(
        try #require(drawn.moments.calinskiHarabasz), try #require(repeated.calinskiHarabasz),
        relative: 1e-9))
    #expect(moments.drawn([0, 0, 0])?.kept == nil)
  }
}
