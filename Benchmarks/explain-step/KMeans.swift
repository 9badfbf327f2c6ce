internal import Analysis
internal import Dispatch
internal import Foundation
internal import StageKit

/// `kmeans DATA RESULT`: Lloyd's iterations from centroids that are given, on two threads.
///
/// DATA: safetensors, `points` f32 `[n, d]` and `centroids` f32 `[k, d]`; RESULT gets `centroids`.
@Sendable func stepKMeans(_ arguments: [String]) throws {
  guard arguments.count == 2 else { fail("expected: kmeans DATA RESULT") }
  let file = try SafetensorsFile(path: arguments[0])
  func matrix(_ name: String) throws -> Matrix<Float> {
    let tensor = try file.tensor(name, of: Float.self, rank: 2)
    return Matrix(rows: tensor.shape[0], columns: tensor.shape[1], elements: tensor.array)
  }
  let (points, centroids) = (try matrix("points"), try matrix("centroids"))
  while let line = readLine() {
    guard line == "step" else { fail("'\(line)' is no request") }
    let start = DispatchTime.now()
    let result = try kMeans(
      points, from: centroids, maximumIterations: 25, tolerance: 0, threads: 2)
    let nanoseconds = DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds
    guard result.iterations == 25 else { fail("settled after \(result.iterations) iterations") }
    try SafetensorsWriter.write(
      [
        .init(
          "centroids", result.centroids.elements.map { Float($0) },
          shape: [result.centroids.rows, result.centroids.columns])
      ], to: arguments[1])
    answer("\(Double(nanoseconds) * 1e-9)")
  }
}
