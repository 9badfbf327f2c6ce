import Foundation
import StageKit
import TestKit
import Testing

@testable import Simulation

@Suite("Scans")
struct ScanTests {
  /// Coarse, for what does not depend on the speckle.
  static func coarse(seed: Int = 4, frames: Int = 8) -> ScanSettings {
    var settings = ScanSettings(seed: seed)
    settings.framesPerSweep = frames
    (settings.height, settings.width) = (84, 108)
    (settings.lines, settings.samples, settings.density) = (64, 256, 3)
    return settings
  }

  @Test("every patient shows every plane, in an order of their own")
  func everyPlane() {
    var settings = ScanSettings(seed: 0)
    for scans in [1, 2, 3, 14] {
      settings.scansPerPatient = scans
      var orders: Set<[Plane]> = []
      for number in 0..<20 {
        let patient = Patient("p\(number)", settings: settings)
        #expect(Set(patient.planes.joined()) == Set(Plane.allCases))
        #expect(patient.planes.count == scans)
        #expect(patient.planes.allSatisfy { $0.count == settings.sweepsPerScan })
        orders.insert(Array(patient.planes.joined()))
      }
      #expect(orders.count == 20)
    }
  }

  @Test("sweeps come, hold, freeze and go; a quarter of the frames at most is background")
  func sweeps() {
    let settings = ScanSettings(seed: 2)
    var (background, frozen, total) = (0, 0, 0)
    for number in 0..<33 {
      let patient = Patient("p\(number)", settings: settings)
      var random = CounterRandom(seed: 2, kind: "test", item: "\(number)", purpose: "")
      for plane in Plane.allCases {
        let sweep = Sweep(plane, of: patient, settings: settings, random: &random)
        #expect(sweep.moments.count == 32)
        total += 32
        background += sweep.moments.count { !$0.isRecognisable }
        frozen += sweep.moments.count { $0.isFrozen }
        for (before, after) in zip(sweep.moments, sweep.moments.dropFirst()) {
          #expect(after.isFrozen == (after.time == before.time))
        }
        guard plane != .background else { continue }
        let limit = sweep.section.recognisable
        for moment in sweep.moments {
          #expect(moment.isRecognisable == (abs(moment.distance) <= limit))
        }
        // The frames at both ends lie off the plane, the middle one nearly on it.
        #expect(!sweep.moments[0].isRecognisable && !sweep.moments[31].isRecognisable)
        #expect(abs(sweep.moments[16].distance) < 0.5 * limit)
      }
    }
    let share = Double(background) / Double(total)
    #expect((0.15...0.25).contains(share), "\(share)")
    #expect((0.12...0.28).contains(Double(frozen) / Double(total)))
  }

  @Test("sections shrink as the square root says and vanish beyond their depth")
  func shrinking() {
    let shape = Shape.ellipse(0, 0, 10, 5, .fluid).deep(8)
    #expect(shape.share(at: 0) == 1)
    #expect(isClose(shape.share(at: 4.8), 0.8))
    #expect(shape.share(at: 9) == 0)
    let section = Section(shapes: [shape, .ellipse(3, 0, 2, 2, .fluid).deep(4)], keyDepth: 4)
    let motion = Scene.Motion(x: 10, z: 20, angle: .pi / 2)
    let cut = Scene.section(section, at: 4.8, scale: 2, motion: motion, beat: 1)
    #expect(cut.count == 1)
    #expect(isClose(cut[0].a, 16) && isClose(cut[0].b, 8))
    let near = Scene.section(section, at: 0, scale: 2, motion: motion, beat: 1)
    #expect(isClose(near[1].x, 10, absolute: 1e-9) && isClose(near[1].z, 26))
  }

  @Test("equal settings make equal frames; another seed makes others; frozen frames stand still")
  func deterministic() {
    func frames(_ seed: Int) -> [Scan.Frame] {
      var settings = Self.coarse(seed: seed)
      settings.planes = [.femur, .lips]
      settings.scansPerPatient = 1
      return Array(Patient("p01", settings: settings).scan(0))
    }
    let (first, again, other) = (frames(1), frames(1), frames(2))
    #expect(first.count == 16)
    #expect(first.map(\.pixels) == again.map(\.pixels))
    #expect(first.map(\.structures) == again.map(\.structures))
    #expect(zip(first, other).allSatisfy { $0.pixels != $1.pixels })
    var frozen = 0
    for (before, after) in zip(first, first.dropFirst()) where after.isFrozen && before.isFrozen {
      #expect(before.pixels == after.pixels)
      frozen += 1
    }
    for (before, after) in zip(first, first.dropFirst()) where !after.isFrozen {
      #expect(before.pixels != after.pixels)
    }
    #expect(first.contains { $0.isFrozen } && frozen >= 0)
  }

