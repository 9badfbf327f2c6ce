internal import Foundation

/// Lays the rows of a data set out in the plane, so that neighbours stay neighbours.
///
/// Gradient descent on KL(P ‖ Q) from the two principal components, with momentum 0.8, gains, steps
/// of at most 5, and the learning rate n over the exaggeration; P is exaggerated at first. Equal rows
/// lie beside each other; where all rows are equal they all lie at (0, 0), and so does a single one.
///
/// Source: van der Maaten & Hinton (2008); the start of Kobak & Berens (2019), the learning rate of
/// Belkina et al. (2019); momentum, gains and the bound of a step as in openTSNE 1.0.
public struct TSNE: Sendable {
  public enum Method: String, CaseIterable, Sendable {
    /// `exact` up to `mostForExact` rows, `fft` beyond.
    case auto
    /// Repulsion from all pairs: O(n²) an iteration.
    case exact
    /// Repulsion by interpolation on a grid: O(n) an iteration, and the grid's transforms.
    case fft
  }

  public static let mostForExact = 2000

  /// How many neighbours count, smoothly: 2 to the entropy of a row's probabilities in bits.
  public var perplexity = 30.0
  /// What P is multiplied by in the first iterations.
  public var exaggeration = 12.0
  public var iterations = 750
  /// How many of the iterations exaggerate.
  public var exaggeratedIterations = 250
  public var method = Method.auto

  public init() {}

  public struct Result: Sendable {
    /// Centred, `[n, 2]`.
    public var embedding: Matrix<Float>
    /// KL(P ‖ Q) in nats, without exaggeration; by the method's own Z.
    public var divergence: Double
  }

  /// The embedding of `points` `[n, d]`; the same bytes for any number of `threads`.
  ///
  /// - Parameters:
  ///   - generator: of the start of the search for principal components, and of a jitter of 1 % that
  ///     keeps rows apart that would start in one place
  ///   - report: called before every 50th iteration and after the last with how many are done and
  ///     the divergence
  /// - Throws: `AnalysisError` where there is no row, a value is not finite, or the perplexity is
  ///   more than the other rows are
  public func callAsFunction(
    _ points: Matrix<Float>, threads: Int = 1, using generator: inout some RandomNumberGenerator,
    report: (_ iterations: Int, _ divergence: Double) -> Void = { _, _ in }
  ) throws(AnalysisError) -> Result {
    precondition(perplexity >= 1 && exaggeration >= 1 && iterations > 0, "options out of range")
    let n = points.rows
    let centred = try points.centredAndScaled()
    guard n > 1 else { return Result(embedding: Matrix(rows: 1, columns: 2), divergence: 0) }
    guard perplexity <= Double(n - 1) else {
      throw AnalysisError(
        .outOfRange,
        "perplexity \(perplexity) among \(n) rows: a row has \(n - 1) others; lower the perplexity")
    }
    let neighbours = NearestNeighbours(
      centred, count: min(n - 1, Int(3 * perplexity)), threads: threads)
    let affinities = Affinities(neighbours, perplexity: perplexity, threads: threads)
    var layout = Layout(
      positions: TSNE.start(centred, threads: threads, using: &generator), affinities: affinities,
      isExact: method == .exact || method == .auto && n <= TSNE.mostForExact, threads: threads)
    for iteration in 0..<iterations {
      let repulsion = layout.repulsion()
      if iteration > 0, iteration % 50 == 0 {
        report(iteration, layout.divergence(repulsion))
      }
      layout.step(
        repulsion, exaggeration: iteration < exaggeratedIterations ? exaggeration : 1)
    }
    let divergence = layout.divergence(layout.repulsion())
    report(iterations, divergence)
    return Result(
      embedding: Matrix(
        rows: n, columns: 2, elements: layout.positions.flatMap { [$0.x, $0.y] }),
      divergence: divergence)
  }

  /// The principal components with a standard deviation of 1e-4 along the first, jittered by 1 %.
  static func start(
    _ points: Matrix<Float>, threads: Int, using generator: inout some RandomNumberGenerator
  ) -> [SIMD2<Float>] {
    let scores = principalScores(points, threads: threads, using: &generator)
    let variance =
      (0..<points.rows).reduce(0.0) { $0 + scores[$1, 0] * scores[$1, 0] } / Double(points.rows)
    let scale = variance > 0 ? 1e-4 / variance.squareRoot() : 0
    return (0..<points.rows).map { row in
      let jitter = SIMD2<Float>.random(in: -1...1, using: &generator)
      let score = SIMD2(Float(scores[row, 0] * scale), Float(scores[row, 1] * scale))
      // A uniform number's deviation is its bound by the root of 3.
      return scale > 0 ? score + jitter * 1.7e-6 : SIMD2()
    }
  }
}

