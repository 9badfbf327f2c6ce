internal import CSimulation
internal import Foundation

/// Makes grey pictures of scenes: tissue, attenuation, scatterers, point spread, display.
///
/// One renderer works on one scene at a time and keeps its maps between them.
/// Source: the linear scattering model of Bamber & Dickinson (1980), on a polar grid.
final class Renderer {
  let probe: Probe
  /// Grey values `[samples, lines]` of the last scene, 0 to 1.
  private(set) var grey: [Float]
  /// Complex echoes `[samples, lines, 2]` of the last scene, before noise.
  private(set) var echoes: [Float]
  private let field: ScattererField
  private let patient: Patient
  private let enhancement: Double
  private let key: UInt64
  private let sine: [Float]
  private let cosine: [Float]
  private let axial: [Float]
  private let lateral: [Float]
  private let reaches: [Int32]
  private let growth: [Float]
  private(set) var amplitude: [Float]
  private var attenuation: [Float]
  private var region: [Int32]
  private var owned: [Float]
  private var splats: [Float]
  private var row: [Float]
  private var bins: [UInt32]

  init(
    _ probe: Probe, field: ScattererField, patient: Patient, enhancement: Double, key: UInt64
  ) {
    self.probe = probe
    self.field = field
    self.patient = patient
    self.enhancement = enhancement
    self.key = key
    (sine, cosine) = probe.directions
    axial = probe.axialTaps
    let taps = (0..<probe.samples).map { probe.lateralTaps(sample: $0) }
    lateral = taps.flatMap { $0 + [Float](repeating: 0, count: 9 - $0.count) }
    reaches = taps.map { Int32($0.count - 1) }
    // Noise grows with the gain that the echoes get, up to 14 dB.
    growth = probe.compensation.map { Float(min(14, max($0 - 20, 0) / 2)) }
    let cells = probe.lines * probe.samples
    amplitude = [Float](repeating: 0, count: cells)
    attenuation = amplitude
    owned = amplitude
    grey = amplitude
    region = [Int32](repeating: 0, count: cells)
    splats = [Float](repeating: 0, count: 2 * cells)
    echoes = splats
    row = [Float](repeating: 0, count: 2 * (probe.lines + 16))
    bins = [UInt32](repeating: 0, count: 8192)
  }

  /// - Parameter frame: chooses the noise
  func render(_ scene: Scene, frame: Int) {
    withGrid { renderer, grid in
      renderer.paint(scene.shapes, &grid)
      csim_attenuate(
        &grid, Float(renderer.probe.frequency), 0.5, Float(renderer.enhancement),
        &renderer.amplitude, renderer.attenuation, &renderer.row)
      renderer.scatter(scene, &grid)
      csim_spread(
        &grid, renderer.axial, Int32(renderer.axial.count - 1), renderer.lateral,
        renderer.reaches, renderer.splats, &renderer.row, &renderer.echoes)
      renderer.display(frame, &grid)
    }
  }

  /// The grid with its tables of directions.
  private func withGrid(_ body: (Renderer, inout csim_grid) -> Void) {
    sine.withUnsafeBufferPointer { sine in
      cosine.withUnsafeBufferPointer { cosine in
        var grid = csim_grid(
          lines: Int32(probe.lines), samples: Int32(probe.samples), radius: Float(Probe.radius),
          spacing: Float(probe.spacing), left: Float(-Probe.field / 2), pitch: Float(probe.pitch),
          sine: sine.baseAddress, cosine: cosine.baseAddress)
        body(self, &grid)
      }
    }
  }

  /// Soft tissue of the mother is what nothing else covers.
  private func paint(_ shapes: [Shape], _ grid: inout csim_grid) {
    let tissue = Renderer.linear(-8)
    amplitude.withUnsafeMutableBufferPointer { $0.update(repeating: tissue) }
    attenuation.withUnsafeMutableBufferPointer { $0.update(repeating: 0.55) }
    region.withUnsafeMutableBufferPointer { $0.update(repeating: Int32(csim_mother)) }
    let kernels = shapes.map(Renderer.kernel)
    csim_paint(&grid, kernels, Int32(kernels.count), &amplitude, &attenuation, &region)
  }

