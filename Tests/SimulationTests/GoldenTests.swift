import CSimulation
import Foundation
import TestKit
import Testing

@testable import Simulation

/// The kernels beside numpy: Tests/Goldens/simulation/make_goldens.py.
@Suite("Simulation goldens")
struct GoldenTests {
  private struct Goldens: Decodable {
    var shapes: [[Double]]
    var points: [[Double]]
    var region: [Int32]
    var echo: [Double]
    var attenuation: [Double]
    var amplitude: [Double]
    var echoes: [Double]
    var picture: [Double]
  }

  private let goldens: Goldens
  private let probe = Probe(lines: 24, samples: 96, depth: 100, frequency: 3)

  init() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Goldens/simulation/goldens.json")
    goldens = try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
  }

  private func worst(_ found: [Float], _ expected: [Double]) -> Double {
    precondition(found.count == expected.count)
    return zip(found, expected).map { abs(Double($0) - $1) / max(1e-3, abs($1)) }.max() ?? 0
  }

  @Test("tissue, attenuation and the echoes of points are those of numpy")
  func kernels() throws {
    let (sine, cosine) = probe.directions
    let cells = 24 * 96
    sine.withUnsafeBufferPointer { sine in
      cosine.withUnsafeBufferPointer { cosine in
        var grid = csim_grid(
          lines: 24, samples: 96, radius: 50, spacing: Float(probe.spacing),
          left: Float(-Probe.field / 2), pitch: Float(probe.pitch), sine: sine.baseAddress,
          cosine: cosine.baseAddress)
        var amplitude = [Float](repeating: Float(pow(10, -8.0 / 20)), count: cells)
        var attenuation = [Float](repeating: 0.55, count: cells)
        var region = [Int32](repeating: Int32(csim_mother), count: cells)
        let shapes = goldens.shapes.map(Self.shape)
        csim_paint(&grid, shapes, Int32(shapes.count), &amplitude, &attenuation, &region)
        #expect(region == goldens.region)
        #expect(worst(amplitude, goldens.echo) < 1e-4)
        #expect(worst(attenuation, goldens.attenuation) < 1e-6)

        var sums = [Float](repeating: 0, count: 24)
        csim_attenuate(&grid, 3, 0.5, 8, &amplitude, attenuation, &sums)
        #expect(worst(amplitude, goldens.amplitude) < 1e-4)

        let found = echoes(&grid, amplitude, region)
        let largest = goldens.echoes.map(abs).max() ?? 0
        #expect(largest > 0.01)
        for (a, b) in zip(found, goldens.echoes) {
          #expect(isClose(Double(a), b, relative: 0, absolute: 1e-3 * largest))
        }
      }
    }
  }

  private func echoes(
    _ grid: inout csim_grid, _ amplitude: [Float], _ region: [Int32]
  ) -> [Float] {
    var splats = [Float](repeating: 0, count: 2 * amplitude.count)
    var (echoes, row) = (splats, [Float](repeating: 0, count: 2 * (24 + 16)))
    // In the picture's coordinates already, but turned by a right angle and shifted in the material's.
    let x = goldens.points.map { Float($0[1] - 5) }
    let z = goldens.points.map { Float(-$0[0] + 2) }
    let strengths = goldens.points.map { Float($0[2] / 0.8) }
    let none = strengths.map { _ in Float(17) }
    var scatterers = csim_scatterers(
      x: nil, z: nil, g1: nil, g2: nil, xx: 0, xz: -1, x0: 2, zx: 1, zz: 0, z0: 5, first: 0.8,
      second: 0)
    var owned = amplitude
    csim_select(Int32(owned.count), Int32(csim_mother), region, amplitude, &owned)
    x.withUnsafeBufferPointer { x in
      z.withUnsafeBufferPointer { z in
        strengths.withUnsafeBufferPointer { strengths in
          none.withUnsafeBufferPointer { none in
            (scatterers.x, scatterers.z) = (x.baseAddress, z.baseAddress)
            (scatterers.g1, scatterers.g2) = (strengths.baseAddress, none.baseAddress)
            csim_splat(
              &grid, &scatterers, 0, Int32(x.count), Float(2 / probe.wavelength), owned, &splats)
          }
        }
      }
    }
    let taps = (0..<96).map { probe.lateralTaps(sample: $0) }
    let axial = probe.axialTaps
    csim_spread(
      &grid, axial, Int32(axial.count - 1),
      taps.flatMap { $0 + [Float](repeating: 0, count: 9 - $0.count) },
      taps.map { Int32($0.count - 1) }, splats, &row, &echoes)
    return echoes
  }

  @Test("the scan conversion is numpy's")
  func conversion() {
    var ramp: [Float] = []
    for sample in 0..<96 {
      for line in 0..<24 { ramp.append(Float((sample * 3 + line * 7) % 101) / 100) }
    }
    let fan = Fan(probe, height: 28, width: 36)
    let picture = fan.convert(ramp, lines: 24)
    #expect(fan.count > 300)
    for (a, b) in zip(picture, goldens.picture) { #expect(abs(Double(a) - b) <= 0.51) }
  }

  private static func shape(_ row: [Double]) -> csim_shape {
    let angle = row[5] * .pi / 180
    func linear(_ decibel: Double) -> Float { Float(pow(10, decibel / 20)) }
    var shape = csim_shape()
    shape.is_capsule = Int32(row[0])
    (shape.x, shape.z) = (Float(row[1]), Float(row[2]))
    (shape.a, shape.b) = (Float(row[3]), Float(row[4]))
    (shape.cosine, shape.sine) = (Float(cos(angle)), Float(sin(angle)))
    (shape.amplitude, shape.attenuation) = (linear(row[6]), Float(row[7]))
    shape.rim = Float(row[8])
    (shape.rim_amplitude, shape.rim_attenuation) = (linear(row[9]), Float(row[10]))
    shape.specular = Int32(row[11])
    (shape.requires, shape.region) = (Int32(row[12]), Int32(row[13]))
    return shape
  }
}
