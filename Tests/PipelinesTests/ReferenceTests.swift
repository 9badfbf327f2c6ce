import Pipelines
import StageKit
import TestKit
import Testing

@Suite("References ${…}")
struct ReferenceTests {
  private let head = "pipeline: p\nparams: { clip: 8, size: [112, 144], word: é, price: 5$ }\n"

  private func rows(_ text: String) throws -> Value? {
    try Bench(
      head + """
        stages:
          i: { uses: simulate, matrix: { m: { a: { patients: 2 }, b: { patients: 3 } } }, with: { patients: 3 } }
          d: { uses: decode, each: video, matrix: { m: { a: [1, 2], b: [3, 4] } }, in: { video: i.videos }, with: { size: "${matrix.m}" } }
          s: { uses: split, matrix: { k: [1, x] }, in: { labels: "i@m=a.labels" }, with: { patients: { t: "\(text)" } } }
        """
    ).plan()["s@k=x"]?.options["patients"]?["t"]
  }

  @Test("one reference keeps its type; inside a text scalars stand as text; $${ is the text ${")
  func texts() throws {
    #expect(try rows("${params.clip}") == 8)
    #expect(try rows("${params.size}") == [112, 144])
    #expect(try rows("a${params.clip}b${params.word}c") == "a8béc")
    #expect(try rows("${ params.clip }") == 8)
    #expect(try rows("$${params.clip}") == "${params.clip}")
    #expect(try rows("$$${params.clip}") == "$${params.clip}")
    #expect(try rows("$ {x} $x") == "$ {x} $x")
    #expect(try rows("${matrix.k}-${axis.k}") == "x-x")
  }

  @Test("matrix is the value and axis its name")
  func axes() throws {
    let plan = try Bench(
      head + """
        stages:
          i: { uses: simulate, matrix: { m: { a: 2, b: 3 } }, with: { patients: "${matrix.m}" }, description: "${axis.m}" }
        """
    ).plan()
    #expect(plan["i@m=b"]?.options["patients"] == 3)
    #expect(plan["i@m=b"]?.description == "b")
  }

  @Test("project is the folder of the project")
  func project() throws {
    let bench = try Bench("pipeline: p\nstages: { a: { run: x, description: '${project}/y' } }\n")
    #expect(try bench.plan()["a"]?.description == "\(bench.scratch.path)/y")
  }

  @Test("in a command, paths and $${ stay as written and all else is resolved")
  func command() throws {
    let plan = try Bench(
      head + """
        stages:
          b: { run: 'true', out: { o: o.txt } }
          a:
            run: |
              echo ${params.clip} ${ in.x } $${HOME} "$x" ${params.price}{y}
              cat ${in.x} > ${out.o}
            in: { x: b.o }
            out: { o: o.txt }
        """
    ).plan()
    #expect(
      plan["a"]?.commandText == "echo 8 ${in.x} $${HOME} \"$x\" 5$${y}\ncat ${in.x} > ${out.o}\n")
  }

  @Test("an unknown reference in a command suggests the shell's form")
  func unknownInCommand() throws {
    try expectOne(
      .unknownReference, "write '$${HOME}' for the shell's '${HOME}'",
      in:
        "pipeline: p\nstages:\n  a:\n    run: |\n      echo é\n      cat «${HOME}» ${out.o}\n    out: { o: o }\n"
    )
    try expectOne(
      .unknownReference, "'$${x:-y}'",
      in: "pipeline: p\nstages: { a: { run: \"\\t$${x} «${x:-y}»\" } }\n")
    try expectOne(
      .unknownReference, "did you mean 'params'?",
      in: "pipeline: p\nparams: { a: 1 }\nstages: { a: { run: 'echo «${param.a}»' } }\n")
    try expectOne(
      .unknownReference, "no '}'", in: "pipeline: p\nstages: { a: { run: 'echo «${»in.x' } }\n")
    try expectOne(
      .unknownReference, "ends in '$'",
      in: head
        + "stages: { b: { run: x, out: { o: o } }, a: { in: { x: b.o }, run: 'echo ${params.price}«${in.x}»' } }\n"
    )
  }

  @Test("a command's unknown port is an error with the near one")
  func unknownPort() throws {
    try expectOne(
      .unknownPort, "did you mean 'video'?",
      in: """
        pipeline: p
        stages:
          b: { run: x, out: { o: o } }
          a: { in: { video: b.o }, run: 'cat «${in.vidoe}»' }
        """)
    try expectOne(
      .unknownPort, "has no 'out'", in: "pipeline: p\nstages: { a: { run: 'cat > «${out.x}»' } }\n")
  }

  @Test("unknown params, axes and roots are errors under the reference")
  func unknown() throws {
    try expectOne(
      .unknownParameter, "did you mean 'clip'?",
      in: head + "stages: { a: { run: x, description: 'a «${params.clp}»' } }\n")
    try expectOne(
      .unknownParameter, "an integer, which has no 'x'",
      in: head + "stages: { a: { run: x, description: '«${params.clip.x}»' } }\n")
    try expectOne(
      .unknownAxis, "no matrix", in: head + "stages: { a: { run: 'x «${matrix.m}»' } }\n")
    try expectOne(
      .unknownAxis, "did you mean 'seed'?",
      in: head + "stages: { a: { matrix: { seed: [1] }, run: 'x «${axis.sed}»' } }\n")
    try expectOne(
      .unknownReference, "outside of 'run'",
      in: head + "stages: { a: { run: x, description: '«${in.x}»' } }\n")
    try expectOne(
      .unknownReference, "references begin with",
      in: head + "stages: { a: { run: x, description: '«${HOME}»' } }\n")
    try expectOne(
      .unknownReference, "no matrix is known",
      in: head + "stages: { a: { run: x, matrix: { a: [1], b: ['«${matrix.a}»'] } } }\n")
  }

  @Test("a list or a map inside a text is an error")
  func lists() throws {
    try expectOne(
      .wrongType, "only scalars", in: head + "stages: { a: { run: 'x «${params.size}»' } }\n")
  }
}
