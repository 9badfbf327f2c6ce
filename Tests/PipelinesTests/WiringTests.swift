import Pipelines
import StageKit
import Testing

@Suite("References to outputs")
struct WiringTests {
  /// Commands over two axes and none.
  private let head = """
    pipeline: p
    stages:
      one: { run: x, out: { o: o } }
      two: { run: x, matrix: { m: [a, b], s: [0, 1] }, out: { o: o } }

    """

  private let video = """
    pipeline: p
    stages:
      scans: { uses: simulate, with: { patients: 3 } }
      decode: { uses: decode, each: video, in: { video: scans.videos } }

    """

  private func sources(_ plan: Plan, _ address: String, _ port: String = "x") -> [String] {
    (plan[address]?.input(port)?.sources ?? []).map {
      plan.instances[$0.producer].address
        + ($0.key.isEmpty ? "" : ":" + $0.key.joined(separator: ","))
    }
  }

  @Test("an axis that both have is matched, by name and value")
  func match() throws {
    let plan = try Bench(
      head + "  c: { run: x, matrix: { s: [1], m: { a: 5, b: 6 } }, in: { x: two.o } }\n"
    ).plan()
    #expect(sources(plan, "c@s=1,m=b") == ["two@m=b,s=1"])
    #expect(plan["c@s=1,m=b"]?.input("x")?.columns == [])
    #expect(plan["c@s=1,m=b"]?.input("x")?.many == false)
  }

  @Test("an axis that only the producer has is gathered, and keys the collection")
  func gather() throws {
    let plan = try Bench(
      head
        + "  c: { run: x, matrix: { s: [1] }, in: { x: two.o } }\n  d: { run: x, in: { x: two.o } }\n"
    ).plan()
    #expect(sources(plan, "c@s=1") == ["two@m=a,s=1:a", "two@m=b,s=1:b"])
    #expect(plan["c@s=1"]?.input("x")?.columns == ["m"])
    #expect(plan["c@s=1"]?.input("x")?.many == true)
    #expect(plan["d"]?.input("x")?.columns == ["m", "s"])
    #expect(sources(plan, "d").last == "two@m=b,s=1:b,1")
  }

  @Test("an axis that only the consumer has gets the same artifact everywhere")
  func broadcast() throws {
    let plan = try Bench(head + "  c: { run: x, matrix: { k: [1, 2] }, in: { x: one.o } }\n").plan()
    #expect(sources(plan, "c@k=1") == ["one"])
    #expect(sources(plan, "c@k=2") == ["one"])
  }

  @Test("stage@axis=value.port fixes an axis, encoded or not, also by the own matrix")
  func pick() throws {
    let plan = try Bench(
      """
      pipeline: p
      stages:
        p: { run: x, matrix: { v: [0.5, 'a.b/c'], s: [0, 1] }, out: { o: o } }
        c: { run: x, in: { x: 'p@v=0%2E5,s=1.o', y: 'p@v=0.5.o' } }
        d: { run: x, matrix: { w: ['a.b/c'], s: [1] }, in: { x: 'p@v=${matrix.w}.o' } }
      """
    ).plan()
    #expect(sources(plan, "c") == ["p@v=0%2E5,s=1"])
    #expect(plan["c"]?.input("y")?.columns == ["s"])
    #expect(sources(plan, "d@w=a%2Eb%2Fc,s=1") == ["p@v=a%2Eb%2Fc,s=1"])
  }

  @Test("a value that the producer lacks is an error that names both lines")
  func unmatched() throws {
    let yaml = head + "  c: { run: x, matrix: { s: [1, «2»] }, in: { x: two.o, y: 'two@m=a.o' } }\n"
    try expectOne(.unmatchedAxis, "'two' has no s=2", in: yaml)
    let notes = try Bench(yaml).problems().first?.notes ?? []
    #expect(notes.first?.position.description == "p.yaml:4:39")
    try expectOne(
      .unmatchedAxis, "no m=c", in: head + "  c: { run: x, in: { x: «'two@m=c.o'» } }\n")
    try expectOne(
      .unknownAxis, "unknown axis 'mm'", "did you mean 'm'?",
      in: head + "  c: { run: x, in: { x: «two@mm=c.o» } }\n")
    try expectOne(
      .unknownAxis, "no matrix", in: head + "  c: { run: x, in: { x: «one@m=c.o» } }\n")
    try expectOne(
      .unmatchedAxis, "leaves out what 'c@s=1,m=b'",
      in: """
        pipeline: p
        stages:
          two: { run: x, matrix: { m: [a, b], s: [0, 1] }, exclude: [{ m: b, s: 1 }], out: { o: o } }
          c: { run: x, matrix: { s: [1], m: [a, b] }, in: { x: «two.o» } }
        """)
  }

