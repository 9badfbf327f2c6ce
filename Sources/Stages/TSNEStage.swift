internal import Analysis
internal import Charts
internal import StageKit

/// Lays feature rows out in the plane by t-SNE.
///
/// Reads `features` f32 `[n, d]` of every entry; writes where each row lies (CSV: key columns, row, x,
/// y and, where `clusters` is connected, cluster) and the divergence KL(P ‖ Q) in nats. The start is
/// the features' principal components, so there is no seed to choose.
/// Source: van der Maaten & Hinton (2008); Linderman et al. (2019).
struct TSNEStage: Stage {
  static let kind = "tsne"
  static let version = 1
  static let summary = "Lays feature rows out in the plane by t-SNE"
  static let features = Input("features", "features", many: true, help: "features f32 [n, d]")
  static let clusters = Input(
    "clusters", "clusters", optional: true,
    help: "clusters of the same rows, for a column of their own")
  static let embedding = Output(
    "embedding", "embedding", fileExtension: "csv", help: "CSV: item, row, x, y, cluster")
  static let scores = Output("scores", "scores", help: "JSON: kl_divergence")
  static let inputs = [features, clusters]
  static let outputs = [embedding, scores]

  let tsne: TSNE
  let normalisation: Normalisation

  init(options: inout OptionReader) throws(Diagnostic) {
    var tsne = TSNE()
    tsne.perplexity = try options.number(
      "perplexity", from: 1, default: 30, help: "how many neighbours of a row count; below n")
    tsne.exaggeration = try options.number(
      "exaggeration", from: 1, default: 12, help: "how much stronger rows attract at first")
    tsne.exaggeratedIterations = try options.integer(
      "exaggerated_iterations", in: 0..., default: 250, help: "how many iterations exaggerate")
    tsne.iterations = try options.integer(
      "iterations", in: 1..., default: 750, help: "of gradient descent, the exaggerated ones too")
    tsne.method = try options.choice(
      "method", default: .auto, help: "of the repulsion; auto: exact up to 2,000 rows")
    self.tsne = tsne
    normalisation = try options.choice(
      "normalise", default: .l2, help: "l2: rows are divided by their Euclidean norm")
  }

  func run(in context: StageContext) async throws {
    let features = try FeatureSet(TSNEStage.features, in: context)
    let n = features.points.rows
    guard n > 0 else { throw StageFailure("there are no feature rows to lay out") }
    guard n == 1 || tsne.perplexity <= Double(n - 1) else {
      throw StageFailure(
        "perplexity \(tsne.perplexity) of \(n) feature rows: lower 'perplexity' to \(n - 1) or less, "
          + "or give more rows")
    }
    let labels =
      context.has(TSNEStage.clusters)
      ? try ClusterFolder(folder: context.path(TSNEStage.clusters), for: features).labels : nil
    var generator = CounterRandom(
      seed: 0, kind: TSNEStage.kind, item: context.item ?? "", purpose: "start")
    let result = try tsne(
      features.points(normalisation), threads: context.cpus, using: &generator
    ) { done, divergence in
      context.progress(done, of: tsne.iterations, unit: "iterations")
      context.metric("kl_divergence", divergence, step: done, unit: "nat", direction: "lower")
    }
    var text = ""
    CSVFile.append(
      features.keyColumns + ["row", "x", "y"] + (labels == nil ? [] : ["cluster"]), to: &text)
    for (index, place) in features.places.enumerated() {
      let (x, y) = (result.embedding[index, 0], result.embedding[index, 1])
      CSVFile.append(
        place.key + ["\(place.row)", "\(x)", "\(y)"] + (labels.map { ["\($0[index])"] } ?? []),
        to: &text)
    }
    try writeText(text, to: context.path(TSNEStage.embedding))
    try Scores([
      .init(
        name: "kl_divergence", value: result.divergence, unit: "nat", direction: .lower,
        attributes: [
          .init("perplexity", .number(tsne.perplexity)), .init("n", .integer(n)),
          .init("normalise", .string(normalisation.rawValue)),
        ])
    ]).write(to: TSNEStage.scores, in: context)
  }
}
