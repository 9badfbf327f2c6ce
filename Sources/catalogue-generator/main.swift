import Foundation

// Writes the list of stage kinds: a file KMeansStage.swift holds the type KMeansStage.
let output = CommandLine.arguments[1]
let types = CommandLine.arguments.dropFirst(2)
  .map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
  .sorted()
let list = types.map { "  \($0).self,\n" }.joined()
let source = """
  public import StageKit

  /// Every stage kind in Sources/Stages, one for each file named …Stage.swift.
  public let allStages: [any Stage.Type] = [
  \(list)]

  """
try source.write(toFile: output, atomically: true, encoding: .utf8)