  @Test("collections bring the column item, after the gathered axes")
  func items() throws {
    let plan = try Bench(
      video + """
          wide: { uses: decode, each: video, matrix: { r: [1, 2] }, in: { video: scans.videos } }
          c: { run: x, in: { a: scans.labels, b: decode.frames, d: wide.frames } }
        """
    ).plan()
    #expect(plan["c"]?.input("a")?.columns == ["item"])
    #expect(plan["c"]?.input("b")?.columns == ["item"])
    #expect(plan["c"]?.input("d")?.columns == ["r", "item"])
    #expect(plan["c"]?.input("d")?.sources.map(\.key) == [["1"], ["2"]])
    #expect(plan["decode"]?.input("video")?.columns == ["item"])
    #expect(plan["decode"]?.input("video")?.many == false)
    #expect(plan["decode"]?.each == ["video"])
  }

  @Test("a list of references joins collections, keyed in one order")
  func join() throws {
    let plan = try Bench(
      head + """
          swapped: { run: x, matrix: { s: [5], m: [a] }, out: { o: o } }
          c: { run: x, in: { x: [two.o, swapped.o] } }
        """
    ).plan()
    #expect(plan["c"]?.input("x")?.columns == ["m", "s"])
    #expect(sources(plan, "c").last == "swapped@s=5,m=a:a,5")
    try expectOne(
      .duplicateEntry, "the key m=a,s=0",
      in: head + "  c: { run: x, in: { x: «[two.o, two.o]» } }\n")
    try expectOne(
      .portCount, "one artifact", in: head + "  c: { run: x, in: { x: «[one.o, two.o]» } }\n")
    try expectOne(
      .portCount, "keyed by m, s and",
      in: head + "  c: { run: x, in: { x: «[two.o, 'two@m=a.o']» } }\n")
    try expectOne(
      .portType, "of one type",
      in: video + "  c: { run: x, in: { x: «[scans.videos, scans.gaze]» } }\n"
    )
    try expectOne(.wrongType, "empty list", in: head + "  c: { run: x, in: { x: «[]» } }\n")
  }

  @Test("a collection for a port that takes one is an error, unless each names the port")
  func portCount() throws {
    try expectOne(
      .portCount, "name the port in 'each'",
      in: video + "  d: { uses: decode, in: { video: «scans.videos» } }\n")
    try expectOne(
      .portCount, "keyed by m, item; give stage 's' the same axes",
      in: video + """
          w: { uses: decode, each: video, matrix: { m: [1] }, in: { video: scans.videos } }
          s: { uses: saliency, in: { frames: «w.frames» } }
        """)
    try expectOne(
      .portCount, "keyed by r, item",
      in: video + """
          w: { uses: decode, each: video, matrix: { r: [1, 2] }, in: { video: scans.videos } }
          s: { uses: saliency, each: frames, in: { frames: «w.frames» } }
        """)
    try expectOne(
      .portCount, "is one artifact", in: head + "  c: { run: x, each: x, in: { x: «one.o» } }\n")
    try expectOne(
      .portCount, "'each' cannot map over it",
      in: video
        + "  s: { uses: split, each: «labels», in: { labels: scans.labels }, with: { patients: {} } }\n"
    )
    try expectOne(
      .portCount, "makes a collection at 'items'",
      in: video + """
          c: { run: x, each: x, in: { x: scans.labels }, out: { o: o } }
          s: { uses: select, «each»: roles, in: { items: decode.frames, roles: c.o }, with: { role: r } }
        """)
  }

  @Test("one artifact for a port that takes many is a collection of one without keys")
  func collectionOfOne() throws {
    let plan = try Bench(
      video + """
          m: { uses: saliency_train, in: { frames: decode.frames, fixations: g.fixations } }
          g: { uses: gaze, each: gaze, in: { gaze: scans.gaze } }
          t: { uses: table, in: { scores: m.scores }, with: { rows: r, columns: [c] } }
        """
    ).plan()
    let scores = try #require(plan["t"]?.input("scores"))
    #expect(scores.many && scores.columns.isEmpty && scores.sources.map(\.key) == [[]])
  }

  @Test("port types must fit; a command's outputs fit every port")
  func portType() throws {
    try expectOne(
      .portType, "'scans.labels' is labels, but port 'video' of kind 'decode' takes video",
      in: video + "  d: { uses: decode, each: video, in: { video: «scans.labels» } }\n")
    let plan = try Bench(
      video + "  r: { run: x, out: { o: o } }\n"
        + "  s: { uses: select, in: { items: decode.frames, roles: r.o }, with: { role: x } }\n"
    ).plan()
    #expect(plan["s"]?.input("roles")?.type == "roles")
  }

