internal import Foundation
internal import StageKit

/// One visit to a plane: the probe comes, holds still, freezes the picture, and goes on.
struct Sweep: Sendable {
  /// What one frame shows.
  struct Moment: Hashable, Sendable {
    /// Seconds of live imaging since the sweep began; stands still while frozen.
    var time: Double
    /// Distance of the probe's plane from the section's, mm.
    var distance: Double
    var isFrozen: Bool
    /// Whether the plane can be told by the section: its label holds.
    var isRecognisable: Bool
  }

  let plane: Plane
  let section: Section
  let moments: [Moment]
  /// Where the section's origin lies, mm from the middle of the uterus.
  let shift: (x: Double, z: Double)
  /// Radians.
  let rotation: Double
  /// The uterus as this sweep cuts it: its middle, mm, and its semi-axes.
  let uterus: (x: Double, z: Double, a: Double, b: Double)
  private let drifts: [Oscillation]
  private let breath: Oscillation
  private let patient: Patient

  /// Motion to and fro in two slow waves.
  private struct Oscillation: Sendable {
    var amplitude: Double
    var waves: [(hertz: Double, phase: Double)]

    init(_ amplitude: Double, hertz: ClosedRange<Double>, waves: Int, _ random: inout CounterRandom)
    {
      self.amplitude = amplitude / Double(waves)
      self.waves = []
      for _ in 0..<waves {
        self.waves.append((random.uniform(hertz), random.uniform(0, 2 * .pi)))
      }
    }

    func value(_ time: Double) -> Double {
      waves.reduce(0) { $0 + amplitude * sin(2 * .pi * $1.hertz * time + $1.phase) }
    }
  }

  init(
    _ plane: Plane, of patient: Patient, settings: ScanSettings, random: inout CounterRandom
  ) {
    self.plane = plane
    self.patient = patient
    let section = patient.sections[plane] ?? plane.section(&random)
    self.section = section
    shift = (random.uniform(-10, 10), random.uniform(-8, 8))
    rotation = random.uniform(section.rotation) * .pi / 180
    let scale = patient.scale
    let middle = Patient.middle(wall: patient.wall, scale: scale)
    uterus = (
      shift.x * 0.5 + random.uniform(-8, 8), middle + random.uniform(-3, 3),
      scale * random.uniform(50, 66), scale * random.uniform(42, 50)
    )
    drifts = [2.0, 2, 3 * .pi / 180].map {
      Oscillation($0, hertz: 0.1...0.5, waves: 2, &random)
    }
    breath = Oscillation(1.5, hertz: 0.22...0.28, waves: 1, &random)
    moments = Sweep.course(
      settings.framesPerSweep, rate: settings.framesPerSecond,
      recognisable: plane == .background ? 0 : section.recognisable,
      wobble: Oscillation(0.12 * section.recognisable, hertz: 0.3...0.8, waves: 2, &random),
      &random)
  }

  /// Where the section's origin lies in the picture, mm, and how it is turned, radians.
  func pose(_ time: Double) -> (x: Double, z: Double, angle: Double) {
    let middle = Patient.middle(wall: patient.wall, scale: patient.scale)
    return (
      shift.x + drifts[0].value(time), middle + shift.z + drifts[1].value(time) + breathing(time),
      rotation + drifts[2].value(time)
    )
  }

  /// How far breathing moves the mother away from the probe, mm.
  func breathing(_ time: Double) -> Double { breath.value(time) }

  /// Factor on the semi-axes of a heart's chambers that fill with the beat.
  func beat(_ time: Double) -> Double { 1 + 0.16 * sin(2 * .pi * patient.heartRate * time) }

  /// Out of the plane's reach at first and at last, 15 % of the frames together; a fifth of the frames
  /// is frozen. A background sweep passes by without a stop to tell it by.
  private static func course(
    _ count: Int, rate: Int, recognisable: Double, wobble: Oscillation,
    _ random: inout CounterRandom
  ) -> [Moment] {
    let frames = Double(count)
    func part(_ low: Double, _ high: Double) -> Int {
      Int((frames * random.uniform(low, high)).rounded())
    }
    let (before, after) = (part(0.06, 0.12), part(0.03, 0.09))
    let (coming, going) = (part(0.12, 0.2), part(0.08, 0.14))
    let frozen = part(0.12, 0.28)
    let (from, to) = (random.next() & 1 == 0 ? 1.0 : -1, random.next() & 1 == 0 ? 1.0 : -1)
    let reach = recognisable > 0 ? recognisable : 8
    let held = max(1, count - before - after - coming - going - frozen)

    var moments: [Moment] = []
    var live = 0
    func add(_ distance: Double, near: Bool) {
      let time = Double(live) / Double(rate)
      moments.append(
        Moment(
          time: time, distance: distance, isFrozen: false, isRecognisable: near && recognisable > 0)
      )
      live += 1
    }
    func smooth(_ t: Double) -> Double { t * t * (3 - 2 * t) }
    for n in 0..<before {
      add(from * reach * (1.55 - 0.5 * Double(n) / Double(before)), near: false)
    }
    for n in 0..<coming {
      add(from * reach * 0.95 * (1 - smooth(Double(n) / Double(coming))), near: true)
    }
    for _ in 0..<held { add(wobble.value(Double(live) / Double(rate)), near: true) }
    if let last = moments.last {
      for _ in 0..<frozen {
        moments.append(
          Moment(
            time: last.time, distance: last.distance, isFrozen: true,
            isRecognisable: last.isRecognisable))
      }
    }
    for n in 0..<going {
      add(to * reach * 0.95 * smooth(Double(n + 1) / Double(going)), near: true)
    }
    for n in 0..<after {
      add(to * reach * (1.05 + 0.5 * Double(n + 1) / Double(after)), near: false)
    }
    return Array(moments.prefix(count))
  }
}
