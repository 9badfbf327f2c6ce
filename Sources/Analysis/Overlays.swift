/// Finds what is drawn over the picture: text, rulers, markers, logos.
///
/// Outside the fan, whatever is brighter than black and still. Inside, bright pixels that stay still
/// while the picture around them moves, and that stand out from it sharply; tissue that is still has
/// still tissue around it. Of each group of still, bright pixels the ring of 2 to 3 pixels around
/// decides. The group must be at least 40 levels brighter than the ring. It is drawn where at least
/// 60 % of the ring change by 6 levels, and by more than twice what the group does, or stay below a
/// third of the group's level; or where something drawn is near, within 2 % of the picture's shorter
/// side: a line of text is read as a whole.
/// - Parameter fan: which pixels belong to the fan
/// - Returns: the pixels, with a margin of 2 for soft edges; `nil` where the picture does not move
///   and nothing can be told
public func overlays(in maps: TemporalMaps, fan: BinaryMap) -> BinaryMap? {
  guard maps.hasMotion else { return nil }
  let black = maps.black
  let still = BinaryMap(height: maps.height, width: maps.width) { pixel in
    let level = Int(maps.median[pixel])
    guard fan.bits[pixel] else { return level >= black + 5 && maps.range(pixel) <= 2 + level / 16 }
    // Codecs let bright edges tremble by a share of their level.
    return level >= black + 40 && maps.range(pixel) <= 2 + level / 16
  }
  var found = BinaryMap(height: maps.height, width: maps.width) { still.bits[$0] && !fan.bits[$0] }
  let inside = BinaryMap(height: maps.height, width: maps.width) { still.bits[$0] && fan.bits[$0] }
  var surroundings = Surroundings(maps: maps, black: black)
  var pending: [[Int]] = []
  for group in inside.components() {
    switch surroundings.verdict(on: group) {
    case .drawn: for pixel in group { found.bits[pixel] = true }
    case .sharp: pending.append(group)
    case .tissue: break
    }
  }
  join(&pending, to: &found)
  return found.dilated(2)
}

/// Adds the groups near what is found, and those near them, until none is left.
private func join(_ pending: inout [[Int]], to found: inout BinaryMap) {
  let reach = max(4, min(found.height, found.width) / 50)
  var count = -1
  while count != pending.count {
    count = pending.count
    let sums = BinaryMap.Sums(found)
    pending.removeAll { group in
      let rows = group.map { $0 / found.width }
      let columns = group.map { $0 % found.width }
      guard let top = rows.min(), let bottom = rows.max(), let left = columns.min(),
        let right = columns.max(),
        sums.count(
          rows: max(0, top - reach)..<min(found.height, bottom + reach + 1),
          columns: max(0, left - reach)..<min(found.width, right + reach + 1)) > 0
      else { return false }
      for pixel in group { found.bits[pixel] = true }
      return true
    }
  }
}

/// What lies around groups of pixels.
private struct Surroundings {
  let maps: TemporalMaps
  let black: Int
  /// The last group of which a pixel lies within 1 and within 3.
  private var near: [Int32]
  private var around: [Int32]
  private var group: Int32 = 0

  init(maps: TemporalMaps, black: Int) {
    (self.maps, self.black) = (maps, black)
    near = Array(repeating: 0, count: maps.height * maps.width)
    around = near
  }

  enum Verdict {
    case drawn
    /// Stands out sharply, from what hardly moves.
    case sharp
    case tissue
  }

  mutating func verdict(on component: [Int]) -> Verdict {
    group += 1
    mark(component, within: 1, in: \.near)
    let ring = mark(component, within: 3, in: \.around).filter { near[$0] != group }
    let level = mean(component)
    guard !ring.isEmpty, level >= mean(ring) + 40 else { return .tissue }
    let trembling = component.reduce(0) { $0 + maps.range($1) } / component.count
    let dark = max(black + 8, Int(level / 3))
    let free = ring.count {
      maps.range($0) >= max(6, 2 * trembling + 4) || Int(maps.high[$0]) < dark
    }
    return free * 10 >= ring.count * 6 ? .drawn : .sharp
  }

  private func mean(_ pixels: [Int]) -> Double {
    Double(pixels.reduce(0) { $0 + Int(maps.median[$1]) }) / Double(pixels.count)
  }

  /// Marks the pixels within a distance of the group, and returns them.
  @discardableResult
  private mutating func mark(
    _ component: [Int], within distance: Int, in marks: WritableKeyPath<Surroundings, [Int32]>
  ) -> [Int] {
    let (height, width) = (maps.height, maps.width)
    var marked: [Int] = []
    for pixel in component {
      let (row, column) = (pixel / width, pixel % width)
      for y in max(0, row - distance)...min(height - 1, row + distance) {
        for x in max(0, column - distance)...min(width - 1, column + distance)
        where self[keyPath: marks][y * width + x] != group {
          self[keyPath: marks][y * width + x] = group
          marked.append(y * width + x)
        }
      }
    }
    return marked
  }
}

extension BinaryMap {
  /// Which pixels of a picture of [height, width] show a set pixel of the part `box`, or one beside.
  public func shown(height: Int, width: Int, in box: PixelBox) -> BinaryMap {
    let sums = Sums(self)
    func footprint(_ index: Int, of count: Int, from start: Int, length: Int, end: Int) -> Range<
      Int
    > {
      let low = start + index * length / count
      let high = start + ((index + 1) * length + count - 1) / count
      return max(0, low - 1)..<min(end, high + 1)
    }
    return BinaryMap(height: height, width: width) { pixel in
      sums.count(
        rows: footprint(
          pixel / width, of: height, from: box.top, length: box.height, end: self.height),
        columns: footprint(
          pixel % width, of: width, from: box.left, length: box.width, end: self.width)) > 0
    }
  }
}
