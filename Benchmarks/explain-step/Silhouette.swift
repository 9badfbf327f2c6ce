import Analysis
import Foundation
import StageKit

/// `silhouette_squared FILE` and `silhouette_euclidean FILE`: `points` f32 `[n, d]` and `labels` i64
/// `[n]` of a safetensors file, on two threads.
///
/// A step is the mean silhouette from points and labels alone, sums of the clusters included. `value`
/// answers with it.
@Sendable func silhouetteSquared(_ arguments: [String]) throws {
  try silhouetteSteps(arguments) { MeanDistances.squaredEuclidean($0, threads: 2) }
}

@Sendable func silhouetteEuclidean(_ arguments: [String]) throws {
  try silhouetteSteps(arguments) { MeanDistances.euclidean($0, threads: 2) }
}

private func silhouetteSteps(
  _ arguments: [String], _ distances: (Partition) -> MeanDistances
) throws {
  guard arguments.count == 1 else { fail("expected a file") }
  let file = try SafetensorsFile(path: arguments[0])
  let tensor = try file.tensor("points", of: Float.self, rank: 2)
  let points = Matrix(rows: tensor.shape[0], columns: tensor.shape[1], elements: tensor.array)
  let labels = try file.tensor("labels", of: Int64.self, rank: 1).array.map { Int($0) }
  let clusters = (labels.max() ?? -1) + 1
  func mean() throws -> Double {
    let partition = try Partition(points, labels: labels, clusters: clusters, threads: 2)
    let distances = distances(partition)
    let values = silhouettes(partition, own: distances, others: distances) ?? []
    return values.reduce(0, +) / Double(values.count)
  }
  while let line = readLine() {
    guard line == "step" else {
      answer("\(try mean())")
      continue
    }
    let start = ContinuousClock.now
    _ = try mean()
    let time = (ContinuousClock.now - start).components
    answer("\(Double(time.seconds) + Double(time.attoseconds) * 1e-18)")
  }
}
