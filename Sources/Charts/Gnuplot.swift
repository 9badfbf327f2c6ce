internal import Foundation

/// What is wrong with a chart, or with the program that draws it.
public struct ChartError: Error, Hashable, Sendable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}

/// The program that draws charts: it does axes, tics and text well.
public enum Gnuplot {
  /// Fails where it is not there, for whoever wants to know before hours of work.
  ///
  /// - Throws: `ChartError` that says what to install
  public static func require() throws(ChartError) {
    try end(of: process(["--version"]), saying: { "" })
  }

  /// Runs a script; what it prints, a picture, becomes the file.
  ///
  /// Neither the user's settings nor the environment reach it.
  /// - Parameter path: of the picture, beside which the script lies while it is drawn
  /// - Throws: `ChartError` with gnuplot's own words, or where it is not on `PATH`
  static func draw(_ script: String, to path: String) throws(ChartError) {
    let (source, problems) = ("\(path).gnuplot", "\(path).problems")
    defer { for file in [source, problems] { try? FileManager.default.removeItem(atPath: file) } }
    let process = process(["-d", source])
    do {
      try script.write(toFile: source, atomically: false, encoding: .utf8)
      process.standardOutput = try emptyFile(path)
      process.standardError = try emptyFile(problems)
    } catch {
      throw ChartError("the chart '\(path)' cannot be written: \(error.localizedDescription)")
    }
    do throws(ChartError) {
      try end(of: process) { (try? String(contentsOfFile: problems, encoding: .utf8)) ?? "" }
    } catch {
      try? FileManager.default.removeItem(atPath: path)
      throw error
    }
  }

  private static func process(_ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gnuplot"] + arguments
    process.environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "LC_ALL": "C",
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

  private static func end(of process: Process, saying words: () -> String) throws(ChartError) {
    do { try process.run() } catch {
      throw ChartError("gnuplot cannot be started: \(error.localizedDescription)")
    }
    process.waitUntilExit()
    let (reason, status) = (process.terminationReason, process.terminationStatus)
    guard reason != .exit || status != 0 else { return }
    // What `env` says of a program that is not there.
    if reason == .exit, status == 127 {
      throw ChartError(
        "charts are drawn by gnuplot, which is not on PATH; install it: make setup, or the package "
          + "gnuplot-nox")
    }
    let last = words().split(whereSeparator: \.isNewline).last.map(String.init)
    throw ChartError(
      "gnuplot ended by \(reason == .exit ? "exit" : "signal") \(status): "
        + (last ?? "no reason given"))
  }
}
