import CSimulation
import Foundation
import TestKit
import Testing

@testable import Simulation

@Suite("Physics of the simulator")
struct PhysicsTests {
  /// A picture of these shapes in homogeneous tissue.
  private func render(
    _ shapes: [Shape], motion: Scene.Motion = .init(), mixing: Double = 0, depth: Double = 130,
    frequency: Double = 3.5, lines: Int = 160, samples: Int = 1024, key: UInt64 = 5
  ) -> Renderer {
    let settings = ScanSettings(seed: 1)
    let renderer = Renderer(
      Probe(lines: lines, samples: samples, depth: depth, frequency: frequency),
      field: ScattererField(density: settings.density, key: key),
      patient: Patient("p01", settings: settings), enhancement: settings.enhancement, key: 9)
    let mother = Scene.Body(motion: motion, origin: (0, 0), radius: nil, owner: .mother)
    renderer.render(Scene(shapes: shapes, bodies: [mother], mixing: mixing), frame: 0)
    return renderer
  }

  /// Magnitudes of the echoes in a window, divided by their mean at that depth.
  private func speckle(_ renderer: Renderer, samples: Range<Int>, lines: Range<Int>) -> [Double] {
    samples.flatMap { i in
      let row = lines.map { j in
        let at = 2 * (i * renderer.probe.lines + j)
        return hypot(Double(renderer.echoes[at]), Double(renderer.echoes[at + 1]))
      }
      let mean = row.reduce(0, +) / Double(row.count)
      return row.map { $0 / mean }
    }
  }

  private func correlation(_ a: [Double], _ b: [Double]) -> Double {
    let n = Double(a.count)
    let (ma, mb) = (a.reduce(0, +) / n, b.reduce(0, +) / n)
    let cross = zip(a, b).reduce(0) { $0 + ($1.0 - ma) * ($1.1 - mb) }
    let (va, vb) = (
      a.reduce(0) { $0 + ($1 - ma) * ($1 - ma) }, b.reduce(0) { $0 + ($1 - mb) * ($1 - mb) }
    )
    return cross / (va * vb).squareRoot()
  }

  /// The mean of a Rayleigh distribution is 1.91 of its standard deviations.
  @Test(
    "speckle in homogeneous tissue is Rayleigh-distributed",
    arguments: [(130, 3.5), (80, 5), (160, 2.5), (160, 5)])
  func fullyDeveloped(depth: Double, frequency: Double) {
    for key in [6, 7, 8] as [UInt64] {
      let renderer = render([], depth: depth, frequency: frequency, key: key)
      let values = speckle(renderer, samples: 300..<700, lines: 30..<130)
      let variance = values.reduce(0) { $0 + ($1 - 1) * ($1 - 1) } / Double(values.count)
      let ratio = 1 / variance.squareRoot()
      #expect(abs(ratio - 1.91) < 0.1, "\(ratio)")
    }
  }

  @Test("speckle moves with its tissue, and changes as the plane leaves it")
  func moves() {
    let still = render([])
    let shift = 12
    let spacing = still.probe.spacing
    let moved = render([], motion: .init(z: Double(shift) * spacing))
    let window = 300..<700
    let before = speckle(still, samples: window, lines: 72..<88)
    func after(_ by: Int) -> [Double] {
      speckle(moved, samples: window.lowerBound + by..<window.upperBound + by, lines: 72..<88)
    }
    #expect(correlation(before, after(shift)) > 0.9)
    #expect(abs(correlation(before, after(0))) < 0.2)
    let quarter = speckle(render([], mixing: .pi / 2), samples: window, lines: 72..<88)
    #expect(abs(correlation(before, quarter)) < 0.2)
    let little = speckle(render([], mixing: 0.2), samples: window, lines: 72..<88)
    #expect(correlation(before, little) > 0.85)
  }

  /// dB of the amplitude at a sample of the middle line.
  private func level(_ renderer: Renderer, depth: Double) -> Double {
    let i = Int(depth / renderer.probe.spacing)
    return 20 * log10(Double(renderer.amplitude[i * renderer.probe.lines + 80]))
  }

