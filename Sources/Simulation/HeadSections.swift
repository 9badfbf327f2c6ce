/// Planes of the head. Sizes: biometry of 20 weeks, in round mm.
enum HeadSections {
  private static let skull = Shape.ellipse(0, 0, 31, 24, .soft(-16, 0.45))
    .rim(2, .bone(22, 1.2)).mirrorLike().deep(36)

  private static func cavum(_ x: Double) -> [Shape] {
    [
      .ellipse(x, 0, 4.4, 3.2, .soft(9)).deep(9),
      .ellipse(x, 0, 3.8, 2.3, .fluid).deep(8).named("cavum_septi_pellucidi"),
    ]
  }

  static let transventricular = Section(
    shapes: [
      skull,
      .ellipse(6, -7, 11, 5, degrees: 6, .soft(-21)).deep(14),
      .ellipse(6, 7, 11, 5, degrees: -6, .soft(-21)).deep(14),
      .capsule(5, 0, 21, 0.5, .soft(8)).deep(26).named("midline"),
    ] + cavum(-14) + [
      .ellipse(14, 11, 13, 4.6, degrees: -14, .soft(4)).deep(11),
      .ellipse(14, 11, 12.2, 3.8, degrees: -14, .fluid).deep(10).named("lateral_ventricle"),
      .ellipse(15.5, 11.6, 7.5, 2.9, degrees: -14, .soft(8)).deep(9).named("choroid_plexus"),
    ], keyDepth: 9)

  static let cerebellum = Section(
    shapes: [
      skull,
      .ellipse(0, -5, 7.5, 4.4, .soft(-23)).deep(12),
      .ellipse(0, 5, 7.5, 4.4, .soft(-23)).deep(12),
      .capsule(-9, 0, 13, 0.5, .soft(8)).deep(22).named("midline"),
    ] + cavum(-16) + [
      .ellipse(24.5, 0, 4.2, 11, .fluid).deep(11).named("cisterna_magna"),
      .ellipse(15.5, -6.8, 6.4, 7.4, .soft(-7)).rim(1, .soft(7)).deep(9).named("cerebellum"),
      .ellipse(15.5, 6.8, 6.4, 7.4, .soft(-7)).rim(1, .soft(7)).deep(9).named("cerebellum_far"),
      .ellipse(16, 0, 4, 2, .soft(9)).deep(9),
    ], keyDepth: 9)

  static let lips = Section(
    shapes: [
      .ellipse(0, 3, 20, 21, .soft(-14)).rim(1.2, .soft(6)).deep(20),
      .ellipse(-11, -2, 5.5, 5, .soft(-8)).deep(12),
      .ellipse(11, -2, 5.5, 5, .soft(-8)).deep(12),
      .ellipse(0, -8, 7.5, 5.5, .soft(1)).rim(1, .soft(10)).deep(9).named("nose"),
      .ellipse(-3, -7.5, 1.7, 1.3, .fluid).deep(6),
      .ellipse(3, -7.5, 1.7, 1.3, .fluid).deep(6),
      .capsule(0, 1, 7, 2, .soft(11)).deep(8).named("upper_lip"),
      .capsule(0, 6.6, 5.6, 1.8, .soft(11)).deep(8).named("lower_lip"),
      .capsule(0, 3.8, 6.5, 0.7, .fluid).deep(7),
      .ellipse(0, 15.5, 6.5, 4, .soft(3)).rim(0.8, .soft(8)).deep(9).named("chin"),
    ], keyDepth: 8)

  static let profile = Section(
    shapes: [
      .ellipse(8, -12, 27, 23, degrees: -8, .soft(-16, 0.45)).rim(1.8, .bone(20, 1.2))
        .mirrorLike().deep(32).named("skull"),
      .ellipse(16, 26, 24, 13, degrees: 20, .soft(-7)).rim(1, .soft(4)).deep(24),
      .ellipse(-6, 9, 15, 11, degrees: 25, .soft(-7)).deep(14),
      .ellipse(-19.5, 3.5, 4.2, 3.2, degrees: -30, .soft(-1)).rim(0.8, .soft(8)).deep(7)
        .named("nose_tip"),
      .capsule(-15, 0.5, 4, 1, degrees: 50, .bone(22, 4)).deep(7).named("nasal_bone"),
      .ellipse(-17.5, 10, 3.2, 2, .soft(6)).deep(7).named("upper_lip"),
      .ellipse(-15.5, 14.4, 3, 2, .soft(6)).deep(7).named("lower_lip"),
      .capsule(-9.5, 9, 5.5, 0.9, degrees: -4, .bone(17, 2.5)).deep(8),
      .capsule(-8, 19, 6.5, 1.1, degrees: -14, .bone(18, 4)).deep(9).named("mandible"),
    ], keyDepth: 8)
}
