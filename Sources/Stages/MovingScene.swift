import Foundation
import StageKit

/// A shape with its own texture over a still background.
struct MovingScene {
  private let shape: MovingShapesStage.Shape
  private let height: Int
  private let width: Int
  /// Grey levels of the still background, `[height, width]`.
  private let background: [Double]
  private let texture: Texture
  /// Pixels.
  private let radius: Double
  private var center: (x: Double, y: Double)
  /// Pixels a frame.
  private var velocity: (x: Double, y: Double)
  private var angle: Double
  private let turn: Double

  init(
    _ shape: MovingShapesStage.Shape, height: Int, width: Int,
    random: (_ purpose: String) -> CounterRandom
  ) {
    self.shape = shape
    self.height = height
    self.width = width
    let still = Texture(random("background"), cell: 9)
    background = (0..<height * width).map {
      20 + 70 * still.value(Double($0 % width), Double($0 / width))
    }
    texture = Texture(random("texture"), cell: 5)
    var motion = random("motion")
    radius = Double(min(height, width)) * motion.uniform(0.2, 0.3)
    center = (
      motion.uniform(radius, Double(width) - radius),
      motion.uniform(radius, Double(height) - radius)
    )
    let heading = motion.uniform(0, 2 * .pi)
    let speed = Double(min(height, width)) * motion.uniform(0.02, 0.05)
    velocity = (speed * cos(heading), speed * sin(heading))
    angle = motion.uniform(0, 2 * .pi)
    turn = motion.uniform(-0.1, 0.1)
  }

  /// Draws a frame, `[height, width]`, and moves on.
  mutating func next(noise: Double, _ random: inout CounterRandom) -> [UInt8] {
    var pixels = [UInt8](repeating: 0, count: height * width)
    let (cosine, sine) = (cos(angle), sin(angle))
    for row in 0..<height {
      for column in 0..<width {
        let (dx, dy) = (Double(column) - center.x, Double(row) - center.y)
        let x = cosine * dx + sine * dy
        let y = cosine * dy - sine * dx
        var grey = background[row * width + column]
        if shape.contains(x / radius, y / radius) {
          grey = 110 + 120 * texture.value(x + 4 * radius, y + 4 * radius)
        }
        if noise > 0 { grey += noise * random.normal() }
        pixels[row * width + column] = UInt8(max(0, min(255, grey.rounded())))
      }
    }
    center = (center.x + velocity.x, center.y + velocity.y)
    angle += turn
    if !(radius...max(radius, Double(width) - radius)).contains(center.x) { velocity.x.negate() }
    if !(radius...max(radius, Double(height) - radius)).contains(center.y) { velocity.y.negate() }
    return pixels
  }
}

/// Smooth noise in [0, 1): random values on a lattice, blended between its points.
private struct Texture {
  private let random: CounterRandom
  private let cell: Double

  /// - Parameter cell: pixels between lattice points
  init(_ random: CounterRandom, cell: Double) {
    self.random = random
    self.cell = cell
  }

  func value(_ x: Double, _ y: Double) -> Double {
    let (u, v) = (max(0, x / cell), max(0, y / cell))
    let (left, top) = (UInt64(u), UInt64(v))
    let (a, b) = (smooth(u - Double(left)), smooth(v - Double(top)))
    let upper = lattice(left, top) * (1 - a) + lattice(left + 1, top) * a
    let lower = lattice(left, top + 1) * (1 - a) + lattice(left + 1, top + 1) * a
    return upper * (1 - b) + lower * b
  }

  private func lattice(_ x: UInt64, _ y: UInt64) -> Double {
    Double(random.block(at: y << 32 | x).x) * 0x1p-32
  }

  private func smooth(_ t: Double) -> Double { t * t * (3 - 2 * t) }
}
