import Pipelines
import StageKit
import TestKit
import Testing

@Suite("Settings of a project")
struct ProjectConfigurationTests {
  private func load(_ text: String) throws -> ProjectConfiguration {
    let scratch = try Scratch()
    let path = try scratch.write(text, to: ".fathom/config.yaml")
    return try ProjectConfiguration.load(path, project: scratch.path)
  }

  @Test("every setting is read, sizes in bytes")
  func all() throws {
    let settings = try load(
      """
      store: /data/store
      resources: { cpu: 3, memory: 2GiB, gpu: 1, licence: 2 }
      readable: [.venv, lib/models]
      """)
    #expect(settings.store == "/data/store")
    #expect(settings.cpu == 3)
    #expect(settings.memoryBytes == 2 << 30)
    #expect(settings.gpu == 1)
    #expect(settings.resources == ["licence": 2])
    #expect(settings.readable == [".venv", "lib/models"])
  }

  @Test("no file, an empty file and comments alone give the defaults", arguments: ["", "# none\n"])
  func defaults(_ text: String) throws {
    #expect(try load(text) == ProjectConfiguration())
    let scratch = try Scratch()
    #expect(
      try ProjectConfiguration.load(scratch.path + "/none.yaml", project: scratch.path)
        == ProjectConfiguration())
  }

  @Test("all problems are reported at once, each at its place")
  func problems() throws {
    let error = #expect(throws: Diagnostics.self) {
      try load(
        """
        stor: x
        resources: { cpu: 0, memory: lots, licence: -1 }
        readable: .venv
        """)
    }
    let found = (error?.problems ?? []).map {
      "\($0.position.line):\($0.position.column) \($0.rule.rawValue)"
    }
    #expect(
      found == [
        "1:1 unknown-field", "2:19 out-of-range", "2:30 wrong-type", "2:45 out-of-range",
        "3:11 wrong-type",
      ])
    #expect(error?.problems.first?.message.contains("did you mean 'store'?") == true)
  }

  @Test("settings that are no map are refused")
  func noMap() throws {
    let error = #expect(throws: Diagnostics.self) { try load("- store") }
    #expect(error?.problems.map(\.rule) == [.wrongType])
  }
}
