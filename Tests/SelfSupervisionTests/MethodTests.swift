import SelfSupervision
import StageKit
import Testing

@Suite struct MethodTests {
  private static var declaration: OptionDeclaration {
    get throws {
      var reader = OptionReader.recorder
      let _: Method = try reader.record("task", presets: Method.presets, help: "")
      return try #require(reader.declarations.first)
    }
  }

  @Test func aShortNameIsItsParts() throws {
    let short = try Self.declaration.canonical(["pretext": "rotation"])
    #expect(short["pretext"] == nil)
    #expect(short["sampler"]?["copies"] == 4)
    guard case .list(let objectives)? = short["objectives"] else {
      Issue.record("no objectives")
      return
    }
    #expect(objectives[0]["transform"]?["name"] == "rotation")
    #expect(objectives[0]["head"]?["name"] == "linear")
    // Written out it is the same value, and so the same key.
    #expect(try Self.declaration.canonical(short) == short)
    var reader = OptionReader(["task": short])
    let method: Method = try reader.record("task", presets: Method.presets, help: "")
    #expect(method.sampler.copies == 4)
    #expect(method.objectives.count == 1)
  }
}