  /// Another digest needs another version of the kind `simulate`. It holds for every processor.
  @Test("the pixels of a scan are those on record")
  func golden() {
    var settings = Self.coarse(seed: 5, frames: 4)
    settings.planes = [.fourChambers, .profile, .spineSagittal]
    settings.scansPerPatient = 1
    let pixels = Patient("p01", settings: settings).scan(0).flatMap(\.pixels)
    #expect(pixels.count == 12 * 84 * 108)
    #expect(
      Digest(of: Data(pixels)).hex
        == "b5218427ed8c3ec4697cf332c6c1b81e570bf60b74d37b612ffa1aa245f11f73")
  }

  @Test("the truth lies where bone is bright, and vessels are dark")
  func truth() {
    var settings = Self.coarse(frames: 6)
    settings.planes = [.femur, .abdominal]
    settings.overlays = false
    settings.scansPerPatient = 1
    var (bone, fluid) = (0, 0)
    var (bright, dark) = (0, 0)
    for number in 0..<10 {
      for frame in Patient("p\(number)", settings: settings).scan(0)
      where frame.plane != .background {
        #expect(frame.longAxis > 0.15 && frame.longAxis < 1.5)
        let lit = frame.pixels.filter { $0 > 0 }.map(Double.init)
        let mean = lit.reduce(0, +) / Double(lit.count)
        for structure in frame.structures {
          #expect((0...1).contains(structure.x) && (0...1).contains(structure.y))
          // The brightest and the darkest of 3 by 3 pixels: the picture is coarse.
          let row = Int(structure.y * 84)
          let column = Int(structure.x * 108)
          let around = (-1...1).flatMap { r in
            (-1...1).map { Double(frame.pixels[(row + r) * 108 + column + $0]) }
          }
          if structure.name == "femur_shaft" {
            bone += 1
            bright += around.max() ?? 0 > 1.5 * mean ? 1 : 0
          } else if structure.name == "stomach" {
            fluid += 1
            dark += around.min() ?? 255 < 0.5 * mean ? 1 : 0
          }
        }
      }
    }
    #expect(bone >= 30 && fluid >= 30)
    #expect(Double(bright) >= 0.95 * Double(bone), "\(bright) of \(bone)")
    #expect(Double(dark) >= 0.95 * Double(fluid), "\(dark) of \(fluid)")
  }

  @Test(
    "a class is not told by means of the picture or of its corners, nor by the place in the scan")
  func noLeak() {
    // Patient, class, features.
    var rows: [(patient: Int, label: Int, features: [Double])] = []
    for number in 0..<24 {
      let patient = Patient("p\(number)", settings: Self.coarse(seed: 11, frames: 4))
      for scan in 0..<2 {
        for (index, frame) in patient.scan(scan).enumerated() {
          guard let label = Plane.allCases.firstIndex(of: frame.plane) else { continue }
          let features = Self.means(frame.pixels) + [Double(index)]
          rows.append((number, label, features))
        }
      }
    }
    for feature in 0..<6 {
      var means = [(sum: Double, count: Double)](repeating: (0, 0), count: 14)
      for row in rows where row.patient % 2 == 0 {
        means[row.label].sum += row.features[feature]
        means[row.label].count += 1
      }
      let centres = means.map { $0.sum / $0.count }
      // The mean over classes, so that the large background class does not help.
      var (hits, counts) = ([Double](repeating: 0, count: 14), [Double](repeating: 0, count: 14))
      for row in rows where row.patient % 2 == 1 {
        let nearest = centres.indices.min {
          abs(centres[$0] - row.features[feature]) < abs(centres[$1] - row.features[feature])
        }
        counts[row.label] += 1
        if nearest == row.label { hits[row.label] += 1 }
      }
      let accuracy = zip(hits, counts).reduce(0) { $0 + $1.0 / $1.1 } / 14
      #expect(accuracy <= 2.0 / 14, "feature \(feature): \(accuracy)")
    }
  }

  /// Of the whole picture and of its four corners, where the overlays are.
  private static func means(_ pixels: [UInt8]) -> [Double] {
    func mean(_ rows: Range<Int>, _ columns: Range<Int>) -> Double {
      var sum = 0
      for row in rows { for column in columns { sum += Int(pixels[row * 108 + column]) } }
      return Double(sum) / Double(rows.count * columns.count)
    }
    return [
      mean(0..<84, 0..<108), mean(0..<22, 0..<26), mean(0..<22, 82..<108), mean(64..<84, 0..<14),
      mean(64..<84, 94..<108),
    ]
  }
}
