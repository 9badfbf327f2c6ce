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
  precondition(map.count == height * width, "\(map.count) values are no map [\(height), \(width)]")
  if let place = map.firstIndex(where: { !$0.isFinite }) {
    throw AnalysisError(
      .notFinite, "row \(place / width), column \(place % width) is \(map[place]), not finite")
  }
  guard let largest = map.max(), let least = map.min(), largest > 0, largest > least else {
    return []
  }
  let highest = maximumFilter(map, height: height, width: width, distance: distance)
  let candidates = map.indices.filter {
    map[$0] == highest[$0] && Double(map[$0]) >= threshold * Double(largest)
  }
  return plateaus(candidates, of: map, width: width, distance: distance).map { cell in
    let (row, column) = (cell / width, cell % width)
    return Peak(
      row: row, column: column,
      y: Double(row) + offset(map, cell, step: width, inside: row > 0 && row < height - 1),
      x: Double(column) + offset(map, cell, step: 1, inside: column > 0 && column < width - 1),
      value: map[cell])
  }.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
}

/// The maximum over the square of (2 · distance + 1)² cells around each cell, clipped at the
/// border.
private func maximumFilter(
  _ map: UnsafeBufferPointer<Float>, height: Int, width: Int, distance: Int
) -> [Float] {
  var rows = Array(map)
  for row in 0..<height {
    for column in 0..<width {
      let window = max(0, column - distance)...min(width - 1, column + distance)
      rows[row * width + column] = window.reduce(-.infinity) { max($0, map[row * width + $1]) }
    }
  }
  var result = rows
  for row in 0..<height {
    let window = max(0, row - distance)...min(height - 1, row + distance)
    for column in 0..<width {
      result[row * width + column] = window.reduce(-.infinity) {
        max($0, rows[$1 * width + column])
      }
    }
  }
  return result
}

/// One cell for each group of candidates of equal value that are linked by steps within `distance`.
private func plateaus(
  _ candidates: [Int], of map: UnsafeBufferPointer<Float>, width: Int, distance: Int
) -> [Int] {
  // Two candidates within `distance` have equal values: each is the maximum around the other.
  var left = Set(candidates)
  var found: [Int] = []
  for start in candidates where left.remove(start) != nil {
    var plateau = [start]
    var next = 0
    while next < plateau.count {
      let (row, column) = (plateau[next] / width, plateau[next] % width)
      for y in row - distance...row + distance {
        for x in max(0, column - distance)...min(width - 1, column + distance)
        where left.remove(y * width + x) != nil {
          plateau.append(y * width + x)
        }
      }
      next += 1
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