  @Test("unknown stages and ports, and texts of another form, are errors with a suggestion")
  func unknown() throws {
    try expectOne(
      .unknownStage, "'scan'", "did you mean 'scans'?",
      in: video + "  d: { uses: decode, each: video, in: { video: «scan.videos» } }\n")
    try expectOne(
      .unknownPort, "did you mean 'videos'?",
      in: video + "  d: { uses: decode, each: video, in: { video: «scans.video» } }\n")
    try expectOne(
      .unknownPort, "its outputs are o", in: head + "  c: { run: x, in: { x: «one.result» } }\n")
    try expectOne(
      .unknownReference, "did you mean 'one.o'?", in: head + "  c: { run: x, in: { x: «one» } }\n")
    try expectOne(
      .unknownReference, "expected stage.port", in: head + "  c: { run: x, in: { x: «two@m.o» } }\n"
    )
    try expectOne(.wrongType, "expected stage.port", in: head + "  c: { run: x, in: { x: «3» } }\n")
    try expectOne(
      .unknownPort, "unknown input 'vidio'", "did you mean 'video'?",
      in: video
        + "  d: { uses: decode, each: video, in: { video: scans.videos, «vidio»: scans.gaze } }\n")
    try expectOne(
      .unknownPort, "no input of kind 'decode'", "did you mean 'video'?",
      in: video + "  d: { uses: decode, each: [video, «vidio»], in: { video: scans.videos } }\n")
  }

  @Test("a port that must be fed and is not is an error at 'in', or at the stage")
  func missingPort() throws {
    try expectOne(
      .missingPort, "port 'labels' of kind 'split'",
      in: video + "  «s»: { uses: split, with: { patients: {} } }\n")
    try expectOne(
      .missingPort, "port 'fixations'",
      in: video + "  s: { uses: saliency_train, «in»: { frames: decode.frames } }\n")
    try expectOne(
      .missingPort, "which 'in' does not name",
      in: video
        + "  s: { uses: saliency, each: [frames, «model»], in: { frames: decode.frames } }\n")
  }

  @Test("a cycle is named whole, once")
  func cycle() throws {
    try expectOne(
      .cycle, "a -> b -> c -> a",
      in: """
        pipeline: p
        stages:
          a: { run: x, in: { x: b.o }, out: { o: o } }
          b: { run: x, in: { x: c.o }, out: { o: o } }
          c: { run: x, in: { x: «a.o» }, out: { o: o } }
          d: { run: x, in: { x: a.o, y: b.o } }
        """)
    try expectOne(
      .cycle, "a -> a",
      in: "pipeline: p\nstages: { a: { run: x, in: { x: «a.o» }, out: { o: o } } }\n")
  }

  @Test("producers come before consumers, otherwise the order is the file's")
  func order() throws {
    let plan = try Bench(
      """
      pipeline: p
      stages:
        z: { run: x, in: { x: y.o } }
        a: { run: x, matrix: { s: [1, 0] } }
        y: { run: x, out: { o: o } }
        b: { run: x }
      """
    ).plan()
    #expect(plan.addresses == ["y", "z", "a@s=1", "a@s=0", "b"])
    #expect(plan.consumers == [[1], [], [], [], []])
  }

  @Test("a chain of many stages needs no deep stack")
  func longChain() throws {
    let count = 5000
    let stages = (0..<count).map {
      "  s\($0): { run: x, in: { x: s\($0 + 1).o }, out: { o: o } }\n"
    }.joined()
    let plan = try Bench("pipeline: p\nstages:\n\(stages)  s\(count): { run: x, out: { o: o } }\n")
      .plan()
    #expect(plan.instances.first?.stage == "s\(count)")
    #expect(plan.upstream(of: [count]).count == count + 1)
  }

  @Test("one mistake gives one error: what follows from it is not reported")
  func noCascades() throws {
    try expectOne(
      .unknownKind, "did you mean 'decode'?",
      in: """
        pipeline: p
        stages:
          scans: { uses: simulate, with: { patients: 3 } }
          d: { uses: «decod», each: vid, in: { video: scans.videos, x: scans.gaze }, with: { a: 1 } }
          s: { uses: saliency, each: frames, in: { frames: d.frames } }
          l: { uses: landmarks, each: maps, in: { maps: s.maps } }
        """)
    try expectOne(
      .emptyAxis,
      in: """
        pipeline: p
        stages:
          a: { run: x, matrix: { «s»: [] }, out: { o: o } }
          b: { run: 'x ${axis.s}', matrix: { s: [0, 1] }, in: { x: a.o, y: 'a@s=1.o' }, out: { o: o } }
          c: { run: x, in: { x: b.o } }
        """)
  }
}
