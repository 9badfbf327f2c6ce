// One measurement of `Benchmarks/explain`, a file each: the part that is ours.
//
//   explain-step CASE ARGUMENTS…
//
// Reads its data from files, then answers each line `step` of standard input with the seconds of one
// measurement; what else a case answers stands in its file.
import Foundation

let cases: [String: @Sendable ([String]) throws -> Void] = [
  "kmeans": stepKMeans, "silhouette_squared": silhouetteSquared,
  "silhouette_euclidean": silhouetteEuclidean, "tsne": stepTSNE,
]

func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data("explain-step: \(message)\n".utf8))
  exit(2)
}

func answer(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

guard CommandLine.arguments.count > 1, let run = cases[CommandLine.arguments[1]] else {
  fail("expected one of \(cases.keys.sorted().joined(separator: ", "))")
}
do { try run(Array(CommandLine.arguments.dropFirst(2))) } catch { fail("\(error)") }
