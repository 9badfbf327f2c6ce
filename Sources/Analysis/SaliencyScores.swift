internal import Foundation

/// How well a saliency map tells where somebody looked.
///
/// Maps are row by row, of any size; all arithmetic is in Float64. NSS and AUC-Judd ask the map at
/// the fixated cells, the others compare it with the map of the fixations (`FixationMap`).
/// Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency models?"
/// (TPAMI 2019).
public struct SaliencyScores: Hashable, Sendable {
  /// KL(target || map) in nats, 0 and up; lower is better.
  public var kld: Double
  /// Standard deviations above the map's mean; higher is better. `nil` without a fixation.
  public var nss: Double?
  /// 0 to 1, where 0.5 is chance. `nil` without a fixation, or where every cell is fixated.
  public var aucJudd: Double?
  /// Pearson's correlation, -1 to 1; higher is better.
  public var cc: Double
  /// 0 to 1; higher is better.
  public var sim: Double

  /// Scores `map`; both maps are scaled to sum 1 first.
  ///
  /// - Parameters:
  ///   - map: the prediction, from 0 up
  ///   - target: the map of the fixations, of the same size, from 0 up
  ///   - fixations: the cell of each fixation; a cell may occur more than once
  /// - Throws: `AnalysisError` where a map holds a value that is negative (`outOfRange`) or not
  ///   finite (`notFinite`), or no positive one (`empty`)
  public init(of map: [Float], target: [Float], fixations: [Int]) throws(AnalysisError) {
    precondition(map.count == target.count, "maps of \(map.count) and \(target.count) cells")
    let map = try SaliencyScores.unitSum(map, "the map")
    let target = try SaliencyScores.unitSum(target, "the map of the fixations")
    kld = SaliencyScores.kld(map, target: target)
    nss = SaliencyScores.nss(map, fixations: fixations)
    aucJudd = SaliencyScores.aucJudd(map, fixations: fixations)
    cc = SaliencyScores.cc(map, target)
    sim = SaliencyScores.sim(map, target)
  }

  /// What a map's values count as at least, in `kld`: the regularisation of the MIT/Tübingen
  /// saliency benchmark.
  public static let epsilon = Double.ulpOfOne

  /// The Kullback-Leibler divergence sum t (ln t - ln s) over the cells with t > 0, in nats.
  ///
  /// A map that is 0 where somebody looked would be infinitely wrong: s counts as at least
  /// `epsilon`, so one such cell costs t · 36 at most. From `epsilon` on the value is exact.
  /// - Parameters: maps of sum 1
  public static func kld(_ map: [Double], target: [Double]) -> Double {
    precondition(map.count == target.count, "maps of \(map.count) and \(target.count) cells")
    return zip(target, map).reduce(0) { sum, cell in
      cell.0 > 0 ? sum + cell.0 * (log(cell.0) - log(max(cell.1, epsilon))) : sum
    }
  }

  /// Normalised scanpath saliency: the mean over the fixations of (s - mean) / deviation, with the
  /// deviation of all N cells (not N - 1).
  ///
  /// A map of one value says nothing and scores 0, as chance does.
  /// Source: Peters et al. (2005).
  public static func nss(_ map: [Double], fixations: [Int]) -> Double? {
    guard !fixations.isEmpty else { return nil }
    let (mean, deviation) = moments(map)
    guard deviation > 0 else { return 0 }
    return fixations.reduce(0) { $0 + (map[$1] - mean) / deviation } / Double(fixations.count)
  }

  /// The area under the curve of the share of fixated cells at or above a threshold over the share of
  /// all other cells at or above it.
  ///
  /// The thresholds are the map's values at the fixated cells, the ends (0, 0) and (1, 1), between
  /// them straight lines: another cell whose value lies between two thresholds, or ties with the lower
  /// one, counts half, so no jitter is needed. With few fixations this is above the exact area.
  /// A cell that is fixated more than once counts once.
  /// Source: Judd et al. (2009); Riche et al. (2013).
  public static func aucJudd(_ map: [Double], fixations: [Int]) -> Double? {
    let fixated = Set(fixations)
    guard !fixated.isEmpty, fixated.count < map.count else { return nil }
    let thresholds = fixated.map { map[$0] }.sorted(by: >)
    // How many cells have the first, the second, … threshold as the highest that they reach.
    var reached = [Int](repeating: 0, count: thresholds.count)
    for value in map where value >= thresholds[thresholds.count - 1] {
      var (low, high) = (0, thresholds.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if value >= thresholds[middle] { high = middle } else { low = middle + 1 }
      }
      reached[low] += 1
    }
    var (area, hitShare, falseShare) = (0.0, 0.0, 0.0)
    var (above, hits) = (0, 0)
    while hits < thresholds.count {
      let threshold = thresholds[hits]
      while hits < thresholds.count, thresholds[hits] == threshold {
        above += reached[hits]
        hits += 1
      }
      let nextHits = Double(hits) / Double(thresholds.count)
      let nextFalse = Double(above - hits) / Double(map.count - thresholds.count)
      area += (nextFalse - falseShare) * (nextHits + hitShare) / 2
      (hitShare, falseShare) = (nextHits, nextFalse)
    }
    return area + (1 - falseShare) * (1 + hitShare) / 2
  }

  /// Pearson's correlation coefficient of two maps; 0 where one is of one value.
  public static func cc(_ first: [Double], _ second: [Double]) -> Double {
    precondition(first.count == second.count, "maps of \(first.count) and \(second.count) cells")
    let (a, b) = (moments(first), moments(second))
    guard a.deviation > 0, b.deviation > 0 else { return 0 }
    let covariance = zip(first, second).reduce(0) { $0 + ($1.0 - a.mean) * ($1.1 - b.mean) }
    return covariance / (Double(first.count) * a.deviation * b.deviation)
  }

  /// Similarity, or histogram intersection: the sum of the smaller value of two maps of sum 1.
  public static func sim(_ first: [Double], _ second: [Double]) -> Double {
    precondition(first.count == second.count, "maps of \(first.count) and \(second.count) cells")
    return zip(first, second).reduce(0) { $0 + min($1.0, $1.1) }
  }

  /// The map scaled to sum 1, in Float64.
  ///
  /// - Throws: `AnalysisError` as the initialiser says
  public static func unitSum(_ map: [Float], _ name: String) throws(AnalysisError) -> [Double] {
    for (cell, value) in map.enumerated() where !(value >= 0 && value.isFinite) {
      throw AnalysisError(
        value < 0 ? .outOfRange : .notFinite,
        "cell \(cell) of \(name) is \(value); expected a number from 0 up")
    }
    let sum = map.reduce(0) { $0 + Double($1) }
    guard sum > 0 else {
      throw AnalysisError(.empty, "\(name) has no positive value; expected one at least")
    }
    return map.map { Double($0) / sum }
  }

  /// The deviation is 0 where all values are equal, whatever their mean's rounding.
  private static func moments(_ map: [Double]) -> (mean: Double, deviation: Double) {
    let mean = map.reduce(0, +) / Double(map.count)
    guard let first = map.first, map.contains(where: { $0 != first }) else { return (mean, 0) }
    let squares = map.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, (squares / Double(map.count)).squareRoot())
  }
}
