import Foundation
import StageKit
import TestKit
import Testing

/// Runs `split` on labels that are made up, as a worker does.
struct SplitBench {
  struct Scan {
    var item: String
    var group: String
    /// One for the whole video, or one for each frame.
    var labels: [String]
  }

  let bench: AnalysisBench

  init(_ bench: AnalysisBench? = nil) throws { self.bench = try bench ?? AnalysisBench() }

  /// Patients `p00`, `p01`, … with one scan each that shows all these classes.
  static func patients(_ count: Int, classes: [String]) -> [Scan] {
    (0..<count).map { number in
      let name = "p" + (number < 10 ? "0" : "") + "\(number)"
      return Scan(item: "\(name)/scan.mp4", group: name, labels: classes)
    }
  }

  /// Item → its row of the roles.
  struct Split {
    var rows: [String: (group: String, side: String)] = [:]
    var text = ""
    var info = Value.null
    var log: [String] = []

    /// Group → role and fold.
    var sides: [String: String] {
      Dictionary(rows.values.map { ($0.group, $0.side) }) { first, second in
        first == second ? first : "\(first) and \(second)"
      }
    }

    /// Role and fold → how many groups.
    var sizes: [String: Int] { sides.values.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
  }

  func labels(_ scans: [Scan]) throws -> JobInput {
    let paths = try scans.enumerated().map { index, scan in
      let rows = scan.labels.enumerated().map { frame, label in
        scan.labels.count == 1
          ? [label, scan.group] : ["\(frame)", "\(frame)", label, scan.group]
      }
      let columns = (scan.labels.count == 1 ? [] : ["first", "last"]) + ["label", "group"]
      let path = try bench.scratch.write(
        IndexFile(columns: columns, rows: rows).text, to: "labels/\(index)")
      return (key: scan.item, path: path)
    }
    return try bench.many("item", paths)
  }

  func split(
    _ scans: [Scan], _ options: [String: Value] = [:], frames: JobInput? = nil, cpus: Int = 1
  ) async throws -> Split {
    var inputs = ["labels": try labels(scans)]
    if let frames { inputs["frames"] = frames }
    let events = try await bench.run("split", options: options, inputs: inputs, cpus: cpus)
    var split = Split()
    split.log = events.filter { $0.event == .log }.compactMap(\.message)
    split.text = try bench.text("roles")
    for row in try #require(IndexFile(text: split.text)).rows {
      split.rows[row[0]] = (row[1], row[2] + row[3])
    }
    split.info = try JSONDecoder().decode(Value.self, from: Data(bench.text("info").utf8))
    return split
  }

  /// What the kind says when it refuses.
  func failure(
    _ scans: [Scan], _ options: [String: Value] = [:], frames: JobInput? = nil
  ) async throws -> String {
    do {
      _ = try await split(scans, options, frames: frames)
      return "no failure"
    } catch let failure as AnalysisBench.Failure {
      return failure.description
    }
  }
}
