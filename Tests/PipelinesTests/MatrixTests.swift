import Pipelines
import StageKit
import Testing

@Suite("Matrix")
struct MatrixTests {
  private func addresses(_ matrix: String) throws -> [String] {
    try Bench("pipeline: p\nparams: { s: [0, 1] }\nstages: { a: { run: x, \(matrix) } }\n").plan()
      .addresses
  }

  private func expectOne(
    _ rule: Diagnostic.Rule, _ words: String, _ matrix: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try PipelinesTests.expectOne(
      rule, words,
      in: "pipeline: p\nparams: { s: [0, 1], none: [] }\nstages: { a: { run: x, \(matrix) } }\n",
      sourceLocation: sourceLocation)
  }

  @Test("axes multiply in the order declared")
  func product() throws {
    #expect(
      try addresses("matrix: { b: [x, y], a: '${params.s}' }")
        == ["a@b=x,a=0", "a@b=x,a=1", "a@b=y,a=0", "a@b=y,a=1"])
    #expect(try addresses("matrix: { m: { p: { q: 1 }, r: null } }") == ["a@m=p", "a@m=r"])
  }

  @Test("values are percent-encoded in addresses, and only there")
  func encoding() throws {
    let yaml =
      "pipeline: p\nstages: { a: { run: x, matrix: { v: [0.5, 'a,b=c@d/e f', \"g\\nh\", '1%2E', é] } } }\n"
    let plan = try Bench(yaml).plan()
    #expect(
      plan.addresses == [
        "a@v=0%2E5", "a@v=a%2Cb%3Dc%40d%2Fe%20f", "a@v=g%0Ah", "a@v=1%252E", "a@v=é",
      ])
    #expect(plan.instances.map { $0.axes[0].name } == ["0.5", "a,b=c@d/e f", "g\nh", "1%2E", "é"])
  }

  @Test("exclude drops what matches a partial map; include adds whole combinations")
  func excludeInclude() throws {
    #expect(
      try addresses("matrix: { b: [x, y], c: [0, 1] }, exclude: [{ b: x, c: 1 }, { b: y }]")
        == ["a@b=x,c=0"])
    #expect(
      try addresses("matrix: { b: [x], c: [0] }, include: [{ c: 7, b: z }]")
        == ["a@b=x,c=0", "a@b=z,c=7"])
    #expect(
      try addresses("matrix: { b: [x, y], exclude: [{ b: x }], include: [{ b: z }] }")
        == ["a@b=y", "a@b=z"])
    #expect(
      try addresses("include: [{ b: x, c: 1 }, { c: 2, b: y }]") == ["a@b=x,c=1", "a@b=y,c=2"])
    #expect(try addresses("matrix: { b: [x, y] }, exclude: [{ b: nothing }]").count == 2)
  }

  @Test("mistakes in exclude and include are errors")
  func badCombinations() throws {
    try expectOne(
      .unknownAxis, "did you mean 'seed'?", "matrix: { seed: [1] }, exclude: [{ «sed»: 1 }]")
    try expectOne(.missingField, "lacks c", "matrix: { b: [x], c: [0] }, include: [«{ b: z }»]")
    try expectOne(.duplicateEntry, "'a@b=x'", "matrix: { b: [x] }, include: [«{ b: x }»]")
    try expectOne(.unmatchedAxis, "no value 'z'", "matrix: { b: { x: 1 } }, include: [{ b: «z» }]")
    try expectOne(.wrongType, "a scalar", "matrix: { b: [x] }, exclude: [{ b: «[x]» }]")
    try expectOne(.wrongType, "list of partial", "matrix: { b: [x] }, exclude: «{ b: x }»")
    try expectOne(.unknownAxis, "there is none", "«exclude»: [{ b: x }]")
  }

  @Test("an axis without values, and a matrix without combinations, are errors")
  func empty() throws {
    try expectOne(.emptyAxis, "axis 'b' of stage 'a'", "matrix: { «b»: [] }")
    try expectOne(.emptyAxis, "axis 'b'", "matrix: { «b»: '${params.none}' }")
    try expectOne(.emptyAxis, "axis 'b'", "matrix: { «b»: {} }")
    try expectOne(.emptyAxis, "no axes", "matrix: «{}»")
    try expectOne(.emptyAxis, "no combination left", "«matrix»: { b: [x] }, exclude: [{ b: x }]")
  }

  @Test("axes over anything but scalars or a map, and values twice, are errors")
  func badAxes() throws {
    try expectOne(.wrongType, "expected scalars, or a map", "matrix: { b: [«[1]»] }")
    try expectOne(.wrongType, "null", "matrix: { b: [«null»] }")
    try expectOne(.wrongType, "a list of scalars or a map", "matrix: { b: «3» }")
    try expectOne(.wrongType, "a map of axes", "matrix: «[b]»")
    try expectOne(.duplicateEntry, "'1' twice", "matrix: { b: [1, «'1'»] }")
    try expectOne(.invalidName, "a space", "matrix: { «'a b'»: [1] }")
    try expectOne(.invalidName, "a column of collections", "matrix: { «item»: [1] }")
  }

  @Test("a matrix that is too large, and an address that is too long, are errors")
  func large() throws {
    let axis = "[\((0..<100).map(String.init).joined(separator: ", "))]"
    try expectOne(.outOfRange, "100000", "«matrix»: { a: \(axis), b: \(axis), c: \(axis) }")
    let long = String(repeating: "x", count: 300)
    try expectOne(.invalidName, "240 bytes", "«matrix»: { a: [\(long)] }")
  }
}
