import Foundation
import TestKit
import Testing

@testable import Charts

@Suite("Bars and points")
struct BarChartTests {
  private static let table = Table(
    rowHeader: "method",
    columns: [
      .init("silhouette", higherIsBetter: true), .init("compactness", higherIsBetter: false),
    ],
    rows: [
      .init("random", [.init([0.1, 0.3]), .init([2])]),
      .init("pace", [.init([-0.5]), .init([])]),
    ])

  private static func bars(note: String = "") -> BarChart {
    BarChart(
      table,
      titles: [
        .init("Silhouette", higherIsBetter: true), .init("Compactness", unit: "a.u."),
      ], colours: [.grey, .blue], note: note)
  }

  private static func points(deviation: Double? = 0.25) -> ScatterChart {
    ScatterChart([
      .init(
        "relation",
        [
          .init("a", [.init(x: 1, y: 2, xDeviation: deviation)], colour: .green),
          .init("b", [.init(x: 3, y: 1, yDeviation: deviation)], colour: .sky, mark: .square),
        ], axes: .init(x: .init("F1"), y: .init("Silhouette")))
    ])
  }

  private func expectClose(_ values: [Double], _ expected: [Double]) {
    #expect(values.count == expected.count)
    for (value, wanted) in zip(values, expected) {
      #expect(abs(value - wanted) < 1e-12, "\(values) instead of \(expected)")
    }
  }

  @Test("a line leads from a mark to a label that found no place beside it")
  func leaders() {
    let places = [0, 100] + (0..<12).map { 50 + 0.01 * Double($0) }
    let crowd = places.map {
      ScatterChart.Group("label", [.init(x: $0, y: 2)], colour: .green)
    }
    let axes = ScatterChart.Axes(x: .init("F1"), y: .init("Silhouette"))
    let crowded = ScatterChart([.init("", crowd, axes: axes)]).script()
    #expect(crowded.components(separatedBy: " nohead back ").count > 1)
    #expect(!Self.points().script().contains(" nohead back "))
  }

  @Test("bars go from zero, which is in sight, to the mean, with an error bar of the deviation")
  func heights() {
    let script = Self.bars().script()
    #expect(script.contains("1 0.2\ne\n2 -0.5\ne\n"))
    // ± the sample standard deviation of .1 and .3: from its lower end, its length.
    let deviation = 0.02.squareRoot()
    let bar = script.split(separator: "\n").first { $0.hasPrefix("1 0.058") }
    let numbers = (bar ?? "").split(separator: " ").compactMap { Double($0) }
    #expect(numbers.count == 3)
    expectClose(numbers, [1, 0.2 - deviation, 2 * deviation])
    // From the bar below zero to the end of the error bar, with 5 % on both sides.
    let range = script.split(separator: "\n").first { $0.hasPrefix("set yrange [-") } ?? ""
    let ends = range.dropFirst("set yrange [".count).dropLast().split(separator: ":")
    let (low, high) = (-0.5, 0.2 + deviation)
    expectClose(
      ends.compactMap { Double($0) },
      [low - 0.05 * (high - low), high + 0.05 * (high - low)])
    #expect(script.contains("'higher is better'") && script.contains("'Compactness (a.u.)'"))
  }

  @Test("a cell without a value says none, and has no bar")
  func none() {
    let script = Self.bars().script()
    #expect(script.contains("set label 'none' at first 2"))
    #expect(script.components(separatedBy: "with boxes").count - 1 == 3)
  }

  @Test("error bars of points have the point in their middle")
  func deviations() {
    let script = Self.points().script()
    #expect(script.contains("\n0.75 2.0 0.5 0\ne\n") && script.contains("\n3.0 0.75 0 0.5\ne\n"))
    #expect(!Self.points(deviation: nil).script().contains("vectors"))
  }

  @Test("gnuplot draws them, with equal bytes each time, and they become PDF and PNG")
  func drawn() throws {
    let scratch = try Scratch()
    for (name, draw) in [("bars", Self.bars().draw), ("points", Self.points().draw)] {
      let files = (0..<2).map { "\(scratch.path)/\(name)\($0).svg" }
      for file in files { try draw(file) }
      let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
      #expect(texts[0] == texts[1])
      #expect(texts[0].contains(">Silhouette</text>"))

      let pdfs = files.map { $0 + ".pdf" }
      for (file, pdf) in zip(files, pdfs) { try SVGConverter.writePDF(of: file, to: pdf) }
      let bytes = try pdfs.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
      #expect(bytes[0].starts(with: Data("%PDF-".utf8)) && bytes[0].elementsEqual(bytes[1]))

      let png = files[0] + ".png"
      try SVGConverter.writePNG(of: files[0], to: png)
      let header = try Data(contentsOf: URL(fileURLWithPath: png)).prefix(24)
      #expect(header.starts(with: [0x89, 0x50, 0x4E, 0x47]))
      let width = header[16..<20].reduce(0) { $0 << 8 | Int($1) }
      // A page of 180 mm at 300 dots an inch.
      #expect(width == Int((Double(FigureWidth.page.pixels) * 300 / 96).rounded()))
    }
  }

  @Test("a picture that is none is an error with the converter's words, and leaves no file")
  func badPicture() throws {
    let scratch = try Scratch()
    let svg = scratch.path + "/bad.svg"
    try "<svg".write(toFile: svg, atomically: false, encoding: .utf8)
    #expect {
      try SVGConverter.writePDF(of: svg, to: scratch.path + "/bad.pdf")
    } throws: { error in
      "\(error)".hasPrefix("rsvg-convert ended by exit 1: ")
    }
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/bad.pdf"))
  }
}
