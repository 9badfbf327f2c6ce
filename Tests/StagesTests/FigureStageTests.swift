import Foundation
import StageKit
import TestKit
import Testing

@Suite struct FigureStageTests {
  /// Scores of three methods and two seeds; the second of `other` is not defined.
  static func scores(_ bench: AnalysisBench, shift: Double = 0) throws -> JobInput {
    var entries: [(key: [String], path: String)] = []
    for (place, method) in ["other", "pace", "random"].enumerated() {
      for seed in 0..<2 {
        let value = 0.125 * Double(place + 1) + 0.0625 * Double(seed) + shift
        let first = place == 0 && seed == 1 ? "null" : "\(value)"
        entries.append(
          (
            [method, "\(seed)"],
            try bench.scratch.write(
              "{\"metrics\": [{\"name\": \"silhouette\", \"value\": \(first), "
                + "\"direction\": \"higher\"}, {\"name\": \"davies_bouldin\", "
                + "\"value\": \(2 - value), \"direction\": \"lower\"}]}",
              to: "scores-\(shift)-\(method)-\(seed).json")
          ))
      }
    }
    return try bench.many(["method", "seed"], entries)
  }

  static func run(
    _ bench: AnalysisBench, _ options: [String: Value], _ inputs: [String: JobInput]
  ) async throws {
    try await bench.run("figure", options: options, inputs: inputs)
    if let folder = ProcessInfo.processInfo.environment["FATHOM_KEEP_FIGURES"],
      case .string(let chart) = options["chart"]
    {
      try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for port in ["svg", "pdf", "png", "data"] {
        let kept = "\(folder)/\(chart).\(port)"
        try? FileManager.default.removeItem(atPath: kept)
        try FileManager.default.copyItem(atPath: bench.path(port), toPath: kept)
      }
    }
  }

