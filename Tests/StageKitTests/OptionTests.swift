import Foundation
import StageKit
import Testing

@Suite("Options")
struct OptionTests {
  enum Mode: String, CaseIterable, Sendable {
    case auto, plain, fast
  }

  private func read(_ values: [String: Value], into reader: inout OptionReader) throws -> Mode {
    reader = OptionReader(values)
    return try reader.choice(
      "mode", default: .auto, meaning: { $0 == .auto ? .fast : $0 }, help: "how")
  }

  @Test("a choice that means another one on this machine is read and recorded as that one")
  func meaning() throws {
    var reader = OptionReader([:])
    #expect(try read([:], into: &reader) == .fast)
    #expect(try read(["mode": "auto"], into: &reader) == .fast)
    #expect(try read(["mode": "plain"], into: &reader) == .plain)
    let declaration = try #require(reader.declarations.first)
    #expect(declaration.choices == ["auto", "plain", "fast"])
    #expect(declaration.defaultValue == "auto")
    #expect(try declaration.canonical("auto") == "fast")
    #expect(try declaration.canonical("plain") == "plain")
  }

  @Test("meanings survive the catalogue's JSON")
  func coding() throws {
    var reader = OptionReader([:])
    _ = try read([:], into: &reader)
    let declaration = try #require(reader.declarations.first)
    let data = try JSONEncoder().encode(declaration)
    #expect(try JSONDecoder().decode(OptionDeclaration.self, from: data) == declaration)
  }
}