  @Test("bone casts a shadow and fluid an enhancement, by their closed forms")
  func shadowAndEnhancement() {
    func bare(_ shape: Shape) -> Shape {
      var shape = shape
      shape.owner = .mother
      return shape
    }
    let plain = render([])
    // 20 mm of bone or fluid around z = 50 mm.
    let bone = render([bare(.ellipse(0, 50, 30, 10, .bone(20, 8)))])
    let fluid = render([bare(.ellipse(0, 50, 30, 10, .fluid))])
    let path = 2 * 3.5 * 2.0
    let expected = -path * (8 - 0.55)
    let shadow = level(bone, depth: 100) - level(plain, depth: 100)
    // The grid cuts the ellipse to whole samples.
    #expect(isClose(shadow, expected, relative: 0.02), "\(shadow) \(expected)")
    // At 100 mm compensation is 35 dB; the way costs .55 of 80 mm and .02 of 20 mm.
    let surplus = 35 - (7 * 0.55 * 8 + path * 0.02)
    let bent = 8 * (1 - exp(-surplus / 8))
    #expect(isClose(level(fluid, depth: 100) + 8, bent, absolute: 0.1))
    // The displayed picture says so too.
    func grey(_ renderer: Renderer) -> Double {
      let cells = (740..<840).flatMap { i in (76..<84).map { renderer.grey[i * 160 + $0] } }
      return Double(cells.reduce(0, +)) / Double(cells.count)
    }
    #expect(grey(bone) < 0.3 * grey(plain))
    #expect(grey(fluid) > 1.05 * grey(plain))
  }

  @Test("the noise and the field of scatterers are normal and even, and their keys matter")
  func random() {
    var numbers = [Float](repeating: 0, count: 40_000)
    csim_normals(7, 3, 0, 10_000, &numbers)
    let n = Double(numbers.count)
    let mean = numbers.reduce(0.0) { $0 + Double($1) } / n
    let variance = numbers.reduce(0.0) { $0 + Double($1 * $1) } / n
    let fourth = numbers.reduce(0.0) { $0 + Double($1 * $1) * Double($1 * $1) } / n
    #expect(abs(mean) < 0.02)
    #expect(abs(variance - 1) < 0.03)
    #expect(abs(fourth - 3) < 0.25)
    var other = numbers
    csim_normals(8, 3, 0, 10_000, &other)
    #expect(abs(correlation(numbers.map(Double.init), other.map(Double.init))) < 0.03)
    // The same places of the sequence, however it is cut.
    var part = [Float](repeating: 0, count: 4)
    csim_normals(7, 3, 41, 1, &part)
    #expect(part == [numbers[41], numbers[10_041], numbers[20_041], numbers[30_041]])

    let field = ScattererField(density: 9, key: 3)
    #expect(field.x.count == 144 * 58 * 44)
    for tile in [0, 77, 2551] {
      let places = field.x[tile * 144..<(tile + 1) * 144]
      let left = Float(-116 + 4 * (tile % 58))
      #expect(places.allSatisfy { $0 >= left && $0 < left + 4 })
      #expect(abs(places.reduce(0, +) / 144 - left - 2) < 0.4)
    }
  }

  /// Philox4x32-10 of StageKit, which is tested against the paper's authors' own answers.
  @Test("the kernels' random words are StageKit's")
  func philox() {
    var numbers = [Float](repeating: 0, count: 8)
    csim_uniforms(0x1234_5678_9abc_def0, 3, 5, 2, &numbers)
    for block in 0..<2 {
      let words = PhiloxReference.words(
        counter: SIMD4(UInt32(5 + block), 3, 0, 0), key: SIMD2(0x9abc_def0, 0x1234_5678))
      for word in 0..<4 {
        #expect(numbers[2 * word + block] == Float(words[word] >> 8) * 0x1p-24)
      }
    }
  }
}
