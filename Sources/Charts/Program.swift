internal import Foundation

/// A program that makes pictures: found on `PATH`, told everything, asked nothing of the user's
/// settings.
struct Program {
  let name: String
  /// What it is for: "charts are drawn by".
  let purpose: String
  /// Debian's package of it.
  let package: String

  /// - Throws: `ChartError` that says what to install where it is not there
  func require() throws(ChartError) {
    try end(of: process(["--version"]), saying: { "" })
  }

  /// Runs it; what it prints becomes the file `output`, and is no half picture where it fails.
  ///
  /// - Throws: `ChartError` with the program's own words, or where it is not on `PATH`
  func run(_ arguments: [String], output: String) throws(ChartError) {
    let problems = "\(output).problems"
    defer { try? FileManager.default.removeItem(atPath: problems) }
    let process = process(arguments)
    do {
      process.standardOutput = try Program.emptyFile(output)
      process.standardError = try Program.emptyFile(problems)
    } catch {
      throw ChartError("the chart '\(output)' cannot be written: \(error.localizedDescription)")
    }
    do throws(ChartError) {
      try end(of: process) { (try? String(contentsOfFile: problems, encoding: .utf8)) ?? "" }
    } catch {
      try? FileManager.default.removeItem(atPath: output)
      throw error
    }
  }

  private func process(_ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "LC_ALL": "C",
      // The day that a PDF says it was made on.
      "SOURCE_DATE_EPOCH": "0",
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    return process
  }

  private static func emptyFile(_ path: String) throws -> FileHandle {
    try Data().write(to: URL(fileURLWithPath: path))
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  private func end(of process: Process, saying words: () -> String) throws(ChartError) {
    do { try process.run() } catch {
      throw ChartError("\(name) cannot be started: \(error.localizedDescription)")
    }
    process.waitUntilExit()
    let (reason, status) = (process.terminationReason, process.terminationStatus)
    guard reason != .exit || status != 0 else { return }
    // What `env` says of a program that is not there.
    if reason == .exit, status == 127 {
      throw ChartError(
        "\(purpose) \(name), which is not on PATH; install it: make setup, or the package "
          + package)
    }
    let last = words().split(whereSeparator: \.isNewline).last.map(String.init)
    throw ChartError(
      "\(name) ended by \(reason == .exit ? "exit" : "signal") \(status): "
        + (last ?? "no reason given"))
  }
}
