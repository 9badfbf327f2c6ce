internal import Foundation

/// A local maximum of a map, such as a landmark of a saliency map.
public struct Peak: Hashable, Sendable {
  /// The cell of the maximum.
  public var row: Int
  public var column: Int
  /// The sub-pixel position in cells: a cell's centre has its whole-numbered row and column.
  public var y: Double
  public var x: Double
  /// The map's value at the cell.
  public var value: Float
}

extension Peak {
  fileprivate init(of map: UnsafeBufferPointer<Float>, at cell: Int, height: Int, width: Int) {
    (row, column) = (cell / width, cell % width)
    y = Double(row) + offset(map, cell, step: width, inside: row > 0 && row < height - 1)
    x = Double(column) + offset(map, cell, step: 1, inside: column > 0 && column < width - 1)
    value = map[cell]
  }
}

/// Finds the local maxima of a map `[height, width]`, in row-major order.
///
/// A cell is kept where it equals the maximum of the (2 · distance + 1)² cells around it, of which
/// those outside the map do not count, and is at least `threshold` times the map's maximum. Kept
/// cells of equal value that are within `distance` of one another (a plateau) are one peak: the one
/// nearest to their mean position, the first of equals; so peaks are more than `distance` apart. A
/// map without a positive value, or of one value throughout, has none.
///
/// The sub-pixel position comes from a Gaussian through the cell and its two neighbours along each
/// axis; it stays at the cell along an axis where a neighbour is outside the map or not positive.
///
/// Source: Droste et al. (ISBI 2020); their threshold is read as relative.
/// - Throws: `AnalysisError` where a value is not finite
public func peaks(
  of map: UnsafeBufferPointer<Float>, height: Int, width: Int, distance: Int = 2,
  threshold: Double = 0.1
) throws(AnalysisError) -> [Peak] {
  let filter = try MaximumFilter(map, height: height, width: width, distance: distance)
  guard filter.largest > 0, filter.largest > filter.least else { return [] }
  let least = threshold * Double(filter.largest)
  var candidates: [Int] = []
  for cell in map.indices where map[cell] == filter.highest[cell] && Double(map[cell]) >= least {
    candidates.append(cell)
  }
  return plateaus(candidates, of: map, width: width, distance: distance)
    .sorted().map { Peak(of: map, at: $0, height: height, width: width) }
}

/// Finds the local maxima of a map `[height, width]` as scikit-image's `peak_local_max` does: the same
/// cells in the same order, the highest first and equal ones row by row.
///
/// A cell counts where it equals the maximum of the (2 · distance + 1)² cells around it and is above
/// the threshold: the larger of `least` (the map's minimum unless given) and `threshold` times the
/// map's maximum. Of two that are less than `distance` apart along both axes the later in the order
/// falls out; so, as there, with a distance of 1 all cells of a plateau stay. A map of one value has
/// no peak, unless it is one cell above the threshold. Sub-pixel positions as in `peaks`.
///
/// Source: scikit-image 0.26, `skimage/feature/peak.py`, with `p_norm` infinite.
/// - Parameters:
///   - distance: `min_distance`, at least 1
///   - threshold: `threshold_rel`; thresholds are compared in Float32, as NumPy 2 does for such maps
///   - least: `threshold_abs`
///   - border: `exclude_border`: cells nearer to the border than this are no peaks
///   - count: `num_peaks`: most peaks to give
/// - Throws: `AnalysisError` where a value is not finite
public func peakLocalMax(
  of map: UnsafeBufferPointer<Float>, height: Int, width: Int, distance: Int = 1,
  threshold: Double? = nil, least: Double? = nil, border: Int = 0, count: Int = .max
) throws(AnalysisError) -> [Peak] {
  precondition(distance >= 1, "a distance of \(distance) cells")
  let filter = try MaximumFilter(map, height: height, width: width, distance: distance)
  guard filter.largest > filter.least || map.count == 1 else { return [] }
  var bound = least.map { Float($0) } ?? filter.least
  if let threshold { bound = max(bound, Float(threshold) * filter.largest) }
  var candidates: [Int] = []
  for row in min(border, height)..<max(min(border, height), height - border) {
    for column in min(border, width)..<max(min(border, width), width - border) {
      let cell = row * width + column
      if map[cell] == filter.highest[cell], map[cell] > bound { candidates.append(cell) }
    }
  }
  candidates.sort { map[$0] == map[$1] ? $0 < $1 : map[$0] > map[$1] }
  var kept: [Int] = []
  for cell in candidates where kept.count < count {
    let isFree = kept.allSatisfy {
      abs($0 / width - cell / width) >= distance || abs($0 % width - cell % width) >= distance
    }
    if distance == 1 || isFree { kept.append(cell) }
  }
  return kept.map { Peak(of: map, at: $0, height: height, width: width) }
}

/// One cell for each group of candidates of equal value that are linked by steps within `distance`.
private func plateaus(
  _ candidates: [Int], of map: UnsafeBufferPointer<Float>, width: Int, distance: Int
) -> [Int] {
  // Two candidates within `distance` have equal values: each is the maximum around the other.
  var isLeft = [Bool](repeating: false, count: map.count)
  for cell in candidates { isLeft[cell] = true }
  var found: [Int] = []
  var plateau: [Int] = []
  for start in candidates where isLeft[start] {
    isLeft[start] = false
    plateau.removeAll(keepingCapacity: true)
    plateau.append(start)
    var next = 0
    while next < plateau.count {
      let (row, column) = (plateau[next] / width, plateau[next] % width)
      for y in max(0, row - distance)...min(map.count / width - 1, row + distance) {
        for x in max(0, column - distance)...min(width - 1, column + distance)
        where isLeft[y * width + x] {
          isLeft[y * width + x] = false
          plateau.append(y * width + x)
        }
      }
      next += 1
    }
    guard plateau.count > 1 else {
      found.append(start)
      continue
    }
    plateau.sort()
    let count = Double(plateau.count)
    let y = plateau.reduce(0.0) { $0 + Double($1 / width) } / count
    let x = plateau.reduce(0.0) { $0 + Double($1 % width) } / count
    func away(_ cell: Int) -> Double {
      let (dy, dx) = (Double(cell / width) - y, Double(cell % width) - x)
      return dy * dy + dx * dx
    }
    found.append(plateau.min { away($0) < away($1) } ?? start)
  }
  return found
}

/// ½ (ln s₋ − ln s₊) / (ln s₋ − 2 ln s₀ + ln s₊): where a Gaussian through three cells peaks.
private func offset(
  _ map: UnsafeBufferPointer<Float>, _ cell: Int, step: Int, inside: Bool
) -> Double {
  guard inside, map[cell - step] > 0, map[cell + step] > 0 else { return 0 }
  let before = log(Double(map[cell - step]))
  let after = log(Double(map[cell + step]))
  let curvature = before - 2 * log(Double(map[cell])) + after
  return curvature < 0 ? 0.5 * (before - after) / curvature : 0
}