  private func scatter(_ scene: Scene, _ grid: inout csim_grid) {
    splats.withUnsafeMutableBufferPointer { $0.update(repeating: 0) }
    let (first, second) = (Float(cos(scene.mixing)), Float(sin(scene.mixing)))
    for body in scene.bodies {
      csim_select(
        Int32(region.count), Renderer.owner(body.owner), region, amplitude, &owned)
      let motion = body.motion
      let (c, s) = (motion.scale * cos(motion.angle), motion.scale * sin(motion.angle))
      let x0 = motion.x - c * body.origin.x + s * body.origin.z
      let z0 = motion.z - s * body.origin.x - c * body.origin.z
      let runs = field.runs { x, z in
        if let radius = body.radius,
          hypot(x - body.origin.x, z - body.origin.z) > radius + ScattererField.tile
        {
          return false
        }
        return self.isVisible(c * x - s * z + x0, s * x + c * z + z0)
      }
      field.x.withUnsafeBufferPointer { x in
        field.z.withUnsafeBufferPointer { z in
          field.first.withUnsafeBufferPointer { g1 in
            field.second.withUnsafeBufferPointer { g2 in
              var scatterers = csim_scatterers(
                x: x.baseAddress, z: z.baseAddress, g1: g1.baseAddress, g2: g2.baseAddress,
                xx: Float(c), xz: Float(-s), x0: Float(x0), zx: Float(s), zz: Float(c),
                z0: Float(z0), first: first, second: second)
              for run in runs {
                csim_splat(
                  &grid, &scatterers, run.lowerBound, run.upperBound, Float(2 / probe.wavelength),
                  owned, &splats)
              }
            }
          }
        }
      }
    }
  }

  /// Whether a tile around a place may reach into the fan.
  private func isVisible(_ x: Double, _ z: Double) -> Bool {
    let half = 0.75 * ScattererField.tile
    let up = z + Probe.radius
    let r = (x * x + up * up).squareRoot()
    guard r > Probe.radius - half, r < Probe.radius + probe.depth + half else { return false }
    // The distance from the fan's nearer edge.
    let edge = Probe.field / 2
    return abs(x) * cos(edge) - up * sin(edge) < half
  }

  private func display(_ frame: Int, _ grid: inout csim_grid) {
    growth.withUnsafeBufferPointer { growth in
      var settings = csim_display_settings(
        noise_db: -34, growth: growth.baseAddress, white: 0.995, gain_db: Float(patient.gain),
        range_db: Float(patient.dynamicRange), gamma: 1.1, key: key, frame: UInt32(frame))
      csim_display(&grid, &settings, echoes, &bins, &row, &grey)
    }
  }

  private static func linear(_ decibel: Double) -> Float { Float(pow(10, decibel / 20)) }

  private static func owner(_ owner: Shape.Owner) -> Int32 {
    switch owner {
    case .mother, .cavity: Int32(csim_mother)
    case .fetus: Int32(csim_fetus)
    case .heart: Int32(csim_heart)
    }
  }

  /// Mother's shapes may lie anywhere; the fetus only inside the uterus.
  private static func kernel(_ shape: Shape) -> csim_shape {
    let isInside = shape.owner == .fetus || shape.owner == .heart
    let cavity = Int32(csim_cavity)
    return csim_shape(
      is_capsule: shape.form == .capsule ? 1 : 0, requires: isInside ? cavity : 0,
      region: owner(shape.owner) | (shape.owner == .mother ? 0 : cavity), x: Float(shape.x),
      z: Float(shape.z), cosine: Float(cos(shape.angle)), sine: Float(sin(shape.angle)),
      a: Float(shape.a), b: Float(shape.b), amplitude: linear(shape.tissue.echo),
      attenuation: Float(shape.tissue.attenuation), rim: Float(shape.rim?.thickness ?? 0),
      rim_amplitude: linear(shape.rim?.tissue.echo ?? 0),
      rim_attenuation: Float(shape.rim?.tissue.attenuation ?? 0),
      specular: Int32(shape.specular))
  }
}
