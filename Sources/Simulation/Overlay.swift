internal import Foundation
internal import StageKit

/// What the machine draws over the picture. Nothing of it depends on the plane.
struct Overlay: Sendable {
  /// Grey values of the pixels that are always drawn over.
  private let fixed: [(pixel: Int, grey: UInt8)]
  private let mark: [(pixel: Int, grey: UInt8)]
  private let fan: Fan

  /// - Parameter random: the patient's: the machine's layout
  init(_ fan: Fan, of patient: Patient, rate: Int, random: inout CounterRandom) {
    self.fan = fan
    let canvas = Canvas(fan.height, fan.width)
    let scale = max(1, fan.height / 112)
    let isMirrored = random.next() & 1 == 1
    let bright = UInt8(random.uniform(150, 230))
    func text(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }
    let code = String((0..<6).map { _ in "0123456789".randomElement(using: &random) ?? "0" })
    let lines = [
      "ID" + code, text(patient.frequency) + "MHZ", "D" + text(patient.depth / 10),
      "G" + text(abs(patient.gain)), "\(rate)HZ", "MI" + text(random.uniform(0.7, 1.3)),
    ].shuffled(using: &random).prefix(Int(random.uniform(3, 7)))
    var fixed: [(Int, UInt8)] = []
    let textLeft = isMirrored ? fan.width - 4 - 36 * scale : 4
    for (index, line) in lines.enumerated() {
      for place in Glyphs.places(of: line) {
        fixed += canvas.square(
          4 + scale * (7 * index + place.row), textLeft + scale * place.column, scale, bright)
      }
    }
    // The bar of grey values, on the other side.
    let barLeft = isMirrored ? 6 : fan.width - 6 - 3 * scale
    let length = fan.height / 4
    for row in 0..<length {
      let grey = UInt8(255 * (length - 1 - row) / max(1, length - 1))
      fixed += canvas.block(6 + row, barLeft, 1, 3 * scale, grey)
    }
    // A tick every 10 mm of depth, a long one every 50.
    for centimetre in 0...Int(patient.depth / 10) {
      let row = Int(fan.share(x: 0, z: Double(centimetre) * 10).y * Double(fan.height))
      let long = centimetre % 5 == 0 ? 5 * scale : 2 * scale
      fixed += canvas.block(row, isMirrored ? 0 : fan.width - long, 1, long, bright)
    }
    self.fixed = fixed
    let corner = fan.height - 8 * scale
    let markLeft = isMirrored ? 6 : fan.width - 6 - 6 * scale
    var mark: [(Int, UInt8)] = []
    for (row, column) in [
      (0, 2), (1, 1), (1, 3), (2, 0), (2, 2), (2, 4), (3, 1), (3, 3), (4, 2),
    ] {
      mark += canvas.square(corner + scale * row, markLeft + scale * column, scale, bright)
    }
    self.mark = mark
  }

  func draw(on picture: inout [UInt8], isFrozen: Bool, calipers: Calipers?) {
    for dot in fixed { picture[dot.pixel] = dot.grey }
    guard isFrozen else { return }
    for dot in mark { picture[dot.pixel] = dot.grey }
    guard let calipers else { return }
    for dot in calipers.dots(in: fan) { picture[dot.pixel] = dot.grey }
  }
}

/// Two crosses and a dotted line between them, somewhere in the middle of the fan.
struct Calipers: Sendable {
  /// mm.
  private let ends: [(x: Double, z: Double)]

  /// Half of all frozen pictures have them; `nil` for the others.
  init?(depth: Double, random: inout CounterRandom) {
    let isThere = random.uniform() < 0.5
    let (x, z) = (random.uniform(-20, 20), depth * random.uniform(0.4, 0.7))
    let (half, angle) = (random.uniform(8, 28), random.uniform(0, .pi))
    ends = [-1.0, 1].map { (x + $0 * half * cos(angle), z + $0 * half * sin(angle)) }
    guard isThere else { return nil }
  }

  fileprivate func dots(in fan: Fan) -> [(pixel: Int, grey: UInt8)] {
    let canvas = Canvas(fan.height, fan.width)
    let places = ends.map { end in
      let share = fan.share(x: end.x, z: end.z)
      return (row: share.y * Double(fan.height), column: share.x * Double(fan.width))
    }
    var dots: [(Int, UInt8)] = []
    for place in places {
      let (row, column) = (Int(place.row), Int(place.column))
      dots += canvas.block(row - 3, column, 7, 1, 230) + canvas.block(row, column - 3, 1, 7, 230)
    }
    let steps = Int(hypot(places[1].row - places[0].row, places[1].column - places[0].column) / 4)
    for step in 1..<max(2, steps) {
      let t = Double(step) / Double(max(2, steps))
      dots += canvas.block(
        Int(places[0].row + t * (places[1].row - places[0].row)),
        Int(places[0].column + t * (places[1].column - places[0].column)), 1, 1, 200)
    }
    return dots
  }
}

/// Pixels of rectangles, cut off at the picture's edges.
private struct Canvas {
  let height: Int
  let width: Int

  init(_ height: Int, _ width: Int) { (self.height, self.width) = (height, width) }

  func square(_ row: Int, _ column: Int, _ side: Int, _ grey: UInt8) -> [(Int, UInt8)] {
    block(row, column, side, side, grey)
  }

  func block(
    _ row: Int, _ column: Int, _ height: Int, _ width: Int, _ grey: UInt8
  ) -> [(Int, UInt8)] {
    var dots: [(Int, UInt8)] = []
    for y in max(0, row)..<max(0, row, min(self.height, row + height)) {
      for x in max(0, column)..<max(0, column, min(self.width, column + width)) {
        dots.append((y * self.width + x, grey))
      }
    }
    return dots
  }
}
