import Foundation
import Pipelines
import StageKit
import TestKit
import Testing

@Suite("YAML")
struct YAMLTests {
  /// Params of a pipeline whose `params:` hold these lines.
  private func params(_ lines: String...) throws -> Value {
    let body = lines.map { "  \($0)\n" }.joined()
    return try Bench("pipeline: p\nparams:\n\(body)stages: { a: { run: echo } }\n").plan().params
  }

  @Test("plain scalars follow the core schema of YAML 1.2")
  func coreSchema() throws {
    // YAML 1.2.2, section 10.3.2: its table of expressions, one row each, and what stays text.
    let rows: [(String, Value)] = [
      ("null", .null), ("Null", .null), ("NULL", .null), ("~", .null), ("", .null),
      ("true", true), ("True", true), ("TRUE", true), ("false", false), ("FALSE", false),
      ("0", 0), ("0o7", 7), ("0o17", 15), ("0x3A", 58), ("0x1f", 31), ("-19", -19), ("+12", 12),
      ("007", 7), ("0.", 0.0), ("-0.0", -0.0), (".5", 0.5), ("+12e03", 12000.0),
      ("-2E+05", -200000.0), ("1e-4", 1e-4), ("3.14", 3.14), (".inf", .number(.infinity)),
      ("-.Inf", .number(-.infinity)), ("+.INF", .number(.infinity)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("no", "no"), ("on", "on"), ("yes", "yes"), ("off", "off"), ("y", "y"), ("nULL", "nULL"),
      ("1_000", "1_000"), ("0o8", "0o8"), ("0xG", "0xG"), ("1e", "1e"), ("e1", "e1"),
      ("1.2.3", "1.2.3"), (".", "."), ("-", .null), ("+", "+"), ("-.nan", "-.nan"),
      ("12:30:45", "12:30:45"), ("0b1", "0b1"), ("infinity", "infinity"), ("nan", "nan"),
      ("'1'", "1"), ("\"true\"", "true"), ("!!str 1", "1"), ("!!float 1", 1.0), ("! 1", "1"),
    ]
    for (text, expected) in rows where text != "-" {
      #expect(try params("x: \(text)")["x"] == expected, "\(text)")
    }
    guard case .number(let nan) = try params("x: .nan")["x"] else {
      Issue.record(".nan is no number")
      return
    }
    #expect(nan.isNaN)
  }

  @Test("an integer that does not fit 64 bits is an error, never another number")
  func hugeInteger() throws {
    try expectOne(
      .outOfRange, "does not fit 64 bits",
      in: "pipeline: p\nparams: { x: «9223372036854775808» }\nstages: { a: { run: echo } }\n")
    try expectOne(
      .outOfRange, in: "pipeline: p\nparams: { x: «1e999» }\nstages: { a: { run: echo } }\n")
  }

  @Test("aliases stand for the anchored value")
  func aliases() throws {
    let value = try params("a: &one { x: [1, 2] }", "b: *one", "c: [*one, *one]")
    #expect(value["b"] == ["x": [1, 2]])
    #expect(value["c"] == [["x": [1, 2]], ["x": [1, 2]]])
  }

  @Test("a merge key adds what the map itself does not set, earlier maps first")
  func mergeKeys() throws {
    let value = try params(
      "a: &a { x: 1, y: 1 }", "b: &b { y: 2, z: 2 }", "c: { <<: [*a, *b], x: 0 }",
      "d: { \"<<\": 5 }")
    #expect(value["c"] == ["x": 0, "y": 1, "z": 2])
    #expect(value["d"] == ["<<": 5])
    try expectOne(
      .yamlSyntax, "'<<' merges",
      in: "pipeline: p\nparams: { «<<»: 3 }\nstages: { a: { run: echo } }\n")
  }

  @Test("an alias without an anchor, and one inside its own value, are errors")
  func badAliases() throws {
    try expectOne(
      .yamlSyntax, "no anchor before it; did you mean 'one'?",
      in: "pipeline: p\nparams: { a: &one 1, b: «*onee» }\n")
    try expectOne(
      .yamlSyntax, "inside the value", in: "pipeline: p\nparams: { a: &one [«*one»] }\n")
  }

  @Test("aliases that stand for too many values are an error")
  func aliasBomb() throws {
    var yaml = "pipeline: p\nparams:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...8 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      yaml += "  a\(level): &a\(level) [\(aliases)]\n"
    }
    let problems = try Bench(yaml).problems()
    #expect(problems.map(\.rule) == [.aliasBomb])
    #expect(problems.first?.position.line == 7)
  }

