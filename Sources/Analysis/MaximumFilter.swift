/// What both kinds of peaks ask of a map `[height, width]`: its extremes, and the maximum around
/// each cell.
struct MaximumFilter: ~Copyable {
  let least: Float
  let largest: Float
  /// The maximum of the (2 · distance + 1)² cells around each cell, of which those outside the map do
  /// not count.
  let highest: UnsafeMutableBufferPointer<Float>

  /// - Throws: `AnalysisError` where a value is not finite
  init(
    _ map: UnsafeBufferPointer<Float>, height: Int, width: Int, distance: Int
  ) throws(AnalysisError) {
    precondition(
      map.count == height * width, "\(map.count) values are no map [\(height), \(width)]")
    (least, largest) = try MaximumFilter.extremes(of: map, width: width)
    highest = .allocate(capacity: map.count)
    guard !map.isEmpty, let source = map.baseAddress, let result = highest.baseAddress else {
      return
    }
    MaximumFilter.filter(
      source, into: result, height: height, width: width, distance: distance)
  }

  deinit { highest.deallocate() }

  /// The least and the largest value of a map; zeros of an empty one.
  ///
  /// Floats compare as the integers of their bits do, once those of negative ones are turned round:
  /// one pass of integer minima and maxima, which run in vectors, finds what is not finite as well.
  private static func extremes(
    of map: UnsafeBufferPointer<Float>, width: Int
  ) throws(AnalysisError) -> (least: Float, largest: Float) {
    guard !map.isEmpty else { return (0, 0) }
    var (low, high) = (Int32.max, Int32.min)
    for value in map {
      let key = order(value)
      low = key < low ? key : low
      high = key > high ? key : high
    }
    guard low > order(-.infinity), high < order(.infinity) else {
      let place = map.firstIndex { !$0.isFinite } ?? 0
      throw AnalysisError(
        .notFinite, "row \(place / width), column \(place % width) is \(map[place]), not finite")
    }
    return (value(low), value(high))
  }

  private static func order(_ value: Float) -> Int32 {
    let bits = Int32(bitPattern: value.bitPattern)
    return bits ^ ((bits >> 31) & 0x7fff_ffff)
  }

  private static func value(_ order: Int32) -> Float {
    Float(bitPattern: UInt32(bitPattern: order ^ ((order >> 31) & 0x7fff_ffff)))
  }

  /// Down the columns, then along the rows: each step is the maximum of two rows of cells.
  private static func filter(
    _ map: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, height: Int, width: Int,
    distance: Int
  ) {
    let reach = min(distance, width - 1)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width + 2 * reach) { line in
      guard let line = line.baseAddress else { return }
      line.initialize(repeating: -.infinity, count: width + 2 * reach)
      for row in 0..<height {
        let middle = line + reach
        middle.update(from: map + row * width, count: width)
        for other in max(0, row - distance)...min(height - 1, row + distance) where other != row {
          raise(middle, to: map + other * width, count: width)
        }
        let target = result + row * width
        target.initialize(from: line, count: width)
        for offset in 0..<2 * reach { raise(target, to: line + offset + 1, count: width) }
      }
    }
  }

  @inline(__always)
  private static func raise(
    _ cells: UnsafeMutablePointer<Float>, to others: UnsafePointer<Float>, count: Int
  ) {
    for index in 0..<count {
      let (mine, other) = (cells[index], others[index])
      cells[index] = other > mine ? other : mine
    }
  }
}
