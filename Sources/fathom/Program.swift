import Foundation

/// Runs another program to its end and reads what it prints.
enum Program {
  /// - Parameters:
  ///   - words: the program, found in PATH unless it is a path, and its arguments.
  ///   - input: what it reads; it must read all before it prints much.
  /// - Returns: its exit status and its standard output; its errors go where ours go, unless
  ///   `quiet`.
  /// - Throws: where it cannot be started.
  static func run(_ words: [String], input: Data? = nil, quiet: Bool = false) throws -> (
    status: Int32, output: Data
  ) {
    let process = Process()
    let isPath = words[0].contains("/")
    process.executableURL = URL(fileURLWithPath: isPath ? words[0] : "/usr/bin/env")
    process.arguments = isPath ? Array(words.dropFirst()) : words
    let output = Pipe()
    process.standardOutput = output
    if quiet { process.standardError = FileHandle.nullDevice }
    let feed = Pipe()
    process.standardInput = input == nil ? FileHandle.nullDevice : feed
    try process.run()
    if let input {
      try feed.fileHandleForWriting.write(contentsOf: input)
      try feed.fileHandleForWriting.close()
    }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, data)
  }
}
