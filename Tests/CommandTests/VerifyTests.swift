import Foundation
import StageKit
import TestKit
import Testing

@Suite("Verifying", .aFewAtATime)
struct VerifyTests {
  /// An item stage, one that reads it, and one whose bytes nothing fixes.
  private static let pipeline = """
    stages:
      numbers:
        run: for i in 1 2 3; do echo "$i" > ${out.files}/$i.txt; done
        out: { files: files/ }
      text:
        run: cat data/a.txt > ${out.t}
        files: [data/a.txt]
        out: { t: t.txt }
      chance:
        run: |
          cat ${in.t} > ${out.t}; date +%N >> ${out.t}
        in: { t: text.t }
        out: { t: t.txt }
      after:
        run: wc -l < ${in.t} > ${out.n}
        in: { t: chance.t }
        out: { n: n.txt }

    """

  private func verify(
    _ bench: Workbench, _ arguments: String..., code: Int
  ) async throws -> Value {
    let outcome = try await bench.invocation(["verify", "--json"] + arguments).run()
    #expect(outcome.code == code, "\(outcome.output)\(outcome.errors)")
    return try outcome.json
  }

  private func verdicts(_ document: Value) -> [String: String] {
    guard case .list(let findings)? = document["findings"] else { return [:] }
    return Dictionary(
      findings.map { ($0["instance"]?.text ?? "", $0["verdict"]?.text ?? "") }
    ) { first, _ in first }
  }

  /// Every file below a folder, with its size and time.
  private func state(of folder: String) throws -> [String] {
    let manager = FileManager.default
    return try manager.subpathsOfDirectory(atPath: folder).sorted().compactMap { name in
      let facts = try manager.attributesOfItem(atPath: "\(folder)/\(name)")
      guard facts[.type] as? FileAttributeType == .typeRegular else { return nil }
      return "\(name) \(facts[.size] ?? 0) \(facts[.modificationDate] ?? "")"
    }
  }

  @Test("what is not deterministic is found where it arises, and nothing of the store changes")
  func found() async throws {
    let bench = try Workbench(Self.pipeline, files: ["data/a.txt": "a\n"])
    try await bench.run(failing: 0)
    let objects = try state(of: bench.path("Artifacts/store/objects"))
    let records = try state(of: bench.path("Artifacts/store/actions"))
    let document = try await verify(bench, "--all", code: 5)
    #expect(
      verdicts(document) == [
        "numbers": "identical", "text": "identical", "chance": "different", "after": "identical",
      ])
    let detail = document["findings"].flatMap { findings -> String? in
      guard case .list(let list) = findings else { return nil }
      return list.first { $0["instance"]?.text == "chance" }?["detail"]?.text
    }
    #expect(detail?.hasPrefix("t: other bytes from 2 on") == true)
    #expect(try state(of: bench.path("Artifacts/store/objects")) == objects)
    #expect(try state(of: bench.path("Artifacts/store/actions")) == records)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bench.path("Artifacts/store/staging"))
        .filter { $0.hasPrefix("session-") } == [])
    // The finding is kept, and shown; the run after it has nothing to do, and cells are the old.
    let rows = try await bench.rows(
      "select verdict, count(*) as n from verification where run = 2 group by 1 order by 1")
    #expect(rows.map { $0["verdict"] } == ["different", "identical"])
    #expect(rows.map { $0["n"] } == [1, 3])
    let shown = try await bench.invocation(["show", "2"]).run()
    #expect(shown.output.contains("3 of 4 made again identical"))
    #expect(shown.output.contains("different  chance  t: other bytes"))
    let instance = try await bench.invocation(["show", "chance"]).run()
    #expect(instance.output.contains("made again in run 2: different, t: other bytes"))
    try await bench.run(expecting: [])
    #expect(try await bench.decisions().count == 4)
  }

  @Test("a sample takes what was never verified, then what was longest ago")
  func sample() async throws {
    let bench = try Workbench(Self.pipeline, files: ["data/a.txt": "a\n"])
    try await bench.run("text", "numbers", failing: 0)
    let first = verdicts(try await verify(bench, "--sample", "1", code: 0))
    let second = verdicts(try await verify(bench, "--sample", "1", code: 0))
    #expect(Set(first.keys).union(second.keys) == ["numbers", "text"])
    let third = verdicts(try await verify(bench, "--sample", "1", code: 0))
    #expect(third == first)
    let target = try await verify(bench, "text", code: 0)
    #expect(verdicts(target) == ["text": "identical"])
    #expect(target["candidates"] == 1)
  }

  @Test("a stage may declare how far its numbers may be apart")
  func tolerance() async throws {
    let numbers = """
      stages:
        n:
          run: printf 'a,b\\n1.00000%s,2e-3\\n' $(date +%N) > ${out.n}
          out: { n: n.csv }
          tolerance: 1e-4

      """
    let bench = try Workbench(numbers, files: [:])
    try await bench.run(failing: 0)
    let document = try await verify(bench, code: 0)
    #expect(verdicts(document) == ["n": "within tolerance"])
    #expect(document["counts"]?["within tolerance"] == 1)
    // It is no part of the key; a narrower one finds it, and so does none.
    try bench.edit("tolerance: 1e-4", to: "tolerance: 1e-14")
    try await bench.run(expecting: [])
    #expect(verdicts(try await verify(bench, code: 5)) == ["n": "different"])
    try bench.edit("tolerance: 1e-14", to: "tolerance: -1")
    let bad = try await bench.invocation(["verify"]).run()
    #expect(bad.code == 3)
    #expect(bad.errors.contains("'tolerance'"))
    try bench.edit("tolerance: -1", to: "frozen: false")
    #expect(verdicts(try await verify(bench, code: 5)) == ["n": "different"])
  }

  @Test("what had a result and now fails is said, with the code of a failed stage")
  func failing() async throws {
    let pipeline = """
      stages:
        slow:
          run: sleep 1; echo 1 > ${out.n}
          out: { n: n.txt }

      """
    let bench = try Workbench(pipeline, files: [:])
    try await bench.run(failing: 0)
    let document = try await verify(bench, "--timeout", "100ms", code: 1)
    #expect(verdicts(document) == ["slow": "failed"])
    try await bench.run(expecting: [])
  }

  @Test("nothing to verify, and a sample of none, are errors of use")
  func refusals() async throws {
    let bench = try Workbench(Self.pipeline, files: ["data/a.txt": "a\n"])
    let none = try await bench.invocation(["verify"]).run()
    #expect(none.code == 2)
    #expect(none.errors.contains("has a result to verify; 'fathom run' makes one"))
    #expect(try await bench.invocation(["verify", "--sample", "0"]).run().code == 2)
    #expect(try await bench.invocation(["verify", "nowhere"]).run().code == 2)
  }
}