  @Test("bars show the table's means in a panel a metric; all files have the same bytes again")
  func bars() async throws {
    let bench = try AnalysisBench()
    let options: [String: Value] = [
      "chart": "bars", "columns": ["silhouette", "davies_bouldin"], "order": ["random", "pace"],
    ]
    let inputs = ["scores": try Self.scores(bench)]
    try await Self.run(bench, options, inputs)
    #expect(
      try bench.text("data") == """
        method,silhouette,silhouette_sd,silhouette_n,davies_bouldin,davies_bouldin_sd,davies_bouldin_n
        random,0.40625,0.04419417382415922,2,1.59375,0.04419417382415922,2
        pace,0.28125,0.04419417382415922,2,1.71875,0.04419417382415922,2
        other,0.125,,1,1.84375,0.04419417382415922,2

        """)
    let svg = try bench.text("svg")
    for text in [
      ">Silhouette<", ">Davies-Bouldin<", ">higher is better<", ">lower is better<", ">random<",
      "mean over seed; error bars: ± 1 sample standard deviation; n = 1 to 2.",
      // Grey, orange, and purple for who is not known.
      "rgb(153, 153, 153)", "rgb(230, 159,   0)", "rgb(204, 121, 167)",
    ] {
      #expect(svg.contains(text), "\(text)")
    }
    func bytes() throws -> [Data] {
      try ["svg", "pdf", "png", "data"].map {
        try Data(contentsOf: URL(fileURLWithPath: bench.path($0)))
      }
    }
    let first = try bytes()
    #expect(first[1].starts(with: Data("%PDF".utf8)))
    // 180 mm at 300 dpi, in the header's width.
    #expect(first[2][16..<20].reduce(0) { $0 << 8 | Int($1) } == 2125)
    try await Task.sleep(for: .seconds(1.1))
    try await Self.run(bench, options, inputs)
    #expect(try bytes() == first)
  }

  @Test("a relation has a point for each method that both sides know")
  func relation() async throws {
    let bench = try AnalysisBench()
    let downstream = try bench.many(
      ["method", "fold"],
      try [("pace", 0.5), ("random", 0.25), ("extra", 0.75)].map { method, value in
        (
          [method, "0"],
          try bench.scratch.write(
            "{\"metrics\": [{\"name\": \"f1\", \"value\": \(value), \"direction\": \"higher\"}]}",
            to: "f1-\(method)")
        )
      })
    try await Self.run(
      bench,
      ["chart": "relation", "columns": ["silhouette", "davies_bouldin"], "against": ["f1"]],
      ["scores": try Self.scores(bench), "downstream": downstream])
    let lines = try bench.text("data").split(separator: "\n").map(String.init)
    #expect(lines.count == 3)
    #expect(lines[1].hasPrefix("pace,0.28125,") && lines[1].hasSuffix(",0.5,,1"))
    let svg = try bench.text("svg")
    for text in [">Silhouette, higher is better<", ">F1, higher is better<", ">pace<"] {
      #expect(svg.contains(text), "\(text)")
    }
    #expect(!svg.contains(">extra<") && !svg.contains(">other<"))
  }

  @Test("curves are means over what all trainings of a method have")
  func curves() async throws {
    let bench = try AnalysisBench()
    func file(_ name: String, _ rows: String) throws -> String {
      try bench.scratch.write("step,rate,training_loss,held_out_accuracy\n" + rows, to: name)
    }
    try await Self.run(
      bench, ["chart": "curves", "columns": ["training_loss", "held_out_accuracy"]],
      [
        "curves": try bench.many(
          ["method", "seed"],
          [
            (["pace", "0"], file("p0", "50,0.1,2,0.25\n100,0.1,1,0.5\n150,0.1,0.5,0.5\n")),
            (["pace", "1"], file("p1", "50,0.1,1,0.25\n100,0.1,0.5,1\n")),
            (["rotation", "0"], file("r0", "50,0.1,3,0.25\n100,0.1,2.5,\n")),
            (["random", "0"], file("n0", "")),
          ])
      ])
    #expect(
      try bench.text("data").split(separator: "\n").map(String.init) == [
        "step,training_loss.pace,training_loss.rotation,training_loss.random,"
          + "held_out_accuracy.pace,held_out_accuracy.rotation,held_out_accuracy.random",
        "50.0,1.5,3.0,,0.25,0.25,", "100.0,0.75,2.5,,0.75,,", "150.0,,,,,,",
      ])
    #expect(try bench.text("svg").contains(">rotation<"))
  }

  @Test("clusters are points of one scale with a cross at each mean")
  func clusters() async throws {
    let bench = try AnalysisBench()
    var generator = CounterRandom(seed: 3, kind: "figure", item: "", purpose: "test")
    func embedding(_ clusters: Int) throws -> String {
      var csv = "item,row,x,y,cluster\n"
      for row in 0..<40 * clusters {
        let cluster = row % clusters
        func noise() -> Double {
          (0..<4).reduce(-2) { sum, _ in sum + Double(generator.next() >> 11) / 9e15 }
        }
        csv += "a,\(row),\(Double(cluster % 4) * 3 + noise()),\(Double(cluster / 4) * 3 + noise()),"
        csv += "\(cluster)\n"
      }
      return try bench.scratch.write(csv, to: "embedding-\(clusters)")
    }
    try await Self.run(
      bench, ["chart": "clusters", "order": ["random"]],
      [
        "embedding": try bench.many(
          "method", [("pace", embedding(14)), ("random", embedding(2)), ("rotation", embedding(9))])
      ])
    #expect(try bench.text("data").hasPrefix("panel,item,row,x,y,cluster\nrandom,a,0,"))
    let svg = try bench.text("svg")
    #expect(svg.contains(">13<") && svg.contains("opacity='0.40'"))
    #expect(svg.components(separatedBy: "opacity='0.40'").count == 25 * 40 + 1)
  }

  @Test("the frame of most landmarks is drawn, of the scan that has it")
  func frame() async throws {
    let bench = try AnalysisBench()
    let overlay = OverlayBench(bench)
    var own = try overlay.everything()
    own["landmarks"] = try overlay.landmarks([(0, 3, 5), (2, 1.25, 2.5), (2, 5, 7)])
    let other = try overlay.landmarks([(1, 2, 2)])
    let frames = try overlay.frames([60, 90, 120])
    try await Self.run(
      bench, ["chart": "frame"],
      [
        "frames": try bench.many("item", [("a.mp4", frames), ("b.mp4", own["frames"]!)]),
        "landmarks": try bench.many("item", [("a.mp4", other), ("b.mp4", own["landmarks"]!)]),
        "maps": try bench.many("item", [("b.mp4", own["maps"]!)]),
        "fixations": try bench.many("item", [("b.mp4", own["fixations"]!)]),
      ])
    let lines = try bench.text("data").split(separator: "\n")
    #expect(lines.count == 3 && lines.dropFirst().allSatisfy { $0.hasPrefix("2,0.08,") })
    #expect(try bench.text("svg").contains("xlink:href=\"data:image/png;base64,"))
  }

  @Test(
    "what is missing or misspelt is named",
    arguments: [
      (["chart": "bars"], "option 'columns' names no metric"),
      (["chart": "clusters"], "chart 'clusters' needs the input 'embedding'"),
      (["chart": "frame"], "chart 'frame' needs the input 'frames'"),
      (
        ["chart": "relation", "columns": ["silhouette"]],
        "chart 'relation' needs the input 'downstream'"
      ),
      (
        ["chart": "bars", "columns": ["silhouette"], "rows": "metod"],
        "option 'rows' is 'metod', which is no key of the scores; did you mean 'method'?"
      ),
    ] as [([String: Value], String)])
  func bad(options: [String: Value], message: String) async throws {
    let bench = try AnalysisBench()
    let inputs = ["scores": try Self.scores(bench)]
    await #expect(throws: AnalysisBench.Failure(description: message)) {
      try await bench.run("figure", options: options, inputs: inputs)
    }
  }
}
