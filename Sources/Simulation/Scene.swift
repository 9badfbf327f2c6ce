internal import Foundation

/// What one frame cuts: the shapes where they lie now, and how the scatterers of each body have moved.
struct Scene {
  /// A rigid motion from material coordinates, mm, to the picture's.
  struct Motion: Hashable, Sendable {
    var x = 0.0
    var z = 0.0
    /// Radians.
    var angle = 0.0
    /// About the material's origin.
    var scale = 1.0

    func place(_ mx: Double, _ mz: Double) -> (x: Double, z: Double) {
      let (c, s) = (scale * cos(angle), scale * sin(angle))
      return (c * mx - s * mz + x, s * mx + c * mz + z)
    }
  }

  /// Scatterers of one body.
  struct Body {
    var motion: Motion
    /// Where the body's origin lies in the field of scatterers, mm.
    var origin: (x: Double, z: Double)
    /// Radius of a circle around the origin that holds the body; `nil` where it is everywhere.
    var radius: Double?
    var owner: Shape.Owner
  }

  var shapes: [Shape]
  var bodies: [Body]
  /// Angle by which the two strengths of scatterers are mixed.
  var mixing: Double

  /// mm out of the plane after which the speckle is another one.
  static let elevation = 2.5

  init(shapes: [Shape], bodies: [Body], mixing: Double) {
    (self.shapes, self.bodies, self.mixing) = (shapes, bodies, mixing)
  }

  init(_ sweep: Sweep, of patient: Patient, at moment: Sweep.Moment) {
    let pose = sweep.pose(moment.time)
    let breathing = sweep.breathing(moment.time)
    let fetus = Motion(x: pose.x, z: pose.z, angle: pose.angle)
    let beat = sweep.beat(moment.time)
    bodies = [
      Body(motion: Motion(z: breathing), origin: (0, 0), radius: nil, owner: .mother),
      Body(
        motion: fetus, origin: (0, 80), radius: sweep.section.radius * patient.scale,
        owner: .fetus),
    ]
    mixing = moment.distance / Scene.elevation * .pi / 2
    shapes = Maternal.shapes(of: patient, sweep.uterus, breathing: breathing)
    shapes += Scene.section(
      sweep.section, at: moment.distance, scale: patient.scale, motion: fetus, beat: beat)
    if sweep.section.shapes.contains(where: { $0.owner == .heart }) {
      // The muscle draws together as the chambers fill and empty.
      var heart = fetus
      heart.scale = 1 + 0.25 * (beat - 1)
      bodies.append(
        Body(
          motion: heart, origin: (40, 60), radius: 24 * patient.scale, owner: .heart))
    }
  }

  /// The section's shapes as they lie in the picture; those that the plane misses are left out.
  static func section(
    _ section: Section, at distance: Double, scale: Double, motion: Motion, beat: Double
  ) -> [Shape] {
    section.shapes.compactMap { shape in
      let share = shape.share(at: distance) * scale
      guard share * min(shape.a, shape.b) > 0.15 else { return nil }
      let pulse = shape.pulse > 0 ? beat : shape.pulse < 0 ? 1 / beat : 1
      var placed = shape
      (placed.x, placed.z) = motion.place(scale * shape.x, scale * shape.z)
      placed.angle += motion.angle
      placed.a *= share * pulse
      placed.b *= share * pulse
      if let rim = shape.rim {
        placed.rim?.thickness = min(rim.thickness * scale, 0.9 * min(placed.a, placed.b))
      }
      return placed
    }
  }
}

/// The mother's own tissue: wall, uterus, placenta.
enum Maternal {
  static func shapes(
    of patient: Patient, _ uterus: (x: Double, z: Double, a: Double, b: Double), breathing: Double
  ) -> [Shape] {
    let wall = patient.wall
    func mother(_ shape: Shape, _ owner: Shape.Owner = .mother) -> Shape {
      var shape = shape
      shape.owner = owner
      shape.z += breathing
      return shape
    }
    // Over the thickest part of the uterine wall and some of the fluid.
    let (angle, thickness) = patient.placenta
    let away = 1 - thickness / 2 / (patient.scale * 46)
    let place = (
      x: uterus.x + away * uterus.a * cos(angle), z: uterus.z + away * uterus.b * sin(angle)
    )
    let along = atan2(uterus.b * cos(angle), -uterus.a * sin(angle))
    return [
      mother(.ellipse(0, wall / 2 - 60, 400, 60 + wall / 2, .soft(-1, 0.6))),
      mother(.capsule(0, 0.18 * wall, 200, 0.5, .soft(5, 0.6))),
      mother(.capsule(0, 0.55 * wall, 200, 0.5, degrees: 1.5, .soft(3, 0.6))),
      mother(.capsule(0, wall - 6, 200, 1.1, .soft(8, 0.6))),
      mother(.capsule(0, wall - 1, 200, 0.9, degrees: -1, .soft(6, 0.6))),
      mother(.ellipse(uterus.x, uterus.z, uterus.a + 6, uterus.b + 6, .soft(-9, 0.5))),
      mother(
        .ellipse(uterus.x, uterus.z, uterus.a + 0.8, uterus.b + 0.8, .soft(2, 0.5))),
      mother(.ellipse(uterus.x, uterus.z, uterus.a, uterus.b, .fluid), .cavity),
      mother(
        Shape(
          form: .ellipse, x: place.x, z: place.z, a: 30 * patient.scale, b: thickness / 2,
          angle: along, tissue: .soft(-4)
        ).rim(0.8, .soft(1)), .cavity),
    ]
  }
}
