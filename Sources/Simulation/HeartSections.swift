/// Planes of the thorax, from the four chambers upwards. Source: ISUOG guidelines (2013) for the views.
enum HeartSections {
  private static let thorax: [Shape] =
    [.ellipse(0, 0, 25.5, 23.5, .soft(-4, 0.5)).rim(1.5, .soft(8, 0.8)).deep(34)]
    + BodySections.vertebra(0, 17.5) + [
      .capsule(-19, -3, 5.5, 0.8, degrees: 72, .bone(16, 3)),
      .capsule(19, -3, 5.5, 0.8, degrees: -72, .bone(16, 3)),
      .ellipse(-4.5, 11, 2, 2, .fluid).rim(0.4, .soft(4)).named("aorta_descending"),
    ]

  /// Puts shapes of the heart's own frame, apex at negative x, into the thorax.
  private static func heart(_ degrees: Double, _ shapes: [Shape]) -> [Shape] {
    shapes.map { shape in
      var placed = shape.moved(-3.5, -4, degrees: degrees)
      placed.owner = .heart
      return placed
    }
  }

  private static let wall = Shape.ellipse(-1, 0, 16.5, 12, .soft(-3)).rim(0.8, .soft(4)).deep(12)

  static let fourChambers = Section(
    shapes: thorax
      + heart(
        38,
        [
          wall,
          .ellipse(-5.2, 4.4, 7.2, 3.2, degrees: 8, .fluid).beating(1).deep(9)
            .named("left_ventricle"),
          .ellipse(-4.6, -4.6, 6.4, 3.3, degrees: -8, .fluid).beating(1).deep(9)
            .named("right_ventricle"),
          .ellipse(7.6, 4.2, 3.9, 3.5, .fluid).beating(-1).deep(8).named("left_atrium"),
          .ellipse(7.6, -4.4, 4.1, 3.8, .fluid).beating(-1).deep(8).named("right_atrium"),
          .capsule(2.9, 4.4, 0.5, 3.1, degrees: 4, .soft(3)),
          .capsule(2.4, -4.6, 0.5, 3.1, degrees: -4, .soft(3)),
          .ellipse(2.8, 0, 1.9, 1.7, .soft(10)).named("crux"),
        ].map { $0.depth > 20 ? $0.deep(8) : $0 }), keyDepth: 8)

  static let leftOutflow = Section(
    shapes: thorax
      + heart(
        32,
        [
          wall,
          .ellipse(-4.5, -6.4, 6.4, 2.4, degrees: -8, .fluid).beating(1).deep(9)
            .named("right_ventricle"),
          .ellipse(6.5, 6.6, 4, 2.8, .fluid).beating(-1).deep(8).named("left_atrium"),
          .ellipse(-4.6, 1.6, 8.6, 3.6, degrees: 4, .fluid).beating(1).deep(8)
            .named("left_ventricle"),
          .capsule(8.4, -2.2, 7.6, 2.9, degrees: -24, .soft(7)).deep(8),
          .capsule(8.2, -2.1, 8, 2, degrees: -24, .fluid).deep(7.5).named("aortic_root"),
          .capsule(2.2, 0.4, 0.4, 1.9, degrees: -24, .soft(7)).deep(7).named("aortic_valve"),
        ]), keyDepth: 8)

  static let rightOutflow = Section(
    shapes: thorax
      + heart(
        20,
        [
          wall,
          .ellipse(-7, -2.6, 7, 4.2, degrees: 16, .fluid).beating(1).deep(8)
            .named("right_ventricle"),
          .capsule(3, 3.2, 9, 3.3, degrees: 46, .soft(7)).deep(8),
          .capsule(2.6, 2.8, 9.6, 2.4, degrees: 46, .fluid).deep(7.5).named("pulmonary_artery"),
          .ellipse(6.4, -4.2, 3.4, 3.4, .soft(7)).deep(9),
          .ellipse(6.4, -4.2, 2.5, 2.5, .fluid).deep(9).named("aorta"),
          .ellipse(12.6, -5.6, 1.8, 1.8, .fluid).rim(0.4, .soft(5)).deep(9),
        ]), keyDepth: 8)

  static let threeVessels = Section(
    shapes: thorax
      + [
        .ellipse(0, -13.5, 12, 5, .soft(-13)).deep(10).named("thymus"),
        .capsule(-7.4, -2, 6.4, 3.8, degrees: 62, .soft(7)).deep(8),
        .capsule(-7.4, -2, 6.6, 2.9, degrees: 62, .fluid).deep(7.5).named("pulmonary_artery"),
        .ellipse(1.6, -5, 3.5, 3.5, .soft(7)).deep(8),
        .ellipse(1.6, -5, 2.6, 2.6, .fluid).deep(7.5).named("aorta"),
        .ellipse(9, -3.4, 2.7, 2.7, .soft(7)).deep(8),
        .ellipse(9, -3.4, 1.8, 1.8, .fluid).deep(7.5).named("vena_cava_superior"),
        .ellipse(4.6, 5.2, 2, 2, .soft(-40)).rim(0.8, .soft(12)).deep(30).named("trachea"),
      ], keyDepth: 7.5)
}
