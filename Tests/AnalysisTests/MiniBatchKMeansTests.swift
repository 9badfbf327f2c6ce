import Foundation
import StageKit
import TestKit
import Testing

@testable import Analysis

/// Rows in memory, as if they were not; counts how many were asked for at once.
private struct MemoryRows: RowSource {
  let points: Matrix<Float>
  var count: Int { points.rows }
  var dimension: Int { points.columns }

  func rows(_ numbers: some Collection<Int>) throws -> Matrix<Float> {
    // Every row at once is what batches are there to avoid.
    guard numbers.count < max(4200, count) || count < 1000 else {
      throw AnalysisError(.empty, "asked for \(numbers.count) rows")
    }
    return Matrix(
      rows: numbers.count, columns: points.columns,
      elements: numbers.flatMap { points[row: $0] })
  }
}

@Suite("k-means by mini-batches") struct MiniBatchKMeansTests {
  private func random(_ seed: Int) -> CounterRandom {
    CounterRandom(seed: seed, kind: "test", item: "", purpose: "batches")
  }

  @Test("on 20 data sets it is as good as scikit-learn's mini-batches, and near all rows' k-means")
  func dataSets() throws {
    let golden = try KMeansDataSets.read()
    for number in 0..<20 {
      let (points, clusters) = KMeansDataSets.points(number)
      var generator = random(number)
      let result = try miniBatchKMeans(
        MemoryRows(points: points), clusters: clusters, batch: 64, using: &generator)
      #expect(
        result.inertia <= 1.01 * golden.batches[number],
        "\(number): \(result.inertia), scikit-learn \(golden.batches[number])")
      #expect(result.inertia <= 1.08 * golden.inertias[number], "\(number)")
      // Labels, centroids, sizes and inertia agree, and clusters are in the order of their sizes.
      let partition = try Partition(points, labels: result.labels, clusters: clusters)
      #expect(isClose(result.inertia, partition.inertia, relative: 1e-6))
      #expect(partition.sizes == partition.sizes.sorted(by: >))
      for (own, offset) in zip(
        result.centroids.elements,
        partition.centroids.elements.indices.map { index in
          partition.centroids.elements[index] + partition.mean[index % points.columns]
        })
      { #expect(isClose(own, offset, relative: 1e-6, absolute: 1e-6)) }
    }
  }

  @Test("the same for any number of threads; another seed draws other batches")
  func threads() throws {
    var elements: [Float] = []
    var noise = random(9)
    for row in 0..<30_000 {
      for column in 0..<3 {
        elements.append(Float((row + column) % 5) * 3 + Float(noise.uniform(-1, 1)))
      }
    }
    let source = MemoryRows(points: Matrix(rows: 30_000, columns: 3, elements: elements))
    func run(_ seed: Int, _ threads: Int) throws -> KMeansResult {
      var generator = random(seed)
      return try miniBatchKMeans(
        source, clusters: 5, batch: 256, threads: threads, using: &generator)
    }
    let (one, three) = (try run(0, 1), try run(0, 3))
    #expect(one.labels == three.labels && one.inertia == three.inertia)
    #expect(one.centroids == three.centroids && one.converged)
    var sizes = [Int](repeating: 0, count: 5)
    for label in one.labels { sizes[label] += 1 }
    #expect(sizes == Array(repeating: 6000, count: 5))
    // Of a uniform square of side 2 about each centre: 3 columns of variance 1/3.
    #expect(isClose(one.inertia / 30_000, 1, relative: 0.02))
  }

  @Test("duplicates, as many clusters as rows, too many, NaN")
  func edges() throws {
    var generator = random(0)
    let same = MemoryRows(points: Matrix<Float>(rows: 50, columns: 2, repeating: 3))
    let found = try miniBatchKMeans(same, clusters: 4, batch: 8, using: &generator)
    #expect(Set(found.labels) == [0, 1, 2, 3] && found.inertia == 0)
    let few = MemoryRows(points: Matrix<Float>([[0, 0], [5, 5], [9, 1]]))
    let all = try miniBatchKMeans(few, clusters: 3, batch: 2, using: &generator)
    #expect(Set(all.labels).count == 3 && all.inertia < 1e-9)
    #expect(throws: AnalysisError.self) {
      try miniBatchKMeans(few, clusters: 4, batch: 2, using: &generator)
    }
    let bad = MemoryRows(points: Matrix<Float>([[0], [.nan], [1]]))
    #expect(throws: AnalysisError.self) {
      try miniBatchKMeans(bad, clusters: 2, batch: 2, using: &generator)
    }
  }
}
