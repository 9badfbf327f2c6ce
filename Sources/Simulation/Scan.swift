internal import Foundation
internal import StageKit

/// One scan of a patient: a sweep over each of its planes, one after the other.
///
/// Frames come one at a time and nothing of them is kept. They depend on the settings, the patient's
/// name and the scan's number, and on nothing else.
public struct Scan: Sequence, Sendable {
  /// A structure that a frame shows, where its middle lies: shares of the picture's width and height.
  public struct Structure: Hashable, Sendable {
    public var name: String
    public var x: Double
    public var y: Double
  }

  public struct Frame: Sendable {
    /// `[height, width]`, 0 black to 255 white.
    public var pixels: [UInt8]
    /// What the frame shows; `background` while a plane's section cannot be told.
    public var plane: Plane
    public var isFrozen: Bool
    public var structures: [Structure]
    /// Of the whole anatomy that the frame shows, a share of the picture's height.
    public var longAxis: Double
    /// Where the sonographer looks: shares of width and height, `nil` where the sample is lost.
    public var gaze: (x: Double, y: Double)?
  }

  public let patient: Patient
  /// Counted from 0.
  public let number: Int
  private let settings: ScanSettings

  init(_ patient: Patient, _ number: Int, settings: ScanSettings) {
    (self.patient, self.number, self.settings) = (patient, number, settings)
  }

  public func makeIterator() -> Iterator { Iterator(self, settings) }

  public struct Iterator: IteratorProtocol {
    private let patient: Patient
    private let settings: ScanSettings
    private let item: String
    private let planes: [Plane]
    private let fan: Fan
    private let renderer: Renderer
    private let overlay: Overlay
    private var observer: Observer
    private var number = 0
    private var sweep: Sweep?
    private var calipers: Calipers?
    private var image: [UInt8] = []

    fileprivate init(_ scan: Scan, _ settings: ScanSettings) {
      patient = scan.patient
      self.settings = settings
      item = "\(patient.name)/\(scan.number)"
      planes = patient.planes[scan.number]
      let probe = Probe(
        lines: settings.lines, samples: settings.samples, depth: patient.depth,
        frequency: patient.frequency)
      fan = Fan(probe, height: settings.height, width: settings.width)
      var keys = Patient.random(settings, item, "scatterers")
      let field = ScattererField(density: settings.density, key: keys.next())
      renderer = Renderer(
        probe, field: field, patient: patient, enhancement: settings.enhancement, key: keys.next())
      var layout = Patient.random(settings, patient.name, "overlay")
      overlay = Overlay(fan, of: patient, rate: settings.framesPerSecond, random: &layout)
      observer = Observer(
        rate: settings.framesPerSecond, height: settings.height, width: settings.width,
        random: Patient.random(settings, item, "gaze"))
    }

    public mutating func next() -> Frame? {
      let (index, frame) = number.quotientAndRemainder(dividingBy: settings.framesPerSweep)
      guard index < planes.count else { return nil }
      if frame == 0 { begin(index) }
      guard let sweep else { return nil }
      let moment = sweep.moments[frame]
      if !moment.isFrozen || image.isEmpty {
        renderer.render(Scene(sweep, of: patient, at: moment), frame: number)
        image = fan.convert(renderer.grey, lines: settings.lines)
      }
      var pixels = image
      if settings.overlays {
        overlay.draw(on: &pixels, isFrozen: moment.isFrozen, calipers: calipers)
      }
      let shown = structures(sweep, moment)
      number += 1
      return Frame(
        pixels: pixels, plane: moment.isRecognisable ? sweep.plane : .background,
        isFrozen: moment.isFrozen, structures: shown, longAxis: longAxis(sweep, moment),
        gaze: observer.look(at: shown.map { ($0.name, $0.x, $0.y) }))
    }

    private mutating func begin(_ index: Int) {
      var random = Patient.random(settings, item, "sweep \(index)")
      sweep = Sweep(planes[index], of: patient, settings: settings, random: &random)
      calipers = Calipers(depth: patient.depth, random: &random)
      image = []
    }

    private func structures(_ sweep: Sweep, _ moment: Sweep.Moment) -> [Structure] {
      let pose = sweep.pose(moment.time)
      let motion = Scene.Motion(x: pose.x, z: pose.z, angle: pose.angle)
      return Scene.section(
        sweep.section, at: moment.distance, scale: patient.scale, motion: motion, beat: 1
      ).compactMap { shape in
        guard let name = shape.name, patient.shows(x: shape.x, z: shape.z) else { return nil }
        let place = fan.share(x: shape.x, z: shape.z)
        return Structure(name: name, x: place.x, y: place.y)
      }
    }

    private func longAxis(_ sweep: Sweep, _ moment: Sweep.Moment) -> Double {
      guard let outline = sweep.section.shapes.first else { return 0 }
      let half = outline.reach * outline.share(at: moment.distance) * patient.scale
      return 2 * half / fan.pixel / Double(fan.height)
    }
  }
}

extension Patient {
  /// Whether a place, mm, is in the fan and not at its edge.
  func shows(x: Double, z: Double) -> Bool {
    let distance = hypot(x, z + Probe.radius) - Probe.radius
    return (2...depth - 2).contains(distance)
      && abs(atan2(x, z + Probe.radius)) < Probe.field / 2 - 0.02
  }
}
