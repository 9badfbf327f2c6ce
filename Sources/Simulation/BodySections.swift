internal import Foundation

/// Planes of the trunk, the thigh and the spine, and what lies between planes.
enum BodySections {
  /// Three bright points around the spinal canal at (x, z).
  static func vertebra(_ x: Double, _ z: Double) -> [Shape] {
    [
      .ellipse(x - 3.6, z - 0.6, 1.7, 1.3, .bone(20, 6)),
      .ellipse(x + 3.6, z - 0.6, 1.7, 1.3, .bone(20, 6)),
      .ellipse(x, z + 4.2, 1.9, 1.4, .bone(20, 6)).named("spine"),
    ]
  }

  private static func ribs(_ z: Double) -> [Shape] {
    [
      .capsule(-20.5, z, 5, 0.8, degrees: 68, .bone(15, 3)),
      .capsule(20.5, z, 5, 0.8, degrees: -68, .bone(15, 3)),
    ]
  }

  static let abdominal = Section(
    shapes: [
      .ellipse(0, 0, 26, 24, .soft(-6)).rim(1.5, .soft(9, 0.6)).deep(32)
    ] + vertebra(0, 17) + ribs(4) + [
      .ellipse(-12, -1, 7.5, 5, degrees: 20, .fluid).deep(9).named("stomach"),
      .capsule(2, -13, 7, 2.3, degrees: 70, .soft(4)).deep(8),
      .capsule(2, -13, 7, 1.7, degrees: 70, .fluid).deep(7.5).named("umbilical_vein"),
      .capsule(7, -4.6, 4.4, 1.6, degrees: 20, .fluid).deep(7.5),
      .ellipse(-4, 10.6, 2.1, 2.1, .fluid).rim(0.4, .soft(4)).deep(40).named("aorta"),
      .ellipse(4, 9.6, 1.9, 1.9, .fluid).deep(40),
      .ellipse(13, 9, 4.5, 3, degrees: -30, .soft(1)).deep(8),
    ], keyDepth: 8)

  static let kidneys: Section = {
    var shapes = [Shape.ellipse(0, 0, 26, 23.5, .soft(-6)).rim(1.5, .soft(9, 0.6)).deep(32)]
    shapes += vertebra(0, 14)
    for side in [-1.0, 1] {
      let tilt = -18 * side
      shapes += [
        .ellipse(side * 12.5, 9, 9.2, 7, degrees: tilt, .soft(-25)).rim(1.2, .soft(6))
          .deep(9).named(side < 0 ? "kidney" : "kidney_far"),
        .ellipse(side * 11.5, 9, 4.6, 2.8, degrees: tilt, .soft(5)).deep(8),
        .ellipse(side * 11, 9, 2.8, 1.5, .fluid).deep(7),
      ]
    }
    shapes.append(.ellipse(0, 5.4, 2.2, 2.2, .fluid).rim(0.4, .soft(4)).deep(40))
    return Section(shapes: shapes, keyDepth: 9)
  }()

  static let femur = Section(
    shapes: [
      .capsule(0, 0, 23, 11.5, .soft(-7)).rim(0.9, .soft(2)).deep(15),
      .capsule(0, 5.6, 21, 0.4, .soft(0)).deep(8),
      .capsule(0, -1, 15.5, 1.6, .bone(26, 14)).mirrorLike().deep(6).named("femur_shaft"),
      .ellipse(-18, -0.6, 3.4, 3, .soft(-16)).rim(0.6, .soft(6)).deep(6).named("femur_head"),
      .ellipse(18, -0.6, 3.6, 3.2, .soft(-16)).rim(0.6, .soft(6)).deep(6).named("femur_knee"),
    ], keyDepth: 6, rotation: -25...25)

  /// Two rows of ossified arches, spread at the lower end, between the ribs' beginnings.
  static let spineCoronal: Section = {
    var shapes = [Shape.capsule(0, 0, 36, 14, .soft(-9)).rim(1, .soft(3)).deep(20)]
    let names = [2: "spine_cervical", 10: "spine", 14: "spine_lumbar"]
    for index in 0..<21 {
      let x = 3.6 * Double(index - 10)
      let bend = 0.005 * x * x - 3
      let bulge = (x - 12) / 15
      let spread = 3.2 + 2.4 * exp(-bulge * bulge)
      for side in [-1.0, 1] {
        var arch = Shape.ellipse(x, bend + side * spread, 1.3, 1, .bone(20, 3)).deep(8)
        if side > 0 { arch.name = names[index] }
        shapes.append(arch)
      }
    }
    for index in 0..<7 {
      let x = -32 + 5.4 * Double(index)
      let bend = 0.005 * x * x - 3
      for side in [-1.0, 1] {
        let rib = Shape.capsule(
          x, bend + side * 9.5, 2.6, 0.5, degrees: side * 78, .bone(9, 1.2))
        shapes.append(rib.deep(8))
      }
    }
    return Section(shapes: shapes, keyDepth: 8)
  }()

  /// One row of vertebral bodies, the canal, one row of processes, the skin behind them.
  static let spineSagittal: Section = {
    var shapes = [Shape.capsule(0, 3, 38, 14, .soft(-9)).rim(1.2, .soft(7)).deep(20)]
    let names = [3: "spine_cervical", 9: "spine", 15: "spine_sacral"]
    for index in 0..<20 {
      let x = 4 * Double(index) - 38
      let bend = 0.007 * x * x
      var vertebra = Shape.ellipse(x, bend, 1.6, 1.7, .bone(22, 5)).deep(6)
      vertebra.name = names[index]
      shapes.append(vertebra)
      shapes.append(Shape.ellipse(x + 0.6, bend - 6.4, 1.1, 0.8, .bone(17, 3)).deep(5))
      shapes.append(Shape.ellipse(x + 2, bend - 3.4, 2.6, 1, .soft(-34, 0.2)).deep(5))
    }
    return Section(shapes: shapes, keyDepth: 6)
  }()
}
