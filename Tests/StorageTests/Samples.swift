import Engine
import Foundation
import Glibc
import StageKit
import Storage
import TestKit

func digest(_ text: String) -> Digest { Digest(of: text.utf8) }

func file(_ text: String) -> Artifact {
  Artifact(form: .file, digest: digest(text), size: text.utf8.count)
}

extension Scratch {
  var store: String { "\(path)/store" }
  var database: String { "\(path)/Artifacts/fathom.db" }

  func openStore() throws -> ContentStore { try ContentStore(path: store) }

  func openDatabase(_ mode: ProvenanceDatabase.Mode = .readWrite) throws -> ProvenanceDatabase {
    try ProvenanceDatabase(path: database, project: path, mode: mode)
  }
}

/// All files below a folder, relative to it, sorted.
func files(below folder: String) throws -> [String] {
  try FileManager.default.subpathsOfDirectory(atPath: folder).filter { name in
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
      && !isFolder.boolValue
  }.sorted()
}

/// What lies in a store's staging but for the locks.
func leftovers(in store: String) throws -> [String] {
  try files(below: store + "/staging").filter { !$0.hasPrefix("locks/") }
}

func runRow(_ verb: String = "run", pipeline: String = "Pipelines/clips.yaml") -> RunRow {
  RunRow(
    started: 1_700_000_000, arguments: ["fathom", "run", "a b"], user: "ada", host: "here",
    os: "Linux", cpu: "some", memoryBytes: 1 << 30, gpu: nil, toolVersion: "0.1.0",
    toolDigest: nil, gitCommit: "0123abcd", gitRef: "main", pipeline: pipeline,
    pipelineDigest: digest(pipeline), verb: verb)
}

/// A job that executed its action, whose only output holds this text.
func executed(
  _ instance: String, key: String, output: String, fields: [ActionField] = [],
  metrics: [MetricRow] = [], cells: [TableCell] = [], items: [ItemReport] = []
) -> JobReport {
  let record = ActionRecord(
    key: digest(key), outputs: [.init(port: "out", artifact: file(output))], seconds: 2)
  return JobReport(
    row: JobRow(
      instance: instance, actionKey: digest(key), decision: .run, reason: "new", started: 10,
      ended: 12.5, exitCode: 0, cpuSeconds: 2.25, maxResidentBytes: 4096),
    action: ActionReport(
      key: digest(key), keyVersion: 1, kind: "command", version: 1, fields: fields,
      result: record),
    inputs: [PortDigest(port: "in", digest: digest("input"), producer: "import")],
    items: items, metrics: metrics, cells: cells)
}

func hit(_ instance: String, key: String) -> JobReport {
  JobReport(
    row: JobRow(
      instance: instance, actionKey: digest(key), decision: .hit, reason: "nothing changed"))
}

extension ProvenanceDatabase {
  /// Records a whole run.
  @discardableResult
  func add(_ jobs: [JobReport], verb: String = "run") throws -> Int {
    let run = try begin(runRow(verb))
    try record(jobs, run: run)
    try end(run: run, status: .succeeded, at: 1_700_000_060)
    return run
  }

  func texts(_ sql: String) throws -> [[String]] {
    try query(sql).rows.map { $0.map(\.text) }
  }
}

/// A small file system in memory, where this process may mount one.
final class SmallDisk {
  let path: String

  init(_ scratch: Scratch, megabytes: Int) throws {
    path = "\(scratch.path)/disk"
    mkdir(path, 0o777)
    guard SmallDisk.mount(["-t", "tmpfs", "-o", "size=\(megabytes)m", "none", path]) else {
      throw EnvironmentError(.inputOutput, "cannot mount")
    }
  }

  deinit { _ = SmallDisk.execute("umount", ["-l", path]) }

  func makeReadOnly() -> Bool { SmallDisk.mount(["-o", "remount,ro", path]) }

  static let isPossible: Bool = {
    guard geteuid() == 0, let scratch = try? Scratch() else { return false }
    return (try? SmallDisk(scratch, megabytes: 1)) != nil
  }()

  private static func mount(_ arguments: [String]) -> Bool { execute("mount", arguments) }

  private static func execute(_ name: String, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}

/// The code of the environment's error that the body throws, if it does.
func code(_ body: () throws -> Void) -> EnvironmentError.Code? {
  do {
    try body()
    return nil
  } catch {
    return (error as? EnvironmentError)?.code
  }
}
