import Foundation
import Glibc
import StageKit
import Subprocess
import TestKit
import Testing

/// How a process ended and what it printed.
struct Outcome: Sendable {
  /// The exit code; -9 where it died of SIGKILL, and so on.
  var code: Int
  var output: String
  var errors: String

  /// Standard output as one JSON document.
  var json: Value {
    get throws { try JSONDecoder().decode(Value.self, from: Data(output.utf8)) }
  }

  /// Standard output as one JSON document a line.
  var jsonLines: [Value] {
    get throws {
      try output.split(separator: "\n").map {
        try JSONDecoder().decode(Value.self, from: Data($0.utf8))
      }
    }
  }
}

/// A process that has been started, so that tests can send it signals.
struct Running: Sendable {
  let process: pid_t
  fileprivate let task: Task<Outcome, any Error>

  func send(_ signal: Int32) { kill(process, signal) }

  /// Waits for its end.
  func ended() async throws -> Outcome { try await task.value }
}

/// A program with its arguments and the whole of its environment.
struct Invocation: Sendable {
  var program: String
  var arguments: [String]
  var folder: String
  var environment: [String: String]
  /// Kept until the process has ended.
  var scratch: Scratch

  func run() async throws -> Outcome { try await start().ended() }

  func start() async throws -> Running {
    let (started, report) = AsyncStream.makeStream(of: pid_t.self)
    let task = Task {
      defer { report.finish() }
      return try await run { report.yield($0) }
    }
    for await process in started { return Running(process: process, task: task) }
    _ = try await task.value
    throw Problem("'\(program)' was not started")
  }

  private func run(onStart: @Sendable (pid_t) -> Void) async throws -> Outcome {
    var variables: [Subprocess.Environment.Key: String] = [:]
    for (name, value) in environment { variables[.init(stringLiteral: name)] = value }
    // env becomes the program, so that the process is the program's.
    let result = try await Subprocess.run(
      .name("env"), arguments: Arguments(["-C", folder, program] + arguments),
      environment: .custom(variables), input: .none, output: .string(limit: 64 << 20),
      error: .string(limit: 64 << 20)
    ) { execution in onStart(execution.processIdentifier.value) }
    let code =
      switch result.terminationStatus {
      case .exited(let code): Int(code)
      case .signaled(let signal): -Int(signal)
      }
    return withExtendedLifetime(scratch) {
      Outcome(
        code: code, output: result.standardOutput, errors: result.standardError)
    }
  }
}

/// Why a test cannot go on.
struct Problem: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Waits until a condition holds.
func until(
  _ what: String, seconds: Double = 30, _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + .seconds(seconds)
  while try await !condition() {
    guard ContinuousClock.now < end else { throw Problem("waited \(seconds) s until \(what)") }
    try await Task.sleep(for: .milliseconds(20))
  }
}

extension Value {
  /// The elements of a list; none of anything else.
  var elements: [Value] {
    if case .list(let elements) = self { elements } else { [] }
  }

  var integer: Int? {
    if case .integer(let integer) = self { integer } else { nil }
  }
}
