import Foundation
import StageKit
import TestKit
import Testing

@Suite("RO-Crates", .aFewAtATime)
struct ExportTests {
  private static let pipeline = """
    params: { word: pace, sizes: { small: 2 } }
    stages:
      parts:
        run: for i in 1 2; do cp data/a.txt ${out.files}/$i.txt; done
        files: [data/a.txt]
        out: { files: files/ }
      count:
        run: |
          printf '{"metrics": [{"name": "n", "value": %s}]}' $(ls ${in.files} | wc -l) > ${out.n}
        in: { files: parts.files }
        out: { n: n.json }
      table:
        uses: table
        in: { scores: count.n }
        with: { columns: [n], name: "${params.word}" }

    """

  private struct Crate {
    var entities: [String: Value] = [:]
    let folder: String

    init(_ folder: String) throws {
      self.folder = folder
      let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/ro-crate-metadata.json"))
      let document = try JSONDecoder().decode(Value.self, from: data)
      for entity in document["@graph"]?.elements ?? [] {
        let id = entity["@id"]?.text ?? ""
        #expect(entities[id] == nil, "'\(id)' is there twice")
        entities[id] = entity
      }
    }

    func ids(_ id: String, _ property: String) -> [String] {
      switch entities[id]?[property] {
      case .list(let values)?: values.compactMap { $0["@id"]?.text }
      case let value?: [value["@id"]?.text ?? value.text]
      case nil: []
      }
    }

    func types(_ id: String) -> [String] {
      switch entities[id]?["@type"] {
      case .list(let values)?: values.map(\.text)
      case let value?: [value.text]
      case nil: []
      }
    }

    func all(_ type: String) -> [String] {
      entities.keys.filter { types($0).contains(type) }.sorted()
    }
  }

