internal import Foundation
internal import StageKit

/// What a cell reflects and swallows.
struct Tissue: Hashable, Sendable {
  /// dB.
  var echo: Double
  /// dB/cm/MHz.
  var attenuation: Double

  static let fluid = Tissue(echo: -60, attenuation: 0.02)

  static func soft(_ echo: Double, _ attenuation: Double = 0.5) -> Tissue {
    Tissue(echo: echo, attenuation: attenuation)
  }

  static func bone(_ echo: Double, _ attenuation: Double) -> Tissue {
    Tissue(echo: echo, attenuation: attenuation)
  }
}

/// A body in the plane: an ellipse or a capsule, and how far it reaches out of the plane.
///
/// Lengths are mm of a fetus of scale 1; x runs to the right and z away from the probe.
struct Shape: Hashable, Sendable {
  enum Form: Hashable, Sendable {
    /// Semi-axes a and b.
    case ellipse
    /// Half length a, radius b.
    case capsule
  }

  enum Owner: Hashable, Sendable {
    case mother, cavity, fetus, heart
  }

  struct Rim: Hashable, Sendable {
    /// mm, inwards from the edge.
    var thickness: Double
    var tissue: Tissue
  }

  var form: Form
  var x: Double
  var z: Double
  var a: Double
  var b: Double
  /// Radians, from x towards z.
  var angle: Double
  var tissue: Tissue
  var rim: Rim?
  /// Exponent of the mirror-like part of the echo; 0 for none.
  var specular = 0
  /// Half extent out of the plane, mm.
  var depth = 60.0
  var owner = Owner.fetus
  /// How the semi-axes follow the heartbeat: 1 with it, -1 against it, 0 not.
  var pulse = 0.0
  /// The name in the truth; `nil` for what nobody looks for.
  var name: String?

  static func ellipse(
    _ x: Double, _ z: Double, _ a: Double, _ b: Double, degrees: Double = 0, _ tissue: Tissue
  ) -> Shape {
    Shape(form: .ellipse, x: x, z: z, a: a, b: b, angle: degrees * .pi / 180, tissue: tissue)
  }

  static func capsule(
    _ x: Double, _ z: Double, _ a: Double, _ b: Double, degrees: Double = 0, _ tissue: Tissue
  ) -> Shape {
    Shape(form: .capsule, x: x, z: z, a: a, b: b, angle: degrees * .pi / 180, tissue: tissue)
  }

  func rim(_ thickness: Double, _ tissue: Tissue) -> Shape {
    changed { $0.rim = Rim(thickness: thickness, tissue: tissue) }
  }

  func mirrorLike() -> Shape { changed { $0.specular = 3 } }
  func deep(_ depth: Double) -> Shape { changed { $0.depth = depth } }
  func named(_ name: String) -> Shape { changed { $0.name = name } }
  func beating(_ pulse: Double) -> Shape {
    changed {
      $0.pulse = pulse
      $0.owner = .heart
    }
  }

  /// The same shape in a frame whose origin lies at (x, z), turned by `degrees`.
  func moved(_ x: Double, _ z: Double, degrees: Double) -> Shape {
    let angle = degrees * .pi / 180
    return changed {
      ($0.x, $0.z) = (
        x + cos(angle) * self.x - sin(angle) * self.z,
        z + sin(angle) * self.x + cos(angle) * self.z
      )
      $0.angle += angle
    }
  }

  /// The share of its size that shows `distance` mm out of the plane: sqrt(1 - (y / depth)^2).
  func share(at distance: Double) -> Double {
    max(0, 1 - distance * distance / (depth * depth)).squareRoot()
  }

  /// Half of the longest diameter, mm.
  var reach: Double { form == .capsule ? a + b : max(a, b) }

  private func changed(_ change: (inout Shape) -> Void) -> Shape {
    var shape = self
    change(&shape)
    return shape
  }
}

/// The anatomy that one plane cuts, around the origin.
struct Section: Hashable, Sendable {
  /// In the order of painting; the first is the outline of the whole.
  var shapes: [Shape]
  /// Half extent out of the plane of what the plane is told by, mm.
  var keyDepth: Double
  /// Rotations of the whole, degrees.
  var rotation: ClosedRange<Double> = 0...360

  /// The plane can be told up to here, mm: the key structures have more than half of their size.
  var recognisable: Double { 0.85 * keyDepth }

  /// Radius of a circle around the origin that holds everything, mm.
  var radius: Double { shapes.map { hypot($0.x, $0.z) + $0.reach }.max() ?? 0 }

  /// Everybody is built a little differently: sizes by 6 %, places by 0.5 mm, the whole's
  /// proportions by 5 %.
  func varied(_ random: inout CounterRandom) -> Section {
    let (wide, high) = (random.uniform(0.95, 1.05), random.uniform(0.95, 1.05))
    var section = self
    for index in shapes.indices {
      let size = random.uniform(0.94, 1.06)
      let (right, down) = (random.uniform(-0.5, 0.5), random.uniform(-0.5, 0.5))
      guard index > 0 else { continue }
      section.shapes[index].x = shapes[index].x * wide + right
      section.shapes[index].z = shapes[index].z * high + down
      section.shapes[index].a *= size
      section.shapes[index].b *= size
    }
    section.shapes[0].a *= wide
    section.shapes[0].b *= high
    return section
  }
}