/// An embedding on its way.
private struct Layout {
  var positions: [SIMD2<Float>]
  let affinities: Affinities
  let isExact: Bool
  let threads: Int
  private var updates: [SIMD2<Float>]
  private var gains: [SIMD2<Float>]
  private var grid: InterpolationGrid?

  private static let momentum: Float = 0.8
  private static let longestStep: Float = 5
  private static let chunk = 512

  init(positions: [SIMD2<Float>], affinities: Affinities, isExact: Bool, threads: Int) {
    self.positions = positions
    self.affinities = affinities
    self.isExact = isExact
    self.threads = threads
    updates = Array(repeating: SIMD2(), count: positions.count)
    gains = Array(repeating: SIMD2(repeating: 1), count: positions.count)
  }

  mutating func repulsion() -> Repulsion {
    guard !isExact else { return Repulsion(exactly: positions, threads: threads) }
    let low = positions.reduce(positions[0]) { pointwiseMin($0, $1) }
    let high = positions.reduce(positions[0]) { pointwiseMax($0, $1) }
    let (boxes, width) = InterpolationGrid.size(covering: (high - low).max())
    if grid == nil || grid?.boxes != boxes || grid?.width != width {
      grid = InterpolationGrid(boxes: boxes, width: width)
    }
    guard let grid else { preconditionFailure("there is no grid") }
    return grid.repulsion(of: positions, middle: (low + high) / 2, threads: threads)
  }

  /// KL(P ‖ Q) = Σ p ln p + Σ p ln(1 + ‖y_i − y_j‖²) + ln Z, since Σ p = 1.
  func divergence(_ repulsion: Repulsion) -> Double {
    let sums = mapChunks(of: positions.count, size: Layout.chunk, threads: threads) { rows in
      positions.withUnsafeBufferPointer { positions in
        rows.reduce(0.0) { $0 + affinities.stretch($1, positions) }
      }
    }
    return affinities.negativeEntropy + sums.reduce(0, +) + log(repulsion.normaliser)
  }

  /// Moves every point once, and the middle back to 0.
  mutating func step(_ repulsion: Repulsion, exaggeration: Double) {
    let rate = Float(Double(positions.count) / exaggeration)
    let push = Float(1 / repulsion.normaliser)
    let pull = Float(exaggeration)
    let (from, oldUpdates, oldGains, affinities) = (positions, updates, gains, affinities)
    let parts = mapChunks(of: positions.count, size: Layout.chunk, threads: threads) { rows in
      from.withUnsafeBufferPointer { from in
        rows.map { row -> (position: SIMD2<Float>, update: SIMD2<Float>, gain: SIMD2<Float>) in
          let gradient =
            pull * affinities.attraction(row, from) - push * repulsion.forces[row]
          var gain = oldGains[row]
          // Up where the point still goes downhill, down where it has gone too far.
          let downhill = oldUpdates[row] * gradient .<= 0
          gain = (gain * 0.8 + 0.01).replacing(with: gain + 0.2, where: downhill)
          var update = Layout.momentum * oldUpdates[row] - rate * gain * gradient
          let length = (update * update).sum().squareRoot()
          if length > Layout.longestStep { update *= Layout.longestStep / length }
          return (from[row] + update, update, gain)
        }
      }
    }
    var row = 0
    var middle = SIMD2<Double>()
    for point in parts.joined() {
      (positions[row], updates[row], gains[row]) = point
      middle += SIMD2<Double>(point.position)
      row += 1
    }
    middle /= Double(positions.count)
    let shift = SIMD2<Float>(middle)
    for row in positions.indices { positions[row] -= shift }
  }
}

extension Matrix<Float> {
  /// Less the columns' means, and scaled by a power of two so that squares neither overflow nor
  /// vanish.
  ///
  /// - Throws: `AnalysisError` where there is no row or a value is not finite
  fileprivate func centredAndScaled() throws(AnalysisError) -> Matrix {
    let means = try columnMeans()
    var largest = 0.0
    for row in 0..<rows {
      for column in 0..<columns {
        largest = max(largest, abs(Double(elements[row * columns + column]) - means[column]))
      }
    }
    let scale = largest > 0 ? 1 / largest.binade : 1
    var result = self
    result.withMutableElements { result in
      for row in 0..<rows {
        for column in 0..<columns {
          let index = row * columns + column
          result[index] = Float((Double(result[index]) - means[column]) * scale)
        }
      }
    }
    return result
  }
}
