/// Finds places for labels beside marks where they hide neither marks nor each other.
enum LabelPlacement {
  typealias Pixel = (x: Double, y: Double)

  struct Box: Hashable {
    var left: Double
    var bottom: Double
    var width: Double
    var height: Double

    /// Pixels that both cover.
    func overlap(_ other: Box) -> Double {
      let width = min(left + self.width, other.left + other.width) - max(left, other.left)
      let height =
        min(bottom + self.height, other.bottom + other.height) - max(bottom, other.bottom)
      return max(0, width) * max(0, height)
    }
  }

  /// One label after the other takes the first place of those around its mark that is free, or the
  /// one where it hides least; farther places come after nearer ones.
  ///
  /// - Parameters:
  ///   - sizes: of the labels, in pixels
  ///   - marks: what they belong to, in pixels from the lower left corner of the area
  ///   - clearance: half the side of a mark, in pixels
  ///   - others: what else is better not hidden
  ///   - area: its width and height
  /// - Returns: the left end of each label, at half its height
  static func place(
    _ sizes: [(width: Double, height: Double)], at marks: [Pixel], clearance: Double,
    avoiding others: [Box] = [], within area: (width: Double, height: Double)
  ) -> [Pixel] {
    let obstacles =
      marks.map {
        Box(
          left: $0.x - clearance, bottom: $0.y - clearance, width: 2 * clearance,
          height: 2 * clearance)
      } + others
    var placed: [Box] = []
    for (size, mark) in zip(sizes, marks) {
      var best: (box: Box, cost: Double)?
      for distance in [clearance, clearance + 10, clearance + 24] {
        for (x, y) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)] {
          let middle = (
            x: mark.x + Double(x) * (distance + size.width / 2),
            y: mark.y + Double(y) * (distance + size.height / 2)
          )
          let box = Box(
            left: middle.x - size.width / 2, bottom: middle.y - size.height / 2,
            width: size.width, height: size.height)
          let inside = box.overlap(Box(left: 0, bottom: 0, width: area.width, height: area.height))
          let cost = (obstacles + placed).reduce(size.width * size.height - inside) {
            $0 + box.overlap($1)
          }
          // What is free but for rounding is free: a farther place has to be better by half a pixel.
          if cost < (best?.cost ?? .infinity) - 0.5 { best = (box, cost) }
        }
      }
      if let best { placed.append(best.box) }
    }
    return placed.map { ($0.left, $0.bottom + $0.height / 2) }
  }
}