  @Test("the crate has the workflow, its run, an action and a control action for each instance")
  func described() async throws {
    let bench = try Workbench(
      Self.pipeline, files: ["data/a.txt": "a\n", "LICENSE": "use it\n"])
    try await bench.run(failing: 0)
    let outcome = try await bench.invocation(["export", "ro-crate", "-o", "crate", "--json"]).run()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try outcome.json["run"] == 1)
    let crate = try Crate(bench.path("crate"))
    let file = "Pipelines/p.yaml"
    #expect(crate.ids("./", "mainEntity") == [file])
    #expect(crate.types(file) == ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"])
    #expect(try bench.read("crate/\(file)") == "pipeline: p\n" + Self.pipeline)
    #expect(
      crate.ids("./", "conformsTo").prefix(3) == [
        "https://w3id.org/ro/wfrun/process/0.5", "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/ro/wfrun/provenance/0.5",
      ])
    #expect(crate.ids("./", "license") == ["LICENSE"])
    #expect(crate.ids(file, "step").count == 3)
    #expect(
      crate.all("CreateAction") == ["#action-count", "#action-parts", "#action-table", "#run-1"])
    #expect(crate.all("ControlAction").count == 3)
    #expect(crate.ids("#run-1", "instrument") == [file])
    #expect(
      crate.ids("#fathom-run-1", "object") == [
        "#control-parts", "#control-count", "#control-table",
      ])
    #expect(crate.ids("#control-count", "object") == ["#action-count"])
    // What one action made is what the next one read.
    let made = crate.ids("#action-parts", "result")
    #expect(made.count == 1 && crate.ids("#action-count", "object") == made)
    #expect(made[0].hasPrefix("ni:///sha-256;") && crate.types(made[0]) == ["Dataset"])
    #expect(crate.ids("#run-1", "result").contains("results/table/csv.csv"))
    #expect(crate.entities["#param-sizes.small-value"]?["value"] == 2)
    #expect(
      crate.ids("#action-table", "object").contains { $0.hasPrefix("#kind-table/with/name/") })
    // Nothing refers to what is not there, and every file is what it is said to be.
    for (id, entity) in crate.entities {
      guard case .map(let pairs) = entity else { continue }
      for pair in pairs {
        for target in crate.ids(id, pair.key) where pair.value["@id"] != nil {
          let isElsewhere = target.hasPrefix("https://w3id.org/ro/crate")
          #expect(crate.entities[target] != nil || isElsewhere, "\(id) \(pair.key) \(target)")
        }
      }
    }
    let files = crate.all("File").filter { !$0.hasPrefix("ni:") }
    #expect(files.count == 6)
    for id in files {
      let data = try Data(contentsOf: URL(fileURLWithPath: "\(crate.folder)/\(id)"))
      #expect(crate.entities[id]?["sha256"]?.text == Digest(of: data).hex)
      #expect(crate.entities[id]?["contentSize"]?.text == "\(data.count)")
    }
    let input = crate.ids("#action-parts", "object").first ?? ""
    #expect(input.hasPrefix("ni:") && crate.entities[input]?["name"] == "data/a.txt")
  }

  @Test("everything is packed where that is asked for, and a run of hits says who made what it has")
  func all() async throws {
    let bench = try Workbench(Self.pipeline, files: ["data/a.txt": "a\n"])
    try await bench.run(failing: 0)
    try await bench.run(expecting: [])
    let outcome = try await bench.invocation(
      ["export", "ro-crate", "2", "--all", "--license", "https://spdx.org/licenses/MIT", "-o", "c"]
    ).run()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let crate = try Crate(bench.path("c"))
    #expect(crate.all("File").allSatisfy { !$0.hasPrefix("ni:") })
    #expect(try bench.read("c/inputs/data/a.txt") == "a\n")
    #expect(try bench.read("c/results/parts/files/2.txt") == "a\n")
    #expect(crate.ids("results/parts/files/", "hasPart").count == 2)
    #expect(crate.entities["#action-count"]?["description"] == "made in run 1, and used again")
    #expect(crate.ids("./", "license") == ["https://spdx.org/licenses/MIT"])
    let again = try await bench.invocation(["export", "ro-crate", "2", "-o", "c"]).run()
    #expect(again.code == 2)
    #expect(again.errors.contains("'c' is not empty"))
  }

  @Test("a pipeline that is another now comes from the run's commit")
  func committed() async throws {
    let bench = try Workbench(
      Self.pipeline, files: ["data/a.txt": "a\n", ".gitignore": "Artifacts/\n"])
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for arguments in [["init", "-q", "."], ["add", "-A"], identity + ["commit", "-qm", "work"]] {
      let outcome = try await Invocation(
        program: "/usr/bin/git", arguments: arguments, folder: bench.folder,
        environment: bench.environment, scratch: bench.scratch
      ).run()
      #expect(outcome.code == 0, "\(outcome.errors)")
    }
    try await bench.run(failing: 0)
    try bench.edit("word: pace", to: "word: other")
    let outcome = try await bench.invocation(["export", "ro-crate", "1", "-o", "c"]).run()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let crate = try Crate(bench.path("c"))
    #expect(try bench.read("c/Pipelines/p.yaml") == "pipeline: p\n" + Self.pipeline)
    #expect(crate.entities["#param-word-value"]?["value"] == "pace")
  }

  @Test("a pipeline that is another now, and was never committed, is refused")
  func changed() async throws {
    let bench = try Workbench(Self.pipeline, files: ["data/a.txt": "a\n"])
    try await bench.run(failing: 0)
    try bench.edit("word: pace", to: "word: other")
    let refused = try await bench.invocation(["export", "ro-crate", "-o", "c"]).run()
    #expect(refused.code == 2)
    #expect(refused.errors.contains("is not what run 1 executed, and was not committed then"))
    #expect(!FileManager.default.fileExists(atPath: bench.path("c")))
    let nothing = try await bench.invocation(["export", "ro-crate", "9"]).run()
    #expect(nothing.code == 2)
  }

  @Test("an object that is gone is said, and nothing half is left")
  func lost() async throws {
    let bench = try Workbench(Self.pipeline, files: ["data/a.txt": "a\n"])
    try await bench.run(failing: 0)
    try FileManager.default.removeItem(atPath: bench.path("Artifacts/store/objects"))
    let outcome = try await bench.invocation(["export", "ro-crate", "-o", "c"]).run()
    #expect(outcome.code == 4)
    #expect(outcome.errors.contains("is no longer in the store"))
    #expect(bench.find("c").isEmpty)
  }
}
