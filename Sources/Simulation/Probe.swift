internal import Foundation

/// The polar grid of a convex probe: 160 lines of 1024 samples by default, over 64° from a radius of
/// 50 mm. The probe's middle touches the skin at (0, 0); z runs into the body.
struct Probe: Hashable, Sendable {
  static let radius = 50.0
  /// Radians.
  static let field = 64 * Double.pi / 180
  /// mm/µs, of tissue.
  static let speedOfSound = 1.54

  let lines: Int
  let samples: Int
  /// mm.
  let depth: Double
  /// MHz.
  let frequency: Double

  /// mm between samples.
  var spacing: Double { depth / Double(samples) }
  /// Radians between lines.
  var pitch: Double { Probe.field / Double(lines) }
  /// mm.
  var wavelength: Double { Probe.speedOfSound / frequency }

  /// Sines and cosines of the lines' angles.
  var directions: (sine: [Float], cosine: [Float]) {
    let angles = (0..<lines).map { (Double($0) + 0.5) * pitch - Probe.field / 2 }
    return (angles.map { Float(sin($0)) }, angles.map { Float(cos($0)) })
  }

  /// Along the line, a Gaussian of σ = 0.28 mm; of unit energy, from the middle to one side, three σ
  /// long.
  var axialTaps: [Float] {
    let sigma = 0.28 / spacing
    return Probe.gaussian(sigma: sigma, reach: Int((3 * sigma).rounded(.up)))
  }

  /// Across the lines at a depth, a Gaussian of σ = 0.9 sqrt(1 + ((depth - 65) / 45)²) mm; of unit
  /// energy, from the middle to one side, three σ long but at most eight lines.
  func lateralTaps(sample: Int) -> [Float] {
    let distance = (Double(sample) + 0.5) * spacing
    let focus = (distance - 65) / 45
    let sigma = 0.9 * (1 + focus * focus).squareRoot() / ((Probe.radius + distance) * pitch)
    return Probe.gaussian(sigma: sigma, reach: min(8, Int((3 * sigma).rounded(.up))))
  }

  /// dB by which the machine amplifies what comes from each sample: 0.5 dB/cm/MHz, there and back.
  var compensation: [Double] {
    let perSample = 0.5 * 2 * frequency * spacing / 10
    return (0..<samples).map { (Double($0) + 0.5) * perSample }
  }

  private static func gaussian(sigma: Double, reach: Int) -> [Float] {
    let half = (0...reach).map { (place: Int) -> Double in
      let distance = Double(place) / sigma
      return exp(-0.5 * distance * distance)
    }
    let energy = half.reduce(-1.0) { $0 + 2 * $1 * $1 }
    let norm = energy.squareRoot()
    return half.map { Float($0 / norm) }
  }
}
