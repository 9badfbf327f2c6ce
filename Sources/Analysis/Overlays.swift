/// Finds what is drawn over the picture: text, rulers, markers, logos.
///
/// Outside the fan, whatever is brighter than black and still. Inside, bright pixels that stay still
/// while the picture around them moves (or is black), and that stand out from it sharply; tissue
/// that is still has still tissue around it. Of each group of still, bright pixels the ring of
/// 2 to 3 pixels around decides: at least 60 % of it change by 6 levels, and by more than twice what
/// the group does, or are black; and the group is at least 40 levels brighter than the ring.
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
  for component in inside.components() where surroundings.standOut(component) {
    for pixel in component { found.bits[pixel] = true }
  }
  return found.dilated(2)
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

  /// Whether a group stands out sharply from a ring around it that moves or is black.
  mutating func standOut(_ component: [Int]) -> Bool {
    group += 1
    mark(component, within: 1, in: \.near)
    let ring = mark(component, within: 3, in: \.around).filter { near[$0] != group }
    guard !ring.isEmpty else { return false }
    let trembling = component.reduce(0) { $0 + maps.range($1) } / component.count
    let free = ring.count {
      maps.range($0) >= max(6, 2 * trembling + 4) || Int(maps.high[$0]) < black + 8
    }
    return free * 10 >= ring.count * 6 && mean(component) >= mean(ring) + 40
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
