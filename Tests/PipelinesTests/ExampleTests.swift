import Foundation
import Pipelines
import StageKit
import TestKit
import Testing

@Suite("The whole example")
struct ExampleTests {
  private static let goldens = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/pipelines")

  private func plan(
    sets: [String] = [], profiles: [String] = [], catalogue: Catalogue = .forTests
  ) throws -> Plan {
    let text = try String(
      contentsOf: Self.goldens.appending(path: "explainability.yaml"), encoding: .utf8)
    return try Bench(text, files: ["analysis.py": ""]).plan(
      sets: sets, profiles: profiles, catalogue: catalogue)
  }

  @Test("a catalogue that went through JSON gives the same plan")
  func catalogueThroughJSON() throws {
    let data = try JSONEncoder().encode(Catalogue.forTests)
    let read = try JSONDecoder().decode(Catalogue.self, from: data)
    #expect(PlanText.text(of: try plan(catalogue: read)) == PlanText.text(of: try plan()))
  }

  @Test("the example of the language's page loads, each instance as in the golden plan")
  func golden() throws {
    let found = PlanText.text(of: try plan())
    let file = Self.goldens.appending(path: "explainability.plan.txt")
    if ProcessInfo.processInfo.environment["FATHOM_RECORD_GOLDENS"] == "1" {
      try Data(found.utf8).write(to: file)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == found)
  }

  @Test("the JSON Schema of the test catalogue is the golden one")
  func goldenSchema() throws {
    // Tests/Goldens/pipelines/validate_schema.py runs an independent validator with it.
    let found = JSONSchema.text(of: .forTests)
    let file = Self.goldens.appending(path: "pipeline.schema.json")
    if ProcessInfo.processInfo.environment["FATHOM_RECORD_GOLDENS"] == "1" {
      try Data(found.utf8).write(to: file)
    }
    #expect(try String(contentsOf: file, encoding: .utf8) == found)
  }

  @Test("its instances are those an independent product of the axes gives")
  func addresses() throws {
    // Tests/Goldens/pipelines/addresses.py, which knows nothing but the matrices.
    let expected = try String(
      contentsOf: Self.goldens.appending(path: "explainability.addresses.txt"), encoding: .utf8)
    #expect(
      try plan().addresses.sorted() == expected.split(separator: "\n").map(String.init).sorted())
  }

  @Test("a profile changes the axes that it names")
  func profile() throws {
    let quick = try plan(profiles: ["quick"])
    #expect(quick.instances.count == 85 - 5 * 4 - 15)
    #expect(quick["decode"]?.options["size"] == [56, 72])
  }

  @Test("targets choose stages, axes and globs, with all that they read")
  func targets() throws {
    let plan = try plan()
    func chosen(_ targets: String...) throws -> [String] {
      try TargetSelection(targets, in: plan).chosen.sorted().map { plan.instances[$0].address }
    }
    #expect(try chosen("vam") == ["vam"])
    #expect(try chosen("pretrain@method=pace,seed=0") == ["pretrain@method=pace,seed=0"])
    #expect(try chosen("pretrain@seed=0").count == 5)
    #expect(try chosen("pretrain@seed=0,method=pa*") == ["pretrain@method=pace,seed=0"])
    #expect(try chosen("table?") == ["table2", "table3"])
    #expect(try chosen("*@method=pace,seed=1").count == 4 + 3)
    #expect(try chosen("kmeans@*,seed=1").count == 5)
    #expect(try chosen("table2", "table2", "vam").count == 2)
    #expect(try chosen().count == plan.instances.count)
    let needed = try TargetSelection(["vam"], in: plan).needed.map { plan.instances[$0].address }
    #expect(
      needed.sorted() == ["by_role@role=pretrain", "decode", "gaze", "roles", "scans", "vam"])
  }

  @Test("a target that nothing matches is an error with the near one")
  func unknownTarget() throws {
    let plan = try plan()
    for (target, near) in [
      ("pretrian", "did you mean 'pretrain'?"),
      ("pretrain@method=pase,seed=0", "did you mean 'pretrain@method=pace,seed=0'?"),
      ("pretrain@sed=0", "did you mean"), ("xyz*", "fathom plan"), ("", "fathom plan"),
    ] {
      let error = #expect(throws: Diagnostics.self) {
        try TargetSelection(["vam", target], in: plan)
      }
      #expect(error?.problems.map(\.rule) == [.unknownTarget], "\(target)")
      if target != "pretrain@sed=0" {
        #expect(error?.problems.first?.message.contains(near) == true, "\(error?.problems ?? [])")
      }
    }
  }
}

/// Every part of a plan that decides what runs, as text.
private enum PlanText {
  static func text(of plan: Plan) -> String {
    var out = "pipeline \(plan.name)\nparams \(plan.params.display)\n"
    for instance in plan.instances {
      out += "\n\(instance.address)  \(instance.position)\n"
      switch instance.work {
      case .kind(let kind, let version, let options):
        out += "  kind \(kind) \(version)\n"
        for option in options {
          let place = option.position.map { "  \($0.line):\($0.column)" } ?? "  default"
          out += "  with \(option.name) = \(option.value.display)\(place)\n"
        }
      case .command(let text): out += "  run \(Value.string(text.value).json)\n"
      }
      if !instance.each.isEmpty { out += "  each \(instance.each.joined(separator: ", "))\n" }
      for input in instance.inputs {
        out += "  in \(input.port) \(input.type.rawValue)\(input.many ? " many" : "")"
        out += input.columns.isEmpty ? "\n" : " by \(input.columns.joined(separator: ", "))\n"
        for source in input.sources {
          let key = source.key.isEmpty ? "" : "  [\(source.key.joined(separator: ", "))]"
          out += "    \(plan.instances[source.producer].address).\(source.port)\(key)\n"
        }
      }
      for output in instance.outputs {
        out += "  out \(output.name) \(output.type.rawValue) \(output.form.rawValue)"
        out += "\(output.many ? " many" : "")\(output.path.map { " \($0)" } ?? "")\n"
      }
      for file in instance.files { out += "  file \(file.value)\n" }
      if instance.resources != Resources() {
        out +=
          "  resources cpu \(instance.resources.cpu) memory \(instance.resources.memoryBytes)\n"
      }
    }
    return out
  }
}
