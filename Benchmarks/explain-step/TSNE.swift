// t-SNE whole, from features to embedding: `tsne FEATURES THREADS EMBEDDING`, features as
// safetensors. `step` answers the seconds and writes `embedding` f32 [n, 2]; `divergence` answers what
// the last step found.
import Analysis
import Foundation
import StageKit

/// The same start each time.
private let start = (seed: 0, kind: "tsne", item: "", purpose: "start")

func stepTSNE(_ arguments: [String]) throws {
  guard arguments.count == 3, let threads = Int(arguments[1]) else {
    fail("expected FEATURES THREADS EMBEDDING")
  }
  let tensor = try SafetensorsFile(path: arguments[0]).tensor("features", of: Float.self, rank: 2)
  let points = Matrix(rows: tensor.shape[0], columns: tensor.shape[1], elements: tensor.array)
  var divergence = Double.nan
  while let line = readLine() {
    switch line {
    case "step":
      var random = CounterRandom(
        seed: start.seed, kind: start.kind, item: start.item, purpose: start.purpose)
      let clock = ContinuousClock()
      let begin = clock.now
      let result = try TSNE()(points, threads: threads, using: &random) { iterations, divergence in
        if ProcessInfo.processInfo.environment["FATHOM_TSNE_TRACE"] != nil {
          FileHandle.standardError.write(
            Data("\(iterations) \(divergence) after \(clock.now - begin)\n".utf8))
        }
      }
      let seconds = (clock.now - begin) / .seconds(1)
      divergence = result.divergence
      try SafetensorsWriter.write(
        [.init("embedding", result.embedding.elements, shape: [points.rows, 2])], to: arguments[2])
      answer("\(seconds)")
    case "divergence": answer("\(divergence)")
    default: fail("expected step or divergence, not '\(line)'")
    }
  }
}
