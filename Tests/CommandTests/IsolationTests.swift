import Foundation
import StageKit
import TestKit
import Testing

@Suite("A command sees what it declares", .aFewAtATime)
struct IsolationTests {
  private func bench(_ command: String, settings: String = "") throws -> Workbench {
    try Workbench(
      """
      stages:
        other: { run: "echo other > ${out.o}", out: { o: o.txt } }
        hidden: { run: "echo secret > ${out.o}", out: { o: o.txt } }
        reader:
          run: \(command)
          in: { other: other.o }
          files: [declared.txt]
          out: { o: o.txt }

      """,
      files: [
        "declared.txt": "declared", "secret.txt": "secret", ".fathom/config.yaml": settings,
      ])
  }

  @Test(
    "reading what it did not declare fails",
    arguments: [
      "cat ${project}/secret.txt > ${out.o}", "cat ../../../../../../secret.txt > ${out.o}",
      "cat secret.txt > ${out.o}", "cat ${project}/Artifacts/latest/p/hidden/o > ${out.o}",
      "ls ${project} > ${out.o}",
      "ln ${project}/secret.txt stolen; cat stolen > ${out.o}; rm stolen",
      "ln -s ${project}/secret.txt ${out.o}; cat ${out.o}",
      "cat ${project}/Pipelines/p.yaml > ${out.o}",
      "find ${project}/Artifacts/store/objects -type f > ${out.o}",
      "cat ${project}/Artifacts/fathom.db > ${out.o}",
    ])
  func undeclared(command: String) async throws {
    let bench = try bench(command)
    let outcome = try await bench.run("-k", failing: 1)
    #expect(outcome.errors.contains("failed  reader:"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("| secret"), "\(outcome.errors)")
    #expect(try await bench.decisions() == ["other": "run", "hidden": "run", "reader": "failed"])
  }

  @Test(
    "reading what it declared works, and what the settings make readable too",
    arguments: [
      "cat declared.txt ${in.other} > ${out.o}", "cat ../../../../../../secret.txt > ${out.o}",
      "cat ${project}/secret.txt > ${out.o}",
    ])
  func declared(command: String) async throws {
    let bench = try bench(command, settings: "readable: [secret.txt]\n")
    try await bench.run(expecting: ["other", "hidden", "reader"])
    #expect(["declaredother\n", "secret"].contains(try bench.latest("reader/o")))
  }

  @Test(
    "writing outside its own folder fails and changes nothing",
    arguments: [
      "echo > ${project}/new.txt; touch ${out.o}", "echo > ${project}/declared.txt; touch ${out.o}",
      "rm ${project}/secret.txt; touch ${out.o}", "echo x >> ${in.other}; touch ${out.o}",
      "touch $HOME/new.txt; touch ${out.o}",
      "rm -r ${project}/Artifacts/latest; touch ${out.o}", "mv ${out.o} ../../; touch ${out.o}",
    ])
  func writing(command: String) async throws {
    let bench = try bench(command)
    // The superuser may write to any file; what it must not do is change what others read.
    let outcome = try await bench.run("-k", failing: 1)
    #expect(outcome.errors.contains("reader:"), "\(outcome.errors)")
    #expect(try bench.read("declared.txt") == "declared")
    #expect(try bench.read("secret.txt") == "secret")
    #expect(try bench.latest("other/o") == "other\n")
    #expect(!FileManager.default.fileExists(atPath: bench.path("new.txt")))
    #expect(!FileManager.default.fileExists(atPath: bench.scratch.path + "/home/new.txt"))
  }

  @Test("the environment is an allow-list, what env declares, and fathom's own")
  func environment() async throws {
    var bench = try Workbench(
      """
      stages:
        show:
          run: env | sort > ${out.o}
          env: { DECLARED: "yes" }
          resources: { cpu: 2 }
          out: { o: o.txt }

      """)
    bench.environment["LEAK"] = "1"
    bench.environment["PYTHONPATH"] = "/x"
    try await bench.run("-j", "2", expecting: ["show"])
    let lines = try bench.latest("show/o").split(separator: "\n").map(String.init)
    let names = Set(lines.map { String($0.prefix { $0 != "=" }) })
    #expect(names.isDisjoint(with: ["LEAK", "PYTHONPATH", "FATHOM_STORE"]))
    #expect(names.isSuperset(of: ["PATH", "HOME", "TMPDIR", "FATHOM_CHECKPOINT_DIR"]))
    for line in ["DECLARED=yes", "FATHOM_STAGE=show", "FATHOM_RUN=1", "FATHOM_CPUS=2"] {
      #expect(lines.contains(line), "\(lines)")
    }
  }
}
