internal import Charts
internal import Pictures
internal import StageKit

/// Draws a figure for print, with the data that it shows beside it.
///
/// `bars`: a panel for each metric, a bar for each value of a key column; `clusters`: embedded features
/// with their clusters; `frame`: a frame and what is salient in it; `curves`: how trainings went;
/// `relation`: one score against another; `confusion`: what classes were taken for. SVG by gnuplot (of `frame`: a PNG of 300 dpi within SVG),
/// PDF and PNG of it by librsvg.
struct FigureStage: Stage {
  enum Chart: String, CaseIterable {
    case bars, clusters, frame, curves, relation, confusion
  }

  static let kind = "figure"
  static let version = 4
  static let summary = "Draws a figure for print: SVG, PDF, PNG and its data"
  static let scores = Input(
    "scores", "scores", many: true, optional: true, help: "JSON of metrics, for bars and relation")
  static let downstream = Input(
    "downstream", "scores", many: true, optional: true, help: "JSON of metrics, for relation")
  static let embedding = Input(
    "embedding", "embedding", many: true, optional: true,
    help: "CSV with x and y of each feature row, for clusters: a panel for each entry")
  static let curves = Input(
    "curves", "curves", many: true, optional: true, help: "CSV of trainings, for curves")
  static let confusion = Input(
    "confusion", "confusion", many: true, optional: true,
    help:
      "CSV of counts by label and prediction, for confusion: a panel for each row, of all its entries"
  )
  static let frames = Input(
    "frames", "frames", many: true, optional: true, help: "frames u8 [T, H, W], for frame")
  static let maps = Input(
    "maps", "maps", many: true, optional: true, help: "drawn over the frame")
  static let landmarks = Input(
    "landmarks", "landmarks", many: true, optional: true, help: "drawn as open circles")
  static let fixations = Input(
    "fixations", "fixations", many: true, optional: true, help: "drawn as a cross")
  static let svg = Output("svg", "figure", fileExtension: "svg")
  static let pdf = Output("pdf", "figure", fileExtension: "pdf")
  static let png = Output("png", "picture", fileExtension: "png", help: "of 300 dpi")
  static let data = Output("data", "csv", fileExtension: "csv", help: "what the figure shows")
  static let inputs = [
    scores, downstream, embedding, curves, confusion, frames, maps, landmarks, fixations,
  ]
  static let outputs = [svg, pdf, png, data]

  let chart: Chart
  let width: FigureWidth
  let rows: String
  let columns: [String]
  let against: [String]
  let order: [String]
  let name: String
  let colour: String
  let item: String
  let frame: Int?
  let varies: [String]

  init(options: inout OptionReader) throws(Diagnostic) {
    chart = try options.choice(
      "chart",
      help: "bars of scores, clusters of embedding, frame of a scan, curves of trainings, relation "
        + "of scores to downstream, confusion of classes")
    width = try options.choice(
      "width", default: .page, help: "column: 88 mm; page: 180 mm")
    rows = try options.text(
      "rows", default: "",
      help: "the axis that has a colour for each value; the first key column unless given")
    columns = try options.texts(
      "columns", default: [],
      help: "a panel for each: names of metrics; of columns of the curves")
    against = try options.texts(
      "against", default: [],
      help: "metrics of downstream that relation sets those of scores against")
    order = try options.texts(
      "order", default: [], help: "rows that come first, in this order; the others follow sorted")
    name = try options.text(
      "name", default: "all", help: "the only row's label where entries have no key column")
    colour = try options.text(
      "colour", default: "cluster", help: "the column of the embedding that groups points")
    item = try options.text(
      "item", default: "", help: "the scan of frame; the one with most landmarks unless given")
    frame = try options.integerIfGiven(
      "frame", in: 0..., help: "index of the frame; the one with most landmarks if left out")
    varies = try EvaluationProtocol.variesOption(&options)
  }

  func run(in context: StageContext) async throws {
    try Gnuplot.require()
    try SVGConverter.require()
    let (svg, png) = (try context.path(FigureStage.svg), try context.path(FigureStage.png))
    let data: String
    switch chart {
    case .bars:
      let bars = try bars(context)
      try bars.draw(to: svg)
      data = bars.table.csv
    case .clusters:
      let (chart, table) = try clusters(context)
      try chart.draw(to: svg)
      data = table.text
    case .curves:
      let chart = try curves(context)
      try chart.draw(to: svg)
      data = chart.data.text
    case .relation:
      let (chart, table) = try relation(context)
      try chart.draw(to: svg)
      data = table.csv
    case .confusion:
      let (chart, table) = try confusion(context)
      try chart.draw(to: svg)
      data = table.text
    case .frame:
      do {
        data = try FrameFigure(
          item: item, frame: frame, width: width, in: context
        ).write(svg: svg, png: png)
      } catch let error as PictureError {
        throw StageFailure(error.description)
      }
    }
    try SVGConverter.writePDF(of: svg, to: context.path(FigureStage.pdf))
    if chart != .frame { try SVGConverter.writePNG(of: svg, to: png) }
    try writeText(data, to: context.path(FigureStage.data))
  }

  /// The entries of what the chart is drawn from, by row.
  func groups(_ input: Input, in context: StageContext) throws -> RowGroups {
    guard context.has(input) else {
      throw StageFailure("chart '\(chart.rawValue)' needs the input '\(input.name)'")
    }
    return try RowGroups(input, rows: rows, order: order, name: name, in: context)
  }
}
