internal import Foundation
internal import StageKit

/// A mother, her fetus and how the machine is set for them: what all scans of a patient share.
public struct Patient: Sendable {
  /// As in `p07`.
  public let name: String
  /// MHz.
  let frequency: Double
  /// Size of the fetus; 1 is 20 weeks.
  let scale: Double
  /// Thickness of the abdominal wall, mm.
  let wall: Double
  /// mm.
  let depth: Double
  /// dB.
  let gain: Double
  /// dB.
  let dynamicRange: Double
  /// Hz.
  let heartRate: Double
  /// Of the placenta around the uterus, radians; its thickness, mm.
  let placenta: (angle: Double, thickness: Double)
  /// In scans, then in the order of sweeps.
  let planes: [[Plane]]
  /// The anatomy of each plane, built as this fetus is.
  let sections: [Plane: Section]
  private let settings: ScanSettings

  public init(_ name: String, settings: ScanSettings) {
    self.name = name
    self.settings = settings
    var random = Patient.random(settings, name, "patient")
    scale = random.uniform(settings.scale)
    wall = random.uniform(settings.wall)
    // The picture is set as deep as the fetus needs, rarely much deeper.
    let deepest = settings.depth.upperBound
    let needed = Patient.middle(wall: wall, scale: scale) + 32 * scale + 4
    let least = min(max(settings.depth.lowerBound, needed), deepest)
    let surplus = random.uniform()
    depth = least + (deepest - least) * surplus * surplus
    // Deep pictures are made with low frequencies: at most 55 dB are lost on the way.
    let highest = min(settings.frequency.upperBound, 550 / depth)
    frequency = random.uniform(
      settings.frequency.lowerBound...max(settings.frequency.lowerBound, highest))
    gain = random.uniform(settings.gain)
    dynamicRange = random.uniform(settings.dynamicRange)
    heartRate = 2.33 * random.uniform(0.9, 1.1)
    placenta = (random.uniform(0, 2 * .pi), random.uniform(14, 26))
    planes = Patient.deal(settings, &random)
    var sections: [Plane: Section] = [:]
    for plane in Plane.allCases {
      var random = Patient.random(settings, name, plane.rawValue)
      sections[plane] = plane.section(&random).varied(&random)
    }
    self.sections = sections
  }

  /// Scan `number` of this patient, counted from 0.
  public func scan(_ number: Int) -> Scan { Scan(self, number, settings: settings) }

  /// Depth of the middle of the uterus, mm.
  static func middle(wall: Double, scale: Double) -> Double { wall + 6 + 44 * scale }

  static func random(_ settings: ScanSettings, _ item: String, _ purpose: String) -> CounterRandom {
    CounterRandom(seed: settings.seed, kind: "simulate", item: item, purpose: purpose)
  }

  /// Every plane once, shuffled, and as many again as the last scan lacks.
  private static func deal(_ settings: ScanSettings, _ random: inout CounterRandom) -> [[Plane]] {
    let count = settings.sweepsPerScan
    var deck = settings.planes.shuffled(using: &random)
    while deck.count < count * settings.scansPerPatient {
      deck += settings.planes.shuffled(using: &random)
    }
    return (0..<settings.scansPerPatient).map { Array(deck[$0 * count..<($0 + 1) * count]) }
  }
}

extension CounterRandom {
  mutating func uniform(_ range: ClosedRange<Double>) -> Double {
    uniform(range.lowerBound, range.upperBound)
  }
}
