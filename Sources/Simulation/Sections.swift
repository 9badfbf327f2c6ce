internal import StageKit

extension Plane {
  /// The anatomy of this plane, before anybody's own variation.
  ///
  /// - Parameter random: chooses what lies in a `background` section
  func section(_ random: inout CounterRandom) -> Section {
    switch self {
    case .brainTransventricular: HeadSections.transventricular
    case .brainCerebellum: HeadSections.cerebellum
    case .lips: HeadSections.lips
    case .profile: HeadSections.profile
    case .abdominal: BodySections.abdominal
    case .kidneys: BodySections.kidneys
    case .femur: BodySections.femur
    case .fourChambers: HeartSections.fourChambers
    case .leftOutflow: HeartSections.leftOutflow
    case .rightOutflow: HeartSections.rightOutflow
    case .threeVessels: HeartSections.threeVessels
    case .spineCoronal: BodySections.spineCoronal
    case .spineSagittal: BodySections.spineSagittal
    case .background: Plane.passing(&random)
    }
  }

  /// What the probe passes between planes: a limb or two, a loop of cord, an uncertain body.
  private static func passing(_ random: inout CounterRandom) -> Section {
    let size = random.uniform(14, 24)
    var shapes = [
      Shape.ellipse(
        random.uniform(-8, 8), random.uniform(-6, 6), size, size * random.uniform(0.6, 0.9),
        degrees: random.uniform(0, 180), .soft(random.uniform(-9, -4))
      ).rim(1, .soft(4)).deep(40)
    ]
    for _ in 0..<2 {
      let angle = random.uniform(0, 360)
      let limb = Shape.ellipse(0, 0, random.uniform(6, 9), random.uniform(5, 7), .soft(-7))
        .rim(0.8, .soft(3)).deep(18)
      let bone = Shape.ellipse(0, 0, 1.6, 1.3, .bone(18, 6)).deep(18)
      let away = random.uniform(24, 34)
      shapes += [limb, bone].map {
        var shape = $0
        shape.x += away
        return shape.moved(0, 0, degrees: angle)
      }
    }
    let angle = random.uniform(0, 360)
    shapes += [
      Shape.ellipse(28, 0, 5, 5, .soft(2)).rim(1, .soft(6)).named("umbilical_cord"),
      .ellipse(26.5, 1, 1.4, 1.4, .fluid), .ellipse(29.5, 1, 1.4, 1.4, .fluid),
      .ellipse(28, -2, 1.9, 1.9, .fluid),
    ].map { $0.deep(20).moved(0, 0, degrees: angle) }
    return Section(shapes: shapes, keyDepth: 10)
  }
}
