import Foundation
import Testing

@testable import Charts

@Suite("Line charts")
struct LineChartTests {
  private static let data = CSVFile(
    columns: ["step", "training_loss", "held_out_loss"],
    rows: [["50", "2.0", "2.5"], ["100", "1.0", ""], ["150", "0.5", "2.25"]])

  private static func chart(_ data: CSVFile = data, note: String = "no values") -> LineChart {
    LineChart(
      data, x: "step",
      panels: [
        .init(
          title: "Loss, lower is 'better'",
          lines: [
            .init("training_loss", label: "training", colour: .blue),
            .init("held_out_loss", label: "held out", colour: .vermillion, isDashed: true),
          ], levels: [.init(1.5, label: "chance")], note: note)
      ])
  }

  private static func draw(_ chart: LineChart) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "chart-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "chart.svg")
    try chart.draw(to: file.path(percentEncoded: false))
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path())
    #expect(left == ["chart.svg"])
    return try String(contentsOf: file, encoding: .utf8)
  }

  @Test("lines end where their last values are, and empty cells are left out")
  func script() throws {
    let script = try Self.chart().script()
    #expect(script.contains("$panel0line0 << EOD\n50.0 2.0\n100.0 1.0\n150.0 0.5\nEOD"))
    #expect(script.contains("$panel0line1 << EOD\n50.0 2.5\n150.0 2.25\nEOD"))
    #expect(script.contains("set xrange [0:150.0]"))
    #expect(script.contains("set yrange [0.0:2.625]"))
    #expect(script.contains("'Loss, lower is ''better'''"))
    #expect(script.contains("set label 'training' at graph 1.03, graph 0.19047619047619047 left"))
  }

  @Test("labels that would meet are moved apart, and stay in the panel")
  func labelsApart() {
    #expect(LineChart.apart([0.1, 0.5], by: 0.1) == [0.1, 0.5])
    #expect(LineChart.apart([0.5, 0.5, 0.5], by: 0.25) == [0.5, 0.75, 1])
    #expect(LineChart.apart([0.9, 1], by: 0.25) == [0.75, 1])
    #expect(LineChart.apart([], by: 0.1) == [])
  }

  @Test("equal charts give equal bytes, which name no file, date or user")
  func deterministic() throws {
    let first = try Self.draw(Self.chart())
    #expect(try Self.draw(Self.chart()) == first)
    #expect(first.hasSuffix("</svg>\n\n") || first.hasSuffix("</svg>\n"))
    for text in [
      ">training</text>", ">held out</text>", ">chance</text>", ">step</text>",
      "rgb(  0, 114, 178)", "rgb(213,  94,   0)",
    ] {
      #expect(first.contains(text), "\(text)")
    }
    for text in ["/tmp", "chart-", "\(Calendar.current.component(.year, from: Date()))"] {
      #expect(!first.contains(text), "\(text)")
    }
  }

  @Test("a panel without values says so")
  func empty() throws {
    let data = CSVFile(columns: Self.data.columns)
    #expect(try Self.draw(Self.chart(data, note: "nothing here")).contains("nothing here"))
  }

  @Test("columns that are missing and cells that are no numbers are named")
  func badData() {
    #expect(
      throws: ChartError(
        "a chart shows the column 'held_out_loss'; its data have step, training_loss")
    ) {
      try Self.chart(CSVFile(columns: ["step", "training_loss"])).script()
    }
    #expect(
      throws: ChartError(
        "a chart of 'training_loss' over 'step' has the cells 'nan' and '50'; expected finite "
          + "numbers, or nothing")
    ) {
      try Self.chart(
        CSVFile(columns: Self.data.columns, rows: [["50", "nan", "1"]])
      ).script()
    }
  }

  @Test("where gnuplot is not there, the error says what to install")
  func noProgram() async {
    await #expect(processExitsWith: .exitCode(75)) {
      setenv("PATH", "/nonexistent", 1)
      do { try Gnuplot.require() } catch {
        exit("\(error)".contains("install it: make setup") ? 75 : 1)
      }
    }
  }

  @Test("gnuplot's own words reach the user, and no half picture stays")
  func badScript() {
    let path = FileManager.default.temporaryDirectory.path() + "/bad-\(UUID()).svg"
    #expect {
      try Gnuplot.draw("plot no_such_function(x)\n", to: path)
    } throws: { error in
      "\(error)".hasPrefix("gnuplot ended by exit 1: ") && "\(error)".contains("no_such_function")
        || "\(error)".contains("undefined")
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