  @Test("deep nesting is an error and no crash, also through aliases")
  func tooDeep() throws {
    let deep = String(repeating: "[", count: 100_000)
    let problems = try Bench("pipeline: p\nparams: { a: \(deep)").problems()
    #expect(problems.map(\.rule) == [.tooDeep])
    #expect(problems.first?.position.line == 2)
    let open = String(repeating: "[", count: 60)
    let close = String(repeating: "]", count: 60)
    let twice = try Bench("pipeline: p\nparams: { a: &a \(open)\(close), b: \(open)*a\(close) }\n")
    #expect(try twice.problems().map(\.rule) == [.tooDeep])
    let block = (0..<2000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
    #expect(try Bench("pipeline: p\nparams:\n \(block)").problems().map(\.rule) == [.tooDeep])
  }

  @Test("a file that is not UTF-8 is an error at its first bad byte")
  func notUTF8() throws {
    let scratch = try Scratch()
    let cases: [([UInt8], Int, Int)] = [
      (Array("pipeline: p\n# é ".utf8) + [0xFF, 0x41], 2, 5),
      (Array("a: ".utf8) + [0xC3], 1, 4),  // a scalar cut short
      ([0xED, 0xA0, 0x80], 1, 1),  // a surrogate
      ([0xFF, 0xFE, 0x61, 0x00], 1, 1),  // UTF-16
      (Array("a: b\r\nc: ".utf8) + [0xC0, 0xAF], 2, 4),  // overlong
    ]
    for (bytes, line, column) in cases {
      try scratch.write(bytes, to: "p.yaml")
      let error = #expect(throws: Diagnostics.self) {
        try PipelineLoader(project: scratch.path) { .forTests }.load(
          path: "\(scratch.path)/p.yaml")
      }
      #expect(error?.problems.map(\.rule) == [.notUTF8])
      #expect(error?.problems.first?.position.line == line)
      #expect(error?.problems.first?.position.column == column)
    }
  }

  @Test("columns count Unicode scalars")
  func columns() throws {
    try expectOne(
      .unknownField, in: "pipeline: p\nstages: { \"a\": { run: 'echo 🫀é', «épo»: 1 } }\n")
  }

  @Test("a key that is set twice in one map is an error that shows the first")
  func duplicateKey() throws {
    let yaml = "pipeline: p\nstages:\n  a: { run: echo }\n  «a»: { run: true }\n"
    try expectOne(.duplicateKey, "'a'", in: yaml)
    let note = try Bench(yaml).problems().first?.notes.first
    #expect(note?.message == "first set here")
    #expect(note?.position.line == 3)
    let many = (0..<40).map { "  k\($0): 1\n" }.joined()
    try expectOne(
      .duplicateKey, "'k3'",
      in: "pipeline: p\nparams:\n\(many)  «k3»: 2\nstages: { a: { run: x } }\n"
    )
  }

  @Test("errors of syntax say where and what")
  func syntax() throws {
    let cases = [
      "pipeline: p\nstages: { a: [ }\n", "pipeline: \"p\nstages: {}\n", "a: b: c\n",
      "\tpipeline: p\n",
      "pipeline: p\n---\npipeline: q\n", "pipeline: @p\n", "? [a, b]\n: c\n", "pipeline: !x p\n",
      "pipeline: p\u{0}q\n", "- a\nb\n",
    ]
    for yaml in cases {
      let problems = try Bench(yaml).problems()
      #expect(problems.map(\.rule) == [.yamlSyntax], "\(yaml): \(problems)")
      #expect((problems.first?.position.line ?? 0) > 0)
    }
    try expectOne(.yamlSyntax, "a tab indents", in: "pipeline: p\nstages:\n«\t»a: { run: x }\n")
  }

  @Test("an empty file and a root that is no map are errors")
  func roots() throws {
    try expectOne(.wrongType, "empty", in: "")
    try expectOne(.wrongType, "empty", in: "# nothing\n")
    try expectOne(.wrongType, "a list", in: "«[1, 2]»\n")
    try expectOne(.wrongType, "text", in: "«hello»\n")
  }

  @Test("a file that cannot be read is an error that names it")
  func unreadable() throws {
    let scratch = try Scratch()
    for (path, words) in [("none.yaml", "No such file"), (".", "Is a directory")] {
      let error = #expect(throws: Diagnostics.self) {
        try PipelineLoader(project: scratch.path) { .forTests }.load(
          path: "\(scratch.path)/\(path)")
      }
      #expect(error?.problems.map(\.rule) == [.missingInput])
      #expect(error?.problems.first?.message.contains(words) == true)
    }
  }

  @Test("any YAML file can be read as a tree with places")
  func file() throws {
    let scratch = try Scratch()
    let path = try scratch.write("resources:\n  licence: 2\n", to: "config.yaml")
    let file = try YAMLFile(path: path, project: scratch.path)
    let entry = try #require(file.root.entry("resources")?.value.entry("licence"))
    #expect(entry.value.value == 2)
    #expect(file.position(entry.keyMark).description == "config.yaml:2:3")
    #expect(file.position(entry.value.mark).description == "config.yaml:2:12")
  }
}

extension Scratch {
  func write(_ bytes: [UInt8], to name: String) throws {
    try write("", to: name)
    let file = try #require(fopen("\(path)/\(name)", "wb"))
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }
}
