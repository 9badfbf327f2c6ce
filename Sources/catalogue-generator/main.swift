import Foundation

// Writes the list of types of one kind: a file KMeansStage.swift holds the type KMeansStage.
// Arguments: the file to write, the protocol, the list's name, the module it comes from, the files.
let arguments = CommandLine.arguments
let (output, kind, list, module) = (arguments[1], arguments[2], arguments[3], arguments[4])
let types = arguments.dropFirst(5)
  .map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
  .sorted()
let entries = types.map { "  \($0).self,\n" }.joined()
let header = module.isEmpty ? "" : "public import \(module)\n\n"
let source = """
  \(header)/// Every type of a file named …\(kind).swift in this folder.
  public let \(list): [any \(kind).Type] = [
  \(entries)]

  """
try source.write(toFile: output, atomically: true, encoding: .utf8)
