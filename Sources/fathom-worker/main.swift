import Foundation
import StageKit
import Stages

// fathom-worker catalogue      prints every stage kind as JSON
// fathom-worker run JOB.json   runs one job
let arguments = CommandLine.arguments.dropFirst()
switch (arguments.first, arguments.count) {
case ("catalogue", 1):
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  let catalogue = Catalogue(allStages.map { $0.description })
  print(String(decoding: try encoder.encode(catalogue), as: UTF8.self))
case ("run", 2):
  let data = try Data(contentsOf: URL(fileURLWithPath: arguments.last ?? ""))
  let job = try JSONDecoder().decode(JobDescription.self, from: data)
  exit(try await Worker.run(job, stages: allStages) ? 0 : 1)
default:
  FileHandle.standardError.write(Data("usage: fathom-worker catalogue | run JOB.json\n".utf8))
  exit(2)
}
